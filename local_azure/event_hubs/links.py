"""Links: what producers, consumers and askers each get (part 2, section 2.6)."""

import asyncio
from abc import ABC, abstractmethod
from dataclasses import dataclass, field

from local_azure.event_hubs import requests
from local_azure.event_hubs.addresses import CBS
from local_azure.event_hubs.amqp import errors
from local_azure.event_hubs.amqp.errors import AmqpError
from local_azure.event_hubs.amqp.messages import Message
from local_azure.event_hubs.amqp.performatives import ACCEPTED, RECEIVER, Disposition, Flow, Transfer, rejected
from local_azure.event_hubs.amqp.types import AmqpValueError
from local_azure.event_hubs.config import Right
from local_azure.event_hubs.namespace import EventHub
from local_azure.event_hubs.partition import Partition
from local_azure.event_hubs.publications import read_publication
from local_azure.event_hubs.session import Session, serial_difference

CREDIT = 300
"""Messages that a client may send on a link before it gets more."""


@dataclass
class Delivery:
    """A message on its way in, of one or more transfers.

    Attributes:
        size: of all parts; those beyond the limit are counted, not kept.
    """

    id: int
    message_format: int
    settled: bool
    parts: list[bytes] = field(default_factory=list)
    size: int = 0


class Link:
    """What all links share.

    Attributes:
        name: as its client calls it.
        path: segments of the address, for which a token must be there.
        right: that the token must give; None where a token isn't asked for.
        delivery_count: deliveries so far.
        credit: deliveries that may still come, or go, before the receiving side gives more.
    """

    def __init__(self, session: Session, handle: int, path: list[str], right: Right | None) -> None:
        self.session = session
        self.handle = handle
        self.name = ""
        self.path = path
        self.right = right
        self.delivery_count = 0
        self.credit = 0

    def attached(self) -> None:
        """Begin: the client knows that the link is there."""

    def on_flow(self, flow: Flow) -> None:
        """Take in credit, where the client receives."""

    def on_transfer(self, transfer: Transfer, payload: bytes) -> None:
        """Take in a transfer, where the client sends."""
        del transfer, payload
        raise AmqpError(errors.NOT_ALLOWED, "A transfer on a link whose client receives.")

    def on_writable(self) -> None:
        """Go on delivering."""

    def released(self) -> None:
        """Forget it: it is detached, or its connection is gone."""


class IncomingLink(Link, ABC):
    """A link whose client sends: puts transfers together, gives credit, settles."""

    _delivery: Delivery | None = None

    def attached(self) -> None:
        """Give the first credit."""
        self._give_credit()

    def on_flow(self, flow: Flow) -> None:
        """Answer a client that asks where things stand."""
        if flow.echo:
            self.session.send_flow(self)

    def on_transfer(self, transfer: Transfer, payload: bytes) -> None:
        """Collect a message; deal with it once it is whole (2.6.14)."""
        if self._delivery is None:
            if self.credit <= 0:
                raise AmqpError(errors.TRANSFER_LIMIT_EXCEEDED, "There is no link credit to accept the delivery.")
            self._delivery = Delivery(transfer.delivery_id or 0, transfer.message_format or 0, settled=False)
        delivery = self._delivery
        delivery.settled = delivery.settled or bool(transfer.settled)
        delivery.size += len(payload)
        if delivery.size <= self.session.connection.namespace.config.max_message_bytes:
            delivery.parts.append(payload)
        if transfer.more and not transfer.aborted:
            return
        self._delivery = None
        self.delivery_count += 1
        self.credit -= 1
        if not transfer.aborted:
            self.on_message(delivery)
        if self.credit < CREDIT // 2:
            self._give_credit()

    @abstractmethod
    def on_message(self, delivery: Delivery) -> None:
        """Deal with a whole message."""

    def settle(self, delivery: Delivery, error: AmqpError | None = None) -> None:
        """Say that a message was accepted, or rejected and why."""
        if not delivery.settled:
            state = rejected(error.value()) if error else ACCEPTED
            self.session.send(Disposition(RECEIVER, delivery.id, delivery.id, settled=True, state=state))

    def _give_credit(self) -> None:
        self.credit = CREDIT
        self.session.send_flow(self)


