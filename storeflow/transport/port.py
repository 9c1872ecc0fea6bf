"""What the host needs of a transport, and what a transport calls in the host. No SDK type crosses this line."""

from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any, NamedTuple, Protocol

MAX_BODY_BYTES = 200 * 1024
"""IoT Hub takes 256 KB with all that travels around the body; what the SDK lets through may cost the connection."""


class Form(NamedTuple):
    """What a body is, for whoever reads it."""

    content_type: str
    content_encoding: str


JSON = Form("application/json", "utf-8")
"""One event. With any other form `$body` conditions in routes never match."""


class Inbox(Protocol):
    """What a transport calls, from any thread. Every method returns at once and raises nothing."""

    def on_message(self, input_name: str, body: bytes) -> None:
        """Take a message, or drop it: its sender keeps it until there is a receipt."""

    def on_desired_changed(self) -> None:
        """Hear that the desired properties may have changed; `Transport.twin` says to what."""

    def on_method(self, name: str, payload: Any) -> "Future[tuple[int, Any]]":
        """Begin a direct method; the answer is an HTTP-like status and a JSON value, and may take seconds."""

    def on_connection(self, connected: bool) -> None:
        """Hear that the connection came, or went."""


class Transport(Protocol):
    """The way to edgeHub, or to what stands for it."""

    async def run(self, inbox: Inbox) -> None:
        """Connect, with `inbox` in place before the first message can come, and stay connected until cancelled.

        Raises:
            TransportError: only a new process can help.
        """

    async def send(
        self, output: str, body: bytes, properties: Mapping[str, str], message_id: str, form: Form = JSON
    ) -> None:
        """Send one message and return when the hub acknowledged it.

        Raises:
            TransportError: it may or may not have arrived; send it again with the same `message_id`. A body of
                more than `MAX_BODY_BYTES` never will.
        """

    async def twin(self) -> dict[str, dict[str, Any]]:
        """The whole documents of `desired` and `reported` properties, `$version` in the first.

        Raises:
            TransportError: not connected, or no answer.
        """

    async def report(self, patch: Mapping[str, Any]) -> None:
        """Merge `patch` into the reported properties; None removes a key.

        Raises:
            TransportError: not connected, no answer, or the hub refused the patch.
        """
