"""`storeflow trace`: one event of `make run`, from the film to the hub, by what lies on disk."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from storeflow.cli.count.summary import started_at
from storeflow.cli.help_text import Commands, ExitCode, describe
from storeflow.cli.text import counted, short_name, shown
from storeflow.cli.trace.event_words import in_words
from storeflow.cli.trace.run_folder import ROUTER, AtHub, InFile, InOutbox, RunFolder
from storeflow.contract.cloudevents import CloudEvent, traceparent
from storeflow.contract.events import CameraEvent, DecidedEvent, PersonEvent
from storeflow.contract.instant import as_text, instant


class Fact(NamedTuple):
    """What is known of one side of an event."""

    about: str
    words: str


def add(commands: Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("trace", help="follow one event of make run")
    describe(
        parser,
        "Follow one event of `make run` from the film to the hub, by what lies on disk.",
        ["trace 0a0c8440d043d00f72e295b1a1e3c9c7"],
        {ExitCode.FINE: "the event is known there", ExitCode.NOT_IN_ORDER: "it is not"},
    )
    parser.add_argument("id", metavar="ID", help="the event's id, 32 hexadecimal digits")
    parser.add_argument(
        "--run", type=Path, default=Path("run"), metavar="FOLDER", help="of the run: its --out (default: run)"
    )
    parser.set_defaults(command=command)


def command(options: argparse.Namespace) -> int:
    """Run it."""
    run = RunFolder(options.run)
    event = run.find(options.id)
    if event is None:
        print(
            f"storeflow: no event of this run has the id {options.id}: copy one from {shown(run.file)}; "
            "events of an earlier run went with it",
            file=sys.stderr,
        )
        return ExitCode.NOT_IN_ORDER
    for about, words in (*what_happened(event, run.lines), *where_it_went(event, run)):
        print(f"{about:<17}{words}")
    return ExitCode.FINE


def what_happened(event: CloudEvent, lines: Sequence[InFile]) -> Iterator[Fact]:
    """The event itself, in words.

    Args:
        event: the one in question.
        lines: all events of the run: one says when the film began, others may speak of this one.
    """
    yield Fact("event", f"{event.type} {event.id}")
    yield Fact("decision", in_words(event.data))
    others = [one.event for one in lines]
    yield Fact("when", f"captured_at {as_text(event.data.captured_at)}{_into_the_film(event, others)}")
    if isinstance(event.data, CameraEvent):
        yield Fact("where", f"camera {event.data.camera_id}")
    if isinstance(event.data, PersonEvent):
        track_id = event.data.track_id
        also = sum(getattr(one.data, "track_id", None) == track_id for one in others) - 1
        yield Fact("who", f"{track_id}, in annotated.mp4 {short_name(track_id)}; in {also} other events")
    if isinstance(event.data, DecidedEvent):
        yield Fact("by", f"layout version {event.data.config_version}, detector {event.data.model_version}")
    for one in others:
        if event.id in (*_taken_back(one), *getattr(one.data, "crossing_ids", ())):
            yield Fact("named by", f"{one.type} {one.id}: {in_words(one.data)}")


def where_it_went(event: CloudEvent, run: RunFolder) -> Iterator[Fact]:
    """Every owner that had it, in that order."""
    yield Fact("source", f"{event.source}, number {event.sequence or 'none'}")
    yield Fact("trace id", f"{traceparent(event.source, event.id).split('-')[1]}, as logs name it")
    for outbox in run.outboxes(event):
        if outbox.module_id == ROUTER or outbox.kept_at is not None:
            yield Fact(outbox.module_id, _kept(outbox))
    lines = [one for one in run.lines if one.event.id == event.id]
    for line in lines:
        place = f"line {line.line} of {shown(run.file)}: {len(line.body)} bytes from byte {line.offset} on"
        yield Fact("file sink", f"{place}; when it was written is not kept")
    if not lines:
        yield Fact("file sink", f"has no line with it in {shown(run.file)}")
    messages = run.at_hub(event)
    if not messages:
        yield Fact("edgeHub", "has no message with it for IoT Hub")
    for message in messages:
        yield Fact("edgeHub", _at_hub(message))
    yield Fact("in full", (lines[0].body if lines else event.to_json()).decode())


def _into_the_film(event: CloudEvent, others: Sequence[CloudEvent]) -> str:
    try:
        seconds = event.data.captured_at.timestamp() - started_at(others)
    except ValueError:
        return "; when the film began is not known: no event of the camera's state says so"
    return f", {seconds:.1f} s into the film"


def _taken_back(event: CloudEvent) -> tuple[str, ...]:
    """The crossings that a U-turn takes back."""
    return tuple(getattr(event.data, f"{which}_crossing_id", "") for which in ("first", "second"))


def _kept(outbox: InOutbox) -> str:
    if outbox.kept_at is None:
        said = "never had it on disk, or has forgotten"
    else:
        said = f"had it on disk {as_text(instant(outbox.kept_at))}"
        next_owner = "every sink" if outbox.module_id == ROUTER else ROUTER
        waits = f"still waits for {', '.join(outbox.waits_for)}"
        said += f"; {waits}" if outbox.waits_for else f"; deleted its copy once {next_owner} had one"
    return said if outbox.set_aside is None else f"{said}; failed on it: {outbox.set_aside}"


def _at_hub(message: AtHub) -> str:
    others = f" with {counted(message.events - 1, 'other event')}" if message.events > 1 else ""
    name = f"messageId {message.message_id}, from {message.output} to $upstream"
    if message.at is None:
        return f"holds it for IoT Hub, message {message.number} in line{others}; {name}"
    return f"IoT Hub took it in {as_text(instant(message.at))} as its message {message.number}{others}; {name}"
