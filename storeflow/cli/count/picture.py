"""Pictures for people: what was seen and counted, drawn over the frames, and where people were, as a heat map.

A frame of real people is written only by `AnnotatedVideo`, which nothing but `--annotate` (or the rendered sample
store) makes. The heat map has no picture in it.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from storeflow.cli.count.remarks import Remark
from storeflow.cli.text import short_name
from storeflow.contract.geometry import Point
from storeflow.contract.messages import Detections, Track
from storeflow.contract.twins import Layout
from storeflow.frames.frame import Frame

Image = NDArray[np.uint8]
LINE, ZONE, PERSON, TENTATIVE, REFUSED, INK, PAPER = (
    (60, 180, 255),
    (200, 160, 60),
    (90, 220, 90),
    (150, 150, 150),
    (110, 130, 255),
    (255, 255, 255),
    (30, 30, 30),
)
"""Blue, green, red, as OpenCV has them."""
FONT = cv2.FONT_HERSHEY_SIMPLEX
ROW, TAG_SCALE = 20, 0.48
"""Pixels from one tag to the next below it, and the size of its letters."""
HEAT_CELLS = 96
"""Across the frame's width."""


def draw(
    frame: Frame,
    detections: Detections,
    people: Mapping[str, str],
    layout: Layout,
    *,
    captions: Sequence[str] = (),
    remarks: Sequence[Remark] = (),
) -> Image:
    """The frame in colour, shape (height, width, 3), with layout, boxes, captions and remarks.

    Args:
        frame: the picture.
        detections: the boxes in it.
        people: which person every track follows: the `track_id` of events, whose end is written over the box.
        layout: lines and zones.
        captions: one text a row in the lower left corner.
        remarks: what to say of decisions, and where.
    """
    image: Image = np.asarray(cv2.cvtColor(frame.i420, cv2.COLOR_YUV2BGR_I420), np.uint8)
    size = frame.width, frame.height
    _draw_layout(image, layout, size)
    for track in detections.tracks:
        left_top = _pixels(Point(track.box.left, track.box.top), size)
        right_bottom = _pixels(Point(track.box.right, track.box.bottom), size)
        cv2.rectangle(image, left_top, right_bottom, _colour(track), 1, cv2.LINE_AA)
        cv2.circle(image, _pixels(track.box.bottom_center, size), 3, _colour(track), -1, cv2.LINE_AA)
    _draw_captions(image, captions)
    for track in detections.tracks:
        if track.track_id in people:
            left_top = _pixels(Point(track.box.left, track.box.top), size)
            _draw_name(image, short_name(people[track.track_id]), left_top, _colour(track))
    _draw_remarks(image, remarks, size)
    return image


class AnnotatedVideo:
    """An MP4 with VP9, which every browser plays; the encoder is BSD-licensed."""

    def __init__(self, path: Path, fps: float) -> None:
        self._container = av.open(str(path), "w")
        self._rate = Fraction(fps).limit_denominator(1000)
        self._stream: av.VideoStream | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stream is not None:
            self._container.mux(self._stream.encode(None))
        self._container.close()

    def add(self, image: Image) -> None:
        """Append a picture, shape (height, width, 3), blue green red."""
        if self._stream is None:
            self._stream = self._container.add_stream("libvpx-vp9", rate=self._rate)
            self._stream.height, self._stream.width = image.shape[:2]
            self._stream.pix_fmt = "yuv420p"
            self._stream.options = {"deadline": "realtime", "cpu-used": "8", "crf": "34", "b": "0"}
        self._container.mux(self._stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))


class HeatMap:
    """Person-seconds per cell of the picture."""

    def __init__(self) -> None:
        self.seconds: NDArray[np.float64] | None = None
        """Shape (rows, `HEAT_CELLS`)."""
        self._aspect_ratio = 1.0
        self._last_at: float | None = None

    def add(self, detections: Detections) -> None:
        """Add the time since the frame before to every cell in which someone stands."""
        self._aspect_ratio = detections.frame_width / detections.frame_height
        if self.seconds is None:
            self.seconds = np.zeros((max(1, round(HEAT_CELLS / self._aspect_ratio)), HEAT_CELLS))
        elapsed = 0.0 if self._last_at is None else detections.captured_at - self._last_at
        self._last_at = detections.captured_at
        rows, columns = self.seconds.shape
        for track in detections.tracks:
            foot = track.box.bottom_center
            if track.confirmed and 0 <= foot.x < 1 and 0 <= foot.y < 1:
                self.seconds[int(foot.y * rows), int(foot.x * columns)] += elapsed

    def draw(self, layout: Layout, width: int = 960) -> Image:
        """The map as a picture with its scale, shape (height, width, 3): dark where nobody was."""
        seconds = np.zeros((1, HEAT_CELLS)) if self.seconds is None else self.seconds
        size = width, round(width / self._aspect_ratio)
        smooth = cv2.resize(cv2.GaussianBlur(seconds, (0, 0), 1.2), size, interpolation=cv2.INTER_CUBIC)
        most = float(smooth.max())
        scaled = np.clip(smooth / most if most > 0 else smooth, 0, 1)
        image: Image = np.asarray(
            cv2.applyColorMap((255 * np.sqrt(scaled)).astype(np.uint8), cv2.COLORMAP_INFERNO), np.uint8
        )
        _draw_layout(image, layout, size)
        per_cell = float(seconds.max())
        text = f"person-seconds on the floor: {seconds.sum():.0f} in all, {per_cell:.0f} in the busiest cell"
        cv2.putText(image, text, (12, size[1] - 14), FONT, 0.5, INK, 1, cv2.LINE_AA)
        return image


