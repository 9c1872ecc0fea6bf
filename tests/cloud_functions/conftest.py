"""A shop whose device sends events, and the lakes they land in."""

import dataclasses
import gzip
import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cloud_functions import landing, refine
from cloud_functions.folder import FolderFiles
from cloud_functions.lake.silver import EVENTS
from cloud_functions.lake.tables import Lake, TableForm, query
from cloud_functions.lake_port import DeltaPlace, Files
from cloud_functions.message import Batch, Message
from cloud_functions.settings import Settings
from cloud_functions.storage import open_files
from cloud_functions.stores import Stores
from storeflow.contract import events
from storeflow.contract.cloudevents import CloudEvent, camera_source, event_id
from storeflow.contract.events import StoreEvent, instant
from storeflow.contract.geometry import Point

HUB = "contoso.azure-devices.net"
OPENS = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


class Shop:
    """A store with one device; its events are numbered as an outbox would number them."""

    def __init__(self, store_id: str, device_id: str) -> None:
        self.store_id, self.device_id = store_id, device_id
        self._numbers: dict[str, Iterator[int]] = {}
        self._messages = itertools.count()

    def event(self, data: StoreEvent, subject: str, camera: str = "door", *parts: str | int) -> CloudEvent:
        """Wrap what happened."""
        source = camera_source(HUB, self.device_id, camera)
        number = next(self._numbers.setdefault(source, itertools.count(1)))
        name = event_id(source, data.event_type, data.captured_at.isoformat(), subject, number, *parts)
        event = CloudEvent.of(data, source=source, id=name, subject=subject)
        return event.model_copy(update={"sequence": f"{number:012d}"})

    def said(self, at: float, camera: str = "door", track: str = "t1") -> dict[str, Any]:
        """What every event of one person says; `at` is in seconds since the store opened."""
        return {
            "store_id": self.store_id,
            "camera_id": camera,
            "captured_at": instant(OPENS.timestamp() + at),
            "config_version": 7,
            "model_version": "nano@4720eda18a18",
            "track_id": track,
        }

    def crossed(
        self, at: float = 1.0, direction: str = "in", line: str = "entrance", track: str = "t1", **more: Any
    ) -> CloudEvent:
        """Somebody crosses a line."""
        said = self.said(at, more.pop("camera", "door"), track) | {
            "line_id": line,
            "direction": direction,
            "object_class": "person",
            "reason": "settled",
            "position": Point(0.5, 0.25),
        }
        data = events.LineCrossed.model_validate(said | more)
        return self.event(data, line, data.camera_id)

    def turned(self, at: float, first: CloudEvent, second: CloudEvent) -> CloudEvent:
        """Somebody came back: two crossings cancel."""
        crossing: Any = first.data
        data = events.LineUTurn(
            **self.said(at, crossing.camera_id, crossing.track_id),
            line_id=crossing.line_id,
            direction=crossing.direction,
            first_crossing_id=first.id,
            second_crossing_id=second.id,
            seconds_between=(second.time - first.time).total_seconds(),
        )
        return self.event(data, crossing.line_id, crossing.camera_id)

    def recognised(self, at: float, track: str, *crossings: CloudEvent, camera: str = "door") -> CloudEvent:
        """Somebody turned out to work here."""
        data = events.PersonRecognised(
            **self.said(at, camera, track),
            qualifier="staff",
            reason="staff_zone",
            crossing_ids=tuple(crossing.id for crossing in crossings),
        )
        return self.event(data, "till", camera)

    def visited(self, at: float, dwell: float, zone: str = "aisle", track: str = "t1", **more: Any) -> CloudEvent:
        """A visit ended."""
        data = events.ZoneExited(
            **self.said(at, more.pop("camera", "door"), track),
            zone_id=zone,
            object_class="person",
            entered_at=instant(OPENS.timestamp() + at - dwell),
            dwell_seconds=dwell,
            **more,
        )
        return self.event(data, zone, data.camera_id)

    def waited(self, at: float, wait: float, outcome: str = "served", track: str = "t1", **more: Any) -> CloudEvent:
        """A wait ended."""
        said = self.said(at, more.pop("camera", "till"), track) | {
            "queue_id": "tills",
            "outcome": outcome,
            "arrived_at": instant(OPENS.timestamp() + at - wait),
            "wait_seconds": wait,
        }
        data = events.QueueLeft.model_validate(said | more)
        return self.event(data, "tills", data.camera_id)

    def covered(self, window: int, observed: float = 900.0, camera: str = "door") -> CloudEvent:
        """A quarter of an hour is over, the `window`th since the store opened."""
        begins = OPENS + timedelta(minutes=15 * window)
        data = events.CameraCoverage(
            store_id=self.store_id,
            camera_id=camera,
            captured_at=begins + timedelta(minutes=15),
            window_start=begins,
            window_end=begins + timedelta(minutes=15),
            observed_seconds=observed,
            frames_analysed=9000,
            frames_missed=3,
            longest_gap_seconds=0.1,
        )
        return self.event(data, camera, camera)

    def message(self, body: bytes | CloudEvent, **how: Any) -> Message:
        """What the hub hands on of one message; numbered in the order of calls."""
        number = next(self._messages)
        said: dict[str, Any] = {
            "sequence_number": number,
            "offset": str(number * 512),
            "enqueued_at": OPENS + timedelta(seconds=number),
            "device_id": self.device_id,
            "module_id": "upstream_router",
            "content_type": "application/json",
            "content_encoding": "utf-8",
            "store_id": self.store_id,
        }
        return Message(body.to_json() if isinstance(body, CloudEvent) else body, **(said | how))

    def packed(self, *sent: CloudEvent | bytes, **how: Any) -> Message:
        """Several events in one compressed message."""
        bodies = [event.to_json() if isinstance(event, CloudEvent) else event for event in sent]
        said = {"content_type": "application/cloudevents-batch+json", "content_encoding": "gzip"}
        return self.message(gzip.compress(b"[" + b",".join(bodies) + b"]"), **(said | how))


