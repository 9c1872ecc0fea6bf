import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from local_azure.edge_hub.store import Outbound, Store
from modules.upstream_router.sinks.ndjson import NdjsonFile
from storeflow.cli.demo.processes import events_file
from storeflow.cli.main import main
from storeflow.cli.trace.run_folder import RunFolder
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import CameraState
from storeflow.contract.instant import instant
from storeflow.host.module import Output
from storeflow.host.outbox import FILE_NAME, Outbox, event_key
from storeflow.iot_hub.message import Message

FILM, CLOCK = 1_767_603_600.0, 1_795_191_106.0
"""When the film's first frame was taken, and when it was played."""
UPSTREAM = "/messages/modules/upstream_router/outputs/upstream"


class Made(NamedTuple):
    """A run, and what came of it."""

    folder: Path
    begun: CloudEvent
    crossed: CloudEvent
    back: CloudEvent
    turned: CloudEvent


def outbox(folder: Path, module_id: str) -> Outbox:
    return Outbox(events_file(folder / "store").parents[1] / module_id / FILE_NAME)


def keep(folder: Path, module_id: str, destinations: tuple[str, ...], now: float, *events: CloudEvent) -> None:
    """Have a module keep events, and forget them as soon as everybody has them."""
    box = outbox(folder, module_id)
    box.commit([Output(name, event) for event in events for name in destinations], None, now)
    for name in destinations:
        box.delete([row.id for row in box.waiting(name, 100)])
    box.close()


def message(*events: CloudEvent) -> Message:
    """One event as it is, several in an array that is compressed."""
    bodies = [event.to_json() for event in events]
    body = bodies[0] if len(bodies) == 1 else gzip.compress(b"[" + b",".join(bodies) + b"]")
    return Message(UPSTREAM, body, {}, {"messageId": f"m-{events[0].id[:4]}", "outputName": "upstream"})


@pytest.fixture
def made(tmp_path: Path, crossing: Callable[..., Any], events_of: Callable[..., list[CloudEvent]]) -> Made:
    """A run whose events all reached the sink's file and IoT Hub."""
    folder = tmp_path / "run"
    state = CameraState(store_id="s", camera_id="camera", captured_at=instant(FILM), state="streaming", detail="")
    begun = CloudEvent.of(state, source="//h/d/camera/state", id="b" * 32, subject="camera")
    crossed, back, turned = (
        event.model_copy(update={"sequence": f"{number:012d}"})
        for number, event in enumerate(
            events_of(
                crossing(FILM + 16.8, "in", "19b-20"), crossing(FILM + 20, "out", "19b-20", u_turn_of=FILM + 16.8)
            ),
            1,
        )
    )
    keep(folder, "video_capture", ("events",), CLOCK, begun)
    keep(folder, "zone_analytics", ("events",), CLOCK + 1.25, crossed, back, turned)
    keep(folder, "upstream_router", ("upstream", "sink:file"), CLOCK + 2, begun, crossed, back, turned)
    NdjsonFile(events_file(folder / "store")).write([one.to_json() for one in (begun, crossed, back, turned)], None)
    (folder / "store" / "edge_hub").mkdir()
    hub = Store(folder / "store" / "edge_hub" / "hub.db")
    of_others = Message("/messages/modules/theirs/outputs/scales", b"[7, \xff", {}, {"messageId": "theirs"})
    hub.commit(upstream=[of_others, message(begun), message(crossed, back, turned)], now=CLOCK + 3)
    hub.close()
    return Made(folder, begun, crossed, back, turned)