def write_image(path: Path, image: Image) -> None:
    """Write a PNG."""
    path.write_bytes(cv2.imencode(".png", image)[1].tobytes())


def _draw_layout(image: Image, layout: Layout, size: tuple[int, int]) -> None:
    for zone_id, zone in layout.zones.items():
        corners = [_pixels(corner, size) for corner in zone.polygon]
        cv2.polylines(
            image, [np.array(corners, np.int32)], isClosed=True, color=ZONE, thickness=1, lineType=cv2.LINE_AA
        )
        _label(image, zone_id, corners[0], ZONE)
    for line_id, line in layout.lines.items():
        start, end = _pixels(line.start, size), _pixels(line.end, size)
        cv2.arrowedLine(image, start, end, LINE, 2, cv2.LINE_AA, tipLength=0.04)
        _label(image, line_id, start, LINE)


def _draw_captions(image: Image, texts: Sequence[str]) -> None:
    """A panel of one text a row in the lower left corner, where few boxes have their names."""
    width = max((cv2.getTextSize(text, FONT, 0.42, 1)[0][0] for text in texts), default=0)
    top = image.shape[0] - 12 - 18 * len(texts)
    cv2.rectangle(image, (6, top), (width + 18, image.shape[0] - 6), PAPER, -1)
    for row, text in enumerate(texts):
        cv2.putText(image, text, (12, top + 16 + 18 * row), FONT, 0.42, INK, 1, cv2.LINE_AA)


def _draw_remarks(image: Image, remarks: Sequence[Remark], size: tuple[int, int]) -> None:
    """Each on a panel of its own, inside the picture; one that would cover another goes below it."""
    taken: list[tuple[int, int, int]] = []
    for remark in remarks:
        width = _tag_width(remark.text)
        x, y = _pixels(remark.position, size)
        left, top = max(0, min(x - width // 2, size[0] - width)), max(0, min(y + 8, size[1] - ROW))
        while any(left < right and other < left + width and abs(top - row) < ROW for other, right, row in taken):
            top += ROW
        taken.append((left, left + width, top))
        _draw_tag(image, remark.text, (left, top), PERSON if remark.was_counted else REFUSED)


def _colour(track: Track) -> tuple[int, int, int]:
    return PERSON if track.confirmed else TENTATIVE


def _draw_name(image: Image, name: str, left_top: tuple[int, int], colour: tuple[int, int, int]) -> None:
    """Over the upper left corner of a box, moved to the left where the picture ends."""
    left = max(0, min(left_top[0], image.shape[1] - _tag_width(name)))
    _draw_tag(image, name, (left, left_top[1] - ROW), colour)


def _draw_tag(image: Image, text: str, place: tuple[int, int], colour: tuple[int, int, int]) -> None:
    """Text on a dark panel whose upper left corner is at the place, or at the picture's upper edge."""
    left, top = place[0], max(0, place[1])
    cv2.rectangle(image, (left, top), (left + _tag_width(text), top + ROW - 2), PAPER, -1)
    cv2.putText(image, text, (left + 5, top + 15), FONT, TAG_SCALE, colour, 1, cv2.LINE_AA)


def _tag_width(text: str) -> int:
    return int(cv2.getTextSize(text, FONT, TAG_SCALE, 1)[0][0]) + 10


def _label(image: Image, text: str, place: tuple[int, int], colour: tuple[int, int, int]) -> None:
    cv2.putText(image, text, (place[0] + 4, place[1] - 5), FONT, 0.4, PAPER, 3, cv2.LINE_AA)
    cv2.putText(image, text, (place[0] + 4, place[1] - 5), FONT, 0.4, colour, 1, cv2.LINE_AA)


def _pixels(point: Point, size: tuple[int, int]) -> tuple[int, int]:
    return round(point.x * size[0]), round(point.y * size[1])
