"""Where in a partition a receiver begins: the selector filter of its source.

Source: azure-eventhub 5.15, `_utils.event_position_selector`; Azure/azure-sdk-for-net,
sdk/eventhub/Azure.Messaging.EventHubs/src/Amqp/AmqpFilter.cs.
"""

import enum
import re
from dataclasses import dataclass
from typing import Any

from local_azure.event_hubs.amqp import errors
from local_azure.event_hubs.amqp.errors import AmqpError
from local_azure.event_hubs.amqp.types import Described

_SELECTOR = re.compile(r"amqp\.annotation\.x-opt-(offset|sequence-number|enqueued-time)\s*(>=?)\s*'(@latest|-?\d+)'")
_EARLIEST = -1


class Measure(enum.Enum):
    """What a position counts in."""

    OFFSET = "offset"
    SEQUENCE_NUMBER = "sequence-number"
    ENQUEUED_TIME = "enqueued-time"


@dataclass(frozen=True)
class Position:
    """A place in a partition.

    Attributes:
        value: of the event before it, or of its first one if `inclusive`; times in milliseconds since the epoch. None
            for the end: what is sent from now on.
    """

    measure: Measure
    value: int | None
    inclusive: bool

    @property
    def is_earliest(self) -> bool:
        """Whether it is the beginning, which the SDK writes as an offset of -1."""
        return self.value == _EARLIEST and self.measure is not Measure.ENQUEUED_TIME


LATEST = Position(Measure.OFFSET, None, inclusive=False)


def read_position(filters: Any) -> Position:
    """Read the filter of a source (part 3, section 3.5.8); without one a receiver begins at the end.

    Raises:
        AmqpError: `amqp:invalid-field`; a selector that is none of Event Hubs'.
    """
    selectors = [item.value if isinstance(item, Described) else item for item in (filters or {}).values()]
    if not selectors:
        return LATEST
    match = _SELECTOR.fullmatch(str(selectors[0]).strip())
    if match is None:
        raise AmqpError(errors.INVALID_FIELD, f"The filter '{selectors[0]}' selects no position in a partition.")
    measure, comparison, value = match.groups()
    if value == "@latest":
        return LATEST
    return Position(Measure(measure), int(value), comparison == ">=")
