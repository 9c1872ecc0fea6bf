"""The app as the Functions host loads it: the real decorators, converters and storage SDK."""

import base64
import importlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import azure.functions as func
import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError
from azure.functions.meta import Datum, _ConverterMeta
from azure.identity import DefaultAzureCredential
from deltalake import DeltaTable

from cloud_functions import bronze, service, storage
from cloud_functions.__main__ import main
from cloud_functions.decode import decode
from cloud_functions.message import Message
from cloud_functions.settings import Settings
from cloud_functions.storage import open_files
from cloud_functions.stores import PATH, Stores
from cloud_functions.trigger import Senders, to_batch
from storeflow.errors import ConfigError, ContractError, StorageError

INVOCATIONS = Path(__file__).parent / "invocations"
"""What the host hands over at a call, put together from the extension's source; none was recorded in Azure."""


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
    return converted([message.body for message in messages], metadata | told)


def converted(bodies: list[bytes], metadata: dict[str, Any]) -> list[func.EventHubEvent]:
    converter: Any = _ConverterMeta
    events: list[func.EventHubEvent] = converter.get("eventHubTrigger").decode(
        Datum(SimpleNamespace(bytes=bodies), "collection_bytes"),
        trigger_metadata={name: Datum(json.dumps(value), "json") for name, value in metadata.items()},
    )
    return events


def recalled(name: str) -> list[func.EventHubEvent]:
    """An invocation that is kept."""
    kept = json.loads((INVOCATIONS / f"{name}.json").read_text())
    return converted([base64.b64decode(body) for body in kept["bodies"]], kept["metadata"])


@pytest.fixture
def indexed() -> Iterator[Callable[[], dict[str, Any]]]:
    """Index the functions of the app anew; they come by name."""
    remembered = (service._settings, service._files, service._register)

    def index() -> dict[str, Any]:
        app = importlib.reload(importlib.import_module("cloud_functions.function_app")).app
        return {function.get_function_name(): function for function in app.get_functions()}

    for each in remembered:
        each.cache_clear()
    yield index
    for each in remembered:
        each.cache_clear()


