"""A session: the windows within which transfers go, and the links that share them (part 2, section 2.5)."""

from typing import TYPE_CHECKING

from local_azure.event_hubs.amqp import errors, framing
from local_azure.event_hubs.amqp.errors import AmqpError
from local_azure.event_hubs.amqp.performatives import (
    Attach,
    Begin,
    Detach,
    Disposition,
    Flow,
    Performative,
    Transfer,
    encode_transfer,
)

if TYPE_CHECKING:
    from local_azure.event_hubs.connection import Connection
    from local_azure.event_hubs.links import Link

WINDOW = 5000
"""Transfer frames that a client may send before it hears how far they were read."""

HANDLE_MAX = 255
_SERIAL = 1 << 32
_TRANSFER_OVERHEAD = 64
"""Bytes of a frame that its header and its transfer need, rounded up."""


def serial_difference(left: int, right: int) -> int:
    """Return how far one sequence number is ahead of another, as numbers that wrap round (RFC 1982; 2.8.10)."""
    return (left - right + _SERIAL // 2) % _SERIAL - _SERIAL // 2


class Session:
    """One session of a connection, on one channel, which we answer on the same number.

    Attributes:
        send_window: transfer frames that may go out before the client makes room again.
        links: by the client's handle, which we answer with the same number.
    """

    def __init__(self, connection: "Connection", channel: int, begin: Begin) -> None:
        self.connection = connection
        self.channel = channel
        self.send_window = begin.incoming_window
        self.links: dict[int, Link] = {}
        self._next_incoming_id = begin.next_outgoing_id
        self._next_outgoing_id = 0
        self._next_delivery_id = 0
        self._receive_window = WINDOW
        answer = Begin(channel, incoming_window=WINDOW, outgoing_window=WINDOW, handle_max=HANDLE_MAX)
        self.send(answer)

    def send(self, performative: Performative) -> None:
        """Send a frame on this session's channel."""
        self.connection.write(framing.encode_frame(performative.encode(), self.channel))

    def on_attach(self, attach: Attach) -> None:
        """Attach a link, or answer why not: attached to nothing, then detached (2.6.3)."""
        try:
            link = self.connection.make_link(self, attach)
        except AmqpError as error:
            self._answer_attach(attach, refused=True)
            self.send(Detach(attach.handle, closed=True, error=error.value()))
            return
        link.name = attach.name
        self.links[attach.handle] = link
        self._answer_attach(attach, refused=False)
        link.attached()

    def _answer_attach(self, attach: Attach, *, refused: bool) -> None:
        we_send = bool(attach.role)
        self.send(
            Attach(
                attach.name,
                attach.handle,
                role=not attach.role,
                snd_settle_mode=attach.snd_settle_mode,
                rcv_settle_mode=attach.rcv_settle_mode,
                source=None if refused else attach.source,
                target=None if refused else attach.target,
                initial_delivery_count=0 if we_send else None,
                max_message_size=self.connection.namespace.config.max_message_bytes,
            )
        )

    def on_flow(self, flow: Flow) -> None:
        """Take in what the client has room for, as a session and maybe on one link."""
        start = 0 if flow.next_incoming_id is None else flow.next_incoming_id
        self.send_window = serial_difference(start + flow.incoming_window, self._next_outgoing_id)
        if flow.handle is not None:
            self._link(flow.handle).on_flow(flow)
        else:
            self.on_writable()
        if flow.echo and flow.handle is None:
            self.send_flow()

    def on_transfer(self, transfer: Transfer, payload: bytes) -> None:
        """Hand a transfer to its link, and widen the window again in time."""
        self._next_incoming_id = (self._next_incoming_id + 1) % _SERIAL
        self._receive_window -= 1
        if self._receive_window < 0:
            raise AmqpError(errors.WINDOW_VIOLATION, "More transfers than the session's window has room for.")
        link = self._link(transfer.handle)
        link.on_transfer(transfer, payload)
        if self._receive_window < WINDOW // 2:
            self.send_flow()

    def on_detach(self, detach: Detach) -> None:
        """Let a link go, and say so."""
        if link := self.links.pop(detach.handle, None):
            link.released()
            self.send(Detach(detach.handle, closed=bool(detach.closed)))

    def on_disposition(self, disposition: Disposition) -> None:
        """Hear what became of deliveries: a hub keeps no state of what a consumer has seen."""

    def on_writable(self) -> None:
        """Go on delivering: there is room again."""
        for link in tuple(self.links.values()):
            link.on_writable()

    def detach(self, link: "Link", error: AmqpError) -> None:
        """Send a link away."""
        if self.links.pop(link.handle, None) is link:
            link.released()
            self.send(Detach(link.handle, closed=True, error=error.value()))

    def send_flow(self, link: "Link | None" = None) -> None:
        """Say how much room there is, and a link's delivery count and credit."""
        self._receive_window = WINDOW
        flow = Flow(self._next_incoming_id, WINDOW, self._next_outgoing_id, WINDOW)
        if link is not None:
            flow.handle, flow.delivery_count, flow.link_credit = link.handle, link.delivery_count, link.credit
        self.send(flow)

    def frames(self, handle: int, payload: bytes) -> list[bytes] | None:
        """Return the frames that deliver a message, or None while the client has no room for them.

        They count as sent: whoever asks for them writes them, in this order.
        """
        room = self.connection.max_frame_bytes - _TRANSFER_OVERHEAD
        needed = -(-len(payload) // room) or 1
        if needed > self.send_window:
            return None
        frames = []
        for index in range(needed):
            transfer = encode_transfer(handle, self._next_delivery_id, more=index + 1 < needed)
            part = payload[index * room : (index + 1) * room]
            frames.append(framing.encode_frame(transfer + part, self.channel))
        self._next_delivery_id = (self._next_delivery_id + 1) % _SERIAL
        self._next_outgoing_id = (self._next_outgoing_id + needed) % _SERIAL
        self.send_window -= needed
        return frames

    def release(self) -> None:
        """Forget all links: the session or its connection has ended."""
        for link in self.links.values():
            link.released()
        self.links.clear()

    def _link(self, handle: int) -> "Link":
        if link := self.links.get(handle):
            return link
        raise AmqpError(errors.UNATTACHED_HANDLE, f"No link is attached at handle {handle}.")
