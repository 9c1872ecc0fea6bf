"""How much of the time a camera was looked at: pure, then through the module, a restart and the events."""

import copy
import itertools
import random
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from modules.zone_analytics.coverage import WINDOW_SECONDS, Coverage
from modules.zone_analytics.decisions import WindowCovered
from modules.zone_analytics.module import ZoneAnalytics
from modules.zone_analytics.parameters import DECISIONS
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import CameraCoverage
from storeflow.contract.messages import Detections, StreamEnded
from storeflow.contract.twins import Layout
from storeflow.host.module import ModuleContext, Output

FrameOf = Callable[..., Detections]
GAP = DECISIONS.coverage_gap_seconds
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp()
ENDED = StreamEnded(camera_id="door", sequence=0, captured_at=NOON, reason="the clip ended")


def windows_of(frames: Iterable[tuple[float, int]], coverage: Coverage | None = None) -> list[WindowCovered]:
    """What follows from frames, given by seconds after noon and number, until the end of the stream."""
    coverage = coverage or Coverage("door")
    windows = [one for at, number in frames for one in coverage.observe(NOON + at, number, DECISIONS)]
    return windows + coverage.end()


def steady(start: float, end: float, fps: float = 5) -> list[tuple[float, int]]:
    """Every frame from `start` to `end`, both counted."""
    return [(start + number / fps, number) for number in range(round((end - start) * fps) + 1)]


def observed(windows: Iterable[WindowCovered]) -> float:
    return sum(window.observed_seconds for window in windows)


def test_a_quarter_of_an_hour_without_a_hole_is_covered_to_the_second() -> None:
    first, second, third = windows_of(steady(-0.2, 2 * WINDOW_SECONDS - 0.2))
    assert (first.start, first.end) == (NOON - WINDOW_SECONDS, NOON)
    assert (second.start, second.end) == (NOON, NOON + WINDOW_SECONDS)
    assert first.observed_seconds == pytest.approx(0.2)
    assert second.observed_seconds == pytest.approx(WINDOW_SECONDS)
    assert third.observed_seconds == pytest.approx(WINDOW_SECONDS - 0.2)
    assert (second.frames_analysed, second.frames_missed) == (WINDOW_SECONDS * 5, 0)
    assert second.longest_gap_seconds == pytest.approx(0.2)
    assert second.at == pytest.approx(NOON + WINDOW_SECONDS - 0.2)


@pytest.mark.parametrize(("hole", "seen"), [(GAP - 0.01, True), (GAP, True), (GAP + 0.01, False), (120.0, False)])
def test_a_hole_counts_as_seen_only_when_it_is_short(hole: float, seen: bool) -> None:
    before, after = steady(10, 20), [(20 + hole + at, number) for at, number in steady(0, 10)]
    (window,) = windows_of([*before, *after])
    assert window.observed_seconds == pytest.approx(20 + hole * seen)
    assert window.longest_gap_seconds == pytest.approx(hole)
    assert window.frames_missed == 0


def test_a_hole_over_a_windows_end_belongs_to_both_windows_as_far_as_it_lies_in_them() -> None:
    first, second = windows_of([(890.0, 0), (890.5, 1), (940.0, 2), (940.5, 3)])
    assert (first.observed_seconds, first.longest_gap_seconds) == (0.5, 9.5)
    assert (second.observed_seconds, second.longest_gap_seconds) == (0.5, 40)


def test_a_window_without_a_frame_is_not_reported() -> None:
    windows = windows_of([(0.0, 0), (4 * WINDOW_SECONDS + 1, 1)])
    assert [window.start - NOON for window in windows] == [0, 4 * WINDOW_SECONDS]


def test_frames_that_the_engine_left_out_are_counted_by_their_numbers() -> None:
    windows = windows_of([(number / 10, number) for number in range(0, 18_000, 3)])
    assert [window.frames_analysed for window in windows] == [3_000, 3_000]
    assert [window.frames_missed for window in windows] == [5_998, 6_000]
    assert observed(windows) == pytest.approx(1_799.7)


def test_a_camera_that_numbers_its_frames_afresh_has_missed_none() -> None:
    (window,) = windows_of([(0.0, 1_000), (0.2, 1_001), (60.0, 0), (60.2, 1)])
    assert (window.frames_analysed, window.frames_missed) == (4, 0)
    assert window.observed_seconds == pytest.approx(0.4)


def test_a_frame_that_comes_a_little_late_is_left_out() -> None:
    (window,) = windows_of([(10.0, 0), (10.2, 1), (9.9, 2), (10.4, 3)])
    assert (window.frames_analysed, window.frames_missed) == (3, 0)
    assert window.observed_seconds == pytest.approx(0.4)


