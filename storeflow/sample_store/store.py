"""The sample store: its camera, its furniture, and the lines and zones that are counted in it."""

from collections.abc import Mapping

import numpy as np

from storeflow.sample_store.camera import Camera
from storeflow.sample_store.figure import Garment, Look, Pose, build_parts
from storeflow.sample_store.raster import ByteArray, Canvas, draw_figure
from storeflow.sample_store.room import Box, Panel, Room, floor_panel, mannequin, plant
from storeflow.sample_store.surfaces import SAMPLE_SURFACES, floor_texture, lettered, plain_texture, shelf_texture
from storeflow.sample_store.wardrobe import Colour

WIDTH, HEIGHT, FPS = 640, 360, 10
CAMERA = Camera(WIDTH, HEIGHT, 470.0, (0.0, 4.3, 0.0), -0.06, 0.52)

CREAM, TEAL, OAK, PEARL = SAMPLE_SURFACES.paints
STEEL: Colour = (122, 128, 132)
LEAF: Colour = (74, 122, 70)

# Floor coordinates in metres (x to the right, z away from the camera). The glass front stands at x = -3.2; the
# door is the gap in it. The line spans the gap from near to far and is named so that entering is `right`:
# whoever stands at its near end and looks to its far end sees people enter from left to right.
FRONT = -3.2
DOOR = (5.0, 8.2)
PASSAGE = (10.2, 11.8)

LINES: Mapping[str, tuple[tuple[float, float], tuple[float, float]]] = {
    "entrance": ((FRONT, DOOR[0] - 0.25), (FRONT, DOOR[1] + 0.15)),
}
ZONES: Mapping[str, tuple[tuple[float, float], ...]] = {
    "aisle_pantry": ((-1.5, 8.4), (0.75, 8.4), (0.75, 13.3), (-1.5, 13.3)),
    "aisle_kitchen": ((1.35, 8.6), (3.4, 8.6), (3.4, 13.3), (1.35, 13.3)),
    "queue": ((0.45, 4.6), (2.25, 4.6), (2.25, 6.55), (0.45, 6.55)),
}

SETTINGS: Mapping[str, Mapping[str, float]] = {
    "aisle_pantry": {"reentry_seconds": 2.0},
    "aisle_kitchen": {"reentry_seconds": 2.0},
}
"""Shelves and displays hide people for longer than the default allows."""


def _fraction(x: float, z: float) -> list[float]:
    across, down = CAMERA.floor_point(x, z)
    return [round(across, 5), round(down, 5)]


def layout() -> dict[str, object]:
    """Return the layout of the store in fractions of the picture, as `layout.json` holds it."""
    return {
        "zones": {
            name: {"polygon": [_fraction(*point) for point in points], **SETTINGS.get(name, {})}
            for name, points in ZONES.items()
        },
        "lines": {
            name: {"start": _fraction(*start), "end": _fraction(*end), "in": "right"}
            for name, (start, end) in LINES.items()
        },
    }


def _in_shade(texture: ByteArray) -> ByteArray:
    """Goods stand under the board above them: darker and less colourful than the people before them."""
    picture = texture.astype(np.float32)
    grey = picture.mean(axis=2, keepdims=True)
    return np.asarray(0.8 * (grey + 0.75 * (picture - grey)), np.uint8)


def _shelf(
    kind: str,
    x: tuple[float, float],
    z: tuple[float, float],
    tall: float,
    rng: np.random.Generator,
) -> Box:
    colours = SAMPLE_SURFACES.goods_colours
    near = _in_shade(shelf_texture(kind, (x[1] - x[0], tall), OAK, colours, rng))
    sides = _in_shade(shelf_texture(kind, (z[1] - z[0], tall), OAK, colours, rng))
    return Box(x, z, (0.0, tall), OAK, near, sides)


def _poster() -> ByteArray:
    """A portrait on the wall: somebody who is not there."""
    camera = Camera(150, 210, 330.0, (0.0, 1.45, -2.2), 0.0, 0.02)
    canvas = Canvas.blank(camera)
    canvas.colour[:] = (226, 190, 120)
    cloth = Garment((150, 70, 60), (240, 226, 200), "breton")
    look = Look(1.72, 1.0, 0.112, cloth, cloth, (206, 156, 122), (48, 34, 26), STEEL, STEEL, long_hair=True)
    draw_figure(canvas, camera, build_parts(look, Pose(0.0, 0.0, 3.4)))
    canvas.colour[:6] = canvas.colour[-6:] = TEAL
    canvas.colour[:, :6] = canvas.colour[:, -6:] = TEAL
    return canvas.colour


