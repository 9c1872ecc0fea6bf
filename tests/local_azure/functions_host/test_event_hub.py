"""What functions with an Event Hubs trigger are given, and when."""

import asyncio
import datetime as dt
import json
import time
from typing import Any

import pytest
from azure.storage.blob import ContainerClient

from local_azure.event_hubs.amqp.messages import Message
from local_azure.event_hubs.connection_string import ConnectionString
from local_azure.event_hubs.iot_hub import device_to_cloud
from local_azure.event_hubs.sender import EventSender


def test_a_batch_comes_with_its_metadata(host: Any, telemetry: Any, case: str, eventually: Any) -> None:
    telemetry.send(case, [{}, {}, {}], partition_key="store-7")
    eventually(lambda: host.numbers("land", case, step="end") == {0, 1, 2}, "all three")
    lines = host.seen("land", case, step="end")
    for line in lines:
        count = len(line["events"])
        assert line["partition"]["ConsumerGroup"] == "landing"
        assert line["partition"]["EventHubName"] == telemetry.settings["TELEMETRY_HUB"]
        assert line["partition"]["PartitionId"] in {"0", "1"}
        assert line["partition"]["IsCheckpointingAfterInvocation"] is True
        assert line["metadata"].keys() == {
            "SystemPropertiesArray",
            "PropertiesArray",
            "PartitionKeyArray",
            "OffsetArray",
            "SequenceNumberArray",
            "EnqueuedTimeUtcArray",
        }
        assert {len(values) for values in line["metadata"].values()} == {count}
        assert line["metadata"]["SequenceNumberArray"] == line["sequence_numbers"]
        assert line["sequence_numbers"] == sorted(line["sequence_numbers"])
        assert line["retry"] == [0, 0]
    last = lines[-1]
    assert last["metadata"]["PropertiesArray"][-1] == {"eventType": "test"}
    assert last["keys"][-1] == last["metadata"]["SystemPropertiesArray"][-1]["PartitionKey"] == "store-7"
    age = dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(last["enqueued"][-1])
    assert abs(age.total_seconds()) < 60


def test_no_batch_is_larger_than_host_json_says(host: Any, telemetry: Any, case: str, eventually: Any) -> None:
    telemetry.send(case, [{}] * 35, to="0")
    eventually(lambda: len(host.numbers("land", case, step="end")) == 35, "all of them")
    assert max(len(line["events"]) for line in host.seen("land", case)) == 10


def test_cardinality_one_gives_one_event_at_a_time(host: Any, telemetry: Any, case: str, eventually: Any) -> None:
    telemetry.send(case, [{}, {}], partition_key="store-7")
    eventually(lambda: host.numbers("single", case) == {0, 1}, "both")
    first, second = host.seen("single", case)
    assert [first["events"][0]["number"], second["events"][0]["number"]] == [0, 1]
    assert first["partition"]["PartitionId"] == second["partition"]["PartitionId"]
    assert first["properties"] == {"eventType": "test"}
    assert first["key"] == "store-7"
    assert second["sequence_number"] == first["sequence_number"] + 1
    assert first["retry"] == [0, 1]


def test_a_message_through_iot_hub_says_which_device_sent_it(
    host: Any, telemetry: Any, case: str, eventually: Any
) -> None:
    if not ConnectionString.parse(telemetry.connection_string).development:
        pytest.skip("the stand-in for IoT Hub speaks no TLS, and the event hub is one of Azure's")
    body = json.dumps({"case": case, "number": 0}).encode()
    system = {
        "connectionDeviceId": "store-7",
        "connectionModuleId": "upstream_router",
        "contentType": "application/json",
    }
    message = device_to_cloud(body, {"eventType": "test"}, system, enqueued_at=1_795_161_600.5)
    sender = EventSender(ConnectionString.parse(telemetry.connection_string))
    asyncio.run(send(sender, message))
    eventually(lambda: host.seen("land", case, step="end"), "the message")
    (line,) = host.seen("land", case, step="end")
    about = line["iothub"][[event["case"] for event in line["events"]].index(case)]  # events of others may be with it
    assert about == {
        "connection-device-id": "store-7",
        "connection-module-id": "upstream_router",
        "connection-auth-method": about["connection-auth-method"],
        "enqueuedtime": "2026-11-20T08:00:00.500Z",
        "message-source": "Telemetry",
    }


async def send(sender: EventSender, message: Message) -> None:
    async with sender:
        await sender.send([message])


def test_without_a_retry_policy_a_batch_that_fails_is_lost_and_the_next_comes(
    host: Any, telemetry: Any, case: str, eventually: Any
) -> None:
    telemetry.send(case, [{"for": "land", "do": "fail"}, {}], to="0")
    eventually(lambda: host.numbers("land", case, step="begin") == {0, 1}, "the poison")
    telemetry.send(f"{case} after", [{}], to="0")
    eventually(lambda: host.numbers("land", f"{case} after", step="end"), "the next")
    time.sleep(0.5)
    given = [event["number"] for line in host.seen("land", case, step="begin") for event in line["events"]]
    assert sorted(given) == [0, 1]
    assert 0 not in host.numbers("land", case, step="end")
    assert "asked to fail by event 0" in host.log


def test_a_retry_policy_runs_an_event_again_and_then_goes_on(
    host: Any, telemetry: Any, case: str, eventually: Any
) -> None:
    telemetry.send(case, [{"for": "single", "do": "fail"}, {}], to="1")
    eventually(lambda: 1 in host.numbers("single", case), "the event after it")
    attempts = [line["retry"] for line in host.seen("single", case) if line["events"][0]["number"] == 0]
    assert attempts == [[0, 1], [1, 1]]


def test_retries_for_ever_hold_the_partition_and_its_checkpoint_and_no_other(
    host: Any, telemetry: Any, azurite: Any, case: str, eventually: Any
) -> None:
    told = host.folder / case
    told.touch()
    telemetry.send(case, [{"for": "patient", "do": "fail while told"}], to="0")
    eventually(lambda: len(host.seen("patient", case)) >= 2, "two attempts")
    held = checkpoint(azurite, telemetry, "patient", "0")
    telemetry.send(f"{case} behind", [{}], to="0")
    telemetry.send(f"{case} beside", [{}], to="1")
    eventually(lambda: host.seen("patient", f"{case} beside", step="end"), "the other partition")
    eventually(lambda: len(host.seen("patient", case)) >= 3, "three attempts")
    assert host.seen("patient", f"{case} behind", step="end") == []
    assert checkpoint(azurite, telemetry, "patient", "0") == held
    told.unlink()
    eventually(lambda: host.seen("patient", f"{case} behind", step="end"), "what waited behind it")
    assert host.numbers("patient", case, step="end") == {0}
    eventually(lambda: checkpoint(azurite, telemetry, "patient", "0") != held, "the checkpoint")


def checkpoint(azurite: Any, telemetry: Any, group: str, partition: str) -> dict[str, str] | None:
    """The checkpoint where every processor of Azure's looks for it."""
    path = f"{telemetry.checkpoints}{group}/checkpoint/{partition}"
    with ContainerClient.from_connection_string(azurite.connection_string, "azure-webjobs-eventhub") as container:
        names = list(container.list_blob_names(name_starts_with=path))
        if not names:
            return None
        (name,) = names
        metadata: dict[str, str] = container.get_blob_client(name).get_blob_properties().metadata
    assert metadata.keys() == {"offset", "sequencenumber"}
    return metadata
