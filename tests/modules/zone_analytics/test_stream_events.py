from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from modules.zone_analytics.coverage import WINDOW_SECONDS
from modules.zone_analytics.module import SILENT_SECONDS, ZoneAnalytics
from modules.zone_analytics.stream_events import AWAY_SECONDS, HEARTBEAT_SECONDS, LIVE_SECONDS
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import CameraCoverage, DrawnLine, LayoutApplied, StreamHeartbeat
from storeflow.contract.geometry import Point
from storeflow.contract.messages import Detections, StreamEnded
from storeflow.contract.twins import read_section
from storeflow.frames.side_channel import MessagePublisher
from storeflow.host.module import ModuleContext, Output

FrameOf = Callable[..., Detections]
LAYOUT: dict[str, Any] = {
    "lines": {
        "door": {"start": [0.3, 0.5], "end": [0.7, 0.5], "camera_id": "door"},
        "yard": {"start": [0.3, 0.5], "end": [0.7, 0.5], "camera_id": "yard", "object_class": "vehicle"},
    },
    "zones": {"till": {"polygon": [[0.4, 0.6], [0.6, 0.6], [0.6, 0.8]], "staff_only": True}},
    "queues": {"queue": {"polygon": [[0, 0], [0.1, 0], [0.1, 0.1]], "service": [[0.2, 0], [0.3, 0], [0.3, 0.1]]}},
}
BEGIN = 1_763_625_600.0
"""08:00 UTC."""


class Chain:
    """A module that is told what inference saw, by the side channel, and has a device's clock."""

    def __init__(self, folder: Path) -> None:
        self.context = ModuleContext("zone_analytics", "hub", "device", "s", folder, folder, folder, (), folder)
        self.publisher = MessagePublisher(folder / "detections.sock")
        self.now = BEGIN
        self.steady = 0.0
        self.outputs: list[Output] = []
        self.module = self._begin(None)

    def _begin(self, checkpoint: bytes | None) -> ZoneAnalytics:
        module = ZoneAnalytics(self.context, checkpoint, lambda: self.steady, lambda: self.now)
        module.configure("layout", read_section("layout", LAYOUT), 3)
        self.outputs += module.work(0.1)
        return module

    def start_again(self, checkpoint: bytes | None = None) -> None:
        """A new process, with or without what the last one knew."""
        self.module.close()
        self.module = self._begin(checkpoint)

    def see(self, *messages: Detections | StreamEnded) -> None:
        """Some messages, one after the other, and what follows."""
        for message in messages:
            before = self._heard()
            self.publisher.publish(message)
            for _ in range(50):
                self.publisher.flush()
                self.outputs += self.module.work(0.1)
                if self._heard() > before or isinstance(message, StreamEnded):
                    break

    def wait(self, seconds: float) -> None:
        """The clocks go on and nothing is seen."""
        self.now += seconds
        self.steady += seconds
        self.outputs += self.module.work(0.0)

    def _heard(self) -> float:
        return self.module.metrics()["frames"]

    def close(self) -> None:
        """Let go of the side channel."""
        self.publisher.close()
        self.module.close()

    def said(self, kind: type[Any]) -> list[Any]:
        """The data of all events of a kind."""
        return [one.data for one in self.events() if isinstance(one.data, kind)]

    def events(self) -> Sequence[CloudEvent]:
        """All events."""
        return [one.event for one in self.outputs if isinstance(one.event, CloudEvent)]

    def told_until(self) -> list[float]:
        """What the heartbeats say, in seconds from the beginning."""
        return [round(one.complete_until.timestamp() - BEGIN, 3) for one in self.said(StreamHeartbeat)]


@pytest.fixture
def chain(tmp_path: Path) -> Any:
    made = Chain(tmp_path)
    yield made
    made.close()


def ended(at: float) -> StreamEnded:
    return StreamEnded(camera_id="door", sequence=10**6, captured_at=at, reason="the clip ended")


def test_a_layout_is_said_to_be_in_force_with_the_first_frame_it_is_applied_to(chain: Chain, frame: FrameOf) -> None:
    assert chain.outputs == []
    chain.see(frame(BEGIN, {}), frame(BEGIN + 1, {}))
    (applied,) = chain.said(LayoutApplied)
    assert applied.captured_at.timestamp() == BEGIN
    assert applied.config_version == 3
    assert applied.lines == (
        DrawnLine(id="door", object_class="person", start=Point(0.3, 0.5), end=Point(0.7, 0.5), to_right="in"),
    )
    assert [(zone.id, zone.staff_only, len(zone.polygon)) for zone in applied.zones] == [("till", True, 3)]
    assert [(queue.id, len(queue.service)) for queue in applied.queues] == [("queue", 3)]


