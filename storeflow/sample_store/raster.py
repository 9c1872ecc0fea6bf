"""Drawing into a frame with a depth buffer: shaded capsules for figures, textured rectangles for the room."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from storeflow.sample_store.camera import Camera, FloatArray
from storeflow.sample_store.figure import Garment, Parts
from storeflow.sample_store.wardrobe import PATTERNS

ByteArray = npt.NDArray[np.uint8]
# From the surface towards the light: right, down, towards the viewer. Lamps above, daylight from the left.
LIGHT = np.array([-0.38, -0.70, 0.60], dtype=np.float32)
AMBIENT, DIFFUSE = 0.46, 0.72
# Metres before the lens where drawing begins.
NEAREST = 0.1
# Steepest view of a plane that still has a depth.
EDGE_ON = 1e-6
# Radius in metres of the dark that a standing person throws round their feet.
CONTACT = 0.27


@dataclass
class Canvas:
    """A picture with the depth of every pixel.

    Attributes:
        colour: RGB, shape (height, width, 3), uint8.
        depth: Metres along the camera's axis, shape (height, width), float32, infinite where nothing is drawn.
    """

    colour: ByteArray
    depth: FloatArray

    @classmethod
    def blank(cls, camera: Camera) -> "Canvas":
        """Return an empty canvas of the camera's size."""
        shape = (camera.height, camera.width)
        return cls(np.zeros((*shape, 3), np.uint8), np.full(shape, np.inf, np.float32))

    def copy(self) -> "Canvas":
        """Return a canvas that may be drawn on without touching this one."""
        return Canvas(self.colour.copy(), self.depth.copy())


@dataclass(frozen=True)
class Silhouette:
    """Where a figure was drawn.

    Attributes:
        rows: Rows of the canvas that the patch covers.
        columns: Columns of the canvas that the patch covers.
        mask: Pixels of the figure inside the patch, hidden ones included, bool.
        depth: Depth of those pixels, infinite elsewhere.
    """

    rows: slice
    columns: slice
    mask: npt.NDArray[np.bool_]
    depth: FloatArray

    def visible_share(self, canvas: Canvas) -> float:
        """Return the share of the figure's pixels inside the picture that nothing nearer covers, 0..1."""
        drawn = int(self.mask.sum())
        if drawn == 0:
            return 0.0
        seen = self.mask & (self.depth <= canvas.depth[self.rows, self.columns] + 1e-4)
        return int(seen.sum()) / drawn


def _span(low: float, high: float, size: int) -> slice:
    return slice(min(max(int(low), 0), size), min(max(int(high) + 2, 0), size))


def _capsule(
    canvas: Canvas,
    ends: FloatArray,
    radii: FloatArray,
    depths: FloatArray,
    *,
    garment: Garment,
    thickness: float,
    tint: float,
) -> None:
    """Draw one tapered capsule, given in the canvas's own pixels, with the shading of a round body."""
    low, high = (ends - radii[:, None]).min(axis=0), (ends + radii[:, None]).max(axis=0)
    height, width = canvas.depth.shape
    rows, columns = _span(low[1], high[1], height), _span(low[0], high[0], width)
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    axis = ends[1] - ends[0]
    length2 = max(float(axis @ axis), 1e-6)
    across = np.arange(columns.start, columns.stop, dtype=np.float32)[None, :] + np.float32(0.5) - ends[0, 0]
    down = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] + np.float32(0.5) - ends[0, 1]
    along = np.clip((across * axis[0] + down * axis[1]) / length2, 0.0, 1.0)
    radius = radii[0] + along * (radii[1] - radii[0])
    right = (across - along * axis[0]) / radius
    below = (down - along * axis[1]) / radius
    round2 = right * right + below * below
    bulge = np.sqrt(np.maximum(1.0 - round2, 0.0))
    depth = depths[0] + along * (depths[1] - depths[0]) - bulge * thickness
    patch = canvas.depth[rows, columns]
    mask = (round2 < 1.0) & (depth < patch)
    if not mask.any():
        return
    lit = np.maximum(right * LIGHT[0] + below * LIGHT[1] + bulge * LIGHT[2], 0.0)
    shade = (AMBIENT + DIFFUSE * lit) * tint
    colour = np.array(garment.colour, np.float32)
    if garment.cloth == "plain":
        shaded = shade[mask][:, None] * colour
    else:
        around = (right * axis[1] - below * axis[0]) / np.sqrt(length2)
        share = PATTERNS[garment.cloth](along, around)[mask][:, None]
        shaded = shade[mask][:, None] * (colour + share * (np.array(garment.second, np.float32) - colour))
    canvas.colour[rows, columns][mask] = np.minimum(shaded, 255.0).astype(np.uint8)
    patch[mask] = depth[mask]


