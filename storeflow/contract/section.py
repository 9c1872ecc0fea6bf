"""What every section of a twin is made of: its base, its identifiers, its numbers and its places.

Nothing is read as what it is not: a text of digits is no number, and 1 is not true. The JSON schemas say the same.
"""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Strict, WithJsonSchema

from storeflow.contract.geometry import Point
from storeflow.contract.polygon import crosses_itself, polygon_area

Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
"""What an operator may call a camera, a line or a zone: it travels in URLs, file names and twin keys."""
FEWEST_CORNERS, MOST_CORNERS = 3, 64
"""Of a polygon."""


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value  # JSON tells 5.0 and 5 not apart


Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]
WholeNumber = Annotated[int, Strict(), BeforeValidator(_whole)]
Switch = Annotated[bool, Strict()]
Fraction = Annotated[Number, Field(ge=0, le=1)]
Seconds = Annotated[Number, Field(ge=0, le=86_400)]


def _not_by_name(point: Any) -> Any:
    if isinstance(point, dict):
        raise ValueError("is an object, a point [x, y] is expected")  # noqa: TRY004 - pydantic asks for a ValueError
    return point


def _in_frame(point: Point) -> Point:
    if not (0 <= point.x <= 1 and 0 <= point.y <= 1):  # NaN fails here too
        raise ValueError(f"({point.x}, {point.y}) is outside the frame: fractions from 0 to 1 are expected")
    return point


def _simple(polygon: tuple[Point, ...]) -> tuple[Point, ...]:
    if not FEWEST_CORNERS <= len(polygon) <= MOST_CORNERS:
        raise ValueError(f"has {len(polygon)} corners, {FEWEST_CORNERS} to {MOST_CORNERS} are needed")
    if crosses_itself(polygon) or polygon_area(polygon) == 0:
        raise ValueError("the polygon crosses itself or has no area: list its corners in order around the zone")
    return polygon


_COORDINATE = {"type": "number", "minimum": 0, "maximum": 1}
FramePoint = Annotated[
    Point,
    BeforeValidator(_not_by_name),
    AfterValidator(_in_frame),
    WithJsonSchema({"type": "array", "prefixItems": [_COORDINATE, _COORDINATE], "minItems": 2, "maxItems": 2}),
]
Polygon = Annotated[
    tuple[FramePoint, ...],
    Field(json_schema_extra={"minItems": FEWEST_CORNERS, "maxItems": MOST_CORNERS}),
    AfterValidator(_simple),
]


class Section(BaseModel):
    """Base of every twin section and everything inside one."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, use_attribute_docstrings=True)
