"""A person as a bundle of capsules: joints, radii and clothes for one moment of a walk."""

from dataclasses import dataclass, field

import numpy as np

from storeflow.sample_store.camera import Camera, FloatArray
from storeflow.sample_store.wardrobe import Colour, Wardrobe, chance

# Heights of the joints as fractions of the body's height (rounded anthropometric means).
ANKLE, KNEE, HIP, SHOULDER, NECK, HEAD = 0.045, 0.285, 0.520, 0.800, 0.855, 0.930
UPPER_ARM, FOREARM = 0.165, 0.155
# Half the width of the slimmest box round a body, as a fraction of its height in the picture.
SLIMMEST = 0.14
# Metres walked in one cycle of two steps, as a fraction of the body's height.
STRIDE = 0.70


@dataclass(frozen=True)
class Garment:
    """Two colours and the pattern that mixes them."""

    colour: Colour
    second: Colour
    cloth: str


@dataclass(frozen=True)
class Look:
    """Everything about a person that does not change from frame to frame.

    Attributes:
        height: In metres.
        girth: Factor on the radii of trunk and limbs.
        shoulders: Half the width of the shoulders as a fraction of the height.
        top: Jacket, shirt or the upper part of a dress.
        bottom: Trousers or skirt.
        skin: Colour of face and hands.
        hair: Colour of the hair.
        shoes: Colour of the shoes.
        bag: Colour of what they carry.
        carries: `nothing`, `tote`, `backpack` or `basket`.
        cut: `trousers`, `skirt` or `coat`.
        long_hair: Whether the hair falls to the shoulders.
        hat: Colour of a hat, or None.
    """

    height: float
    girth: float
    shoulders: float
    top: Garment
    bottom: Garment
    skin: Colour
    hair: Colour
    shoes: Colour
    bag: Colour
    carries: str = "nothing"
    cut: str = "trousers"
    long_hair: bool = False
    hat: Colour | None = None


@dataclass(frozen=True)
class Pose:
    """Where a person is and what their limbs do.

    Attributes:
        x: Position on the floor, in metres.
        z: Position on the floor, in metres.
        heading: Direction they face, in radians: 0 is away from the camera (+z), pi/2 is to the right (+x).
        phase: Radians of the walking cycle.
        swing: 0 when standing, 1 at full stride.
        reach: 0 with the arm down, 1 with the free arm stretched forward (to a shelf).
    """

    x: float
    z: float
    heading: float
    phase: float = 0.0
    swing: float = 0.0
    reach: float = 0.0


@dataclass
class Parts:
    """Capsules of one figure: segment ends in metres, radii, clothes, and whether the box goes round them.

    `x` and `z` are where on the floor it stands.
    """

    x: float = 0.0
    z: float = 0.0
    start: list[tuple[float, float, float]] = field(default_factory=list)
    end: list[tuple[float, float, float]] = field(default_factory=list)
    radius: list[tuple[float, float]] = field(default_factory=list)
    garment: list[Garment] = field(default_factory=list)
    is_body: list[bool] = field(default_factory=list)

    def add(
        self,
        start: FloatArray,
        end: FloatArray,
        radius: tuple[float, float],
        garment: Garment,
        *,
        body: bool = True,
    ) -> None:
        """Add one capsule, given in the figure's own frame: (forward, up, right)."""
        self.start.append((float(start[0]), float(start[1]), float(start[2])))
        self.end.append((float(end[0]), float(end[1]), float(end[2])))
        self.radius.append(radius)
        self.garment.append(garment)
        self.is_body.append(body)


def _plain(colour: Colour) -> Garment:
    return Garment(colour, colour, "plain")


def _point(forward: float, up: float, right: float) -> FloatArray:
    return np.array([forward, up, right], dtype=np.float32)


def _leg(parts: Parts, look: Look, side: float, phase: float, swing: float) -> None:
    """Add a thigh, a shin and a shoe; the knee bends while the leg swings forward."""
    tall, thick = look.height, look.height * look.girth
    thigh_angle = 0.38 * swing * np.sin(phase)
    shin_angle = thigh_angle - 0.70 * swing * max(0.0, float(np.cos(phase)))
    hip = _point(0, HIP * tall, side * 0.052 * thick)
    knee = hip + (HIP - KNEE) * tall * _point(np.sin(thigh_angle), -np.cos(thigh_angle), 0)
    ankle = knee + (KNEE - ANKLE) * tall * _point(np.sin(shin_angle), -np.cos(shin_angle), 0)
    bare = look.cut == "skirt"
    cloth = _plain(look.skin) if bare else look.bottom
    parts.add(hip, knee, (0.056 * thick, 0.040 * thick), cloth)
    parts.add(knee, ankle, (0.039 * thick, 0.024 * thick), cloth)
    toe = ankle + _point(0.085 * tall * np.cos(shin_angle), -0.018 * tall, 0)
    parts.add(ankle + _point(-0.012 * tall, -0.014 * tall, 0), toe, (0.026 * tall, 0.021 * tall), _plain(look.shoes))


