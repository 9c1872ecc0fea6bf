"""What a fleet looks like: how many stores and cameras, which days, where the stores lie. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from math import ceil
from random import Random
from zoneinfo import ZoneInfo

from storeflow.errors import ConfigError

ENTRANCE, AISLE, DRIVEWAY = "entrance", "aisle", "driveway"
"""The lines of every camera; the last is for vehicles."""
SHELF, OFFICE, CHECKOUT = "shelf", "office", "checkout"
"""Its zones, of which the second is for staff only, and its queue."""

OPENS_AT, CLOSES_AT = 8, 20
"""Hours of the store's own day."""
BUSY = (2, 3, 4, 6, 9, 8, 5, 5, 7, 10, 8, 4)
"""How many come in each hour that the store is open, one hour beside another: noon, and the way home."""

EVENTS_OF_A_VISITOR = 6.2
"""Measured, all kinds together."""
EVENTS_OF_A_CAMERA_DAY = 325
"""Coverage of each quarter of an hour, a heartbeat every five minutes, and now and then a state or a layout."""

_TIME_ZONES = (
    "Europe/Berlin",
    "America/Los_Angeles",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "Asia/Tokyo",
)
"""Some are open over midnight of UTC, and some change their clocks in the days of the default plan."""


@dataclass(frozen=True)
class Plan:
    """A fleet. The same plan is the same events and the same truth.

    Attributes:
        events: how many to make in all, about; each of them once.
        starts_on: the first day, of each store's own calendar.
        hub: host name of the IoT Hub that all stores belong to.
    """

    stores: int
    cameras: int
    days: int
    events: int
    seed: int
    starts_on: date = date(2026, 10, 24)
    hub: str = "local.azure-devices.net"

    def __post_init__(self) -> None:
        if min(self.stores, self.cameras, self.days) < 1:
            raise ConfigError([f"fleet: {self.stores} stores, {self.cameras} cameras, {self.days} days: 1 at least"])

    @cached_property
    def visitors(self) -> int:
        """How many come in front of one camera on one day."""
        each = self.events / (self.stores * self.cameras * self.days)
        return max(1, ceil((each - EVENTS_OF_A_CAMERA_DAY) / EVENTS_OF_A_VISITOR))

    def store(self, number: int) -> "Store":
        """Return one store, counted from 0."""
        chance = Random(f"{self.seed}/{number}")
        return Store(
            plan=self,
            store_id=f"store-{number + 1:04}",
            time_zone=_TIME_ZONES[number % len(_TIME_ZONES)],
            clock_ahead_ms=round(chance.gauss(0, 30_000)),
            clock_drifts_ms=round(chance.gauss(0, 1_000)),
        )

    def all_stores(self) -> Iterator["Store"]:
        """Every store."""
        return map(self.store, range(self.stores))

    def first(self, stores: int) -> "Plan":
        """Return the plan of some of its stores, with their part of the events."""
        return replace(self, stores=stores, events=self.events * stores // self.stores)


@dataclass(frozen=True)
class Store:
    """One store, with one device that is called like it.

    Attributes:
        clock_ahead_ms: by how much the device's clock is ahead of the true time when the plan begins.
        clock_drifts_ms: by how much more after each day.
    """

    plan: Plan
    store_id: str
    time_zone: str
    clock_ahead_ms: int
    clock_drifts_ms: int

    @property
    def cameras(self) -> list[str]:
        """Their names."""
        return [f"camera_{number + 1}" for number in range(self.plan.cameras)]

    def source(self, camera_id: str) -> str:
        """CloudEvents `source` of what a camera saw."""
        return f"//{self.plan.hub}/{self.store_id}/{camera_id}"

    def chance(self, *parts: object) -> Random:
        """Return the chance of one part of the store: the same parts have the same."""
        return Random("/".join(map(str, (self.plan.seed, self.store_id, *parts))))

    def moment(self, day: int, hours: float = 0) -> int:
        """Return an hour of one of its own days, in milliseconds since 1970: some days have 23 hours, or 25."""
        at = datetime.combine(self.plan.starts_on + timedelta(days=day), time(), ZoneInfo(self.time_zone))
        local = at + timedelta(hours=hours)  # by the clock on the wall
        return round(local.astimezone(UTC).timestamp() * 1000)

    def redrawn_at(self, camera_id: str) -> int | None:
        """When the layout of a camera became version 2: of every third at 13:07 of the second day."""
        return self.moment(1, 13 + 7 / 60) if int(camera_id.rpartition("_")[2]) % 3 == 0 else None

    @cached_property
    def _begins(self) -> int:
        return self.moment(0)

    def true_time(self, at: int) -> float:
        """Return the true time at a moment of the device's clock, both in milliseconds since 1970."""
        days = (at - self._begins) / 86_400_000
        return at - self.clock_ahead_ms - self.clock_drifts_ms * days
