import pytest

from local_azure.edge_hub import mqtt


def packets(*chunks: bytes) -> list[mqtt.Packet]:
    buffer = mqtt.PacketBuffer()
    return [packet for chunk in chunks for packet in buffer.feed(chunk)]


def text(value: str) -> bytes:
    return len(value.encode()).to_bytes(2, "big") + value.encode()


@pytest.mark.parametrize("size", [0, 100, 127, 128, 16_383, 16_384, 200_000])
def test_a_publish_survives_writing_and_reading_in_pieces(size: int) -> None:
    message = mqtt.Publish("devices/d/ü", b"x" * size, 1, 513, duplicate=True)
    data = mqtt.publish(message)
    for cut in (1, 2, 3, len(data) // 2, len(data) - 1):
        (packet,) = packets(data[:cut], data[cut:])
        assert mqtt.read_publish(packet) == message


def test_several_packets_in_one_read_come_apart() -> None:
    data = mqtt.puback(7) + mqtt.publish(mqtt.Publish("t", b"", 0, 0)) + mqtt.puback(8)
    first, second, third = packets(data)
    assert (mqtt.read_puback(first), mqtt.read_puback(third)) == (7, 8)
    assert mqtt.read_publish(second) == mqtt.Publish("t", b"", 0, 0)


def test_a_connect_is_read_past_its_will() -> None:
    body = text("MQTT") + bytes([4, 0b11000110]) + (60).to_bytes(2, "big") + text("d/m")
    body += text("will topic") + text("will message") + text("user") + text("password")
    connect = mqtt.read_connect(mqtt.Packet(mqtt.CONNECT, 0, body))
    assert connect == mqtt.Connect("MQTT", 4, "d/m", True, 60, "user", "password")


def test_subscriptions_are_read_and_answered_one_by_one() -> None:
    body = (9).to_bytes(2, "big") + text("a/#") + b"\x01" + text("b") + b"\x00"
    assert mqtt.read_subscribe(mqtt.Packet(mqtt.SUBSCRIBE, 2, body)) == (9, [("a/#", 1), ("b", 0)])
    assert mqtt.suback(9, [1, 0x80]) == b"\x90\x04\x00\x09\x01\x80"
    body = (9).to_bytes(2, "big") + text("a/#")
    assert mqtt.read_unsubscribe(mqtt.Packet(mqtt.UNSUBSCRIBE, 2, body)) == (9, ["a/#"])


def test_a_refused_connect_has_no_session() -> None:
    assert mqtt.connack(mqtt.ACCEPTED, session_present=True) == b"\x20\x02\x01\x00"
    assert mqtt.connack(mqtt.NOT_AUTHORISED, session_present=True) == b"\x20\x02\x00\x05"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x30\xff\xff\xff\xff\x01", id="a length of five bytes"),
        pytest.param(b"\x30\x81\x80\x10", id="a packet over 256 KiB"),
    ],
)
def test_bytes_that_are_no_packet_are_refused(data: bytes) -> None:
    with pytest.raises(mqtt.PacketError):
        packets(data)


@pytest.mark.parametrize(
    "packet",
    [
        pytest.param(mqtt.Packet(mqtt.PUBLISH, 0b0100, text("t") + b"\x00\x01"), id="QoS 2"),
        pytest.param(mqtt.Packet(mqtt.PUBLISH, 0, b"\x00\x09abc"), id="a topic longer than the packet"),
        pytest.param(mqtt.Packet(mqtt.PUBLISH, 0, b"\x00\x01\xff"), id="a topic that is not UTF-8"),
        pytest.param(mqtt.Packet(mqtt.PUBLISH, 2, text("t") + b"\x00"), id="half a packet id"),
    ],
)
def test_a_malformed_publish_is_refused(packet: mqtt.Packet) -> None:
    with pytest.raises(mqtt.PacketError):
        mqtt.read_publish(packet)
