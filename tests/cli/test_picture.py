from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from storeflow.cli.picture import PAPER, PERSON, REFUSED, ROW, AnnotatedVideo, HeatMap, draw, write_image
from storeflow.cli.remarks import Remark
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
    image = draw(frame, detections(0.0, (0.75, 0.9)), layout, CAPTIONS)
    assert image.shape == (160, 320, 3)
    assert tuple(image[144, 240]) == PERSON


def test_a_track_has_its_number_on_a_dark_panel_over_its_box(frame: Frame, layout: Layout) -> None:
    image = draw(frame, detections(0.0, (0.75, 0.9)), layout, CAPTIONS)
    left, top = round(0.7 * 320), round(0.6 * 160)
    panel = image[top - 18 : top - 4, left + 1 : left + 16].reshape(-1, 3)
    assert (panel == PAPER).all(axis=1).sum() > 50
    assert (panel[:, 1] > 180).any(), "the number"


def test_a_remark_is_drawn_inside_the_picture_in_the_colour_of_what_it_says(frame: Frame) -> None:
    said = [Remark("door: in, settled", Point(0.99, 0.99), was_counted=True)]
    refused = [Remark("door: not counted", Point(0.99, 0.99), was_counted=False)]
    for remarks, colour in ((said, PERSON), (refused, REFUSED)):
        image = draw(frame, detections(0.0), Layout(), [], remarks)
        corner = image[-ROW:, 160:]
        assert (corner == PAPER).all(axis=2).mean() > 0.3
        assert np.abs(corner.astype(int) - colour).max(axis=2).min() < 30
        assert (image[: -2 * ROW, :, 0] == image[80, 0, 0]).mean() > 0.8, "little else is drawn"


def test_two_remarks_at_one_place_cover_each_other_nowhere(frame: Frame) -> None:
    here = Point(0.5, 0.2)
    one = [Remark("door: in, settled", here, was_counted=True)]
    two = [*one, Remark("door: not counted: beside", here, was_counted=False)]
    first, both = (draw(frame, detections(0.0), Layout(), [], remarks) for remarks in (one, two))
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
            film.add(draw(frame, detections(step / 10, (0.1 * step, 0.9)), layout, CAPTIONS))
    with av.open(str(tmp_path / "film.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "vp9"
        assert float(stream.average_rate or 0) == 10
        assert sum(1 for _ in container.decode(stream)) == 7
