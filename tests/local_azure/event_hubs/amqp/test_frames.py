from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_azure.event_hubs.amqp import framing, performatives
from local_azure.event_hubs.amqp.decoding import decode
from local_azure.event_hubs.amqp.encoding import encode
from local_azure.event_hubs.amqp.errors import AmqpError
from local_azure.event_hubs.amqp.performatives import (
    Attach,
    Detach,
    Flow,
    Open,
    Transfer,
    encode_transfer,
    read_performative,
    rejected,
    rejection,
)
from local_azure.event_hubs.amqp.types import AmqpValueError, Described, ULong


@given(st.lists(st.binary(max_size=300), max_size=5), st.integers(1, 50))
def test_frames_are_found_however_the_socket_cuts_them(bodies: list[bytes], step: int) -> None:
    stream = framing.SASL_HEADER + b"".join(
        framing.encode_frame(body, channel, kind=channel % 2) for channel, body in enumerate(bodies)
    )
    buffer = framing.FrameBuffer()
    found = [item for start in range(0, len(stream), step) for item in buffer.feed(stream[start : start + step])]
    assert found == [
        framing.ProtocolHeader(framing.SASL_HEADER),
        *(framing.Frame(channel % 2, channel, body) for channel, body in enumerate(bodies)),
    ]


def test_an_extended_header_is_passed_over() -> None:
    (frame,) = framing.FrameBuffer().feed(b"\x00\x00\x00\x0e\x03\x00\x00\x01more" + b"ab")
    assert frame == framing.Frame(framing.AMQP_FRAME, 1, b"ab")


@pytest.mark.parametrize("header", ["00000007020000", "ffffffff02000000", "0000000801000000", "00000008ff000000"])
def test_what_can_be_no_frame_ends_the_stream(header: str) -> None:
    with pytest.raises(AmqpError, match="framing-error"):
        list(framing.FrameBuffer().feed(bytes.fromhex(header).ljust(8, b"\0")))


@pytest.mark.parametrize(
    "performative",
    [
        Open("me", "localhost", 65536, idle_time_out=1000),
        Attach("link", 3, role=True, source=Described(ULong(0x28), ["telemetry"]), properties={"a": 1}),
        Flow(1, 2, 3, 4, 5, 6, 7, drain=True),
        Transfer(1, 2, b"tag", performatives.BATCH_FORMAT, more=True),
        Detach(1, closed=True, error=AmqpError("amqp:not-found", "why").value()),
    ],
)
def test_a_performative_comes_back_with_all_its_fields_on_the_wire(performative: Any) -> None:
    encoded = performative.encode()
    assert read_performative(encoded + b"payload") == (performative, len(encoded))
    # pyamqp indexes fields that a peer may leave out, so none is.
    assert len(decode(encoded)[0].value) == len(fields(performative))


def test_fields_that_a_peer_leaves_out_are_null() -> None:
    body = b"\x00\x53\x13" + encode([None, 1, 2])
    assert read_performative(body) == (Flow(None, 1, 2), len(body))


@pytest.mark.parametrize("body", [b"\x40", b"\x00\x53\x13\x40", b"\x00\x53\x99\x45", b"\x00\xa3\x01a\x45"])
def test_what_is_no_performative_is_an_error(body: bytes) -> None:
    with pytest.raises(AmqpValueError):
        read_performative(body)


@given(st.integers(0, 255), st.integers(0, 2**32 - 1), st.booleans())
def test_the_fast_transfer_says_the_same(handle: int, delivery_id: int, more: bool) -> None:
    tag = delivery_id.to_bytes(4, "big")
    quick = encode_transfer(handle, delivery_id, more=more)
    assert read_performative(quick) == (Transfer(handle, delivery_id, tag, 0, settled=False, more=more), len(quick))


def test_a_rejection_carries_its_error() -> None:
    error = AmqpError.of(rejection(rejected(AmqpError("a:b", "because").value())))
    assert error is not None
    assert (error.condition, error.description) == ("a:b", "because")
    assert rejection(performatives.ACCEPTED) is None
