import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from modules.zone_analytics.module import SILENT_SECONDS, ZoneAnalytics
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import LineCrossed, ZoneExited, ZoneOccupancy
from storeflow.contract.messages import Detections, StreamEnded
from storeflow.contract.twins import read_section
from storeflow.frames.side_channel import MessagePublisher
from storeflow.host.module import ModuleContext, Output

FrameOf = Callable[..., Detections]
LAYOUT = {
    "lines": {"door": {"start": [0.3, 0.5], "end": [0.7, 0.5]}},
    "zones": {"room": {"polygon": [[0.4, 0.4], [0.6, 0.4], [0.6, 0.6], [0.4, 0.6]]}},
}
ENDED = StreamEnded(camera_id="door", sequence=99, captured_at=9.9, reason="the clip ended")


class Clock:
    """A steady clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.now


@pytest.fixture
def context(tmp_path: Path) -> ModuleContext:
    return ModuleContext("zone_analytics", "hub", "device", "store-1", tmp_path, tmp_path, tmp_path, (), tmp_path)


def started(context: ModuleContext, checkpoint: bytes | None = None, layout: Any = LAYOUT) -> ZoneAnalytics:
    module = ZoneAnalytics(context, checkpoint)
    module.configure("layout", read_section("layout", layout), 3)
    return module


def data_of(outputs: Sequence[Output]) -> list[Any]:
    """The data of events."""
    return [output.event.data for output in outputs if isinstance(output.event, CloudEvent)]


def stand(module: ZoneAnalytics, frame: FrameOf, start: float, seconds: float, y: float = 0.55) -> list[Any]:
    outputs = []
    for step in range(round(seconds * 10)):
        outputs += module.on_side_channel(frame(start + step / 10, {"1": (0.5, y)}))
    return data_of(outputs)


def test_events_say_where_they_come_from_and_what_decided_them(context: ModuleContext, frame: FrameOf) -> None:
    module = started(context)
    facts = stand(module, frame, 0.0, 1.0, y=0.45) + stand(module, frame, 1.0, 1.0, y=0.55)
    (crossed,) = (data for data in facts if isinstance(data, LineCrossed))
    assert (crossed.store_id, crossed.camera_id, crossed.config_version, crossed.model_version) == (
        "store-1", "door", 3, "m@1",
    )  # fmt: skip


def test_a_restart_goes_on_with_everyone_in_view(context: ModuleContext, frame: FrameOf) -> None:
    before = started(context)
    stand(before, frame, 0.0, 3.0, y=0.45)
    after = started(context, before.checkpoint())
    facts = stand(after, frame, 3.0, 3.0, y=0.55)
    assert [data.direction for data in facts if isinstance(data, LineCrossed)] == ["in"]
    ended = data_of(after.on_side_channel(ENDED))
    assert [data.dwell_seconds for data in ended if isinstance(data, ZoneExited)] == [pytest.approx(5.9)]


def test_a_second_restart_before_the_first_frame_forgets_nobody(context: ModuleContext, frame: FrameOf) -> None:
    before = started(context)
    stand(before, frame, 0.0, 3.0)
    unconfigured = ZoneAnalytics(context, before.checkpoint())
    configured = started(context, unconfigured.checkpoint())
    after = started(context, configured.checkpoint())
    ended = data_of(after.on_side_channel(ENDED))
    assert [data.dwell_seconds for data in ended if isinstance(data, ZoneExited)] == [pytest.approx(2.9)]


def test_a_layout_that_was_changed_while_the_module_was_down_ends_the_visits_that_it_changes(
    context: ModuleContext, frame: FrameOf
) -> None:
    before = started(context)
    stand(before, frame, 0.0, 3.0)
    after = started(context, before.checkpoint(), {"lines": LAYOUT["lines"]})
    facts = data_of(after.work(0.0))
    assert [data.dwell_seconds for data in facts if isinstance(data, ZoneExited)] == [pytest.approx(2.9)]
    assert [data.occupancy for data in facts if isinstance(data, ZoneOccupancy)] == [0]


NARROWER = {**LAYOUT, "zones": {"room": {"polygon": [[0.4, 0.4], [0.6, 0.4], [0.6, 0.59], [0.4, 0.59]]}}}


@pytest.mark.parametrize("restarts", [0, 1, 2])
def test_what_an_edit_of_the_layout_ends_was_decided_by_the_layout_before(
    context: ModuleContext, frame: FrameOf, restarts: int
) -> None:
    module = started(context)
    stand(module, frame, 0.0, 3.0)
    for _ in range(restarts):
        module = ZoneAnalytics(context, module.checkpoint())
    module.configure("layout", read_section("layout", NARROWER), 4)
    ended = data_of(module.work(0.0))
    assert [type(data) for data in ended] == [ZoneExited, ZoneOccupancy]
    assert {data.config_version for data in ended} == {3}
    assert {data.config_version for data in stand(module, frame, 3.0, 2.0)} == {4}


@pytest.mark.parametrize("damage", [b"", b"{", b'{"version":99,"views":[]}', b'{"version":2,"views":[{}]}'])
def test_a_damaged_checkpoint_means_nobody_in_view_and_a_module_that_works(
    context: ModuleContext, frame: FrameOf, damage: bytes
) -> None:
    module = started(context, damage)
    facts = stand(module, frame, 0.0, 2.0)
    assert [data.occupancy for data in facts if isinstance(data, ZoneOccupancy)] == [1]


def test_a_checkpoint_of_a_crowd_is_small(context: ModuleContext, frame: FrameOf) -> None:
    module = started(context)
    for step in range(100):
        module.on_side_channel(frame(step / 10, {str(n): (0.05 * n, 0.5) for n in range(20)}))
    assert len(module.checkpoint()) < 64 * 1024
    assert len(json.loads(module.checkpoint())["views"][0]["people"]) == 20


def test_occupancy_that_falls_in_the_moment_in_which_it_rose_is_an_event_of_its_own(
    context: ModuleContext, frame: FrameOf
) -> None:
    module = started(context)
    outputs = []
    for step in range(6):  # the sixth frame makes the shortest visit
        outputs += module.on_side_channel(frame(step / 10, {"1": (0.5, 0.55)}))
    outputs += module.on_side_channel(ENDED)
    events = [output.event for output in outputs if isinstance(output.event, CloudEvent)]
    rose, fell = [event for event in events if isinstance(event.data, ZoneOccupancy)]
    assert [one.occupancy for one in data_of(outputs) if isinstance(one, ZoneOccupancy)] == [1, 0]
    assert (fell.time - rose.time).total_seconds() == 0.001
    assert rose.id != fell.id


def test_a_camera_that_falls_silent_without_a_word_is_ended(
    context: ModuleContext, frame: FrameOf, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    module = ZoneAnalytics(context, None, clock)
    module.configure("layout", read_section("layout", LAYOUT), 1)
    stand(module, frame, 0.0, 3.0)
    clock.now = SILENT_SECONDS - 1
    assert module.work(0.0) == []
    clock.now = SILENT_SECONDS + 1
    facts = data_of(module.work(0.0))
    assert [data.occupancy for data in facts if isinstance(data, ZoneOccupancy)] == [0]
    assert "camera door: no frame for 30 s" in caplog.text


def test_the_end_of_a_stream_may_come_twice(context: ModuleContext, frame: FrameOf) -> None:
    module = started(context)
    stand(module, frame, 0.0, 1.0)
    assert module.on_side_channel(ENDED) != []
    assert module.on_side_channel(ENDED) == []
    assert module.metrics()["streams_ended"] == 1


def test_messages_are_taken_from_the_side_channel(context: ModuleContext, frame: FrameOf) -> None:
    module = started(context)
    publisher = MessagePublisher(context.channel_folder / "detections.sock")
    try:
        outputs = list(module.work(0.1))
        for step in range(20):
            publisher.publish(frame(10 + step / 10, {"1": (0.5, 0.55)}))
        for _ in range(100):
            outputs += module.work(0.1)
            publisher.flush()
            if module.metrics()["frames"] == 20:
                break
        assert [data.event_type for data in data_of(outputs)] == [
            "storeflow.layout.applied",
            "storeflow.zone.entered",
            "storeflow.zone.occupancy",
        ]
        assert module.metrics()["events"] == 3
        assert {output.name for output in outputs} == {"events"}
    finally:
        publisher.close()
        module.close()
