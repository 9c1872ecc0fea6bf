"""Procedural textures: floors, shelves full of goods, posters.

Like the wardrobe they come in two sets that share no name: `SAMPLE_SURFACES` for the sample store,
`TRAINING_SURFACES` for the scenes its detector learns from.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from storeflow.sample_store.camera import FloatArray
from storeflow.sample_store.raster import ByteArray
from storeflow.sample_store.wardrobe import Colour, chance

FLOOR_PX_PER_M = 48
TILE_PX = int(FLOOR_PX_PER_M * 0.6)
SHELF_PX_PER_M = 110
# A package lower than this, in pixels of its texture, has no room for a label.
SMALLEST_LABELLED = 8


@dataclass(frozen=True)
class Surfaces:
    """A closed set of textures.

    Attributes:
        floors: Keys of `FLOORS`.
        goods: Kinds of packages that `shelf_texture` paints.
        paints: Colours of walls and furniture.
        goods_colours: Colours of packages.
    """

    floors: tuple[str, ...]
    goods: tuple[str, ...]
    paints: tuple[Colour, ...]
    goods_colours: tuple[Colour, ...]


SAMPLE_SURFACES = Surfaces(
    floors=("terrazzo", "paving"),
    goods=("cartons", "jars"),
    paints=((232, 226, 214), (64, 84, 86), (186, 148, 104), (214, 208, 198)),
    goods_colours=(
        (214, 122, 72),
        (236, 214, 160),
        (104, 146, 132),
        (190, 78, 70),
        (242, 238, 226),
        (86, 112, 148),
        (148, 168, 96),
        (222, 176, 76),
        (132, 96, 120),
    ),
)

TRAINING_SURFACES = Surfaces(
    floors=("tiles", "concrete", "planks", "carpet", "checker"),
    goods=("tins", "bottles", "folded", "racks"),
    paints=(
        (246, 246, 246),
        (190, 190, 186),
        (120, 124, 130),
        (60, 60, 66),
        (170, 60, 50),
        (90, 120, 160),
        (150, 170, 150),
        (110, 80, 60),
        (220, 200, 150),
        (200, 160, 160),
        (30, 40, 50),
    ),
    goods_colours=(
        (200, 30, 40),
        (30, 90, 180),
        (250, 210, 40),
        (40, 150, 70),
        (250, 250, 250),
        (20, 20, 24),
        (240, 130, 30),
        (150, 60, 150),
        (120, 80, 50),
        (190, 200, 210),
        (240, 170, 190),
        (90, 180, 200),
        (210, 180, 140),
    ),
)


def _grain(shape: tuple[int, ...], rng: np.random.Generator, sigma: float, depth: float) -> FloatArray:
    noise = rng.standard_normal(shape).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), sigma).astype(np.float32)
    return smooth / np.float32(max(float(smooth.std()), 1e-6) / depth)


def _terrazzo(image: FloatArray, value: FloatArray, rng: np.random.Generator) -> None:
    rows, columns = value.shape
    base = image[0, 0].copy()
    for _ in range(rows * columns // 170):
        centre = (int(rng.integers(columns)), int(rng.integers(rows)))
        tone = base * rng.uniform(0.72, 1.1)
        axes = (int(rng.integers(1, 4)), int(rng.integers(1, 3)))
        cv2.ellipse(image, centre, axes, float(rng.integers(180)), 0, 360, tone.tolist(), -1)
    value[:: TILE_PX * 3] = 0.93
    value[:, :: TILE_PX * 3] = 0.93


def _paving(_: FloatArray, value: FloatArray, rng: np.random.Generator) -> None:
    rows, columns = value.shape
    for row in range(0, rows, TILE_PX):
        shift = (row // TILE_PX % 2) * TILE_PX // 2
        for column in range(-shift, columns, TILE_PX):
            value[row : row + TILE_PX, max(column, 0) : column + TILE_PX] *= rng.uniform(0.93, 1.05)
    value[::TILE_PX] *= 0.86


def _tiles(_: FloatArray, value: FloatArray, _rng: np.random.Generator) -> None:
    value[::TILE_PX], value[:, ::TILE_PX] = 0.8, 0.8


def _checker(_: FloatArray, value: FloatArray, rng: np.random.Generator) -> None:
    rows, columns = value.shape
    grid = (np.arange(rows)[:, None] // TILE_PX + np.arange(columns) // TILE_PX) % 2
    value -= grid.astype(np.float32) * np.float32(rng.uniform(0.08, 0.45))


def _planks(_: FloatArray, value: FloatArray, rng: np.random.Generator) -> None:
    width = TILE_PX // 4
    for column in range(0, value.shape[1], width):
        value[:, column : column + width] *= rng.uniform(0.85, 1.08)
        value[:, column] *= 0.75


def _carpet(_: FloatArray, value: FloatArray, rng: np.random.Generator) -> None:
    value += _grain(value.shape, rng, 0.8, 0.06)


def _concrete(_: FloatArray, value: FloatArray, rng: np.random.Generator) -> None:
    value += _grain(value.shape, rng, 9.0, 0.06)


# A floor is painted on its base colour (rows, columns, 3) and on the brightness (rows, columns) laid over it.
FLOORS: Mapping[str, Callable[[FloatArray, FloatArray, np.random.Generator], None]] = {
    "terrazzo": _terrazzo,
    "paving": _paving,
    "tiles": _tiles,
    "checker": _checker,
    "planks": _planks,
    "carpet": _carpet,
    "concrete": _concrete,
}


def floor_texture(kind: str, size_m: tuple[float, float], base: Colour, rng: np.random.Generator) -> ByteArray:
    """Paint a floor of the given width and depth in metres.

    Raises:
        KeyError: `kind` is not in `FLOORS`.
    """
    columns, rows = (int(side * FLOOR_PX_PER_M) for side in size_m)
    value = np.ones((rows, columns), np.float32)
    image = np.empty((rows, columns, 3), np.float32)
    image[:] = base
    FLOORS[kind](image, value, rng)
    value += _grain((rows, columns), rng, 16.0, 0.025)
    return np.asarray(np.clip(image * value[..., None], 0, 255), np.uint8)


def plain_texture(colour: Colour, shade: float = 1.0) -> ByteArray:
    """Return a small texture of one colour."""
    image = np.empty((4, 4, 3), np.uint8)
    image[:] = np.clip(np.array(colour, np.float32) * shade, 0, 255)
    return image


def _package(
    image: ByteArray, kind: str, box: tuple[int, int, int, int], colour: Colour, rng: np.random.Generator
) -> None:
    """Paint one package with its feet at the bottom of `box` (left, top, right, bottom)."""
    left, top, right, bottom = box
    dark = tuple(int(c * 0.7) for c in colour)
    light = tuple(min(int(c * 1.15 + 18), 255) for c in colour)
    middle = (top + bottom) // 2
    if kind in ("jars", "bottles"):
        neck = top + (bottom - top) // (3 if kind == "bottles" else 6)
        cv2.rectangle(image, (left, neck), (right - 2, bottom), colour, -1)
        inset = (right - left) // 3
        cv2.rectangle(image, (left + inset, top), (right - 2 - inset, neck), dark, -1)
        cv2.line(image, (left + 1, neck), (left + 1, bottom), light, 1)
    elif kind == "racks":
        cv2.rectangle(image, (left, top), (right - 1, bottom), colour, -1)
        cv2.line(image, (left, top), (left, bottom), dark, 1)
    elif kind == "folded":
        for row in range(bottom, top, -5):
            tone = colour if chance(rng, 0.5) else light
            cv2.rectangle(image, (left, row - 3), (right - 3, row), tone, -1)
    else:
        cv2.rectangle(image, (left, top), (right - 2, bottom), colour, -1)
        cv2.line(image, (left, top), (right - 2, top), light, 1)
    if kind in ("cartons", "tins", "jars", "bottles") and bottom - top > SMALLEST_LABELLED:
        tone = (245, 242, 234) if chance(rng, 0.5) else dark
        cv2.rectangle(image, (left + 2, middle - 1), (right - 4, middle + (bottom - top) // 5), tone, -1)


def shelf_texture(
    kind: str,
    size_m: tuple[float, float],
    frame: Colour,
    colours: tuple[Colour, ...],
    rng: np.random.Generator,
) -> ByteArray:
    """Paint the side of a shelf, width by height in metres, filled with goods of one kind."""
    columns, rows = (max(int(side * SHELF_PX_PER_M), 16) for side in size_m)
    image = np.empty((rows, columns, 3), np.uint8)
    image[:] = [int(channel * 0.32) for channel in frame]
    pitch = int(SHELF_PX_PER_M * (0.95 if kind == "racks" else rng.uniform(0.32, 0.42)))
    for board in range(rows - 6, 10, -pitch):
        column = 3
        while column < columns - 8:
            colour = colours[int(rng.integers(len(colours)))]
            width = int(rng.integers(9, 26)) if kind != "racks" else int(rng.integers(4, 8))
            tall = int(pitch * rng.uniform(0.5, 0.82))
            facings = int(rng.integers(2, 6))
            for _ in range(facings):
                if column + width >= columns - 3:
                    break
                _package(image, kind, (column, max(board - tall, 0), column + width, board - 1), colour, rng)
                column += width
            column += int(rng.integers(1, 7))
        cv2.rectangle(image, (0, board), (columns, board + 4), frame, -1)
        for tag in range(8, columns - 10, 34):
            cv2.rectangle(image, (tag, board + 1), (tag + 9, board + 3), (250, 248, 240), -1)
    cv2.rectangle(image, (0, 0), (columns - 1, rows - 1), frame, 4)
    return image


def lettered(colour: Colour, text: str, ink: Colour, size: tuple[int, int], scale: float) -> ByteArray:
    """Return a sign with centred lettering, `size` in pixels (width, height)."""
    image = np.empty((size[1], size[0], 3), np.uint8)
    image[:] = colour
    (wide, tall), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, scale, 2)
    origin = ((size[0] - wide) // 2, (size[1] + tall) // 2)
    cv2.putText(image, text, origin, cv2.FONT_HERSHEY_DUPLEX, scale, ink, 2, cv2.LINE_AA)
    return image