def test_each_camera_says_what_is_on_its_own_picture(chain: Chain, frame: FrameOf) -> None:
    chain.see(frame(BEGIN, {}), frame(BEGIN, {}, camera_id="yard"))
    lines = {one.camera_id: [line.id for line in one.lines] for one in chain.said(LayoutApplied)}
    assert lines == {"door": ["door"], "yard": ["yard"]}
    assert {one.source for one in chain.events()} == {"//hub/device/door", "//hub/device/yard"}


def test_a_layout_is_said_again_after_an_edit_after_a_stream_and_after_a_start(chain: Chain, frame: FrameOf) -> None:
    chain.see(frame(BEGIN, {}))
    edited = read_section("layout", {"zones": LAYOUT["zones"]})
    chain.module.configure("layout", edited, 4)
    chain.see(frame(BEGIN + 1, {}), ended(BEGIN + 2), frame(BEGIN + 3, {}))
    chain.start_again(chain.module.checkpoint())
    chain.see(frame(BEGIN + 4, {}))
    said = [(one.captured_at.timestamp() - BEGIN, one.config_version) for one in chain.said(LayoutApplied)]
    assert said == [(0, 3), (1, 4), (3, 4), (4, 3)]
    assert chain.said(LayoutApplied)[1].lines == ()


def test_a_layout_is_said_before_what_was_decided_by_it(chain: Chain, frame: FrameOf) -> None:
    chain.see(*(frame(BEGIN + step / 10, {"1": (0.5, 0.7)}) for step in range(10)))
    assert next(one.type for one in chain.events()) == LayoutApplied.event_type
    assert len(chain.events()) > 1


def test_a_heartbeat_is_sent_whenever_all_is_told_up_to_another_mark(chain: Chain, frame: FrameOf) -> None:
    chain.see(*(frame(BEGIN + second, {}) for second in range(0, round(2 * HEARTBEAT_SECONDS) + 30, 10)))
    assert chain.told_until() == [9.0, 309.0, 609.0]


def test_a_heartbeat_waits_for_who_may_yet_have_crossed_before_it(chain: Chain, frame: FrameOf) -> None:
    way = [frame(BEGIN + 296 + step / 10, {"1": (0.5, 0.4 + step / 300)}) for step in range(31)]
    on_the_line = [frame(BEGIN + 299.1 + step / 10, {"1": (0.5, 0.503)}) for step in range(50)]
    chain.see(*way, *on_the_line)
    assert chain.told_until() == [], "296 s were told at first, and the mark is at 300"
    chain.see(*(frame(BEGIN + 304.1 + step / 10, {"1": (0.5, 0.5 + step / 100)}) for step in range(20)))
    assert "storeflow.line.crossed" in [one.type for one in chain.events()]


def test_a_window_of_coverage_is_sent_before_the_heartbeat_that_closes_it(chain: Chain, frame: FrameOf) -> None:
    chain.see(frame(BEGIN + WINDOW_SECONDS - 10, {}), frame(BEGIN + WINDOW_SECONDS + 2, {}))
    kinds = [type(one.data) for one in chain.events()]
    assert kinds == [LayoutApplied, CameraCoverage, StreamHeartbeat]
    assert chain.told_until() == [WINDOW_SECONDS + 1]


def test_the_end_of_a_clip_has_a_heartbeat_and_the_clock_moves_it_no_further(chain: Chain, frame: FrameOf) -> None:
    chain.now = BEGIN + 10**7
    chain.see(frame(BEGIN, {}), frame(BEGIN + 20, {}), ended(BEGIN + 21))
    assert chain.told_until() == [19.0]
    chain.wait(10_000)
    assert chain.told_until() == [19.0]


def test_of_a_live_camera_that_is_away_the_clock_says_that_time_goes_on(chain: Chain, frame: FrameOf) -> None:
    chain.see(frame(BEGIN, {}))
    chain.wait(SILENT_SECONDS + 1)
    assert chain.told_until() == [], "what the last frame may yet mean is not told"
    chain.wait(HEARTBEAT_SECONDS + LIVE_SECONDS - SILENT_SECONDS)
    chain.wait(1.0)
    assert chain.told_until() == [HEARTBEAT_SECONDS + 1]
    chain.wait(AWAY_SECONDS + HEARTBEAT_SECONDS)
    assert len(chain.told_until()) == 1


def test_the_same_frames_say_the_same_with_the_same_ids(chain: Chain, frame: FrameOf) -> None:
    frames = [frame(BEGIN + second, {}) for second in range(280, 330, 10)]
    chain.see(*frames)
    first = [one.to_json() for one in chain.events()]
    chain.outputs.clear()
    chain.start_again()
    chain.see(*frames)
    assert [one.to_json() for one in chain.events()] == first
    assert len(first) == 2
