from local_azure.edge_hub.messages import input_topic, read_event
from storeflow.iot_hub.message import Message

TOPIC = (
    "devices/d/modules/a/messages/events/"
    "%24.on=detections&%24.mid=id-1&%24.ct=application%2Fjson&%24.ce=utf-8&kind=zone&sp%20ace%2F%26%3D=v%2B%20%25"
)


def test_a_publish_becomes_a_message_with_its_sender() -> None:
    message = read_event("d", "a", TOPIC, b"{}")
    assert message == Message(
        "/messages/modules/a/outputs/detections",
        b"{}",
        {"kind": "zone", "sp ace/&=": "v+ %"},
        {
            "connectionDeviceId": "d",
            "connectionModuleId": "a",
            "outputName": "detections",
            "messageId": "id-1",
            "contentType": "application/json",
            "contentEncoding": "utf-8",
        },
    )
    assert message.size > len(b"{}") + len("kind") + len("zone")


def test_a_message_without_output_or_properties_has_the_modules_source() -> None:
    for ending in ("", "/"):
        message = read_event("d", "a", f"devices/d/modules/a/messages/events{ending}", b"")
        assert message is not None
        assert (message.source, message.properties) == ("/messages/modules/a", {})


def test_a_module_may_publish_under_its_own_name_only() -> None:
    for topic in ("devices/d/modules/b/messages/events/", "devices/d/modules/a/messages/eventsx", "x"):
        assert read_event("d", "a", topic, b"") is None


def test_an_input_topic_says_who_sent_it_and_not_by_which_output() -> None:
    message = read_event("d", "a", TOPIC, b"{}")
    assert message is not None
    prefix, _, bag = input_topic("d", "b", "in1", message).rpartition("/")
    assert prefix == "devices/d/modules/b/inputs/in1"
    pairs = set(bag.split("&"))
    assert {"kind=zone", "sp%20ace%2F%26%3D=v%2B%20%25", "%24.cdid=d", "%24.cmid=a", "%24.mid=id-1"} <= pairs
    assert not any(pair.startswith("%24.on") for pair in pairs)