def traced(folder: Path, event_id: str, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    assert main(["trace", event_id, "--run", str(folder)]) == 0
    return {line[:17].rstrip(): line[17:] for line in capsys.readouterr().out.splitlines()}


def test_a_crossing_is_followed_from_the_film_to_the_hub(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    facts = traced(made.folder, made.crossed.id, capsys)
    line = made.crossed.to_json()
    offset = len(made.begun.to_json()) + 1
    assert facts == {
        "event": f"storeflow.line.crossed {made.crossed.id}",
        "decision": "in over line door, settled: the way over the line and enough of the other side were seen",
        "when": "captured_at 2026-01-05T09:00:16.800Z, 16.8 s into the film",
        "where": "camera camera",
        "who": "19b-20, in annotated.mp4 20; in 2 other events",
        "by": "layout version 1, detector m@1",
        "named by": f"storeflow.line.u_turn {made.turned.id}: back over line door after 3.2 s: "
        f"crossings {made.crossed.id} and {made.back.id} cancel",
        "source": f"{made.crossed.source}, number 000000000001",
        "trace id": f"{str(made.crossed.traceparent).split('-')[1]}, as logs name it",
        "zone_analytics": "had it on disk 2026-11-20T16:11:47.250Z; deleted its copy once upstream_router had one",
        "upstream_router": "had it on disk 2026-11-20T16:11:48.000Z; deleted its copy once every sink had one",
        "file sink": f"line 2 of {events_file(made.folder / 'store')}: {len(line)} bytes from byte {offset} on; "
        "when it was written is not kept",
        "edgeHub": "IoT Hub took it in 2026-11-20T16:11:49.000Z as its message 3 with 2 other events; "
        f"messageId m-{made.crossed.id[:4]}, from {UPSTREAM} to $upstream",
        "in full": line.decode(),
    }


def test_what_is_not_of_a_person_is_followed_too(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    facts = traced(made.folder, made.begun.id, capsys)
    assert facts["when"] == "captured_at 2026-01-05T09:00:00.000Z, 0.0 s into the film"
    assert " as its message 2; messageId m-bbbb, from " in facts["edgeHub"]
    assert facts["video_capture"].startswith("had it on disk 2026-11-20T16:11:46.000Z")
    assert not {"who", "by", "zone_analytics"} & facts.keys()


def test_an_event_that_is_still_on_its_way_is_said_to_be_where_it_is(
    made: Made,
    crossing: Callable[..., Any],
    events_of: Callable[..., list[CloudEvent]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    (event,) = events_of(crossing(FILM + 30, "in", "19b-21"))
    box = outbox(made.folder, "zone_analytics")
    box.commit([Output("events", event)], None, CLOCK + 9)
    box.quarantine(event_key(event.source, event.id), b"", "it was too much", CLOCK + 9)
    box.close()
    facts = traced(made.folder, event.id, capsys)
    assert facts["zone_analytics"] == (
        "had it on disk 2026-11-20T16:11:55.000Z; still waits for events; failed on it: it was too much"
    )
    assert facts["upstream_router"] == "never had it on disk, or has forgotten"
    assert facts["file sink"].startswith("has no line with it in ")
    assert facts["edgeHub"] == "has no message with it for IoT Hub"


def test_a_message_that_iot_hub_has_not_taken_in_waits(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    hub = Store(made.folder / "store" / "edge_hub" / "hub.db")
    hub.commit(outbound=[Outbound(message(made.back), 0, None)], now=CLOCK)
    hub.close()
    waiting = traced(made.folder, made.back.id, capsys)["edgeHub"]
    assert waiting.startswith("holds it for IoT Hub, message 1 in line; messageId m-")


def test_an_event_whose_film_nobody_saw_begin_says_so(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    file = events_file(made.folder / "store")
    file.write_bytes(made.crossed.to_json() + b"\n" + made.back.to_json()[:50])
    told = traced(made.folder, made.crossed.id, capsys)["when"]
    assert told.endswith("; when the film began is not known: no event of the camera's state says so")


def test_an_event_that_the_file_has_lost_is_found_at_the_hub(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    events_file(made.folder / "store").unlink()
    assert traced(made.folder, made.turned.id, capsys)["in full"] == made.turned.to_json().decode()


def test_an_id_that_nobody_has_is_told_with_where_to_find_one(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", made.crossed.id[:12], "--run", str(made.folder)]) == 1
    error = capsys.readouterr().err
    assert f"no event of this run has the id {made.crossed.id[:12]}: copy one from " in error
    assert "events.ndjson" in error


def test_a_folder_without_a_run_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "0" * 32, "--run", str(tmp_path)]) == 2
    assert "there is no run in it; `make run` makes one" in capsys.readouterr().err


def test_looking_leaves_everything_as_it_is(made: Made) -> None:
    before = {path: path.read_bytes() for path in made.folder.rglob("*") if path.is_file()}
    run = RunFolder(made.folder)
    assert run.find(made.crossed.id) == made.crossed
    assert len(run.outboxes(made.crossed)) == 3
    assert {path: path.read_bytes() for path in before} == before
