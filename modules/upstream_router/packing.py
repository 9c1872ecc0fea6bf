"""Events into messages for the cloud: how many in one, and in what form. Pure.

With room for one event a message is that event, as plain JSON. With room for more it is an array, and so is that of an
event that found no company: what a route can match must not hang on who came through the door at the same time.
"""

from collections.abc import Iterator, Sequence

from storeflow.host.outbox import Row
from storeflow.host.packet import Packet, array, in_groups, single
from storeflow.transport.port import MAX_BODY_BYTES

MAX_UNPACKED_BYTES = 2 * 1024 * 1024
"""A quarter of what the landing function unpacks: events become about a tenth of their size."""


def pack(rows: Sequence[Row], max_events: int, *, compress: bool, max_bytes: int = MAX_BODY_BYTES) -> list[Packet]:
    """Put rows into messages, in their order.

    Args:
        rows: none of whose bodies has more than `max_bytes`.
        max_events: in one message, at most; with 1 there are no arrays.
        compress: arrays, with gzip.
        max_bytes: of a message's body.
    """
    if max_events == 1:
        return [single(row) for row in rows]
    groups = in_groups(rows, max_events, MAX_UNPACKED_BYTES)
    return [packet for group in groups for packet in _packets(group, compress, max_bytes)]


def _packets(rows: tuple[Row, ...], compress: bool, max_bytes: int) -> Iterator[Packet]:
    packet = array(rows, compress=compress)
    if len(packet.body) <= max_bytes:
        yield packet
    elif len(rows) == 1:
        yield single(rows[0])  # the brackets, or gzip's own bytes, were too much
    else:
        middle = len(rows) // 2
        yield from _packets(rows[:middle], compress, max_bytes)
        yield from _packets(rows[middle:], compress, max_bytes)