def _arm(parts: Parts, look: Look, side: float, angle: float, lift: float) -> FloatArray:
    """Add an arm and return where its hand is."""
    tall, thick = look.height, look.height * look.girth
    shoulder = _point(0, (SHOULDER - 0.01) * tall, side * look.shoulders * thick)
    angle += 1.15 * lift
    elbow = shoulder + UPPER_ARM * tall * _point(np.sin(angle), -np.cos(angle), 0.12 * side)
    bend = angle + 0.30 + 0.35 * lift
    hand = elbow + FOREARM * tall * _point(np.sin(bend), -np.cos(bend), 0)
    parts.add(shoulder, elbow, (0.036 * thick, 0.029 * thick), look.top, body=False)
    parts.add(elbow, hand, (0.028 * thick, 0.021 * thick), look.top, body=False)
    parts.add(hand, hand + _point(0, -0.03 * tall, 0), (0.023 * tall, 0.019 * tall), _plain(look.skin), body=False)
    return np.asarray(hand, np.float32)


def _trunk(parts: Parts, look: Look) -> None:
    tall, thick = look.height, look.height * look.girth
    hem = HIP - 0.015
    for side in (-1.0, 0.0, 1.0):
        top = _point(0, (SHOULDER - 0.025) * tall, side * (look.shoulders - 0.035) * thick)
        waist = _point(0, hem * tall, side * 0.040 * thick)
        parts.add(top, waist, (0.050 * thick, 0.060 * thick), look.top)
    yoke = (look.shoulders - 0.03) * thick
    parts.add(_point(0, SHOULDER * tall, -yoke), _point(0, SHOULDER * tall, yoke), (0.038 * thick,) * 2, look.top)
    if look.cut == "skirt":
        parts.add(
            _point(0, (HIP + 0.03) * tall, 0), _point(0, 0.33 * tall, 0), (0.075 * thick, 0.105 * thick), look.bottom
        )
    if look.cut == "coat":
        parts.add(_point(0, HIP * tall, 0), _point(0, 0.34 * tall, 0), (0.085 * thick, 0.098 * thick), look.top)


def _head(parts: Parts, look: Look) -> None:
    tall = look.height
    parts.add(_point(0, SHOULDER * tall, 0), _point(0.008, NECK * tall, 0), (0.030 * tall,) * 2, _plain(look.skin))
    face = _point(0.012 * tall, HEAD * tall, 0)
    parts.add(
        face + _point(0, 0.014 * tall, 0),
        face + _point(0, -0.024 * tall, 0),
        (0.054 * tall, 0.044 * tall),
        _plain(look.skin),
    )
    crown = _point(-0.016 * tall, (HEAD + 0.018) * tall, 0)
    nape = _point(-0.030 * tall, (HEAD - (0.085 if look.long_hair else 0.012)) * tall, 0)
    parts.add(crown, nape, (0.058 * tall, 0.046 * tall), _plain(look.hair))
    if look.hat is not None:
        brow = _point(0.0, (HEAD + 0.036) * tall, 0)
        parts.add(brow, brow + _point(0.03 * tall, 0.0, 0), (0.060 * tall, 0.050 * tall), _plain(look.hat))


def _load(parts: Parts, look: Look, hand: FloatArray) -> None:
    tall = look.height
    if look.carries == "tote":
        low = hand + _point(0, -0.17 * tall, 0)
        parts.add(hand + _point(0, -0.08 * tall, 0), low, (0.030 * tall, 0.068 * tall), _plain(look.bag), body=False)
    elif look.carries == "basket":
        low = hand + _point(0, -0.10 * tall, 0.0)
        rim = low + _point(0, 0.045 * tall, 0)
        for ahead in (-0.055 * tall, 0.055 * tall):
            parts.add(hand, rim + _point(ahead, 0, 0), (0.008 * tall,) * 2, _plain(look.bag), body=False)
        for height, ahead in ((0.0, 0.050 * tall), (0.03 * tall, 0.064 * tall)):
            near, far = low + _point(-ahead, height, 0), low + _point(ahead, height, 0)
            parts.add(near, far, (0.030 * tall,) * 2, _plain(look.bag), body=False)
    elif look.carries == "backpack":
        high, low = _point(-0.085 * tall, 0.76 * tall, 0), _point(-0.095 * tall, 0.60 * tall, 0)
        parts.add(high, low, (0.060 * tall, 0.072 * tall), _plain(look.bag), body=False)