def draw_figure(canvas: Canvas, camera: Camera, parts: Parts, tint: float = 1.0) -> Silhouette:
    """Draw a figure where nothing nearer stands, and return its silhouette.

    Args:
        canvas: The picture, changed in place.
        camera: The view, of the canvas's size.
        parts: The figure's capsules in the world.
        tint: Brightness of the light that falls on it.
    """
    points = np.array([parts.start, parts.end], dtype=np.float32).transpose(1, 0, 2)
    radii_m = np.array(parts.radius, dtype=np.float32)
    pixels, depths = camera.project(points)
    radii = radii_m * np.float32(camera.focal_px) / depths
    low = (pixels - radii[..., None]).min(axis=(0, 1)) - 1
    high = (pixels + radii[..., None]).max(axis=(0, 1)) + 1
    height, width = canvas.depth.shape
    rows, columns = _span(low[1], high[1], height), _span(low[0], high[0], width)
    shape = (max(rows.stop - rows.start, 0), max(columns.stop - columns.start, 0))
    patch = Canvas(np.zeros((*shape, 3), np.uint8), np.full(shape, np.inf, np.float32))
    shift = np.array([columns.start, rows.start], dtype=np.float32)
    for index, garment in enumerate(parts.garment):
        _capsule(
            patch,
            pixels[index] - shift,
            radii[index],
            depths[index],
            garment=garment,
            thickness=float(radii_m[index].mean()),
            tint=tint,
        )
    under = canvas.depth[rows, columns]
    nearer = patch.depth < under
    canvas.colour[rows, columns][nearer] = patch.colour[nearer]
    under[nearer] = patch.depth[nearer]
    return Silhouette(rows, columns, np.isfinite(patch.depth), patch.depth)


def _shrunk(texture: ByteArray, corners: FloatArray) -> ByteArray:
    """Average a texture down to about the size it is seen at, so that it does not glitter."""
    wide = max(float(np.linalg.norm(corners[1] - corners[0])), float(np.linalg.norm(corners[3] - corners[2])))
    tall = max(float(np.linalg.norm(corners[2] - corners[0])), float(np.linalg.norm(corners[3] - corners[1])))
    height, width = texture.shape[:2]
    if wide * 1.3 > width and tall * 1.3 > height:
        return texture
    size = (max(min(int(wide), width), 2), max(min(int(tall), height), 2))
    return cv2.resize(texture, size, interpolation=cv2.INTER_AREA).astype(np.uint8)