@dataclass(frozen=True)
class Destination:
    """Where a producer's events go.

    Attributes:
        partition: the one that the address names, if any.
        publisher: whose address it is, if anybody's.
    """

    hub: EventHub
    partition: Partition | None
    publisher: str


class ProducerLink(IncomingLink):
    """Takes events in: to a hub, to one of its partitions, or from one of its publishers."""

    def __init__(self, session: Session, handle: int, path: list[str], destination: Destination) -> None:
        super().__init__(session, handle, path, "Send")
        self._destination = destination

    def on_message(self, delivery: Delivery) -> None:
        """Store a publication, or reject it; it is acknowledged once it is on disk."""
        try:
            self._publish(delivery)
        except AmqpError as error:
            self.settle(delivery, error)
        except AmqpValueError as error:
            self.settle(delivery, AmqpError(errors.DECODE_ERROR, str(error)))

    def _publish(self, delivery: Delivery) -> None:
        namespace = self.session.connection.namespace
        limit = namespace.config.max_message_bytes
        if delivery.size > limit:
            raise AmqpError(
                errors.MESSAGE_SIZE_EXCEEDED,
                f"The received message (delivery-id:{delivery.id}, size:{delivery.size} bytes) exceeds the limit "
                f"({limit} bytes) currently allowed on the link.",
            )
        publication = read_publication(b"".join(delivery.parts), delivery.message_format)
        to = self._destination
        if to.publisher:
            publication = publication.of_publisher(to.publisher)
        namespace.publish(
            to.hub, publication, lambda: self._stored(delivery), partition=to.partition, publisher=to.publisher
        )

    def _stored(self, delivery: Delivery) -> None:
        connection, name = self.session.connection, self._destination.hub.name
        faults = connection.namespace.faults
        if faults.take("ack_lost", name):
            connection.abort()
        elif faults.ack_delay and faults.meets(name):
            asyncio.get_running_loop().call_later(faults.ack_delay, self.settle, delivery)
        else:
            self.settle(delivery)


class OutgoingLink(Link):
    """A link whose client receives: keeps its credit."""

    def on_flow(self, flow: Flow) -> None:
        """Take in credit, deliver what it allows, and use the rest up if the client drains the link (2.6.7)."""
        if flow.link_credit is not None:
            ahead = serial_difference(flow.delivery_count or 0, self.delivery_count)
            self.credit = max(0, ahead + flow.link_credit)
        self.on_writable()
        if flow.drain:
            self.delivery_count, self.credit = self.delivery_count + self.credit, 0
        if flow.drain or flow.echo:
            self.session.send_flow(self)


class ReplyLink(OutgoingLink):
    """Brings answers of `$cbs` or `$management` back."""

    def __init__(self, session: Session, handle: int, address: str) -> None:
        super().__init__(session, handle, [address], None)
        self.address = address
        self._replies: list[bytes] = []

    def reply(self, message: Message) -> None:
        """Send an answer, as soon as there is credit."""
        self._replies.append(message.encode())
        self.on_writable()

    def on_writable(self) -> None:
        """Send the answers that wait."""
        while self._replies and self.credit > 0:
            frames = self.session.frames(self.handle, self._replies[0])
            if frames is None:
                return
            self.session.connection.write(b"".join(frames))
            self._replies.pop(0)
            self.delivery_count += 1
            self.credit -= 1


class RequestLink(IncomingLink):
    """Takes questions to `$cbs` or `$management`; the session's reply link of the same address brings the answer."""

    def __init__(self, session: Session, handle: int, address: str) -> None:
        super().__init__(session, handle, [address], None)
        self._address = address

    def on_message(self, delivery: Delivery) -> None:
        """Answer."""
        try:
            request = Message.read(b"".join(delivery.parts))
        except AmqpValueError as error:
            self.settle(delivery, AmqpError(errors.DECODE_ERROR, str(error)))
            return
        self.settle(delivery)
        connection = self.session.connection
        if self._address == CBS:
            answer, grant = requests.put_token(connection.namespace, request)
            if grant is not None:
                connection.grant(grant)
        else:
            answer = requests.read_properties(connection.namespace, request, connection.grants)
        for link in self.session.links.values():
            if isinstance(link, ReplyLink) and link.address == self._address:
                link.reply(answer)
