from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from storeflow.cli.count.picture import PAPER, PERSON, REFUSED, ROW, AnnotatedVideo, HeatMap, draw, write_image
from storeflow.cli.count.remarks import Remark
from storeflow.contract.geometry import BoundingBox, Point
from storeflow.contract.messages import Detections, Track
from storeflow.contract.twins import Layout
from storeflow.frames.frame import WHOLE_FRAME, Frame

GREY = 128
CAPTIONS = ["door  in 1  out 0"]


def detections(at: float, *feet: tuple[float, float], confirmed: bool = True) -> Detections:
    return Detections(
        camera_id="camera",
        sequence=0,
        captured_at=at,
        frame_width=320,
        frame_height=160,
        model_version="m@1",
        tracks=tuple(
            Track(
                track_id=str(number), box=BoundingBox(x - 0.05, y - 0.3, x + 0.05, y), confidence=1, confirmed=confirmed
            )
            for number, (x, y) in enumerate(feet)
        ),
    )


@pytest.fixture
def frame() -> Frame:
    return Frame("camera", 0, 0.0, 320, 160, WHOLE_FRAME, np.full((240, 320), GREY, np.uint8))


def test_a_person_is_drawn_where_they_stand(frame: Frame, layout: Layout) -> None:
    image = draw(frame, detections(0.0, (0.75, 0.9)), {}, layout, captions=CAPTIONS)
    assert image.shape == (160, 320, 3)
    assert tuple(image[144, 240]) == PERSON


def test_a_box_has_the_end_of_the_persons_track_id_on_a_dark_panel_over_it(frame: Frame, layout: Layout) -> None:
    of_track, of_others, of_the_same = (
        draw(frame, detections(0.0, (0.75, 0.9)), people, layout)
        for people in ({"0": "19b8d627a80-2"}, {"0": "19b8d627a80-7"}, {"0": "0-2"})
    )
    left, top = round(0.7 * 320), round(0.6 * 160)
    panel = of_track[top - 18 : top - 4, left + 1 : left + 16].reshape(-1, 3)
    assert (panel == PAPER).all(axis=1).sum() > 50
    assert (panel[:, 1] > 180).any(), "the number"
    assert (of_track != of_others).any(), "another person"
    assert (of_track == of_the_same).all(), "no room for the whole id"


def test_a_long_id_at_the_pictures_edge_is_inside_the_picture(frame: Frame) -> None:
    image = draw(frame, detections(0.0, (0.94, 0.9)), {"0": "19b8d627a80-14@1767603609100"}, Layout())
    tag = image[round(0.6 * 160) - ROW :][: ROW - 4].astype(int)
    is_panel = (np.abs(tag - PAPER) < 10).all(axis=2).mean(axis=0) > 0.5
    box = round(0.89 * 320)
    assert is_panel[-4:].all(), "the panel ends at the edge"
    assert is_panel[box - 60 : box - 5].mean() > 0.5, "and so begins before the box"


def test_what_was_counted_hides_nobodys_name(frame: Frame) -> None:
    here, captions = detections(0.0, (0.1, 1.2)), ["a long text in the corner", "and another", "and one more"]
    named, nameless, alone = (
        draw(frame, here, people, Layout(), captions=texts)
        for people, texts in (({"0": "0-8"}, captions), ({}, captions), ({"0": "0-8"}, []))
    )
    top = round(0.9 * 160) - ROW
    assert (nameless[top + 4] == PAPER).all(axis=1)[30:100].mean() > 0.5, "the captions would hide it"
    tag = np.s_[top : top + ROW - 2, 17:30]
    assert (named[tag] == alone[tag]).all()


def test_a_box_that_is_nobodys_has_no_id(frame: Frame) -> None:
    image = draw(frame, detections(0.0, (0.75, 0.9)), {}, Layout())
    assert not (image == PAPER).all(axis=2)[:80, 100:].any()


def test_a_remark_is_drawn_inside_the_picture_in_the_colour_of_what_it_says(frame: Frame) -> None:
    said = [Remark("door: in, settled", Point(0.99, 0.99), was_counted=True)]
    refused = [Remark("door: not counted", Point(0.99, 0.99), was_counted=False)]
    for remarks, colour in ((said, PERSON), (refused, REFUSED)):
        image = draw(frame, detections(0.0), {}, Layout(), remarks=remarks)
        corner = image[-ROW:, 160:]
        assert (corner == PAPER).all(axis=2).mean() > 0.3
        assert np.abs(corner.astype(int) - colour).max(axis=2).min() < 30
        assert (image[: -2 * ROW, :, 0] == image[80, 0, 0]).mean() > 0.8, "little else is drawn"


def test_two_remarks_at_one_place_cover_each_other_nowhere(frame: Frame) -> None:
    here = Point(0.5, 0.2)
    one = [Remark("door: in, settled", here, was_counted=True)]
    two = [*one, Remark("door: not counted: beside", here, was_counted=False)]
    first, both = (draw(frame, detections(0.0), {}, Layout(), remarks=remarks) for remarks in (one, two))
    drawn = (first == PAPER).all(axis=2) | (np.abs(first.astype(int) - PERSON).max(axis=2) < 30)
    assert drawn.sum() > 500
    assert (both[drawn] == first[drawn]).all()


def test_the_heat_map_holds_the_seconds_that_people_stood_somewhere() -> None:
    heat = HeatMap()
    for step in range(11):
        heat.add(detections(step / 10, (0.25, 0.5), (0.75, 0.5)))
    assert heat.seconds is not None
    assert heat.seconds.shape == (48, 96)
    assert heat.seconds[24, 24] == pytest.approx(1.0)
    assert heat.seconds.sum() == pytest.approx(2.0)


def test_who_is_not_confirmed_or_out_of_the_picture_leaves_no_heat() -> None:
    heat = HeatMap()
    for step in range(5):
        heat.add(detections(step / 10, (0.25, 0.5), confirmed=False))
        heat.add(detections(step / 10 + 0.05, (0.5, 1.2)))
    assert heat.seconds is not None
    assert heat.seconds.sum() == 0


def test_the_heat_map_is_a_picture_without_anybody_in_it(tmp_path: Path, layout: Layout) -> None:
    write_image(tmp_path / "heat.png", HeatMap().draw(layout))
    image = cv2.imread(str(tmp_path / "heat.png"))
    assert image is not None
    assert image.shape == (960, 960, 3)


def test_the_annotated_film_has_every_frame_in_a_free_format(tmp_path: Path, frame: Frame, layout: Layout) -> None:
    with AnnotatedVideo(tmp_path / "film.mp4", fps=10) as film:
        for step in range(7):
            film.add(draw(frame, detections(step / 10, (0.1 * step, 0.9)), {}, layout, captions=CAPTIONS))
    with av.open(str(tmp_path / "film.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "vp9"
        assert float(stream.average_rate or 0) == 10
        assert sum(1 for _ in container.decode(stream)) == 7