def build_parts(look: Look, pose: Pose) -> Parts:
    """Place every capsule of a figure in the world; the lower shoe stands on the floor."""
    local = Parts(pose.x, pose.z)
    for side, phase in ((-1.0, pose.phase), (1.0, pose.phase + np.pi)):
        _leg(local, look, side, phase, pose.swing)
    _trunk(local, look)
    sway = 0.42 * pose.swing * float(np.sin(pose.phase))
    # A hand that carries hardly swings, and it is the other one that reaches.
    loaded = look.carries in ("tote", "basket")
    _arm(local, look, -1.0, -sway, pose.reach if loaded else 0.0)
    hand = _arm(local, look, 1.0, sway * (0.35 if loaded else 1.0), 0.0 if loaded else pose.reach)
    _head(local, look)
    _load(local, look, hand)
    sole = min(min(a[1] - r[0], b[1] - r[1]) for a, b, r in zip(local.start, local.end, local.radius, strict=True))
    sin, cos = float(np.sin(pose.heading)), float(np.cos(pose.heading))

    def place(point: tuple[float, float, float]) -> tuple[float, float, float]:
        forward, up, right = point
        return pose.x + forward * sin + right * cos, up - sole, pose.z + forward * cos - right * sin

    local.start = [place(point) for point in local.start]
    local.end = [place(point) for point in local.end]
    return local


def body_box(camera: Camera, parts: Parts) -> tuple[float, float, float, float]:
    """Return the box round the whole body in pixels (left, top, right, bottom), hidden parts included.

    The box is symmetric about the body's axis, and never slimmer than a person seen from the front: so the middle
    of its lower edge, which the counting takes for the foot, is where the person stands, whatever they do with
    their arms and whatever they carry (neither is part of it). It may reach over the edge of the picture.
    """
    chosen = [index for index, body in enumerate(parts.is_body) if body]
    points = np.array([[parts.start[i], parts.end[i]] for i in chosen], dtype=np.float32)
    radii = np.array([parts.radius[i] for i in chosen], dtype=np.float32)
    pixels, depth = camera.project(points)
    reach = radii * camera.focal_px / depth
    low, high = pixels - reach[..., None], pixels + reach[..., None]
    left, top = low.min(axis=(0, 1))
    right, bottom = high.max(axis=(0, 1))
    crown = float((points[..., 1] + radii).max())
    ends, _ = camera.project(np.array([[parts.x, 0, parts.z], [parts.x, crown, parts.z]], np.float32))
    axis = float(ends[:, 0].mean())
    half = max(axis - float(left), float(right) - axis, SLIMMEST * float(bottom - top))
    return axis - half, float(top), axis + half, float(bottom)


def random_look(wardrobe: Wardrobe, rng: np.random.Generator) -> Look:
    """Draw a look from a wardrobe."""
    build = wardrobe.builds[str(rng.choice(sorted(wardrobe.builds)))]
    palette = wardrobe.palettes[str(rng.choice(sorted(wardrobe.palettes)))]
    order = rng.permutation(len(palette))
    colours = [palette[int(index)] for index in order]
    return Look(
        height=float(rng.uniform(*build.height)),
        girth=float(rng.uniform(*build.girth)),
        shoulders=build.shoulders,
        top=Garment(colours[0], colours[1], str(rng.choice(wardrobe.cloths))),
        bottom=Garment(colours[2], colours[3], "plain"),
        skin=wardrobe.skins[int(rng.integers(len(wardrobe.skins)))],
        hair=wardrobe.hairs[int(rng.integers(len(wardrobe.hairs)))],
        shoes=wardrobe.hairs[int(rng.integers(len(wardrobe.hairs)))],
        bag=colours[3],
        carries=str(rng.choice(["nothing", "nothing", "tote", "backpack", "basket"])),
        cut=str(rng.choice(["trousers", "trousers", "trousers", "skirt", "coat"])),
        long_hair=chance(rng, 0.45),
        hat=colours[1] if chance(rng, 0.12) else None,
    )
