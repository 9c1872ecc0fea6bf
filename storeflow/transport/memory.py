"""An edge hub inside the process: routes, twins, methods and the state "away", with no network.

It does to messages what edgeHub does: it keeps them for a module that is not there yet, acknowledges before the
receiver has them, and forgets what no route takes.
"""

import asyncio
import copy
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple

from storeflow.errors import TransportError
from storeflow.transport.port import JSON, MAX_BODY_BYTES, Form, Inbox

_METHOD_SECONDS = 30.0
"""IoT Hub's response time-out, unless the caller names another."""


class Message(NamedTuple):
    """A message as it reached the hub."""

    module_id: str
    output: str
    body: bytes
    properties: dict[str, str]
    message_id: str
    form: Form = JSON


class MemoryHub:
    """The hub; `transport` gives each module its end of it.

    Args:
        routes: from `module/output` to each `module/input` or `$upstream` that it leads to.
    """

    def __init__(self, routes: Mapping[str, str | tuple[str, ...]]) -> None:
        self.routes = dict(routes)
        self.desired: dict[str, dict[str, Any]] = defaultdict(lambda: {"$version": 1})
        self.reported: dict[str, dict[str, Any]] = defaultdict(dict)
        self.inboxes: dict[str, Inbox] = {}
        """Of the modules that are connected."""
        self.waiting: dict[str, list[tuple[str, bytes]]] = defaultdict(list)
        """Input and body of what was sent to modules that are not."""
        self.sent: list[Message] = []
        """Everything that was acknowledged, routed or not."""
        self.upstream: list[Message] = []
        """What reached IoT Hub."""
        self.away = False
        """While true, nothing is acknowledged or answered."""

    def transport(self, module_id: str) -> "MemoryTransport":
        """The end of one module."""
        return MemoryTransport(self, module_id)

    def set_desired(self, module_id: str, desired: Mapping[str, Any]) -> None:
        """Replace a module's desired properties, as an administrator does, under the next `$version`."""
        version = self.desired[module_id]["$version"] + 1
        self.desired[module_id] = {**copy.deepcopy(dict(desired)), "$version": version}
        if module_id in self.inboxes and not self.away:
            self.inboxes[module_id].on_desired_changed()

    def set_away(self, away: bool) -> None:
        """Cut every module off, or bring all back."""
        self.away = away
        for inbox in self.inboxes.values():
            inbox.on_connection(not away)

    def invoke(self, module_id: str, method: str, payload: Any = None) -> tuple[int, Any]:
        """Call a direct method of a connected module, and wait for its answer."""
        return self.inboxes[module_id].on_method(method, payload).result(_METHOD_SECONDS)


class MemoryTransport:
    """One module's end of a `MemoryHub`; a `storeflow.transport.port.Transport`."""

    def __init__(self, hub: MemoryHub, module_id: str) -> None:
        self._hub, self._module_id = hub, module_id

    async def run(self, inbox: Inbox) -> None:
        """Be connected until cancelled; what waited comes first."""
        self._hub.inboxes[self._module_id] = inbox
        try:
            inbox.on_connection(not self._hub.away)
            for input_name, body in self._hub.waiting.pop(self._module_id, []):
                inbox.on_message(input_name, body)
            await asyncio.Event().wait()
        finally:
            del self._hub.inboxes[self._module_id]

    async def send(
        self, output: str, body: bytes, properties: Mapping[str, str], message_id: str, form: Form = JSON
    ) -> None:
        """Have the hub acknowledge a message and pass it on."""
        await self._reach_hub()
        if len(body) > MAX_BODY_BYTES:
            raise TransportError(f"message of {len(body)} bytes for {output}: {MAX_BODY_BYTES} at most")
        message = Message(self._module_id, output, body, dict(properties), message_id, form)
        self._hub.sent.append(message)
        targets = self._hub.routes.get(f"{self._module_id}/{output}", ())
        for target in (targets,) if isinstance(targets, str) else targets:
            module_id, _, input_name = target.partition("/")
            if module_id == "$upstream":
                self._hub.upstream.append(message)
            elif module_id in self._hub.inboxes:
                self._hub.inboxes[module_id].on_message(input_name, body)
            else:
                self._hub.waiting[module_id].append((input_name, body))

    async def twin(self) -> dict[str, dict[str, Any]]:
        """The whole documents of `desired` and `reported` properties, `$version` in the first."""
        await self._reach_hub()
        hub, module_id = self._hub, self._module_id
        return copy.deepcopy({"desired": hub.desired[module_id], "reported": hub.reported[module_id]})

    async def report(self, patch: Mapping[str, Any]) -> None:
        """Merge `patch` into the reported properties; None removes a key."""
        await self._reach_hub()
        merged = {**self._hub.reported[self._module_id], **patch}
        self._hub.reported[self._module_id] = {key: value for key, value in merged.items() if value is not None}

    async def _reach_hub(self) -> None:
        await asyncio.sleep(0)  # others get their turn, as they do where there is a network
        if self._hub.away:
            raise TransportError("the hub is away")
