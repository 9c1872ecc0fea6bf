"""The moving scene: every frame of the sample store, and what is true of it."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt

from storeflow.sample_store.actors import Performance, perform_all
from storeflow.sample_store.camera import FloatArray
from storeflow.sample_store.figure import Look, body_box, build_parts, random_look
from storeflow.sample_store.raster import ByteArray, Canvas, Silhouette, cast_shadow, draw_figure
from storeflow.sample_store.room import draw_room
from storeflow.sample_store.schedule import ACTORS
from storeflow.sample_store.store import CAMERA, FPS, HEIGHT, LINES, WIDTH, ZONES, furnish
from storeflow.sample_store.truth import Footstep, Point
from storeflow.sample_store.wardrobe import SAMPLE

SUPERSAMPLING = 2
NOISE_LEVELS = 1.7
NOISE_FIELDS = 7


@dataclass(frozen=True)
class TrueBody:
    """One person in one frame.

    Attributes:
        actor: Name in the schedule.
        box: Whole body in pixels (left, top, right, bottom), over the picture's edge where the body is.
        visible: Share of the body that can be seen, 0..1.
    """

    actor: str
    box: tuple[float, float, float, float]
    visible: float


@dataclass(frozen=True)
class Film:
    """A seed and a length; frames are drawn on demand, in any order, and always alike.

    Attributes:
        seed: Changes goods, noise and the order of looks, never what anybody does.
        seconds: Length of the clip.
    """

    seed: int = 7
    seconds: float = 60.0

    @property
    def frames(self) -> int:
        """How many frames the film has."""
        return round(self.seconds * FPS)

    @cached_property
    def performances(self) -> list[Performance]:
        """Everybody's way through the film."""
        return perform_all(ACTORS, self.frames, FPS)

    @cached_property
    def looks(self) -> dict[str, Look]:
        """What everybody looks like."""
        looks = {}
        for actor in ACTORS:
            drawn = random_look(SAMPLE, np.random.default_rng([self.seed, actor.look]))
            looks[actor.name] = Look(**{**drawn.__dict__, "carries": actor.carries})
        return looks

    @cached_property
    def _still(self) -> tuple[Canvas, npt.NDArray[np.bool_]]:
        return draw_room(furnish(np.random.default_rng(self.seed)), CAMERA.scaled(SUPERSAMPLING))

    @cached_property
    def _light(self) -> FloatArray:
        """Daylight from the left, lamps over the aisles, a lens that darkens its corners; (HEIGHT, WIDTH, 3)."""
        x = np.linspace(-1, 1, WIDTH, dtype=np.float32)[None, :]
        y = np.linspace(-1, 1, HEIGHT, dtype=np.float32)[:, None]
        corners = 1.05 - 0.20 * (x**2 + y**2)
        day = np.exp(-(((x + 0.95) / 0.65) ** 2))
        lamps = 0.10 * np.exp(-(((x - 0.15) / 0.5) ** 2) - ((y + 0.45) / 0.5) ** 2)
        light = corners + lamps
        cool, warm = np.array([0.97, 1.0, 1.06], np.float32), np.array([1.03, 1.0, 0.94], np.float32)
        share = day[..., None]
        tinted: FloatArray = (light[..., None] * (share * cool * 1.06 + (1 - share) * warm)).astype(np.float32)
        return tinted

    @cached_property
    def _noise(self) -> list[ByteArray]:
        rng = np.random.default_rng([self.seed, 1])
        fields = []
        for _ in range(NOISE_FIELDS):
            noise = rng.standard_normal((HEIGHT, WIDTH, 1), dtype=np.float32) * NOISE_LEVELS
            tinted = noise + rng.standard_normal((HEIGHT, WIDTH, 3), dtype=np.float32) * NOISE_LEVELS * 0.4
            # Kept as distance from 128, so that adding it is integer arithmetic.
            fields.append((tinted + 128.5).clip(0, 255).astype(np.uint8))
        return fields

    def frame(self, number: int) -> tuple[ByteArray, list[TrueBody]]:
        """Draw one frame: RGB, shape (360, 640, 3), uint8, and everybody in it."""
        still, floor = self._still
        fine, canvas = CAMERA.scaled(SUPERSAMPLING), still.copy()
        here = [acted for acted in self.performances if acted.present[number]]
        for acted in here:
            cast_shadow(canvas, floor, fine, acted.poses[number].x, acted.poses[number].z)
        drawn: list[tuple[str, tuple[float, float, float, float], Silhouette]] = []
        for acted in here:
            parts = build_parts(self.looks[acted.actor.name], acted.poses[number])
            box = body_box(CAMERA, parts)
            if box[2] <= 0 or box[0] >= WIDTH or box[3] <= 0 or box[1] >= HEIGHT:
                continue
            drawn.append((acted.actor.name, box, draw_figure(canvas, fine, parts)))
        bodies = []
        for name, box, silhouette in drawn:
            wide = min(box[2], WIDTH) - max(box[0], 0)
            tall = min(box[3], HEIGHT) - max(box[1], 0)
            in_picture = wide * tall / ((box[2] - box[0]) * (box[3] - box[1]))
            bodies.append(TrueBody(name, box, in_picture * silhouette.visible_share(canvas)))
        return self._develop(canvas.colour, number), bodies

    def _develop(self, fine: ByteArray, number: int) -> ByteArray:
        """Bring the fine picture down to the camera's size, light it and add the sensor's noise."""
        picture = cv2.resize(fine, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA).astype(np.float32)
        lit = np.clip(picture * self._light, 0, 255)
        rng = np.random.default_rng([self.seed, 2, number])
        field = self._noise[int(rng.integers(NOISE_FIELDS))]
        field = np.roll(field, (int(rng.integers(HEIGHT)), int(rng.integers(WIDTH))), axis=(0, 1))
        return np.asarray(np.clip(lit + field - 128.0, 0, 255), np.uint8)

    def walks(self) -> dict[str, list[Footstep]]:
        """Return everybody's footsteps in pixels, while they are in the scene."""
        walks = {}
        for acted in self.performances:
            look = self.looks[acted.actor.name]
            steps = []
            for number in np.flatnonzero(acted.present):
                pose = acted.poses[int(number)]
                body = np.array([[pose.x, 0, pose.z], [pose.x, look.height, pose.z]], np.float32)
                pixels, _ = CAMERA.project(body)
                foot: Point = (float(pixels[0, 0]), float(pixels[0, 1]))
                steps.append(Footstep(int(number) / FPS, foot, float(pixels[0, 1] - pixels[1, 1])))
            walks[acted.actor.name] = steps
        return walks


def lines_px() -> dict[str, tuple[Point, Point]]:
    """Return the store's lines in pixels."""
    return {name: (_pixel(*start), _pixel(*end)) for name, (start, end) in LINES.items()}


def zones_px() -> dict[str, list[Point]]:
    """Return the store's zones in pixels."""
    return {name: [_pixel(*point) for point in points] for name, points in ZONES.items()}


def _pixel(x: float, z: float) -> Point:
    across, down = CAMERA.floor_point(x, z)
    return across * WIDTH, down * HEIGHT