def test_a_frame_that_comes_a_little_late_and_was_seen_is_not_missed() -> None:
    (window,) = windows_of([(10.4, 10), (10.2, 9), (10.6, 11)])
    assert (window.frames_analysed, window.frames_missed) == (2, 0)


def test_a_hole_over_a_streams_end_is_the_longest_and_what_was_missed_in_it_is_counted() -> None:
    coverage = Coverage("door")
    before = windows_of(steady(0, 100, 2), coverage)
    after = windows_of([(500 + number / 2, 1_000 + number) for number in range(800)], coverage)
    assert [piece.longest_gap_seconds for piece in (*before, *after)] == [0.5, 400]
    assert [piece.frames_missed for piece in (*before, *after)] == [0, 1_000 - 201]
    assert observed([*before, *after]) == pytest.approx(100 + 399.5)


def test_a_stream_that_begins_again_after_an_end_has_missed_nothing_and_begins_with_its_first_frame() -> None:
    coverage = Coverage("door")
    windows_of([(100.0, 500), (100.2, 501)], coverage)
    (window,) = windows_of([(99.0, 0), (99.2, 1), (99.4, 2)], coverage)
    assert (window.frames_analysed, window.frames_missed) == (3, 0)


def test_a_clock_set_back_within_a_window_lets_no_second_count_twice() -> None:
    (window,) = windows_of([*steady(100, 200), *((at, number + 501) for at, number in steady(150, 260))])
    assert window.observed_seconds == pytest.approx(160)


def test_a_clip_that_is_played_again_over_windows_ends_never_claims_more_than_there_was() -> None:
    killed_at, over_at = 1_000.0, 2_000.0
    coverage = Coverage("door")
    first = [one for at, number in steady(0, killed_at) for one in coverage.observe(NOON + at, number, DECISIONS)]
    again = windows_of(steady(0, over_at), coverage)
    # What was emitted twice is the same both times, and so has the same event id; what was not adds up to the clip.
    assert first == again[1:2]
    assert observed({*first, *again}) == pytest.approx(over_at)


def test_a_clock_that_was_far_ahead_for_a_moment_costs_no_coverage() -> None:
    windows = windows_of([*steady(0, 10), (86_400.0, 51), *((at, number + 52) for at, number in steady(10.2, 20))])
    assert observed(windows) == pytest.approx(10 + 9.8)


def truly_seen(frames: Sequence[tuple[float, int]]) -> dict[float, float]:
    """Seconds seen of each window, by the definition, a hundredth of a second at a time."""
    seen: dict[float, float] = {}
    for (earlier, _), (later, _) in itertools.pairwise(frames):
        for hundredth in range(round((later - earlier) * 100) * (later - earlier <= GAP)):
            start = (earlier + hundredth / 100 + 0.005) // WINDOW_SECONDS * WINDOW_SECONDS
            seen[start] = seen.get(start, 0) + 0.01
    return seen


def frames_with_holes(chance: random.Random) -> list[tuple[float, int]]:
    at, number, frames = 0.0, 0, []
    while at < 3_000:
        at = round(at + chance.choice((0.1, 0.2, 0.2, 0.4, 0.9, 1.5, 30.0 if chance.random() < 0.05 else 0.2)), 2)
        number += chance.choice((1, 1, 1, 2, 5))
        frames.append((at, number))
    return frames


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("kills", [0.0, 0.02], ids=["no kill", "killed at random"])
def test_no_more_is_ever_claimed_than_was_seen(seed: int, kills: float) -> None:
    """The process is killed, and goes on from what was kept with the last window emitted, or up to a second before."""
    chance = random.Random(seed)  # noqa: S311 - nothing secret hangs on it
    frames = frames_with_holes(chance)
    coverage, windows = Coverage("door"), list[WindowCovered]()
    kept = copy.deepcopy(coverage)
    for index, (at, number) in enumerate(frames):
        news = coverage.observe(NOON + at, number, DECISIONS)
        windows += news
        if news or index % 5 == 0:
            kept = copy.deepcopy(coverage)
        if chance.random() < kills:
            coverage = copy.deepcopy(kept)
    windows += coverage.end()

    truth = truly_seen(frames)
    claimed = {start: observed(one for one in windows if one.start == NOON + start) for start in truth}
    assert all(claimed[start] <= truth[start] + 1e-6 for start in truth)
    assert sum(window.frames_analysed + window.frames_missed for window in windows) <= frames[-1][1]
    if not kills:
        assert claimed == pytest.approx(truth)
    else:
        assert sum(claimed.values()) >= 0.9 * sum(truth.values())


