from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from modules.zone_analytics.decisions import NoCrossing
from storeflow.cli.count.clip import Clip
from storeflow.cli.count.pipeline import Pipeline
from storeflow.cli.count.remarks import Remark, Remarks
from storeflow.contract.geometry import Point
from storeflow.contract.messages import Detections
from storeflow.contract.twins import Layout

HERE, THERE = Point(0.2, 0.9), Point(0.8, 0.9)


def test_a_crossing_is_told_where_it_was_for_a_second_from_its_decision(crossing: Callable[..., Any]) -> None:
    remarks = Remarks()
    told = Remark("door: in, settled", Point(0.5, 0.5), was_counted=True)
    assert remarks.now(10.0, [crossing(9.2, "in")], {"1": HERE}) == [told]
    assert remarks.now(10.9, [], {"1": THERE}) == [told]
    assert remarks.now(11.0, [], {"1": THERE}) == []


def test_a_u_turn_is_told_as_one(crossing: Callable[..., Any]) -> None:
    (told,) = Remarks().now(10.0, [crossing(9.2, "out", u_turn_of=8.0)], {})
    assert told.text == "door: out, settled, a U-turn"


def test_what_is_not_counted_is_told_with_its_reason_where_the_person_is() -> None:
    (told,) = Remarks().now(10.0, [NoCrossing("door", "1", 9.8, "returned")], {"1": HERE, "2": THERE})
    assert told == Remark("door: not counted: returned", HERE, was_counted=False)


def test_of_who_is_gone_it_is_told_where_they_were_last() -> None:
    remarks = Remarks()
    remarks.now(9.0, [], {"1": HERE})
    (told,) = remarks.now(10.0, [NoCrossing("door", "1", 9.0, "unsettled")], {"2": THERE})
    assert told.position == HERE


def test_decisions_of_one_moment_are_all_told(crossing: Callable[..., Any]) -> None:
    both = [crossing(9.2, "in"), replace(crossing(9.2, "in", "2"), reason="stitched")]
    assert [one.text for one in Remarks().now(10.0, both, {})] == ["door: in, settled", "door: in, stitched"]


def test_feet_are_where_the_boxes_end(repository: Path, eval_data: Path) -> None:
    video = eval_data / "videos" / "mot_TUD-Campus.mp4"
    near = 0
    with Pipeline(Clip(video, fps=5), repository / "models" / "person" / "rtmdet_nano", Layout()) as pipeline:
        for step in pipeline:
            if not isinstance(step.message, Detections):
                continue
            for track in step.message.tracks:
                foot, box = step.feet[track.track_id], track.box
                assert box.left <= foot.x <= box.right
                near += abs(foot.y - box.bottom) < 0.02
    assert near > 20
