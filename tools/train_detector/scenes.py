"""Random shops and crowds for training, drawn from the training sets of looks and surfaces only."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from storeflow.sample_store.camera import Camera, FloatArray
from storeflow.sample_store.figure import Garment, Look, Parts, Pose, body_box, build_parts, random_look
from storeflow.sample_store.raster import ByteArray, Canvas, cast_shadow, draw_figure
from storeflow.sample_store.room import Box, Panel, Room, draw_room, floor_panel, mannequin, plant
from storeflow.sample_store.surfaces import TRAINING_SURFACES, floor_texture, lettered, plain_texture, shelf_texture
from storeflow.sample_store.wardrobe import TRAINING, Colour, chance

WIDTH, HEIGHT = 448, 256
SUPERSAMPLING = 2
# Seeds of the training rooms begin far from any that the sample store is drawn with.
FIRST_SEED = 100_000
CROWDS_PER_ROOM = 8
# Metres along the floor: nobody stands right under the camera.
NEAREST_Z = 1.5
# Less of a body than this inside the picture is not labelled.
LEAST_INSIDE = 0.05


@dataclass(frozen=True)
class LabelledImage:
    """A picture and the people in it.

    Attributes:
        image: RGB, shape (256, 448, 3), uint8.
        boxes: Whole bodies in pixels (left, top, right, bottom), cut at the picture's edge, shape (n, 4).
        visible: Share of each body that can be seen, 0..1, shape (n,).
    """

    image: ByteArray
    boxes: FloatArray
    visible: FloatArray


def _paint(rng: np.random.Generator) -> Colour:
    base = TRAINING_SURFACES.paints[int(rng.integers(len(TRAINING_SURFACES.paints)))]
    red, green, blue = (int(np.clip(channel + rng.normal(0, 14), 5, 250)) for channel in base)
    return red, green, blue


def random_camera(rng: np.random.Generator) -> Camera:
    """A camera under a ceiling, looking down by 14 to 40 degrees."""
    focal = float(rng.uniform(250, 520))
    return Camera(
        WIDTH,
        HEIGHT,
        focal,
        (float(rng.uniform(-1.5, 1.5)), float(rng.uniform(2.3, 4.6)), 0.0),
        float(rng.uniform(-0.6, 0.6)),
        float(rng.uniform(0.25, 0.70)),
    )


def _shelf(rng: np.random.Generator, x: tuple[float, float], z: tuple[float, float], tall: float) -> Box:
    frame, kind = _paint(rng), str(rng.choice(TRAINING_SURFACES.goods))
    colours = TRAINING_SURFACES.goods_colours
    chosen = tuple(colours[int(i)] for i in rng.permutation(len(colours))[: int(rng.integers(3, 9))])
    near = shelf_texture(kind, (x[1] - x[0], tall), frame, chosen, rng)
    sides = shelf_texture(kind, (z[1] - z[0], tall), frame, chosen, rng)
    return Box(x, z, (0.0, tall), frame, near, sides)


def _poster(rng: np.random.Generator) -> ByteArray:
    """A picture on a wall: letters, or a person cut off at the waist."""
    if chance(rng, 0.4):
        return lettered(_paint(rng), str(rng.choice(["SALE", "-20%", "NEW", "OPEN"])), _paint(rng), (240, 160), 2.0)
    camera = Camera(150, 200, float(rng.uniform(260, 420)), (0.0, 1.45, -2.2), 0.0, 0.02)
    canvas = Canvas.blank(camera)
    canvas.colour[:] = _paint(rng)
    look = random_look(TRAINING, rng)
    draw_figure(canvas, camera, build_parts(look, Pose(0.0, 0.0, float(rng.uniform(2.4, 3.9)))))
    picture = canvas.colour
    picture[:8] = picture[-8:] = _paint(rng)
    picture[:, :8] = picture[:, -8:] = _paint(rng)
    return picture


def _shell(room: Room, rng: np.random.Generator) -> None:
    """Lay the floors, raise the walls and hang the pictures."""
    kind = str(rng.choice(TRAINING_SURFACES.floors))
    room.panels.append(floor_panel((-14, 14), (0.3, 24), floor_texture(kind, (28, 23.7), _paint(rng), rng)))
    if chance(rng, 0.5):
        left = float(rng.uniform(-9, 4))
        other = str(rng.choice(TRAINING_SURFACES.floors))
        strip = floor_texture(other, (6, 20), _paint(rng), rng)
        room.panels.append(floor_panel((left, left + 6), (1, 21), strip, 0.004))
    back = float(rng.uniform(8, 20))
    room.boxes.append(Box((-14, 14), (back, back + 0.2), (0, float(rng.uniform(2.6, 4))), _paint(rng)))
    for side in (-1, 1):
        if chance(rng, 0.5):
            at = side * float(rng.uniform(3.5, 8))
            start = float(rng.uniform(2, 8))
            tall = float(rng.uniform(0.4, 3))
            room.boxes.append(Box((at - 0.1, at + 0.1), (start, back), (0, tall), _paint(rng)))
    for _ in range(int(rng.integers(0, 5))):
        at, low = float(rng.uniform(-7, 7)), float(rng.uniform(0.3, 1.2))
        wide, tall = float(rng.uniform(0.7, 1.6)), float(rng.uniform(1.0, 1.8))
        room.panels.append(Panel((at, low + tall, back - 0.02), (wide, 0, 0), (0, -tall, 0), _poster(rng)))


def _furniture(room: Room, rng: np.random.Generator) -> None:
    """Put up shelves, pillars and counters."""
    for _ in range(int(rng.integers(0, 6))):
        x, z = float(rng.uniform(-6, 6)), float(rng.uniform(3.5, 14))
        wide, deep = float(rng.uniform(0.5, 1.4)), float(rng.uniform(0.8, 5))
        if chance(rng, 0.5):
            wide, deep = deep, wide
        room.boxes.append(_shelf(rng, (x, x + wide), (z, z + deep), float(rng.uniform(0.8, 2.0))))
    for _ in range(int(rng.integers(0, 6))):
        x, z = float(rng.uniform(-6, 6)), float(rng.uniform(3.0, 13))
        wide, deep = (float(side) for side in rng.uniform(0.15, 1.0, 2))
        tall = float(rng.choice([rng.uniform(0.4, 1.2), rng.uniform(1.4, 2.6)]))
        room.boxes.append(Box((x, x + wide), (z, z + deep), (0, tall), _paint(rng)))


def _aisles(room: Room, rng: np.random.Generator) -> None:
    """Fill the room with rows of shelves, along the view or across it, and a wall of goods behind."""
    tall, pitch = float(rng.uniform(0.8, 1.5)), float(rng.uniform(1.7, 2.9))
    wide = float(rng.uniform(0.5, 0.9))
    near, far = float(rng.uniform(4.5, 8.5)), float(rng.uniform(10.5, 14))
    if chance(rng, 0.65):
        first = float(rng.uniform(-6, -3))
        for row in range(int(rng.integers(2, 6))):
            x = first + row * pitch
            room.boxes.append(_shelf(rng, (x, x + wide), (near, far), tall))
    else:
        left = float(rng.uniform(-5, -1))
        for row in range(int(rng.integers(1, 4))):
            z = near + row * pitch * 1.2
            room.boxes.append(_shelf(rng, (left, left + float(rng.uniform(2, 6))), (z, z + wide), tall))
    behind = far + float(rng.uniform(0.8, 2.5))
    room.boxes.append(_shelf(rng, (-7, 7), (behind, behind + 0.4), float(rng.uniform(1.4, 2.6))))


def _mistakable(room: Room, rng: np.random.Generator) -> None:
    """Add what might be taken for a person: mannequins, plants, coats on a stand."""
    for _ in range(int(rng.integers(0, 4))):
        tone = _paint(rng)
        dress = tone if chance(rng, 0.5) else _paint(rng)
        look = mannequin(tone, dress, float(rng.uniform(1.6, 1.85)))
        x, z = float(rng.uniform(-4, 4)), float(rng.uniform(3.5, 12))
        room.mannequins.append((look, Pose(x, z, float(rng.uniform(0, 6.28)))))
        plinth = plain_texture(_paint(rng))
        room.panels.append(floor_panel((x - 0.3, x + 0.3), (z - 0.3, z + 0.3), plinth, 0.01))
    for _ in range(int(rng.integers(0, 4))):
        x, z = float(rng.uniform(-4, 4)), float(rng.uniform(3.5, 12))
        if chance(rng, 0.5):
            leaf = (int(rng.integers(30, 110)), int(rng.integers(80, 160)), int(rng.integers(30, 100)))
            room.clutter.append(plant(x, z, float(rng.uniform(0.6, 1.8)), rng, pot=_paint(rng), leaf=leaf))
        else:
            room.clutter.append(_coat_stand(x, z, rng))


def random_room(rng: np.random.Generator) -> Room:
    """Furnish a room at random."""
    room = Room(background=_paint(rng))
    _shell(room, rng)
    if chance(rng, 0.7):
        _aisles(room, rng)
    else:
        _furniture(room, rng)
    _mistakable(room, rng)
    return room


def _coat_stand(x: float, z: float, rng: np.random.Generator) -> Parts:
    """A jacket on a pole: trunk and sleeves of a person, and nobody in it."""
    look = random_look(TRAINING, rng)
    whole = build_parts(look, Pose(x, z, float(rng.uniform(0, 6.28))))
    stand = Parts()
    for start, end, radius, garment in zip(whole.start, whole.end, whole.radius, whole.garment, strict=True):
        if garment == look.top:
            stand.add(np.array(start, np.float32), np.array(end, np.float32), radius, garment)
    pole = _paint(rng)
    low, high = np.array([x, 0.05, z], np.float32), np.array([x, 0.84 * look.height, z], np.float32)
    stand.add(low, high, (0.03, 0.03), Garment(pole, pole, "plain"))
    return stand


def _in_picture(left: float, top: float) -> bool:
    """Whether a foot, in fractions of the picture, is in it or so little below that the body is."""
    return -0.05 < left < 1.05 and 0.1 < top < 1.25  # noqa: PLR2004 - the borders that this function is for


def _blocked(room: Room, x: float, z: float) -> bool:
    return any(box.x[0] - 0.2 < x < box.x[1] + 0.2 and box.z[0] - 0.2 < z < box.z[1] + 0.2 for box in room.boxes)


def _crowd(rng: np.random.Generator, camera: Camera, room: Room) -> list[tuple[Look, Pose]]:
    """Place people where the camera sees the floor; some in pairs, some standing, some walking."""
    people: list[tuple[Look, Pose]] = []
    wanted = int(rng.integers(1, 15))
    for _ in range(wanted * 4):
        if len(people) >= wanted:
            break
        depth = float(rng.uniform(2.2, 15))
        across = float(rng.uniform(-0.55, 0.55)) * WIDTH / camera.focal_px * depth
        x = camera.position[0] + across * np.cos(camera.yaw) + depth * np.sin(camera.yaw)
        z = depth * np.cos(camera.yaw) - across * np.sin(camera.yaw)
        left, top = camera.floor_point(x, z)
        if z < NEAREST_Z or _blocked(room, x, z) or not _in_picture(left, top):
            continue
        heading = float(rng.uniform(0, 2 * np.pi))
        swing = float(rng.choice([0.0, rng.uniform(0.7, 1.05)]))
        reach = float(rng.random()) if chance(rng, 0.15) else 0.0
        people.append((random_look(TRAINING, rng), Pose(x, z, heading, float(rng.uniform(0, 6.28)), swing, reach)))
        if chance(rng, 0.3):
            gap = float(rng.uniform(0.45, 0.8))
            beside = (x + gap * float(np.cos(heading)), z - gap * float(np.sin(heading)))
            pose = Pose(*beside, heading + float(rng.normal(0, 0.2)), float(rng.uniform(0, 6.28)), swing)
            people.append((random_look(TRAINING, rng), pose))
    return people


def label_image(
    still: Canvas,
    floor: npt.NDArray[np.bool_],
    camera: Camera,
    people: list[tuple[Look, Pose]],
    rng: np.random.Generator,
) -> LabelledImage:
    """Draw people into a still scene of `SUPERSAMPLING` times the camera's size and box them."""
    fine = camera.scaled(SUPERSAMPLING)
    canvas = still.copy()
    shadow = float(rng.uniform(0, 1.3))
    for _, pose in people:
        cast_shadow(canvas, floor, fine, pose.x, pose.z, strength=shadow)
    drawn = []
    for look, pose in people:
        parts = build_parts(look, pose)
        silhouette = draw_figure(canvas, fine, parts, float(rng.uniform(0.75, 1.15)))
        drawn.append((body_box(camera, parts), silhouette))
    image = cv2.resize(canvas.colour, (camera.width, camera.height), interpolation=cv2.INTER_AREA)
    boxes, visible = [], []
    for (left, top, right, bottom), silhouette in drawn:
        cut = (max(left, 0.0), max(top, 0.0), min(right, camera.width), min(bottom, camera.height))
        inside = max(cut[2] - cut[0], 0) * max(cut[3] - cut[1], 0) / ((right - left) * (bottom - top))
        if inside > LEAST_INSIDE:
            boxes.append(cut)
            visible.append(inside * silhouette.visible_share(canvas))
    return LabelledImage(
        image.astype(np.uint8),
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(visible, np.float32),
    )


def random_scenes(seed: int, crowds: int) -> list[LabelledImage]:
    """Draw one random room from one random camera with several crowds."""
    rng = np.random.default_rng(seed)
    camera, room = random_camera(rng), random_room(rng)
    still, floor = draw_room(room, camera.scaled(SUPERSAMPLING))
    return [label_image(still, floor, camera, _crowd(rng, camera, room), rng) for _ in range(crowds)]
