"""Whose word a message is, from what its sender wrote to what the function reads.

Between the two: the stand-in's rules, the SDK that decodes, the host's arrays and Microsoft's converter.
"""

from typing import Any

from azure.eventhub import EventData
from azure.eventhub._pyamqp._decode import decode_payload

from cloud_functions.message import Message
from cloud_functions.trigger import Senders, to_batch
from local_azure.event_hubs.amqp.messages import Message as Sent
from local_azure.event_hubs.amqp.types import Symbol
from local_azure.event_hubs.iot_hub import device_to_cloud
from local_azure.event_hubs.publications import Place, read_publication, stored_event
from local_azure.functions_host.app import Function
from local_azure.functions_host.event_data import PartitionContext, many_events

LAND = Function("land", print, {"type": "eventHubTrigger", "name": "events", "cardinality": "many"}, None, False)


def received(sent: Sent, senders: Senders, publisher: str = "") -> Message:
    """The message that the function reads; sent through a publisher's address, or by whoever may send to the hub."""
    publication = read_publication(sent.encode(), 0)
    if publisher:
        publication = publication.of_publisher(publisher)
    stored = stored_event(publication.events[0], Place(5, 2560, 1_795_165_200_000), publication.key, publisher)
    event: Any = EventData._from_message(decode_payload(memoryview(stored)))
    context = PartitionContext("contoso.servicebus.windows.net", "store-events", "landing", "0", checkpointing=True)
    (message,) = to_batch(many_events(LAND, [event], context), senders).messages
    return message


def forged(key: str) -> Sent:
    """What somebody with a key of the whole event hub may write."""
    of_iot_hub = device_to_cloud(b"{}", {}, {"connectionDeviceId": "store-1-box", "connectionModuleId": "router"}, 0.0)
    return Sent(
        b"{}",
        {"content_type": Symbol("application/json")},
        {"iothub-connection-device-id": "store-1-box"},
        of_iot_hub.annotations | {"x-opt-publisher": "store-1-box", "x-opt-partition-key": key},
    )


def test_what_comes_by_iot_hub_is_of_the_device_that_iot_hub_names() -> None:
    system = {"connectionDeviceId": "store-1-box", "connectionModuleId": "router", "contentType": "application/json"}
    message = received(device_to_cloud(b"{}", {"storeId": "store-1"}, system, 1.5), Senders.IOT_HUB)
    assert (message.device_id, message.module_id, message.store_id) == ("store-1-box", "router", "store-1")
    assert (message.content_type, message.sequence_number, message.offset) == ("application/json", 5, "2560")


def test_what_comes_by_a_publishers_address_is_of_that_publisher_whatever_it_says() -> None:
    message = received(forged("store-2-box"), Senders.PUBLISHERS, publisher="store-2-box")
    assert (message.device_id, message.module_id) == ("store-2-box", None)


def test_what_comes_by_no_publishers_address_is_of_nobody() -> None:
    assert received(forged("store-1-box"), Senders.PUBLISHERS).device_id is None


def test_an_event_hub_does_not_keep_a_sender_from_naming_a_device_so_none_but_iot_hub_may_send_into_iot_hubs() -> None:
    assert received(forged("store-1-box"), Senders.IOT_HUB).device_id == "store-1-box"
    properties = Sent(b"{}", {}, {"iothub-connection-device-id": "store-1-box"})
    assert received(properties, Senders.IOT_HUB).device_id is None