def draw_rectangle(
    canvas: Canvas,
    camera: Camera,
    corner: Sequence[float],
    edges: tuple[Sequence[float], Sequence[float]],
    texture: ByteArray,
) -> None:
    """Draw a textured rectangle that stands anywhere in the world, exact in perspective and depth.

    Args:
        canvas: The picture, changed in place.
        camera: The view, of the canvas's size.
        corner: The corner that the texture's top left pixel touches, in metres.
        edges: From that corner along the texture's rows, and down its columns, in metres.
        texture: RGB, shape (rows, columns, 3), uint8.
    """
    start = np.array(corner, np.float32)
    wide, tall = (np.array(edge, np.float32) for edge in edges)
    corners = np.stack([start, start + wide, start + tall, start + wide + tall])
    pixels, depths = camera.project(corners)
    rows, columns = slice(0, camera.height), slice(0, camera.width)
    if (depths > NEAREST).all():
        rows = _span(pixels[:, 1].min(), pixels[:, 1].max(), camera.height)
        columns = _span(pixels[:, 0].min(), pixels[:, 0].max(), camera.width)
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    normal = np.cross(wide, tall).astype(np.float32)
    rays = camera.rays[rows, columns]
    slope = rays @ normal
    slope = np.where(np.abs(slope) < EDGE_ON, np.float32(EDGE_ON), slope)
    depth = np.float32((start - camera.origin) @ normal) / slope
    # A point on the ray is origin + depth * ray; its texture coordinates are linear in it.
    u = (np.float32((camera.origin - start) @ wide) + depth * (rays @ wide)) / np.float32(wide @ wide)
    v = (np.float32((camera.origin - start) @ tall) + depth * (rays @ tall)) / np.float32(tall @ tall)
    under = canvas.depth[rows, columns]
    mask = (depth > NEAREST) & (depth < under) & (u >= 0) & (u <= 1) & (v >= 0) & (v <= 1)
    if not mask.any():
        return
    if (depths > NEAREST).all():
        texture = _shrunk(texture, pixels)
    height, width = texture.shape[:2]
    picture = cv2.remap(
        texture,
        np.where(mask, u * (width - 1), 0).astype(np.float32),
        np.where(mask, v * (height - 1), 0).astype(np.float32),
        cv2.INTER_LINEAR,
    )
    canvas.colour[rows, columns][mask] = picture[mask]
    under[mask] = depth[mask]


def cast_shadow(
    canvas: Canvas, floor: npt.NDArray[np.bool_], camera: Camera, x: float, z: float, *, strength: float = 1.0
) -> None:
    """Darken the floor softly round a pair of feet and, fainter, away from the daylight.

    Args:
        canvas: The picture, changed in place; figures are drawn afterwards.
        floor: Which pixels show floor, shape (height, width).
        camera: The view, of the canvas's size.
        x: The feet, in metres.
        z: The feet, in metres.
        strength: 0 for none, 1 for the shop's usual light.
    """
    angles = np.linspace(0, 2 * np.pi, 20, dtype=np.float32)
    circle = np.stack([np.cos(angles), np.zeros_like(angles), np.sin(angles)], axis=1)
    contact, _ = camera.project(circle * np.float32(CONTACT) + np.array([x, 0, z], np.float32))
    stretched = circle * np.array([0.62, 0, 0.25], np.float32)
    away, depths = camera.project(stretched + np.array([x + 0.45, 0, z + 0.10], np.float32))
    if depths.min() < NEAREST:
        return
    both = np.concatenate([contact, away])
    margin = 0.12 * np.ptp(both[:, 0])
    height, width = canvas.depth.shape
    rows = _span(both[:, 1].min() - margin, both[:, 1].max() + margin, height)
    columns = _span(both[:, 0].min() - margin, both[:, 0].max() + margin, width)
    if rows.stop <= rows.start or columns.stop <= columns.start:
        return
    shade = np.zeros((rows.stop - rows.start, columns.stop - columns.start), np.float32)
    shift = np.array([columns.start, rows.start], np.float32)
    dark = np.zeros_like(shade)
    cv2.fillPoly(dark, [np.round(away - shift).astype(np.int32)], 0.24)
    cv2.fillPoly(shade, [np.round(contact - shift).astype(np.int32)], 0.42)
    sigma = max(float(margin) * 0.5, 0.6)
    shade = cv2.GaussianBlur(np.maximum(shade, 0) + dark, (0, 0), sigma) * np.float32(strength)
    ground = floor[rows, columns] & (canvas.depth[rows, columns] < np.inf)
    keep = (1.0 - shade * ground)[..., None]
    canvas.colour[rows, columns] = (canvas.colour[rows, columns] * keep).astype(np.uint8)
