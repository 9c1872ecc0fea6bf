"""What came from an event hub: the bytes, and what the hub itself says of them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Message:
    """One message of an event hub.

    Attributes:
        body: as it was sent.
        sequence_number: of the message in its partition.
        offset: of the message in its partition; text, and nothing to calculate with.
        enqueued_at: when the event hub took it in, UTC; in one partition it never goes back.
        device_id: which device sent it, by the word of whoever stands behind the event hub (trigger.py); none where
            nobody vouches for one.
        module_id: of an IoT Edge device, likewise; none where it came around IoT Hub.
        content_type: as the sender set it; empty where it did not.
        content_encoding: likewise.
        store_id: the message property `storeId`, which the sender set.
    """

    body: bytes
    sequence_number: int
    offset: str
    enqueued_at: datetime
    device_id: str | None = None
    module_id: str | None = None
    content_type: str = ""
    content_encoding: str = ""
    store_id: str | None = None


@dataclass(frozen=True)
class Batch:
    """Messages of one partition, in its order, at least one.

    Attributes:
        namespace: of the event hub, without the domain.
        hub: name of the event hub.
        partition: id of the partition.
        messages: one at least.
    """

    namespace: str
    hub: str
    partition: str
    messages: Sequence[Message]
