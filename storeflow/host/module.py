"""What a module is: configuration and input in, events out. Only the host sends, keeps and reports."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol, runtime_checkable

from storeflow.contract.cloudevents import CloudEvent, camera_source


@dataclass(frozen=True, slots=True)
class RawEvent:
    """An event on its way through a module: carried on byte for byte, with fields that this version can't read.

    It is neither numbered nor written again: its `sequence`, if it has one, is in the body.
    """

    source: str
    id: str
    type: str
    schema_version: str | None
    """As its `dataschema` says, `major.minor`."""
    store_id: str | None
    body: bytes
    """A CloudEvent in structured JSON."""
    traceparent: str | None = None
    """The trace that it belongs to, as W3C Trace Context writes it."""

    def to_json(self) -> bytes:
        """The event as it came."""
        return self.body


class Output(NamedTuple):
    """An event, and the name of the module output (edgeHub routes start there) or sink that it leaves by.

    `upstream` is routed to IoT Hub; a name that `sink_name` made is one of the module's own sinks; any other
    output is routed to a module that answers with receipts (docs/adr/0002-custody-of-an-event.md).
    """

    name: str
    event: CloudEvent | RawEvent


@dataclass(frozen=True, slots=True)
class ModuleContext:
    """Who and where a module is: all that it must know before its twin arrives."""

    module_id: str
    hub: str
    """Host name of the IoT Hub."""
    device_id: str
    store_id: str
    state_folder: Path
    """Survives a restart; this module's own."""
    channel_folder: Path
    """Unix sockets of the frame and detection side channels, shared by the modules of one device."""
    media_folder: Path
    """Clips that a camera's `file:NAME` may name."""
    model_folders: tuple[Path, ...]
    """Where model weights are looked for, in this order, after the model's own folder."""
    cards_folder: Path
    """Model folders with their cards, `<task>/<name>`."""

    def source(self, camera_id: str) -> str:
        """CloudEvents `source` of what one camera of this device saw."""
        return camera_source(self.hub, self.device_id, camera_id)


class Module(Protocol):
    """The logic of one container. The host calls every method from one and the same thread.

    Every module has these. What it works on it says by having `work` (`HasWork`), `on_message` (`HasInputs`) or both,
    what it must not forget by `checkpoint` (`HasCheckpoint`); `HasSinks` and `HasMethods` are rarer.
    """

    sections: ClassVar[tuple[str, ...]]
    """Names of the twin sections that this module owns."""

    def configure(self, section: str, value: Any, version: int) -> None:
        """Take over a validated section, at once and whole.

        `version` is the twin's `$version`. A section that left the twin arrives as its default.

        Raises:
            ConfigError: the section can't be used here; the module goes on with the one it had.
        """

    def metrics(self) -> Mapping[str, float]:
        """Counters and gauges by name."""

    def close(self) -> None:
        """Close files and sockets, end threads."""


ModuleFactory = Callable[[ModuleContext, bytes | None], Module]
"""A module's class: its context and the bytes of its last checkpoint in, the module out."""


@runtime_checkable
class HasWork(Protocol):
    """A module with work of its own. The host waits for the messages of one that has none."""

    def work(self, timeout: float) -> Sequence[Output]:
        """Wait up to `timeout` seconds for something to do, do a small piece of it, return its events."""


@runtime_checkable
class HasInputs(Protocol):
    """A module that takes messages from edgeHub. The host refuses those that reach one that does not."""

    def on_message(self, input_name: str, body: bytes) -> Sequence[Output]:
        """Handle one message.

        Raises:
            ContractError: the message is not what the input takes; the host logs and drops it. Anything else that is
                raised is no proof of that: the message comes again, and is set aside if it fails every time.
        """


@runtime_checkable
class HasCheckpoint(Protocol):
    """A module that goes on after a restart from where it was."""

    def checkpoint(self) -> bytes:
        """The state after everything returned so far, to be kept in one transaction with it.

        It is called again only once that transaction is on the disk.

        Raises:
            StorageError: what the module keeps elsewhere was not kept; the host calls again a second later.
        """


class Sink(Protocol):
    """A destination that the transport does not serve: a file, a broker of its own."""

    def write(self, bodies: Sequence[bytes], state: bytes | None) -> bytes:
        """Make `bodies` durable and return the state to be kept in one transaction with their deletion.

        The host calls it without bodies first, so that a new sink finds where to go on. Anything written after `state`
        was returned was never committed: it is undone here, and comes again.

        Raises:
            StorageError: none of `bodies` counts as written; the host tries again with the same state.
        """


@runtime_checkable
class HasSinks(Protocol):
    """A module with sinks of its own. The host writes to each from one thread, which is not the module's."""

    @property
    def sinks(self) -> Mapping[str, Sink]:
        """The sinks in force, by the name that `sink_name` gives; replaced as a whole by `configure`."""


MethodResult = tuple[int, Any]
"""An HTTP-like status and a JSON value."""
Method = Callable[[Any], MethodResult]
"""Takes the payload. A ContractError that it raises is answered with 400 and its text."""


@runtime_checkable
class HasMethods(Protocol):
    """A module with direct methods of its own, besides those that every module has (methods.py)."""

    @property
    def methods(self) -> Mapping[str, Method]:
        """By name. The host calls each on a thread of its own: it may take seconds, and must not touch the module."""


SINK_PREFIX = "sink:"


def sink_name(sink_id: str) -> str:
    """The `Output.name` of one of the module's own sinks."""
    return SINK_PREFIX + sink_id
