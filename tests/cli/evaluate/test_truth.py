import json
from pathlib import Path

import pytest

from storeflow.cli.evaluate.truth import TrueCrossing, read_truth
from storeflow.contract.geometry import signed_distance
from storeflow.errors import ConfigError


def test_facing_down_the_picture_to_the_left_is_to_our_right(eval_data: Path) -> None:
    truth = read_truth(eval_data / "truth" / "mot_PETS09-S2L1.json", Path("mot_PETS09-S2L1.mp4"))
    line, counts = truth.layout.lines["door_x690"], truth.lines["door_x690"]
    left_of_the_picture = type(line.start)(600 / 768, 0.5)
    assert line.in_ == "right"
    assert signed_distance(left_of_the_picture, line.start, line.end) > 0
    assert (counts.counted_in, counts.counted_out) == (15, 9)
    assert counts.geometric == (18, 12)
    assert counts.crossings is not None
    assert counts.crossings[0] == TrueCrossing(3.43, "in")
    assert len(counts.crossings) == 24


def test_zones_visits_and_people_in_view_come_with_the_lines(eval_data: Path) -> None:
    truth = read_truth(eval_data / "truth" / "mot_PETS09-S2L1.json", Path("mot_PETS09-S2L1.mp4"))
    assert truth.people == 19
    assert truth.in_view_by_second[:4] == (3, 3, 3, 5)
    assert len(truth.zones["plaza"]) == 22
    assert truth.layout.zones["plaza"].polygon[0] == pytest.approx((230 / 768, 240 / 576))


def test_into_the_shop_is_up_the_picture(eval_data: Path) -> None:
    truth = read_truth(eval_data / "truth" / "caviar_shop_front.json", Path("OneLeaveShop1front.mpg"))
    door = truth.layout.lines["door"]
    above = type(door.start)(door.start.x, door.start.y - 0.1)
    assert signed_distance(above, door.start, door.end) < 0
    assert door.in_ == "left"
    assert (truth.lines["door"].counted_in, truth.lines["door"].counted_out) == (0, 1)


def test_a_clip_of_another_view_is_refused_with_those_that_are_known(eval_data: Path) -> None:
    with pytest.raises(ConfigError, match=r"EnterExitCrossingPaths1cor\.mpg: no line is known.*1front\.mpg"):
        read_truth(eval_data / "truth" / "caviar_shop_front.json", Path("EnterExitCrossingPaths1cor.mpg"))


def test_cars_that_drive_down_the_picture_go_in(eval_data: Path) -> None:
    truth = read_truth(eval_data / "truth" / "car-detection.json", Path("car-detection.mp4"))
    assert truth.lines["mid_y216"].crossings is not None
    assert [crossing.direction for crossing in truth.lines["mid_y216"].crossings] == ["out", "in", "out", "in"]
    assert truth.layout.lines["mid_y216"].object_class == "vehicle"


def test_people_counted_by_eye_need_no_line(eval_data: Path) -> None:
    name = "intel_store-aisle-detection_preview"
    truth = read_truth(eval_data / "truth" / f"{name}.json", Path(f"{name}.mp4"))
    assert (truth.people, truth.layout.lines) == (3, {})


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ("[", "Expecting value"),
        ("{}", "has none of the keys"),
        (json.dumps({"lines": [], "zones": []}), "size: is missing"),
    ],
)
def test_what_is_no_truth_is_refused_with_the_reason(tmp_path: Path, document: str, told: str) -> None:
    path = tmp_path / "truth.json"
    path.write_text(document)
    with pytest.raises(ConfigError, match=told):
        read_truth(path, Path("clip.mp4"))


def test_a_truth_that_is_not_there_is_named_by_its_option(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^--truth .*gone\.json: No such file or directory$"):
        read_truth(tmp_path / "gone.json", Path("clip.mp4"))
