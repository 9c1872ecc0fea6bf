"""IoT Hub, by way of edgeHub: its acknowledgement is the receipt (docs/adr/0002-custody-of-an-event.md)."""

import asyncio
from collections.abc import Sequence

from modules.upstream_router.cloud_courier import Handed
from storeflow.errors import TransportError
from storeflow.host.courier import Post
from storeflow.host.custody import UPSTREAM_OUTPUT
from storeflow.host.packet import Packet

_AT_ONCE = 16
"""Messages handed to the transport at once; one at a time they wait for delayed TCP acknowledgements."""


class EdgeHub:
    """A carrier to an output that is routed to IoT Hub.

    Args:
        output: for alerts another than for everything else, as only edgeHub's route can put one before the other.
    """

    longest_pause = 0.0
    """edgeHub is on the same device, and refuses nobody."""

    def __init__(self, output: str = UPSTREAM_OUTPUT) -> None:
        self.output = output
        self.closed = False

    async def carry(self, packets: Sequence[Packet], post: Post) -> Handed:
        """Hand packets over, several at once."""
        arrived: list[Packet] = []
        for start in range(0, len(packets), _AT_ONCE):
            some = packets[start : start + _AT_ONCE]
            answers = await asyncio.gather(
                *(post(self.output, each.body, each.properties, each.message_id, each.form) for each in some),
                return_exceptions=True,
            )
            arrived += [packet for packet, answer in zip(some, answers, strict=True) if answer is None]
            for answer in answers:
                if isinstance(answer, TransportError):
                    return Handed(arrived, error=answer)
                if answer is not None:
                    raise answer
        return Handed(arrived)

    def close(self) -> None:
        """Have nothing begun any more; the connection is the host's."""
        self.closed = True
