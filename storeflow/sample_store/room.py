"""A room that stands still: floor, walls, shelves and whatever looks like a person and is none."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from storeflow.sample_store.camera import Camera
from storeflow.sample_store.figure import Garment, Look, Parts, Pose, build_parts
from storeflow.sample_store.raster import ByteArray, Canvas, cast_shadow, draw_figure, draw_rectangle
from storeflow.sample_store.surfaces import plain_texture
from storeflow.sample_store.wardrobe import Colour

# How bright a face is by the way it looks: up, to the daylight (left), to the camera, away from the daylight.
UP, LEFT, NEAR, RIGHT = 1.06, 0.98, 0.86, 0.72


@dataclass(frozen=True)
class Box:
    """A box on the floor, axis-aligned, with an optional picture on its upright sides.

    Attributes:
        x: Left and right end in metres.
        z: Near and far end in metres.
        y: Lower and upper end in metres.
        colour: Paint.
        near: Texture of the side that looks to -z, or None for paint.
        sides: Texture of the sides that look to -x and +x, or None for paint.
    """

    x: tuple[float, float]
    z: tuple[float, float]
    y: tuple[float, float]
    colour: Colour
    near: ByteArray | None = None
    sides: ByteArray | None = None


@dataclass(frozen=True)
class Panel:
    """A textured rectangle: a floor, a poster, a sign.

    Attributes:
        corner: Where the texture's top left pixel is, in metres.
        along: Edge along the texture's rows, in metres.
        down: Edge down the texture's columns, in metres.
        texture: RGB.
        is_floor: Whether shadows fall on it.
    """

    corner: tuple[float, float, float]
    along: tuple[float, float, float]
    down: tuple[float, float, float]
    texture: ByteArray
    is_floor: bool = False


@dataclass
class Room:
    """All that stands still in a scene.

    Attributes:
        panels: Floors first, then what hangs or lies.
        boxes: Walls, shelves, counters.
        mannequins: Bodies that are no people.
        clutter: Other round things: plants, coats on a stand.
        background: Colour behind everything.
    """

    panels: list[Panel] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)
    mannequins: list[tuple[Look, Pose]] = field(default_factory=list)
    clutter: list[Parts] = field(default_factory=list)
    background: Colour = (40, 44, 50)


def floor_panel(x: tuple[float, float], z: tuple[float, float], texture: ByteArray, lift: float = 0.0) -> Panel:
    """Lay a texture on the floor; its top row lies at the far end."""
    return Panel((x[0], lift, z[1]), (x[1] - x[0], 0.0, 0.0), (0.0, 0.0, z[0] - z[1]), texture, is_floor=True)


def _shaded(texture: ByteArray | None, colour: Colour, shade: float) -> ByteArray:
    if texture is None:
        return plain_texture(colour, shade)
    return np.asarray(np.clip(texture.astype(np.float32) * shade, 0, 255), np.uint8)


def draw_box(canvas: Canvas, camera: Camera, box: Box) -> None:
    """Draw the faces of a box that the camera can see."""
    (x0, x1), (z0, z1), (y0, y1) = box.x, box.z, box.y
    eye_x, eye_y, eye_z = camera.position
    if eye_z < z0:
        texture = _shaded(box.near, box.colour, NEAR)
        draw_rectangle(canvas, camera, (x0, y1, z0), ((x1 - x0, 0, 0), (0, y0 - y1, 0)), texture)
    if eye_x < x0:
        texture = _shaded(box.sides, box.colour, LEFT)
        draw_rectangle(canvas, camera, (x0, y1, z1), ((0, 0, z0 - z1), (0, y0 - y1, 0)), texture)
    if eye_x > x1:
        texture = _shaded(box.sides, box.colour, RIGHT)
        draw_rectangle(canvas, camera, (x1, y1, z0), ((0, 0, z1 - z0), (0, y0 - y1, 0)), texture)
    if eye_y > y1:
        texture = plain_texture(box.colour, UP)
        draw_rectangle(canvas, camera, (x0, y1, z1), ((x1 - x0, 0, 0), (0, 0, z0 - z1)), texture)


def mannequin(colour: Colour, dress: Colour, height: float) -> Look:
    """A shop-window figure: one smooth colour all over, no hair, no shoes."""
    skin = Garment(colour, colour, "plain")
    return Look(
        height=height, girth=0.9, shoulders=0.108, top=Garment(dress, dress, "plain"), bottom=skin,
        skin=colour, hair=colour, shoes=colour, bag=colour, cut="skirt",
    )  # fmt: skip


def plant(x: float, z: float, height: float, rng: np.random.Generator, *, pot: Colour, leaf: Colour) -> Parts:
    """A potted plant: a pot and a dozen leaves."""
    parts = Parts()
    base, rim = np.array([x, 0.02, z], np.float32), np.array([x, 0.34 * height, z], np.float32)
    thick = 0.13 * height
    parts.add(base + np.array([0, thick, 0], np.float32), rim, (thick, thick * 1.25), Garment(pot, pot, "plain"))
    for _ in range(14):
        tip = rim + np.array([rng.normal(0, 0.2), rng.uniform(0.2, 0.62), rng.normal(0, 0.2)], np.float32) * height
        tone = tuple(int(np.clip(channel * rng.uniform(0.7, 1.2), 0, 255)) for channel in leaf)
        colour: Colour = (tone[0], tone[1], tone[2])
        parts.add(rim, tip, (0.02 * height, 0.07 * height), Garment(colour, colour, "plain"))
    return parts


def draw_room(room: Room, camera: Camera) -> tuple[Canvas, npt.NDArray[np.bool_]]:
    """Draw the standing scene; return it with the mask of pixels that show floor."""
    canvas = Canvas.blank(camera)
    canvas.colour[:] = room.background
    for panel in room.panels:
        if panel.is_floor:
            draw_rectangle(canvas, camera, panel.corner, (panel.along, panel.down), panel.texture)
    ground = canvas.depth.copy()
    for panel in room.panels:
        if not panel.is_floor:
            draw_rectangle(canvas, camera, panel.corner, (panel.along, panel.down), panel.texture)
    for box in room.boxes:
        draw_box(canvas, camera, box)
    floor = np.isfinite(ground) & (canvas.depth >= ground)
    for box in room.boxes:
        _contact_shade(canvas, floor, camera, box)
    for look, pose in room.mannequins:
        cast_shadow(canvas, floor, camera, pose.x, pose.z)
        draw_figure(canvas, camera, build_parts(look, pose))
    for parts in room.clutter:
        draw_figure(canvas, camera, parts)
    return canvas, floor


def _contact_shade(canvas: Canvas, floor: npt.NDArray[np.bool_], camera: Camera, box: Box) -> None:
    """Darken the floor along the foot of a box, where little light gets."""
    if box.y[0] > 0:
        return
    rays = camera.rays
    down = np.where(floor, rays[..., 1], np.float32(-1))
    scale = -camera.origin[1] / down
    x = camera.origin[0] + scale * rays[..., 0]
    z = camera.origin[2] + scale * rays[..., 2]
    gap_x = np.maximum(np.maximum(box.x[0] - x, x - box.x[1]), 0)
    gap_z = np.maximum(np.maximum(box.z[0] - z, z - box.z[1]), 0)
    dark = 0.38 * np.exp(-np.hypot(gap_x, gap_z) / 0.16) * floor
    canvas.colour[:] = (canvas.colour * (1 - dark)[..., None]).astype(np.uint8)