@pytest.fixture
def context(tmp_path: Path) -> ModuleContext:
    return ModuleContext("zone_analytics", "hub", "device", "store-1", tmp_path, tmp_path, tmp_path, (), tmp_path)


def started(context: ModuleContext, checkpoint: bytes | None = None) -> ZoneAnalytics:
    module = ZoneAnalytics(context, checkpoint)
    module.configure("layout", Layout(), 1)
    return module


def coverage_events(outputs: Sequence[Output]) -> list[CloudEvent]:
    events = [output.event for output in outputs if isinstance(output.event, CloudEvent)]
    return [event for event in events if isinstance(event.data, CameraCoverage)]


def play(module: ZoneAnalytics, frame: FrameOf, start: float, end: float) -> list[CloudEvent]:
    """Ten frames a second of an empty shop."""
    frames = [NOON + number / 10 for number in range(round(start * 10), round(end * 10))]
    return coverage_events([output for at in frames for output in module.on_side_channel(frame(at, {}))])


def test_an_event_names_the_camera_the_window_and_what_was_seen(context: ModuleContext, frame: FrameOf) -> None:
    module = started(context)
    assert play(module, frame, 890, 900) == []
    (event,) = play(module, frame, 900, 901)
    data: Any = event.data
    assert (event.subject, event.source, data.store_id, data.camera_id) == (
        "door", "//hub/device/door", "store-1", "door",
    )  # fmt: skip
    assert data.model_dump(include={"observed_seconds", "frames_analysed", "frames_missed", "longest_gap_seconds"}) == {
        "observed_seconds": 10.0, "frames_analysed": 100, "frames_missed": 0, "longest_gap_seconds": 0.1,
    }  # fmt: skip
    assert (data.window_start.isoformat(), data.window_end.isoformat()) == (
        "2026-11-20T12:00:00+00:00", "2026-11-20T12:15:00+00:00",
    )  # fmt: skip
    assert data.captured_at.timestamp() == NOON + 899.9

    (rest,) = coverage_events(module.on_side_channel(ENDED))
    assert isinstance(rest.data, CameraCoverage)
    assert rest.data.observed_seconds == 0.9
    assert coverage_events(module.on_side_channel(ENDED)) == []


def test_pieces_of_one_window_have_ids_of_their_own(context: ModuleContext, frame: FrameOf) -> None:
    module = started(context)
    pieces = []
    for start in (0, 100):
        play(module, frame, start, start + 10)
        pieces += coverage_events(module.on_side_channel(ENDED))
    assert len({piece.id for piece in pieces}) == 2
    assert sum(piece.data.observed_seconds for piece in pieces if isinstance(piece.data, CameraCoverage)) == 19.8


def test_a_restart_loses_no_second_of_a_window_and_doubles_none(context: ModuleContext, frame: FrameOf) -> None:
    before = started(context)
    play(before, frame, 0, 300)
    after = started(context, before.checkpoint())
    again = started(context, after.checkpoint())  # and once more before the first frame
    (event,) = play(again, frame, 300, 901)
    assert isinstance(event.data, CameraCoverage)
    assert (event.data.observed_seconds, event.data.frames_analysed) == (900.0, 9_000)


def test_a_restart_before_the_layout_arrives_forgets_no_coverage(context: ModuleContext, frame: FrameOf) -> None:
    before = started(context)
    play(before, frame, 0, 10)
    unconfigured = ZoneAnalytics(context, before.checkpoint())
    (event,) = coverage_events(started(context, unconfigured.checkpoint()).on_side_channel(ENDED))
    assert isinstance(event.data, CameraCoverage)
    assert event.data.frames_analysed == 100


def test_frames_that_nobody_looked_at_are_a_metric(context: ModuleContext, frame: FrameOf) -> None:
    module = started(context)
    play(module, frame, 0, 1)
    play(module, frame, 2, 3)
    assert module.metrics()["camera_frames_missed/door"] == 10


def test_the_counter_of_missed_frames_only_grows_and_begins_at_nothing_with_the_process(
    context: ModuleContext, frame: FrameOf
) -> None:
    module, said = started(context), [0.0]
    for start in (0, 2, 4, 6):
        play(module, frame, start, start + 1)
        said.append(module.metrics()["camera_frames_missed/door"])
        module.on_side_channel(ENDED)
        said.append(module.metrics()["camera_frames_missed/door"])
    assert said == [0, 0, 0, 10, 10, 20, 20, 30, 30]
    after = started(context, module.checkpoint())
    assert after.metrics()["camera_frames_missed/door"] == 0
    play(after, frame, 8, 9)
    assert after.metrics()["camera_frames_missed/door"] == 10
