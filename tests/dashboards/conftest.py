"""A small lake of two shops on the days that have 23 and 25 hours, made by the code that lands and refines."""

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest

from cloud_functions import landing, refine
from cloud_functions.folder import FolderFiles
from cloud_functions.lake.tables import Lake
from cloud_functions.lake_port import DeltaPlace
from cloud_functions.message import Batch, Message
from cloud_functions.stores import PATH as REGISTER
from cloud_functions.stores import Stores
from examples.lake import open_lake
from storeflow.contract import events
from storeflow.contract.cloudevents import CloudEvent, camera_source, event_id
from storeflow.contract.events import StoreEvent
from storeflow.contract.geometry import Point

HUB = "contoso.azure-devices.net"
QUARTER = timedelta(minutes=15)
STORES = Stores.model_validate(
    {
        "iot_hubs": [HUB],
        "stores": {
            "berlin": {"name": "Berlin", "time_zone": "Europe/Berlin", "devices": ["berlin"]},
            "london": {"name": "London", "time_zone": "Europe/London", "devices": ["london"]},
            "lord-howe": {"name": "Lord Howe", "time_zone": "Australia/Lord_Howe", "devices": ["lord-howe"]},
        },
    }
)
LONG_DAYS = (date(2026, 10, 24), date(2026, 10, 25))
"""Of Berlin: 24 and 25 hours."""
SHORT_DAYS = (date(2026, 3, 29),)
HALF_HOUR_DAYS = (date(2026, 10, 4),)
"""Of Lord Howe: clocks go forward by half an hour."""


class Door:
    """One camera at one door: the events that it makes, numbered."""

    def __init__(self, store_id: str, camera_id: str = "door") -> None:
        self.store_id, self.camera_id = store_id, camera_id
        self.source = camera_source(HUB, store_id, camera_id)
        self.zone = ZoneInfo(STORES.stores[store_id].time_zone)
        self.events: list[CloudEvent] = []
        self._tracks = itertools.count()

    def quarters(self, *days: date) -> Iterator[datetime]:
        """The beginning of every quarter of an hour of these days, by the store's clock."""
        for day in days:
            at = datetime(day.year, day.month, day.day, tzinfo=self.zone).astimezone(UTC)
            while at.astimezone(self.zone).date() == day:
                yield at
                at += QUARTER

    def say(self, data: StoreEvent, subject: str) -> None:
        """Note an event."""
        number = len(self.events) + 1
        event = CloudEvent.of(
            data, source=self.source, id=event_id(self.source, data.event_type, number), subject=subject
        )
        self.events.append(event.model_copy(update={"sequence": f"{number:012d}"}))

    def _said(self, at: datetime) -> dict[str, Any]:
        said = {"store_id": self.store_id, "camera_id": self.camera_id, "captured_at": at, "config_version": 1}
        return said | {"model_version": "m", "track_id": f"t{next(self._tracks)}"}

    def crossed(self, at: datetime, direction: str = "in", line_id: str = "entrance", **more: Any) -> None:
        """Somebody crosses a line."""
        what = {"line_id": line_id, "direction": direction, "object_class": "person", "reason": "settled"}
        data = events.LineCrossed.model_validate(self._said(at) | what | {"position": Point(0.5, 0.5)} | more)
        self.say(data, line_id)

    def visited(self, at: datetime, seconds: float) -> None:
        """A visit ends."""
        data = events.ZoneExited(
            **self._said(at),
            zone_id="shelf",
            object_class="person",
            entered_at=at - timedelta(seconds=seconds),
            dwell_seconds=seconds,
        )
        self.say(data, "shelf")

    def waited(self, at: datetime, seconds: float, outcome: Any) -> None:
        """A wait ends."""
        arrived_at = at - timedelta(seconds=seconds)
        data = events.QueueLeft(
            **self._said(at), queue_id="tills", outcome=outcome, arrived_at=arrived_at, wait_seconds=seconds
        )
        self.say(data, "tills")

    def covered(self, begins: datetime, seconds: float = 900) -> None:
        """A quarter of an hour is over."""
        data = events.CameraCoverage(
            store_id=self.store_id,
            camera_id=self.camera_id,
            captured_at=begins + QUARTER,
            window_start=begins,
            window_end=begins + QUARTER,
            observed_seconds=seconds,
            frames_analysed=1000,
            frames_missed=0,
            longest_gap_seconds=0.1,
        )
        self.say(data, self.camera_id)

    def heartbeat(self, at: datetime) -> None:
        """All is sent up to here."""
        said = {"store_id": self.store_id, "camera_id": self.camera_id, "captured_at": at}
        self.say(events.StreamHeartbeat(**said, complete_until=at), self.camera_id)


