"""The addresses of an Event Hubs namespace, as the source or the target of a link names them.

Source: azure.github.io/amqpnetlite/articles/azure_eventhubs.html ("Addressing"); event-hubs-features ("Publisher
policy"). Names are compared without regard to case, as the service does.

    {hub}                                             send; the partition by key, or in turn
    {hub}/Partitions/{partition}                      send to one partition
    {hub}/Publishers/{name}                           send; the publisher's name is the partition key
    {hub}/ConsumerGroups/{group}/Partitions/{partition}   receive
    $cbs, $management                                 ask
"""

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from local_azure.event_hubs.amqp import errors
from local_azure.event_hubs.amqp.errors import AmqpError

CBS = "$cbs"
MANAGEMENT = "$management"
DEFAULT_GROUP = "$default"


@dataclass(frozen=True)
class Address:
    """An address, taken apart; names in lower case but the publisher's, which is a partition key."""

    hub: str
    group: str = ""
    partition: str = ""
    publisher: str = ""

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read an address, with or without `amqps://{host}/` before it.

        Raises:
            AmqpError: `amqp:not-found`; it is none.
        """
        hub, *rest = segments(text) or [""]
        named = {kind.lower(): name for kind, name in zip(rest[::2], rest[1::2], strict=False)}
        kinds = tuple(named)
        if not hub or len(rest) % 2 or kinds not in _FORMS:
            raise AmqpError(errors.NOT_FOUND, f"The messaging entity '{text}' could not be found.")
        return cls(
            hub.lower(),
            named.get("consumergroups", "").lower(),
            named.get("partitions", "").lower(),
            named.get("publishers", ""),
        )


_FORMS = ((), ("partitions",), ("publishers",), ("consumergroups", "partitions"))


def segments(text: str) -> list[str]:
    """Return the segments of an address's path, decoded."""
    path = urlsplit(text).path if "://" in text else text
    return [unquote(segment) for segment in path.split("/") if segment]


def lies_under(path: list[str], scope: list[str]) -> bool:
    """Say whether a path is a scope or below it, segment by segment, without regard to case."""
    return [name.lower() for name in path[: len(scope)]] == [name.lower() for name in scope]
