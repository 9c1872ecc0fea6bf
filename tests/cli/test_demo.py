import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from local_azure.supervisor.restart_policy import ModuleStatus, RuntimeStatus
from modules.zone_analytics.decisions import OccupancyChanged, VisitBegan
from storeflow.cli.demo import EventTail, finished
from storeflow.cli.live import MOST_ROWS, Board, LiveView
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import CameraState, instant
from storeflow.contract.twins import Layout

TRUTH: dict[str, Any] = {
    "lines": {"door": {"in": 3, "out": 2}},
    "zones": {"aisle": {"visits": [{}, {}]}},
    "frames": 600,
}


def camera_state(state: Any) -> CloudEvent:
    data = CameraState(store_id="s", camera_id="c", captured_at=instant(1.0), state=state, detail="")
    return CloudEvent.of(data, source="//h/d/c/state", id=state, subject="c")


def test_events_are_read_as_the_file_grows_and_a_half_written_line_is_left_for_later(
    tmp_path: Path, crossing: Callable[..., Any], events_of: Callable[..., Any]
) -> None:
    path = tmp_path / "events.ndjson"
    tail = EventTail(path)
    assert tail.read() == []
    first, second = events_of(crossing(1.0, "in"), crossing(2.0, "out"))
    path.write_bytes(first.to_json() + b"\n" + second.to_json()[:40])
    assert tail.read() == [first]
    path.write_bytes(first.to_json() + b"\n" + second.to_json() + b"\n")
    assert tail.read() == [second]
    assert tail.events == [first, second]


def test_the_run_is_over_when_the_clip_ended_and_every_decision_has_arrived(
    crossing: Callable[..., Any], events_of: Callable[..., Any]
) -> None:
    decided = events_of(crossing(1.0, "in"))
    ended = [camera_state("streaming"), camera_state("ended")]
    assert finished([*ended, *decided], {"streams_ended": 1, "events": 1})
    assert not finished([*ended, *decided], {"streams_ended": 1, "events": 2})
    assert not finished([ended[0], *decided], {"streams_ended": 1, "events": 1})
    assert not finished([*ended, *decided], {"streams_ended": 0, "events": 1})
    assert not finished([*ended, *decided], {})


def test_the_board_adds_up_what_came(
    layout: Layout, crossing: Callable[..., Any], events_of: Callable[..., Any]
) -> None:
    board = Board(layout, TRUTH)
    began = VisitBegan("aisle", "1", "person", 1.0, None)
    board.tally.take(events_of(crossing(1.0, "in"), crossing(2.0, "in", "2"), began, OccupancyChanged("aisle", 1.5, 1)))
    board.frames = 20
    assert board.line() == "frame 20 of 600, 4 events, door  in 2  out 0, aisle  visits 1"


def test_the_table_stays_short_however_many_modules_there_are(layout: Layout) -> None:
    board = Board(layout, TRUTH)
    board.modules = {f"module_{number}": ModuleStatus(RuntimeStatus.RUNNING) for number in range(100)}
    assert board.table().row_count == MOST_ROWS


def test_without_a_terminal_a_line_is_printed_now_and_then_and_not_at_every_refresh(layout: Layout) -> None:
    output = io.StringIO()
    with LiveView(Board(layout, TRUTH), Console(file=output)) as view:
        for _ in range(100):
            view.refresh()
    assert output.getvalue() == "frame 0 of 600, 0 events, door  in 0  out 0, aisle  visits 0\n"
