"""What every section of a twin is made of: its base, its identifiers, its places and times."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from storeflow.contract.geometry import Point, area, crosses_itself

Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
"""What an operator may call a camera, a line or a zone: it travels in URLs, file names and twin keys."""
FEWEST_CORNERS, MOST_CORNERS = 3, 64
"""Of a polygon."""
Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Seconds = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]


def _in_frame(point: Point) -> Point:
    if not (0 <= point.x <= 1 and 0 <= point.y <= 1):  # NaN fails here too
        raise ValueError(f"({point.x}, {point.y}) is outside the frame: fractions from 0 to 1 are expected")
    return point


def _simple(polygon: tuple[Point, ...]) -> tuple[Point, ...]:
    if not FEWEST_CORNERS <= len(polygon) <= MOST_CORNERS:
        raise ValueError(f"has {len(polygon)} corners, {FEWEST_CORNERS} to {MOST_CORNERS} are needed")
    if crosses_itself(polygon) or area(polygon) == 0:
        raise ValueError("the polygon crosses itself or has no area: list its corners in order around the zone")
    return polygon


FramePoint = Annotated[Point, AfterValidator(_in_frame)]
Polygon = Annotated[
    tuple[FramePoint, ...],
    Field(json_schema_extra={"minItems": FEWEST_CORNERS, "maxItems": MOST_CORNERS}),
    AfterValidator(_simple),
]


class Section(BaseModel):
    """Base of every twin section and everything inside one."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, use_attribute_docstrings=True)
