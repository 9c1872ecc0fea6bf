"""The chain that a frame goes through, from the tracker to the outbox, as in the modules' own processes."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from modules.inference.camera_tracks import CameraTracks
from modules.inference.detector import Detected
from modules.inference.track.parameters import DEFAULT
from modules.zone_analytics.module import ZoneAnalytics
from storeflow.contract.messages import Detections, decode, encode
from storeflow.contract.twins import Layout, read_section
from storeflow.frames.frame import WHOLE_FRAME, Frame
from storeflow.host.module import ModuleContext, Output
from storeflow.host.outbox import FILE_NAME, Outbox
from tools.soak.shop import Picture

FULL_WIDTH, FULL_HEIGHT = 1280, 720
THRESHOLD = 0.5
COMMIT_SECONDS = 10.0
"""Of the shop's time: the product keeps what it has every second."""
_BATCH = 500
_REMEMBER_SECONDS = 2 * DEFAULT.lost_seconds
_PIXELS = np.zeros((6, 4), np.uint8)

CAMERAS = ("entrance", "aisle")


def layout() -> Layout:
    """One of everything that can be drawn, on every camera."""
    document: dict[str, Any] = {"lines": {}, "zones": {}, "queues": {}, "areas": {}}
    for camera_id in CAMERAS:
        on = {"camera_id": camera_id}
        document["lines"][f"{camera_id}-door"] = {"start": [0.02, 0.8], "end": [0.98, 0.8], "in": "left", **on}
        document["zones"][f"{camera_id}-shelf"] = {"polygon": _box(0.2, 0.35, 0.42, 0.55), "min_dwell_seconds": 5, **on}
        document["zones"][f"{camera_id}-till"] = {"polygon": _box(0.76, 0.62, 0.9, 0.78), "staff_only": True, **on}
        queue = {"polygon": _box(0.6, 0.35, 0.82, 0.55), "service": _box(0.42, 0.2, 0.6, 0.34), **on}
        document["queues"][f"{camera_id}-queue"] = queue
    document["areas"]["shop"] = {"lines": {f"{camera_id}-door": "in" for camera_id in CAMERAS}}
    section: Layout = read_section("layout", document)
    return section


def _box(left: float, top: float, right: float, bottom: float) -> list[list[float]]:
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


class MemorySink:
    """Takes events and remembers of each kind how many there were."""

    def __init__(self) -> None:
        self.events: Counter[str] = Counter()

    def write(self, event_type: str) -> None:
        """Take one."""
        self.events[event_type] += 1


class Chain:
    """Tracker, side channel message, zone analytics, checkpoint, outbox and sink, in one process.

    Args:
        folder: of the outbox.
    """

    def __init__(self, folder: Path) -> None:
        context = ModuleContext("zone_analytics", "hub", "device", "store", folder, folder, folder, (), folder)
        self.tracks: dict[str, CameraTracks] = {}
        self.analytics = ZoneAnalytics(context, None)
        self.analytics.configure("layout", layout(), 1)
        self.outbox = Outbox(folder / FILE_NAME)
        self.sink = MemorySink()
        self.frames = 0
        self.tracks_confirmed = 0
        """Different ones."""
        self.checkpoint_bytes = 0
        self._confirmed_at: dict[str, float] = {}
        """When each of them was seen last."""
        self._outputs: list[Output] = []
        self._committed_at = 0.0

    def take(self, picture: Picture) -> None:
        """One frame, all the way."""
        message = self._follow(picture)
        said = decode(encode(message))
        self._outputs += self.analytics.on_side_channel(said)
        self.frames += 1
        if picture.captured_at - self._committed_at >= COMMIT_SECONDS:
            self._committed_at = picture.captured_at
            self._commit(picture.captured_at)

    def held(self) -> Mapping[str, int]:
        """Tracks in memory, rows that wait, and bytes of the checkpoint."""
        return {
            "tracked": sum(map(len, self.tracks.values())),
            "rows": self.outbox.rows_waiting,
            "checkpoint": self.checkpoint_bytes,
        }

    def close(self) -> None:
        """Let go of the outbox."""
        self.analytics.close()
        self.outbox.close()

    def _follow(self, picture: Picture) -> Detections:
        frame = Frame(
            picture.camera_id, picture.sequence, picture.captured_at, FULL_WIDTH, FULL_HEIGHT, WHOLE_FRAME, _PIXELS
        )
        camera = self.tracks.get(picture.camera_id)
        if camera is None:
            camera = self.tracks[picture.camera_id] = CameraTracks(picture.captured_at)
        detected = Detected(picture.boxes, picture.scores, ("person",) * len(picture.scores))
        tracks = camera.task("person").follow(frame, detected, THRESHOLD)
        self._count((track.track_id for track in tracks if track.confirmed), picture.captured_at)
        return Detections(
            camera_id=picture.camera_id,
            sequence=picture.sequence,
            captured_at=picture.captured_at,
            frame_width=FULL_WIDTH,
            frame_height=FULL_HEIGHT,
            model_version="soak@000000000000",
            tracks=tuple(tracks),
        )

    def _count(self, confirmed: Iterable[str], at: float) -> None:
        for track_id in confirmed:
            self.tracks_confirmed += track_id not in self._confirmed_at
            self._confirmed_at[track_id] = at
        # A track that is not in the tracker's memory any more does not come back.
        self._confirmed_at = {one: seen for one, seen in self._confirmed_at.items() if at - seen <= _REMEMBER_SECONDS}

    def _commit(self, now: float) -> None:
        checkpoint = self.analytics.checkpoint()
        self.checkpoint_bytes = len(checkpoint)
        self.outbox.commit(self._outputs, checkpoint, now)
        self._outputs = []
        for destination in self.outbox.destinations():
            while rows := self.outbox.waiting(destination, _BATCH):
                for row in rows:
                    self.sink.write(row.properties.get("eventType", ""))
                self.outbox.delete([row.id for row in rows])
