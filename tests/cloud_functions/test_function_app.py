"""The app as the Functions host loads it: the real decorators, converters and storage SDK."""

import importlib
import json
from collections.abc import Iterator
from importlib import resources
from types import SimpleNamespace
from typing import Any

import azure.functions as func
import pytest
from azure.functions.meta import Datum, _ConverterMeta
from deltalake import DeltaTable

from cloud_functions import bronze, service
from cloud_functions.__main__ import main
from cloud_functions.message import Message
from cloud_functions.settings import Settings
from cloud_functions.storage import open_files
from cloud_functions.stores import PATH, Stores
from cloud_functions.trigger import to_batch
from storeflow.errors import ConfigError, ContractError, StorageError


def handed_over(*messages: Message, **told: Any) -> list[func.EventHubEvent]:
    """What Microsoft's worker makes of what the host sends it over: its own converter, on the host's own arrays."""
    system = [
        {
            "SequenceNumber": message.sequence_number,
            "Offset": message.offset,
            "PartitionKey": None,
            "EnqueuedTimeUtc": message.enqueued_at.isoformat().replace("+00:00", "Z"),
            "iothub-connection-device-id": message.device_id,
            "iothub-connection-module-id": message.module_id,
            "content-type": message.content_type,
            "content-encoding": message.content_encoding,
        }
        for message in messages
    ]
    context = {
        "FullyQualifiedNamespace": "contoso.servicebus.windows.net",
        "EventHubName": "store-events",
        "ConsumerGroup": "landing",
        "PartitionId": "3",
    }
    metadata = {
        "PartitionContext": context,
        "SystemPropertiesArray": system,
        "PropertiesArray": [{"storeId": message.store_id} for message in messages],
    }
    converter: Any = _ConverterMeta
    events: list[func.EventHubEvent] = converter.get("eventHubTrigger").decode(
        Datum(SimpleNamespace(bytes=[message.body for message in messages]), "collection_bytes"),
        trigger_metadata={name: Datum(json.dumps(value), "json") for name, value in (metadata | told).items()},
    )
    return events


@pytest.fixture
def functions() -> Iterator[dict[str, Any]]:
    """The functions of the app, by name, indexed anew."""
    for remembered in (service._settings, service._files, service._register):
        remembered.cache_clear()
    app = importlib.reload(importlib.import_module("cloud_functions.function_app")).app
    yield {function.get_function_name(): function for function in app.get_functions()}
    for remembered in (service._settings, service._files, service._register):
        remembered.cache_clear()


def test_what_the_host_hands_over_is_read_to_the_last_annotation(shop: Any) -> None:
    messages = [shop.message(b"\xff not text"), shop.packed(shop.crossed(), module_id=None, store_id=None)]
    batch = to_batch(handed_over(*messages))
    assert (batch.namespace, batch.hub, batch.partition) == ("contoso", "store-events", "3")
    assert list(batch.messages) == messages


def test_a_host_that_leaves_something_out_is_told_what(shop: Any) -> None:
    with pytest.raises(ContractError, match="EventHubName"):
        to_batch(handed_over(shop.message(b""), PartitionContext={"FullyQualifiedNamespace": "contoso"}))


def test_the_host_is_asked_for_bytes_and_to_hold_its_checkpoint_until_a_batch_is_kept(
    functions: dict[str, Any],
) -> None:
    (trigger,) = [binding.get_dict_repr() for binding in functions["land"].get_bindings()]
    assert (trigger["dataType"], trigger["cardinality"]) == (func.DataType.BINARY, func.Cardinality.MANY)
    retry = functions["land"].get_settings_dict("retry_policy")
    assert (retry["strategy"], retry["max_retry_count"]) == ("exponential_backoff", "-1")


def test_an_event_becomes_a_figure_in_azure_storage(
    functions: dict[str, Any], shop: Any, stores: Stores, container: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKE_CONNECTION_STRING", container.connection_string)
    monkeypatch.setenv("LAKE_CONTAINER", container.name)
    files = open_files(Settings(container.name, "", container.connection_string, ""))
    land = functions["land"].get_user_function()
    event = shop.crossed()
    with pytest.raises(StorageError, match=PATH):
        land(handed_over(shop.message(event)))
    files.create(PATH, stores.model_dump_json().encode(), {})
    land(handed_over(shop.message(event)))
    (path,) = files.files("bronze")
    (line,) = bronze.read(files.read(path), path)
    assert (line.partition, line.event.encode()) == ("3", event.to_json())
    for tick in range(8):
        land(handed_over(*(shop.message(event) for _ in range(tick)), shop.message(shop.crossed(2.0 + tick))))
        functions["refine"].get_user_function()(None)
    functions["upkeep"].get_user_function()(None)
    table = DeltaTable(container.delta_uri("gold/fact_footfall_15m"), storage_options=container.delta_options)
    assert table.to_pyarrow_table()["in_raw"].to_pylist() == [9]
    assert main(["rebuild", "rebuilt"]) == 0
    DeltaTable(container.delta_uri("rebuilt/gold/fact_footfall_15m"), storage_options=container.delta_options)


def test_the_timers_are_set_by_the_settings(functions: dict[str, Any]) -> None:
    example = json.loads((resources.files("cloud_functions") / "local.settings.json.example").read_text())["Values"]
    for name in ("refine", "upkeep"):
        (trigger,) = [binding.get_dict_repr() for binding in functions[name].get_bindings()]
        assert example[trigger["schedule"].strip("%")].count(" ") == 5


def test_settings_that_name_no_lake_or_two_are_refused() -> None:
    for environment in ({}, {"LAKE_ACCOUNT_URL": "https://a", "LAKE_CONNECTION_STRING": "b"}):
        with pytest.raises(ConfigError, match="LAKE_ACCOUNT_URL"):
            Settings.of(environment)
