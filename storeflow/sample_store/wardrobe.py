"""What people look like: builds, colours and cloths, in two sets that share nothing.

The sample store dresses its people from `SAMPLE`; the detector is trained on `TRAINING`. The names, the
colours, the patterns and the ranges of the builds are disjoint, and a test says so: what the detector
recognises in the sample it has to recognise by shape, not by memory.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from storeflow.sample_store.camera import FloatArray

Colour = tuple[int, int, int]
Pattern = Callable[[FloatArray, FloatArray], FloatArray]


def chance(rng: np.random.Generator, share: float) -> bool:
    """Whether something that happens in `share` of all cases happens now."""
    return bool(rng.random() < share)


@dataclass(frozen=True)
class Build:
    """The proportions of a family of bodies.

    Attributes:
        height: Shortest and tallest, in metres.
        girth: Factor on the radii of trunk and limbs, thinnest and stoutest.
        shoulders: Half the width of the shoulders as a fraction of the height.
    """

    height: tuple[float, float]
    girth: tuple[float, float]
    shoulders: float


@dataclass(frozen=True)
class Wardrobe:
    """A closed set of looks.

    Attributes:
        builds: Families of bodies by name.
        palettes: Colours of clothes by name of the palette.
        cloths: Names of patterns, keys of `PATTERNS`.
        skins: Colours of skin.
        hairs: Colours of hair.
    """

    builds: Mapping[str, Build]
    palettes: Mapping[str, tuple[Colour, ...]]
    cloths: tuple[str, ...]
    skins: tuple[Colour, ...]
    hairs: tuple[Colour, ...]


def _below(values: FloatArray, limit: float) -> FloatArray:
    return (values < limit).astype(np.float32)


def _band(values: FloatArray, period: float, share: float) -> FloatArray:
    return ((values / period) % 1.0 < share).astype(np.float32)


# A pattern mixes a garment's two colours: `along` runs 0..1 from the top of the part to its bottom, `around`
# is -1..1 across it as seen; the answer is the share of the second colour, 0..1, in the same shape.
PATTERNS: Mapping[str, Pattern] = {
    "breton": lambda along, around: _band(along + 0 * around, 0.17, 0.42),
    "yoke": lambda along, around: _below(along + 0 * around, 0.34),
    "twill": lambda along, around: 0.55 * _band(along * 1.6 + around, 0.24, 0.5),
    "panel": lambda along, around: _below(np.abs(around) + 0 * along, 0.34),
    "plain": lambda along, around: np.zeros(np.broadcast(along, around).shape, np.float32),
    "pinstripe": lambda along, around: _band(around + 0 * along, 0.32, 0.2),
    "gingham": lambda along, around: 0.5 * (_band(along, 0.2, 0.5) + _band(around, 0.5, 0.5)),
    "dots": lambda along, around: _below((along * 7 % 1 - 0.5) ** 2 + (around * 2.5 % 1 - 0.5) ** 2, 0.07),
    "halves": lambda along, around: (around > 0).astype(np.float32) + 0 * along,
    "ombre": lambda along, around: np.clip(along, 0, 1) + 0 * around,
    "chevron": lambda along, around: _band(along * 1.3 + np.abs(around * 0.35), 0.26, 0.5),
    "tartan": lambda along, around: np.maximum(_band(along, 0.33, 0.4), 0.8 * _band(around, 0.6, 0.35)),
    "patchwork": lambda along, around: _below(np.sin(along * 11.3) * np.sin(around * 5.1 + 2.6), 0.0),
    "hem": lambda along, around: _below(1 - along + 0 * around, 0.28),
}

SAMPLE = Wardrobe(
    builds={
        "shopper": Build((1.66, 1.74), (0.99, 1.04), 0.112),
        "tall_shopper": Build((1.80, 1.85), (1.00, 1.05), 0.116),
    },
    palettes={
        "harbour": ((38, 70, 108), (222, 214, 196), (186, 64, 52), (92, 120, 138)),
        "orchard": ((112, 132, 72), (206, 150, 60), (238, 228, 204), (84, 62, 50)),
        "dusk": ((96, 70, 112), (206, 120, 116), (52, 56, 82), (172, 164, 182)),
        "rain": ((202, 172, 46), (58, 92, 96), (150, 162, 160), (44, 46, 52)),
    },
    cloths=("breton", "yoke", "twill", "panel"),
    skins=((228, 184, 154), (176, 122, 88), (112, 74, 54), (206, 156, 122)),
    hairs=((48, 34, 26), (24, 22, 24), (146, 104, 58), (168, 162, 156)),
)

TRAINING = Wardrobe(
    builds={
        "slight": Build((1.44, 1.65), (0.82, 0.98), 0.106),
        "broad": Build((1.60, 1.79), (1.06, 1.28), 0.120),
        "lanky": Build((1.86, 1.98), (0.84, 0.98), 0.109),
        "sturdy": Build((1.75, 1.79), (0.90, 0.98), 0.124),
    },
    palettes={
        "signal": ((220, 36, 40), (250, 210, 30), (20, 120, 220), (30, 160, 80)),
        "earth": ((120, 84, 52), (160, 130, 96), (74, 74, 50), (196, 178, 150)),
        "night": ((18, 20, 26), (34, 40, 60), (60, 62, 66), (80, 24, 34)),
        "chalk": ((248, 248, 244), (226, 230, 236), (200, 204, 206), (238, 220, 226)),
        "denim": ((48, 78, 128), (84, 116, 164), (124, 150, 186), (30, 48, 84)),
        "sorbet": ((244, 150, 170), (150, 214, 200), (250, 200, 140), (180, 160, 226)),
        "moss": ((60, 96, 60), (102, 122, 90), (30, 66, 60), (140, 152, 110)),
        "brick": ((160, 60, 44), (200, 96, 60), (112, 40, 40), (90, 70, 70)),
        "contrast": ((14, 14, 16), (252, 252, 246), (254, 204, 12), (214, 28, 40)),
        "hazard": ((26, 24, 22), (255, 190, 0), (232, 238, 232), (0, 84, 64)),
        "violet": ((120, 50, 150), (170, 90, 190), (70, 40, 100), (214, 180, 226)),
    },
    cloths=("plain", "pinstripe", "gingham", "dots", "halves", "ombre", "hem", "chevron", "tartan", "patchwork"),
    skins=((240, 200, 176), (222, 170, 140), (190, 140, 104), (150, 104, 74), (96, 64, 48), (70, 46, 36)),
    hairs=((14, 12, 12), (60, 44, 34), (96, 66, 40), (190, 150, 90), (210, 206, 200), (130, 60, 36)),
)