@pytest.fixture
def functions(indexed: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The functions of an app that only IoT Hub sends to."""
    return indexed()


def test_what_the_host_hands_over_is_read_to_the_last_annotation(shop: Any) -> None:
    messages = [shop.message(b"\xff not text"), shop.packed(shop.crossed(), module_id=None, store_id=None)]
    batch = to_batch(handed_over(*messages), Senders.IOT_HUB)
    assert (batch.namespace, batch.hub, batch.partition) == ("contoso", "store-events", "3")
    assert list(batch.messages) == messages


def test_an_invocation_of_iot_hubs_event_hub_is_read_and_none_but_iot_hub_is_believed(stores: Stores) -> None:
    batch = to_batch(recalled("iot_hub"), Senders.IOT_HUB)
    assert (batch.namespace, batch.hub, batch.partition) == ("contoso", "store-events", "3")
    first, packed, forged = batch.messages
    assert first == Message(
        body=first.body,
        sequence_number=41,
        offset="25256",
        enqueued_at=datetime(2026, 11, 20, 9, 0, 1, 120_000, UTC),
        device_id="store-1-box",
        module_id="upstream_router",
        content_type="application/json",
        content_encoding="utf-8",
        store_id="store-1",
    )
    assert packed.enqueued_at == datetime(2026, 11, 20, 9, 0, 2, 45_000, UTC)
    assert [len(decode(message, stores)[0]) for message in batch.messages] == [1, 2, 0]
    assert (forged.device_id, forged.module_id) == (None, None)


def test_an_invocation_of_the_direct_event_hub_is_read_and_none_but_publishers_are_believed(stores: Stores) -> None:
    batch = to_batch(recalled("publishers"), Senders.PUBLISHERS)
    assert (batch.hub, batch.partition) == ("store-events-direct", "0")
    assert [message.device_id for message in batch.messages] == ["store-1-box", "store-1-box", None, None]
    assert {message.module_id for message in batch.messages} == {None}
    assert [len(decode(message, stores)[0]) for message in batch.messages] == [1, 2, 0, 0]
    for message in batch.messages[2:]:
        assert [one.code for one in decode(message, stores)[1]] == ["device"]


def test_a_host_that_leaves_something_out_is_told_what(shop: Any) -> None:
    with pytest.raises(ContractError, match="EventHubName"):
        to_batch(
            handed_over(shop.message(b""), PartitionContext={"FullyQualifiedNamespace": "contoso"}), Senders.IOT_HUB
        )


def test_the_host_is_asked_for_bytes_and_to_hold_its_checkpoint_until_a_batch_is_kept(
    functions: dict[str, Any],
) -> None:
    (trigger,) = [binding.get_dict_repr() for binding in functions["land"].get_bindings()]
    assert (trigger["dataType"], trigger["cardinality"]) == (func.DataType.BINARY, func.Cardinality.MANY)
    retry = functions["land"].get_settings_dict("retry_policy")
    assert (retry["strategy"], retry["max_retry_count"]) == ("exponential_backoff", "-1")


def test_boxes_that_send_around_iot_hub_have_a_function_only_where_they_have_an_event_hub(
    indexed: Callable[[], dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIRECT_EVENT_HUB_NAME", "")
    assert sorted(indexed()) == ["land", "refine", "upkeep"]
    monkeypatch.setenv("DIRECT_EVENT_HUB_NAME", "store-events-direct")
    functions = indexed()
    assert sorted(functions) == ["land", "land_direct", "refine", "upkeep"]
    one, other = (functions[name] for name in ("land", "land_direct"))
    (trigger,), (direct,) = ([each.get_dict_repr() for each in function.get_bindings()] for function in (one, other))
    assert direct == trigger | {"eventHubName": "%DIRECT_EVENT_HUB_NAME%"}
    assert one.get_settings_dict("retry_policy") == other.get_settings_dict("retry_policy")


def test_each_event_hubs_function_believes_whom_it_should(
    indexed: Callable[[], dict[str, Any]], folder: Any, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIRECT_EVENT_HUB_NAME", "store-events-direct")
    monkeypatch.setattr(service, "_files", lambda: folder)
    folder.create(PATH, stores.model_dump_json().encode(), {})
    functions = indexed()
    functions["land"].get_user_function()(recalled("iot_hub"))
    functions["land_direct"].get_user_function()(recalled("publishers"))
    found = [line for path in folder.files("bronze") for line in bronze.read(folder.read(path), path)]
    assert [(line.partition, line.sequence_number) for line in found] == [
        ("0", 7),
        ("0", 8),
        ("0", 8),
        ("3", 41),
        ("3", 42),
        ("3", 42),
    ]


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


WRONG: dict[str, tuple[dict[str, str], str]] = {
    "no lake": ({}, "LAKE_ACCOUNT_URL is https://"),
    "two": ({"LAKE_ACCOUNT_URL": "https://a.net", "LAKE_CONNECTION_STRING": "b"}, "take one away"),
    "no address": ({"LAKE_ACCOUNT_URL": "contoso"}, "LAKE_ACCOUNT_URL is no address"),
    "no TLS": ({"LAKE_ACCOUNT_URL": "http://contoso.blob.core.windows.net"}, "LAKE_ACCOUNT_URL is no address"),
    "a token in it": ({"LAKE_ACCOUNT_URL": "https://contoso.blob.core.windows.net/?sv=1"}, "is no address"),
    "no container": (
        {"LAKE_CONNECTION_STRING": "b", "LAKE_CONTAINER": "Lake_1"},
        "no container can be called 'Lake_1'",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_settings_that_lead_to_no_lake_are_refused_with_what_to_do(name: str) -> None:
    environment, fact = WRONG[name]
    with pytest.raises(ConfigError, match="settings: ") as raised:
        Settings.of(environment)
    assert fact in str(raised.value)


PRODUCTION = {"LAKE_ACCOUNT_URL": "https://contoso.blob.core.windows.net", "LAKE_TABLES": "rebuilt"}


def test_a_lake_in_production_is_opened_by_the_apps_identity() -> None:
    container = open_files(Settings.of(PRODUCTION))._container
    assert container.url == "https://contoso.blob.core.windows.net/lake"
    assert isinstance(container.credential, DefaultAzureCredential)


def test_its_tables_are_opened_by_a_token_of_that_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Identity:
        def get_token(self, scope: str) -> AccessToken:
            asked.append(scope)
            return AccessToken("token", 0)

    monkeypatch.setattr(storage, "DefaultAzureCredential", Identity)
    place = storage.delta_place(Settings.of(PRODUCTION))
    assert (place.root, asked) == ("az://lake/rebuilt", ["https://storage.azure.com/.default"])
    assert place.options == {"account_name": "contoso", "bearer_token": "token"}


def test_an_identity_that_gets_no_token_is_reported_with_its_account(monkeypatch: pytest.MonkeyPatch) -> None:
    class Nobody:
        def get_token(self, scope: str) -> AccessToken:
            raise ClientAuthenticationError(f"nobody is signed in for {scope}")

    monkeypatch.setattr(storage, "DefaultAzureCredential", Nobody)
    with pytest.raises(StorageError, match=r"contoso.blob.core.windows.net.*no token.*nobody is signed in"):
        storage.delta_place(Settings.of(PRODUCTION))
