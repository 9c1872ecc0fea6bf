"""What a cheap camera and a bad lens do to a picture, at random."""

from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from storeflow.sample_store.camera import FloatArray
from storeflow.sample_store.raster import ByteArray
from storeflow.sample_store.wardrobe import chance
from tools.train_detector.scenes import HEIGHT, WIDTH, LabelledImage
from tools.train_detector.targets import FORGIVEN

PAD = 114
# Cut to less than this a body is no example; smaller than that it is one that may be missed.
SLIVER_PX, SMALL_PX = 3, 18


def _geometry(sample: LabelledImage, rng: np.random.Generator) -> LabelledImage:
    """Mirror, zoom and shift; what lies outside the picture becomes the grey of the letterbox."""
    image, boxes, visible = sample.image, sample.boxes.copy(), sample.visible.copy()
    if chance(rng, 0.5):
        image = image[:, ::-1]
        boxes[:, [0, 2]] = WIDTH - boxes[:, [2, 0]]
    scale = float(np.exp(rng.uniform(np.log(0.72), np.log(1.55)))) if chance(rng, 0.5) else 1.0
    full_width, full_height = WIDTH * scale, HEIGHT * scale
    left = float(rng.uniform(0, full_width - WIDTH)) if scale > 1 else 0.0
    top = float(rng.uniform(0, full_height - HEIGHT)) if scale > 1 else 0.0
    matrix = np.array([[scale, 0, -left], [0, scale, -top]], np.float32)
    flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    canvas = cv2.warpAffine(
        np.ascontiguousarray(image), matrix, (WIDTH, HEIGHT), flags=flags, borderValue=(PAD, PAD, PAD)
    )
    # A 16:9 picture leaves four rows of letterbox below; other shapes leave more.
    seen_width, seen_height = min(full_width, WIDTH), min(full_height, HEIGHT)
    below = HEIGHT - (4 if chance(rng, 0.7) else int(rng.integers(0, 60)))
    seen_height = min(seen_height, below)
    canvas[below:] = PAD
    if chance(rng, 0.15):
        seen_width = min(seen_width, WIDTH - int(rng.integers(0, 120)))
        canvas[:, int(seen_width) :] = PAD
    boxes = (boxes * scale - np.array([left, top, left, top])).astype(np.float32)
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    boxes[:, [0, 2]] = boxes[:, [0, 2]].clip(0, seen_width)
    boxes[:, [1, 3]] = boxes[:, [1, 3]].clip(0, seen_height)
    kept = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    visible = visible * kept / np.maximum(area, 1e-3)
    wide, tall = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    keep = np.minimum(wide, tall) > SLIVER_PX
    visible = np.where(tall < SMALL_PX, np.minimum(visible, FORGIVEN), visible)
    return LabelledImage(canvas.astype(np.uint8), boxes[keep], visible[keep].astype(np.float32))


def _smooth_light(rng: np.random.Generator) -> FloatArray:
    """A light that changes slowly over the picture, shape (HEIGHT, WIDTH, 1)."""
    coarse = rng.uniform(0.65, 1.25, (3, 4)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)[..., None], np.float32)


def _tone(rng: np.random.Generator) -> ByteArray:
    """A table from levels to levels for each channel: colour of the light, contrast, brightness, gamma; (256, 1, 3)."""
    levels = np.arange(256, dtype=np.float32)[:, None] * rng.uniform(0.85, 1.15, 3)
    levels = (levels - 128) * rng.uniform(0.65, 1.3) + 128 + rng.uniform(-28, 28)
    table = 255 * np.power(np.clip(levels / 255, 0, 1), rng.uniform(0.7, 1.4))
    return np.asarray(table[:, None, :], np.uint8)


@cache
def _noise_fields() -> tuple[npt.NDArray[np.int16], ...]:
    """Noise of a standard deviation of 16 levels, larger than the picture: fine, and in grains of two pixels."""
    rng = np.random.default_rng(0)
    fine = rng.standard_normal((HEIGHT * 2, WIDTH * 2, 3), dtype=np.float32) * 16
    coarse = cv2.resize(fine[:HEIGHT, :WIDTH], (WIDTH * 2, HEIGHT * 2))
    return fine.astype(np.int16), coarse.astype(np.int16)


def _with_noise(picture: ByteArray, rng: np.random.Generator) -> ByteArray:
    field = _noise_fields()[int(rng.integers(2))]
    top, left = int(rng.integers(HEIGHT)), int(rng.integers(WIDTH))
    # Sixteenths of a sixteen-level noise, in integers: 1 to 12 levels.
    noise = field[top : top + HEIGHT, left : left + WIDTH] * np.int16(rng.integers(1, 13)) >> 4
    return np.asarray(np.clip(picture + noise, 0, 255), np.uint8)


def _photometry(image: ByteArray, rng: np.random.Generator) -> ByteArray:
    """Change light, colour, sharpness and noise, then compress."""
    picture = image
    if chance(rng, 0.35):
        picture = np.asarray(np.clip(picture * _smooth_light(rng), 0, 255), np.uint8)
    picture = np.asarray(cv2.LUT(picture, _tone(rng)), np.uint8)
    if chance(rng, 0.2):
        grey = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        share = float(rng.uniform(0, 1))
        picture = np.asarray(cv2.addWeighted(picture, share, grey, 1 - share, 0), np.uint8)
    if chance(rng, 0.3):
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.4, 1.2))), np.uint8)
    if chance(rng, 0.7):
        picture = _with_noise(picture, rng)
    if chance(rng, 0.4):
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 90))]
        picture = np.asarray(cv2.imdecode(cv2.imencode(".jpg", picture, quality)[1], cv2.IMREAD_COLOR), np.uint8)
    return picture


def augment(sample: LabelledImage, rng: np.random.Generator) -> LabelledImage:
    """Return a changed copy of a labelled picture; the letterbox stays grey."""
    changed = _geometry(sample, rng)
    padding = (changed.image == PAD).all(axis=2)
    image = _photometry(changed.image, rng)
    image[padding] = PAD
    return LabelledImage(image, changed.boxes, changed.visible)
