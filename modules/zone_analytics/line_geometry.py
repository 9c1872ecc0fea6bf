"""A line on one camera's picture, measured in heights of the frame: how far, on which side, how much room beyond."""

from dataclasses import dataclass
from math import hypot, inf
from typing import Self

from modules.zone_analytics.people import Observation
from storeflow.contract.geometry import Point, position_along, signed_distance
from storeflow.contract.twins import Line


@dataclass(frozen=True, slots=True)
class Measurement:
    """One observation as a line sees it."""

    at: float
    distance: float
    """From the line, in body heights; negative to its left."""
    along: float
    """0 at the line's start, 1 at its end."""


@dataclass(frozen=True, slots=True)
class Over:
    """Where and when the foot point changed from one side of the endless line to the other."""

    at: float
    along: float
    stitched: bool
    """Between two tracks of one person."""

    @classmethod
    def between(cls, before: Measurement, after: Measurement, stitched_at: float | None) -> Self:
        """The change of side between two measurements, as of somebody who walked straight and at one pace."""
        share = before.distance / (before.distance - after.distance)
        return cls(
            at=before.at + share * (after.at - before.at),
            along=before.along + share * (after.along - before.along),
            stitched=stitched_at is not None and before.at < stitched_at <= after.at,
        )


@dataclass(frozen=True, slots=True)
class ScaledLine:
    """A line in units of the frame's height on both axes, as observations are."""

    start: Point
    end: Point
    aspect_ratio: float
    """Of the frame: its width in these units."""

    @classmethod
    def of(cls, line: Line, aspect_ratio: float) -> Self:
        """The line on a frame of that aspect ratio."""
        return cls(line.start.scaled(aspect_ratio), line.end.scaled(aspect_ratio), aspect_ratio)

    def measure(self, observation: Observation, height: float) -> Measurement:
        """Where an observation of somebody of that height is."""
        distance = signed_distance(observation.foot, self.start, self.end) / height
        return Measurement(observation.at, distance, self.along(observation.foot))

    def along(self, foot: Point) -> float:
        """Where the perpendicular from `foot` meets the endless line: 0 at its start, 1 at its end."""
        return position_along(foot, self.start, self.end)

    def towards_right(self, speed: Point) -> float:
        """The part of a velocity that leads from the line's left to its right."""
        return signed_distance(Point(self.start.x + speed.x, self.start.y + speed.y), self.start, self.end)

    def room(self, foot: Point, direction: Point) -> float:
        """How far it is from `foot` to the frame's border in `direction`; 0 beyond the border."""
        length = hypot(direction.x, direction.y)
        if length == 0:
            return inf
        room = inf
        for place, step, border in ((foot.x, direction.x, self.aspect_ratio), (foot.y, direction.y, 1.0)):
            if step > 0:
                room = min(room, (border - place) / step * length)
            elif step < 0:
                room = min(room, place / -step * length)
        return max(room, 0.0)