@pytest.fixture
def shops() -> Callable[[str], Shop]:
    """Make the shop of a store; its device is called `<store>-box`."""
    return lambda store_id: Shop(store_id, f"{store_id}-box")


@pytest.fixture
def shop(shops: Callable[[str], Shop]) -> Shop:
    """The shop of store-1."""
    return shops("store-1")


@pytest.fixture
def stores() -> Stores:
    """A register of three stores in three time zones."""
    zones = {"store-1": "Europe/Berlin", "store-2": "America/New_York", "store-3": "Asia/Kolkata"}
    return Stores.model_validate(
        {
            "iot_hubs": [HUB],
            "stores": {
                name: {"name": f"The shop {name}", "time_zone": zone, "devices": [f"{name}-box"]}
                for name, zone in zones.items()
            },
        }
    )


@pytest.fixture
def batch_of() -> Callable[..., Batch]:
    """Make a batch of partition 0."""
    return lambda *messages, partition="0": Batch("contoso", "store-events", partition, messages)


@pytest.fixture
def folder(tmp_path: Path) -> FolderFiles:
    """An empty lake in a folder."""
    return FolderFiles(tmp_path / "lake")


@pytest.fixture(params=["folder", "azure"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    """An empty lake, of each kind."""
    if request.param == "folder":
        return FolderFiles(tmp_path / "lake")
    container = request.getfixturevalue("container")
    return open_files(Settings(container.name, "", container.connection_string, ""))


class Cloud:
    """A lake in a folder: what lands in it, and what is made of it."""

    def __init__(self, root: Path, stores: Stores) -> None:
        self.files, self.stores = FolderFiles(root), stores
        self.lake = Lake(DeltaPlace(str(root), {}))
        self._numbers = itertools.count()

    def land(self, *sent: Message, at: datetime = OPENS, partition: str = "0") -> None:
        """Give one batch, which the event hub takes in, and the function too, at a moment."""
        messages = [
            dataclasses.replace(message, sequence_number=next(self._numbers), enqueued_at=at) for message in sent
        ]
        landing.land(Batch("contoso", "store-events", partition, messages), self.stores, self.files, at)

    def refine(self, at: datetime = OPENS) -> refine.Run:
        """Let the timer tick once."""
        return refine.refine(self.files, self.lake, self.stores, at)

    def sql(self, text: str, **forms: TableForm) -> list[dict[str, Any]]:
        """Ask; `events` is silver, all others are given."""
        tables = {name: self.lake.open(form) for name, form in ({"events": EVENTS} | forms).items()}
        found: list[dict[str, Any]] = query(text, **tables).to_pylist()
        return found

    def gold(self, form: TableForm) -> list[dict[str, Any]]:
        """All rows of a table, in order."""
        rows = self.sql("SELECT * FROM t", t=form)
        return sorted(rows, key=lambda row: [str(value) for value in row.values()])


@pytest.fixture
def clouds(tmp_path: Path, stores: Stores) -> Callable[[str], Cloud]:
    """Make an empty lake by its name."""
    return lambda name: Cloud(tmp_path / name, stores)


@pytest.fixture
def cloud(clouds: Callable[[str], Cloud]) -> Cloud:
    """An empty lake."""
    return clouds("cloud")