def lake_of(folder: Path, *doors: Door) -> Path:
    """Land and refine what these cameras saw."""
    files = FolderFiles(folder)
    files.create(REGISTER, STORES.model_dump_json().encode(), {})
    for partition, door in enumerate(doors):
        messages = [_message(number, door.store_id, some) for number, some in enumerate(_pieces(door.events))]
        batch = Batch("contoso", "telemetry", str(partition), messages)
        landing.land(batch, STORES, files, messages[-1].enqueued_at)
    refine.refine(files, Lake(DeltaPlace(str(folder), {})), STORES, datetime(2026, 11, 5, tzinfo=UTC))
    return folder


def _pieces(sent: list[CloudEvent]) -> Iterator[list[CloudEvent]]:
    for begin in range(0, len(sent), 100):
        yield sent[begin : begin + 100]


def _message(number: int, device_id: str, sent: list[CloudEvent]) -> Message:
    return Message(
        body=b"[" + b",".join(event.to_json() for event in sent) + b"]",
        sequence_number=number,
        offset=str(number),
        enqueued_at=sent[-1].time,
        device_id=device_id,
        module_id="upstream_router",
        content_type="application/cloudevents-batch+json",
        content_encoding="utf-8",
        store_id=None,
    )


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One comes in each quarter of an hour, day and night, and every other one goes out."""
    berlin, lord_howe = Door("berlin"), Door("lord-howe")
    for door, days in ((berlin, (*SHORT_DAYS, *LONG_DAYS)), (lord_howe, HALF_HOUR_DAYS)):
        for number, at in enumerate(door.quarters(*days)):
            door.crossed(at + timedelta(seconds=60))
            if number % 2:
                door.crossed(at + timedelta(seconds=120), "out")
            door.covered(at)
        door.heartbeat(door.events[-1].time + timedelta(minutes=1))
    return lake_of(tmp_path_factory.mktemp("lake") / "lake", berlin, lord_howe, london())


def london() -> Door:
    """Open from 8 to 20 on three days.

    An hour of Monday nobody looked, and an event is lost; nobody vouches for Wednesday. A camera looks for a quarter
    of an hour before each opening.
    """
    door = Door("london")
    for day in (2, 3, 4):
        opens = datetime(2026, 11, day, 8, tzinfo=UTC)
        door.covered(opens - QUARTER)
        for number in range(48):
            at = opens + number * QUARTER
            door.crossed(at, "in" if number % 2 else "out")
            if not (day == 2 and 8 <= number < 12):
                door.covered(at)
        for seconds in (3, 7, 15, 39, 40, 2000):
            door.visited(opens + timedelta(hours=1), seconds)
        for seconds, outcome in ((30, "served"), (90, "served"), (50, "abandoned"), (10, "lost")):
            door.waited(opens + timedelta(hours=1), seconds, outcome)
        if day < 4:
            door.heartbeat(opens + timedelta(hours=15))
    del door.events[21]
    return door


@pytest.fixture(scope="session")
def database(lake: Path) -> duckdb.DuckDBPyConnection:
    """That lake with all views."""
    return open_lake(str(lake))


@pytest.fixture
def ask(database: duckdb.DuckDBPyConnection) -> Callable[[str], list[tuple[Any, ...]]]:
    """Ask it."""
    return lambda sql: database.sql(sql).fetchall()
