import errno
import io
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from local_azure.supervisor.restart_policy import ModuleStatus, RuntimeStatus
from local_azure.supervisor.supervisor import Supervisor
from modules.zone_analytics.decisions import OccupancyChanged, VisitBegan
from storeflow.cli.count.live import MAX_ROWS, LiveView
from storeflow.cli.demo import processes
from storeflow.cli.demo.board import StoreBoard
from storeflow.cli.demo.command import Meanwhile, conclude, summary_of
from storeflow.cli.demo.lake import Comparison, Figures
from storeflow.cli.demo.processes import EventTail, follow, only_run_in, store_of, versions
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import CameraState, instant
from storeflow.contract.twins import Layout
from storeflow.errors import ConfigError, TransportError
from storeflow.iot_hub.client import IotHubClient

TRUTH: dict[str, Any] = {
    "lines": {"door": {"in": 3, "out": 2, "net_in": 3, "net_out": 2}},
    "crossings": [],
    "zones": {"aisle": {"visits": [{"entered_at": 1.0, "exited_at": 2.0}, {"entered_at": 3.0, "exited_at": 5.0}]}},
    "frames": 600,
}

SAME = Comparison(
    edge=Figures(lines={}, zones={}),
    lake=Figures(lines={}, zones={}),
    truth=None,
    events={"edge": 2, "lake": 2, "lake_alone": 0},
    equal=True,
)
"""A lake that has what the edge has."""

RUNNING = ModuleStatus(RuntimeStatus.RUNNING)


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


def test_the_board_adds_up_what_came(
    layout: Layout, crossing: Callable[..., Any], events_of: Callable[..., Any]
) -> None:
    board = StoreBoard(layout, TRUTH)
    began = VisitBegan("aisle", "1", "person", 1.0, None)
    board.tally.take(events_of(crossing(1.0, "in"), crossing(2.0, "in", "2"), began, OccupancyChanged("aisle", 1.5, 1)))
    board.frames = 20
    assert board.line() == "frame 20 of 600, 4 events, door  in 2  out 0, aisle  visits 1"


def test_a_line_or_zone_that_was_added_while_it_plays_has_a_row_without_a_truth(
    layout: Layout, crossing: Callable[..., Any], events_of: Callable[..., Any]
) -> None:
    board = StoreBoard(layout, TRUTH)
    began = VisitBegan("promo", "1", "person", 1.0, None)
    board.tally.take(events_of(replace(crossing(1.0, "in"), line_id="side_door"), began))
    cells = [list(column.cells) for column in board.table().columns]
    rows = list(zip(*cells, strict=True))
    assert rows[2:4] == [("side_door: in", "1", "?"), ("side_door: out", "0", "?")]
    assert rows[-1] == ("promo: visits", "1, 0 inside", "?")


def test_one_event_is_told_as_one(layout: Layout, crossing: Callable[..., Any], events_of: Callable[..., Any]) -> None:
    board = StoreBoard(layout, TRUTH)
    board.tally.take(events_of(crossing(1.0, "in")))
    assert board.headline() == "frame 0 of 600, 1 event"


@pytest.mark.parametrize(
    ("meanwhile", "status", "told"),
    [
        (Meanwhile(), 1, "door: in is 1, rendered were 3"),
        (Meanwhile(edited=["zone_analytics"]), 0, "zone_analytics: edited while it played: no verdict."),
        (Meanwhile(started_again=["inference"]), 1, "inference: ended while it played, and started again."),
    ],
)
def test_the_verdict_knows_what_was_done_to_the_store_meanwhile(
    layout: Layout,
    crossing: Callable[..., Any],
    events_of: Callable[..., Any],
    *,
    meanwhile: Meanwhile,
    status: int,
    told: str,
) -> None:
    output = io.StringIO()
    events = [camera_state("streaming"), *events_of(crossing(2.0, "in"))]
    summary = summary_of(events, layout, 600)
    console = Console(file=output, width=20)
    assert conclude(summary, TRUTH, events, [], lake=SAME, meanwhile=meanwhile, console=console) == status
    assert told in output.getvalue().splitlines()


def test_a_lake_that_has_not_all_is_told_whatever_was_edited(layout: Layout) -> None:
    events = [camera_state("streaming")]
    lake = SAME | {"events": {"edge": 2, "lake": 1, "lake_alone": 0}, "equal": False}
    output = io.StringIO()
    told = conclude(
        summary_of(events, layout, 600),
        TRUTH,
        events,
        [],
        lake=Comparison(**lake),
        meanwhile=Meanwhile(edited=["zone_analytics"]),
        console=Console(file=output, width=90),
    )
    assert (told, output.getvalue().splitlines()[-1]) == (1, "the lake has 1 of 2 events")


