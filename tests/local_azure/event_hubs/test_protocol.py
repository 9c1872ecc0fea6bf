"""What the SDK hides of a link's life: refusals, credit, drain; on the stand-in and on Microsoft's emulator."""

from collections.abc import Callable
from typing import Any

import pytest

from local_azure.event_hubs.amqp.errors import AmqpError
from local_azure.event_hubs.amqp.messages import Message
from local_azure.event_hubs.amqp.performatives import (
    BATCH_FORMAT,
    RECEIVER,
    SENDER,
    Disposition,
    Flow,
    Transfer,
    rejection,
)
from local_azure.event_hubs.amqp.types import Described, Long, Symbol
from local_azure.event_hubs.consumer_link import EPOCH, RECEIVER_NAME
from local_azure.event_hubs.peer import WINDOW, Peer

SELECTOR = Symbol("apache.org:selector-filter:string")


def selecting(text: str) -> dict[Symbol, Described]:
    return {SELECTOR: Described(SELECTOR, text)}


@pytest.mark.parametrize(
    ("path", "selector", "reason"),
    [
        ("/ConsumerGroups/nobody/Partitions/0", "amqp.annotation.x-opt-offset > '-1'", "amqp:not-found"),
        (
            "/ConsumerGroups/$Default/Partitions/99",
            "amqp.annotation.x-opt-offset > '-1'",
            "com.microsoft:argument-out-of-range",
        ),
        (
            "/ConsumerGroups/$Default/Partitions/0",
            "amqp.annotation.x-opt-sequence-number > '99999999999'",
            "The supplied sequence number '99999999999' is invalid. The last sequence number in the system is '",
        ),
        (
            "/ConsumerGroups/$Default/Partitions/0",
            "amqp.annotation.x-opt-offset > '99999999999999'",
            "The supplied offset '99999999999999' is invalid. The last offset in the system is '",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_reason(
    hub: Any, with_peer: Callable[..., Any], path: str, selector: str, reason: str
) -> None:
    async def ask(peer: Peer) -> None:
        await peer.attach(0, RECEIVER, f"{hub.parsed.hub}{path}", selecting(selector))
        await peer.expect(Transfer)

    with pytest.raises(AmqpError) as refused:
        with_peer(ask)
    assert reason in str(refused.value)


def test_a_reader_with_a_lower_epoch_is_refused(hub: Any, with_peer: Callable[..., Any]) -> None:
    async def ask(peer: Peer) -> list[str]:
        errors: list[str] = []
        for handle, epoch in enumerate((7, 8, 7)):
            name = {Symbol(RECEIVER_NAME): f"reader-{handle}", Symbol(EPOCH): Long(epoch)}
            end = selecting("amqp.annotation.x-opt-offset > '@latest'")
            peer.write(
                peer.attachment(handle, RECEIVER, f"{hub.parsed.hub}/ConsumerGroups/landing/Partitions/0", end, name)
            )
        while len(errors) < 2:
            try:
                await peer.receive()
            except AmqpError as error:
                errors.append(str(error))
        return errors

    stolen, refused = with_peer(ask)
    assert "amqp:link:stolen: New receiver 'reader-1' with higher epoch of '8' is created hence" in stolen
    assert "amqp:link:stolen: Receiver 'reader-2' with a higher epoch '8' already exists" in refused


def test_only_so_many_events_come_as_there_is_credit_for(hub: Any, with_peer: Callable[..., Any]) -> None:
    async def ask(peer: Peer) -> tuple[list[bytes], Flow]:
        producer = f"{hub.parsed.hub}/Partitions/0"
        await peer.attach(0, SENDER, producer)
        await peer.attach(
            1,
            RECEIVER,
            f"{hub.parsed.hub}/ConsumerGroups/$Default/Partitions/0",
            selecting("amqp.annotation.x-opt-offset > '@latest'"),
        )
        for index in range(5):
            peer.transfer(0, Message(b"%d" % index).encode())
            await peer.expect(Disposition)
        peer.write(Flow(0, WINDOW, 0, WINDOW, 1, 0, 3))
        bodies = []
        for _ in range(3):
            transfer, payload = await peer.receive()
            assert isinstance(transfer, Transfer)
            bodies.append(Message.read(payload).body)
        # Seven more, and whatever of them there is no event for goes back at once.
        peer.write(Flow(3, WINDOW, 0, WINDOW, 1, 3, 7, drain=True))
        while True:
            performative, payload = await peer.receive()
            if isinstance(performative, Flow):
                return bodies, performative
            bodies.append(Message.read(payload).body)

    bodies, flow = with_peer(ask)
    assert bodies == [b"0", b"1", b"2", b"3", b"4"]
    assert (flow.delivery_count, flow.link_credit) == (10, 0)


def test_no_more_frames_come_than_the_session_has_room_for(hub: Any, with_peer: Callable[..., Any]) -> None:
    async def ask(peer: Peer) -> list[str]:
        await peer.attach(0, SENDER, f"{hub.parsed.hub}/Partitions/0")
        end = selecting("amqp.annotation.x-opt-offset > '@latest'")
        await peer.attach(1, RECEIVER, f"{hub.parsed.hub}/ConsumerGroups/$Default/Partitions/0", end)
        for size in (10, 100_000, 10, 10):
            peer.transfer(0, Message(b"x" * size).encode())
            await peer.expect(Disposition)
        arrived = []
        # Room for the first event, and for one of the second's two frames: it doesn't begin. Then for all.
        for read, room in ((0, 2), (1, 0), (1, WINDOW)):
            peer.write(Flow(read, room, 0, WINDOW, 1, read, 10))
            peer.write(Flow(read, room, 0, WINDOW, echo=True))
            while not isinstance(performative := (await peer.receive())[0], Flow):
                arrived.append(type(performative).__name__)
            arrived.append("Flow")
        return arrived

    assert with_peer(ask) == ["Transfer", "Flow", "Flow", *["Transfer"] * 4, "Flow"]


def test_a_publication_that_is_no_message_is_rejected_and_the_link_goes_on(
    hub: Any, with_peer: Callable[..., Any]
) -> None:
    async def ask(peer: Peer) -> list[AmqpError | None]:
        await peer.attach(0, SENDER, hub.parsed.hub)
        outcomes = []
        for payload, message_format in ((b"\x00\x53", 0), (b"nonsense", BATCH_FORMAT), (Message(b"x").encode(), 0)):
            peer.transfer(0, payload, message_format=message_format)
            outcomes.append(AmqpError.of(rejection((await peer.expect(Disposition)).state)))
        return outcomes

    broken, nonsense, fine = with_peer(ask)
    assert broken is not None
    assert nonsense is not None
    assert fine is None


def test_without_a_token_there_is_no_link(hub: Any, with_peer: Callable[..., Any]) -> None:
    async def ask(peer: Peer) -> None:
        del peer
        stranger = Peer(hub.parsed)
        try:
            await stranger.open()
            await stranger.attach(0, SENDER, hub.parsed.hub)
            await stranger.receive()
        finally:
            await stranger.close()

    with pytest.raises(AmqpError, match="amqp:unauthorized-access"):
        with_peer(ask)
