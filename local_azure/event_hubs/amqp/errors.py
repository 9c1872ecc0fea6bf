"""Why a peer refuses something: error conditions (part 2, section 2.8.14) and the exception that carries one."""

from typing import Any

from local_azure.event_hubs.amqp.types import Described, Symbol, ULong
from storeflow.errors import StoreflowError

ERROR = 0x1D

NOT_FOUND = Symbol("amqp:not-found")
UNAUTHORISED = Symbol("amqp:unauthorized-access")
DECODE_ERROR = Symbol("amqp:decode-error")
RESOURCE_LIMIT_EXCEEDED = Symbol("amqp:resource-limit-exceeded")
NOT_ALLOWED = Symbol("amqp:not-allowed")
INVALID_FIELD = Symbol("amqp:invalid-field")
CONNECTION_FORCED = Symbol("amqp:connection:forced")
FRAMING_ERROR = Symbol("amqp:connection:framing-error")
UNATTACHED_HANDLE = Symbol("amqp:session:unattached-handle")
WINDOW_VIOLATION = Symbol("amqp:session:window-violation")
DETACH_FORCED = Symbol("amqp:link:detach-forced")
TRANSFER_LIMIT_EXCEEDED = Symbol("amqp:link:transfer-limit-exceeded")
MESSAGE_SIZE_EXCEEDED = Symbol("amqp:link:message-size-exceeded")
STOLEN = Symbol("amqp:link:stolen")


class AmqpError(StoreflowError):
    """What one peer tells the other of a failure.

    Attributes:
        condition: a symbol that programs look at.
        description: for people.
    """

    def __init__(self, condition: str, description: str) -> None:
        super().__init__(f"{condition}: {description}")
        self.condition = Symbol(condition)
        self.description = description

    def value(self) -> Described:
        """Return it as the wire carries it."""
        return Described(ULong(ERROR), [self.condition, self.description, None])

    @classmethod
    def of(cls, value: Any) -> "AmqpError | None":
        """Read what a peer sent in the place of an error; None for none."""
        if not isinstance(value, Described) or not isinstance(value.value, list) or not value.value:
            return None
        condition, description = [*value.value, None][:2]
        return cls(str(condition), str(description or ""))