def test_right_counts_of_a_store_that_was_started_again_are_held_against_no_other_decisions(
    layout: Layout, crossing: Callable[..., Any], events_of: Callable[..., Any]
) -> None:
    truth = {**TRUTH, "lines": {"door": {"in": 1, "out": 0, "net_in": 1, "net_out": 0}}, "zones": {}}
    events = [camera_state("streaming"), *events_of(crossing(2.0, "in"))]
    summary = summary_of(events, layout, 600)
    for meanwhile, status in ((Meanwhile(), 1), (Meanwhile(started_again=["zone_analytics"]), 0)):
        output = io.StringIO()
        others = events_of(crossing(2.1, "in"))
        console = Console(file=output, width=90)
        told = conclude(summary, truth, events, others, lake=SAME, meanwhile=meanwhile, console=console)
        assert told == status, output.getvalue()


def test_a_folder_has_one_run_at_a_time_and_the_other_is_named(tmp_path: Path) -> None:
    with only_run_in(tmp_path / "run"):
        (tmp_path / "run" / "store").mkdir()
        with pytest.raises(ConfigError, match=rf"run: is in use by process {os.getpid()}; end that \(Ctrl-C there\)"):
            only_run_in(tmp_path / "run").__enter__()
        assert (tmp_path / "run" / "store").is_dir()
    with only_run_in(tmp_path / "run"):
        assert (tmp_path / "run" / "in_use_by").read_text() == str(os.getpid())


def test_a_store_that_can_not_be_cleared_away_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(root: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(root / "edge_hub"))

    monkeypatch.setattr("shutil.rmtree", refused)
    with pytest.raises(PermissionError, match="edge_hub"):
        store_of(tmp_path / "store", tmp_path / "clip.webm", {}, speed=1.0)


def test_frames_of_a_process_that_was_started_again_are_added_to_those_before(layout: Layout) -> None:
    board = StoreBoard(layout, TRUTH)
    for of_process in (300, 400, 0, 250):
        board.take_frames(of_process)
    board.take_status({"zone_analytics": ModuleStatus(RuntimeStatus.RUNNING, 1, -9), "inference": RUNNING})
    board.take_status({"zone_analytics": RUNNING, "inference": RUNNING})
    assert board.frames == 650
    assert board.headline() == "frame 600 of 600, 0 events, started again: zone_analytics"


def test_every_edit_of_a_twin_that_decides_counts_is_a_version_of_its_own(tmp_path: Path) -> None:
    template = {"$edgeHub": {"properties.desired": {"schemaVersion": "1.1", "routes": {}}}}
    template["$edgeAgent"] = {"properties.desired": {"schemaVersion": "1.1", "systemModules": {}, "modules": {}}}
    path = tmp_path / "template.json"
    path.write_text(json.dumps({"modulesContent": template}))
    with Supervisor(path, tmp_path / "store") as supervisor:
        before = versions(supervisor.hub)
        supervisor.hub.patch_twin("inference", {"models": {}})
        after = versions(supervisor.hub)
    assert [module_id for module_id in after if after[module_id] != before[module_id]] == ["inference"]


def test_while_the_hub_is_away_the_frames_stay_and_how_long_was_waited_is_told(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Away:
        root = tmp_path

        def status(self) -> dict[str, ModuleStatus]:
            return {}

        @property
        def hub(self) -> IotHubClient:
            raise TransportError("the hub is away")

    monkeypatch.setattr(processes, "_PATIENCE_SECONDS", 0.2)
    board = StoreBoard(layout, TRUTH)
    board.frames = 42
    store: Any = Away()
    with pytest.raises(
        TransportError, match=r"no event for 1 s, still waiting: the clip has not ended; look into .*logs"
    ):
        follow(store, board, Console(file=io.StringIO()), speed=0.25)
    assert board.frames == 42


def test_the_table_stays_short_however_many_modules_there_are(layout: Layout) -> None:
    board = StoreBoard(layout, TRUTH)
    board.modules = {f"module_{number}": ModuleStatus(RuntimeStatus.RUNNING) for number in range(100)}
    assert board.table().row_count == MAX_ROWS


def test_without_a_terminal_a_line_is_printed_now_and_then_and_not_at_every_refresh(layout: Layout) -> None:
    output = io.StringIO()
    with LiveView(StoreBoard(layout, TRUTH), Console(file=output)) as view:
        for _ in range(100):
            view.refresh()
    assert output.getvalue() == "frame 0 of 600, 0 events, door  in 0  out 0, aisle  visits 0\n"