def _facade(rng: np.random.Generator, bays: int) -> ByteArray:
    """The house across the street: plaster, a plinth, and shop windows with a light behind some."""
    image = np.empty((160, 90 * bays, 3), np.uint8)
    image[:] = (172, 152, 132)
    image[136:] = (112, 104, 98)
    for bay in range(bays):
        left = 90 * bay + 12
        glass = np.array((96, 112, 122), np.float32) * rng.uniform(0.8, 1.2)
        image[36:128, left : left + 66] = (74, 70, 66)
        image[40:124, left + 4 : left + 62] = glass
        image[40:82, left + 4 : left + 62] = glass * 1.18
        image[40:124, left + 32 : left + 35] = (74, 70, 66)
        image[24:34, left - 4 : left + 70] = (168, 84, 66) if bay % 2 else (84, 112, 108)
    return image


def _front(room: Room) -> None:
    """The glass front: a sill, posts and a lintel, open at the door and at the passage to the café."""
    for start, end in ((3.0, DOOR[0] - 0.35), (DOOR[1] + 0.35, PASSAGE[0]), (PASSAGE[1], 14.4)):
        room.boxes.append(Box((FRONT - 0.06, FRONT + 0.06), (start, end), (0.0, 0.32), TEAL))
    for z in (DOOR[0] - 0.35, DOOR[1] + 0.35, PASSAGE[0], PASSAGE[1], 13.1):
        room.boxes.append(Box((FRONT - 0.05, FRONT + 0.05), (z - 0.05, z + 0.05), (0.0, 2.5), TEAL))
    room.boxes.append(Box((FRONT - 0.09, FRONT + 0.09), (DOOR[0] - 0.4, 14.4), (2.5, 2.85), TEAL))


def furnish(rng: np.random.Generator) -> Room:
    """Build the standing scene."""
    room = Room(background=(206, 220, 230))
    room.panels += [
        floor_panel((-12, FRONT), (1, 26), floor_texture("paving", (8.8, 25), (176, 176, 172), rng)),
        floor_panel((FRONT, 9), (1, 15), floor_texture("terrazzo", (12.2, 14), (204, 196, 182), rng)),
        floor_panel((FRONT + 0.1, FRONT + 1.2), (5.3, 7.9), plain_texture((98, 100, 100)), 0.003),
    ]
    _front(room)
    room.boxes += [
        Box((FRONT, 9), (14.4, 14.6), (0.0, 3.4), CREAM),
        Box((-12.0, FRONT - 4.2), (3, 11.2), (0.0, 3.2), (168, 150, 132), None, _facade(rng, 5)),
        Box((-12.0, FRONT - 4.2), (13.8, 26), (0.0, 3.2), (160, 146, 132), None, _facade(rng, 7)),
        _shelf("jars", (-1.9, 6.6), (14.0, 14.4), 1.55, rng),
        _shelf("cartons", (0.8, 1.3), (8.9, 13.0), 1.0, rng),
        _shelf("jars", (3.5, 4.1), (8.9, 13.0), 1.2, rng),
        _shelf("cartons", (-2.15, -1.55), (9.0, 13.0), 1.05, rng),
        Box((-0.68, 0.10), (9.7, 10.0), (0.0, 2.05), TEAL, lettered(TEAL, "TEA", CREAM, (140, 410), 2.0)),
        Box((3.15, 3.75), (4.5, 6.7), (0.0, 0.95), OAK),
        Box(
            (3.22, 3.5), (4.95, 5.25), (0.95, 1.38), STEEL, plain_texture((70, 110, 130)), plain_texture((70, 110, 130))
        ),
        Box(
            (3.22, 3.5), (5.95, 6.25), (0.95, 1.38), STEEL, plain_texture((70, 110, 130)), plain_texture((70, 110, 130))
        ),
        Box((-2.75, -2.45), (11.9, 12.2), (0.0, 1.05), STEEL),
        Box((-2.95, -2.25), (11.7, 12.4), (1.05, 1.10), OAK),
    ]
    for z in (4.6, 5.5, 6.4):
        room.boxes.append(Box((0.22, 0.28), (z, z + 0.06), (0.0, 0.95), STEEL))
    room.boxes.append(Box((0.23, 0.27), (4.6, 6.4), (0.84, 0.90), (150, 60, 52)))
    sign = lettered(CREAM, "storeflow market", TEAL, (520, 90), 1.7)
    room.panels += [
        Panel((1.2, 2.45, 14.38), (3.6, 0, 0), (0, -0.6, 0), sign),
        Panel((-3.0, 2.45, 14.38), (0.9, 0, 0), (0, -1.26, 0), _poster()),
    ]
    room.mannequins.append((mannequin((224, 220, 212), (184, 84, 70), 1.74), Pose(-2.80, 9.0, 2.3)))
    room.boxes.append(Box((-3.08, -2.52), (8.72, 9.28), (0.0, 0.06), PEARL))
    for x, z, tall in ((4.5, 8.3, 1.2), (5.0, 13.2, 1.3), (-3.75, 4.6, 0.9)):
        room.clutter.append(plant(x, z, tall, rng, pot=TEAL, leaf=LEAF))
    return room
