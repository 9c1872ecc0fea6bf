"""What a shop's devices say of themselves: which layout is in force, how far all is told; and the sums they make."""

import contextlib
import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from cloud_functions.lake import silver
from cloud_functions.lake.columns import ENVELOPE, silver_columns
from cloud_functions.lake.gold import dimensions, facts
from cloud_functions.lake.ledger import FILES
from cloud_functions.lake.silver import EVENTS
from cloud_functions.lake.tables import Lake, replace
from cloud_functions.lake_port import DeltaPlace
from cloud_functions.rebuild import GOLD
from storeflow.contract import events
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import instant
from storeflow.contract.geometry import Point
from storeflow.errors import StorageError

OPENS = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
SQUARE = (Point(0.1, 0.1), Point(0.9, 0.1), Point(0.9, 0.9))


def said(shop: Any, at: float, camera: str) -> dict[str, Any]:
    """What every event of a camera says; `at` is in seconds since the store opened."""
    return {"store_id": shop.store_id, "camera_id": camera, "captured_at": instant(OPENS.timestamp() + at)}


@pytest.fixture(scope="session")
def empty_lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake whose tables are there, without a row."""
    root = tmp_path_factory.mktemp("empty") / "lake"
    lake = Lake(DeltaPlace(str(root), {}))
    for form in (EVENTS, FILES, *GOLD):
        lake.open(form)
    return root


@pytest.fixture
def clouds(clouds: Callable[[str], Any], empty_lake: Path, tmp_path: Path) -> Callable[[str], Any]:
    """Make an empty lake by its name, of copies of empty tables: that is quicker than making each."""

    def make(name: str) -> Any:
        shutil.copytree(empty_lake, tmp_path / name)
        return clouds(name)

    return make


@pytest.fixture
def facts_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the dimensions, which are half the work of a tick, where none is looked at."""
    monkeypatch.setattr(dimensions, "catch_up", lambda *_: None)


@pytest.fixture
def refine_and_die(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Refine with time for so many commits to facts and their completeness; then the process is killed."""
    left = 0

    def dying(*given: Any) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise StorageError("the process was killed here")
        replace(*given)

    def refine(commits: int) -> None:
        nonlocal left
        left = commits
        with contextlib.suppress(StorageError):
            cloud.refine()

    monkeypatch.setattr(facts, "replace", dying)
    return refine


@pytest.fixture
def drew() -> Callable[..., CloudEvent]:
    """A layout is in force from a moment on: lines by name, each of people unless it is said of what."""

    def make(shop: Any, at: float, *lines: str, version: int = 7, camera: str = "door", **of: str) -> CloudEvent:
        data = events.LayoutApplied(
            **said(shop, at, camera),
            config_version=version,
            lines=tuple(
                events.DrawnLine(
                    id=line,
                    object_class=of.get(line, "person"),
                    start=Point(0.1, 0.5),
                    end=Point(0.9, 0.5),
                    to_right="in",
                )
                for line in (*lines, *of)
            ),
            zones=(events.DrawnZone(id="aisle", object_class="person", polygon=SQUARE),),
            queues=(events.DrawnQueue(id="aisle", object_class="person", polygon=SQUARE, service=SQUARE),),
        )
        return shop.event(data, camera, camera)  # type: ignore[no-any-return]

    return make


@pytest.fixture
def told() -> Callable[..., CloudEvent]:
    """A heartbeat: nothing of a camera from before a moment is to come."""

    def make(shop: Any, until: float, series: str = "", camera: str = "door") -> CloudEvent:
        begin = said(shop, until, camera)
        data = events.StreamHeartbeat(**begin, complete_until=begin["captured_at"])
        return shop.event(data, camera, camera + series)  # type: ignore[no-any-return]

    return make


@pytest.fixture
def silver_with() -> Callable[..., None]:
    """Put events into silver past landing, each with some columns as given."""

    def keep(cloud: Any, changed: list[tuple[CloudEvent, dict[str, Any]]]) -> None:
        table = cloud.lake.open(EVENTS)
        rows = [
            event.data.model_dump()
            | {name: getattr(event, name) for name in ENVELOPE}
            | {"event_date": event.time.date(), "ingested_at": OPENS, "enqueued_at": OPENS, "place": number}
            | {"device_id": event.source.split("/")[3], "sequence_number": 0, "bronze_file": ""}
            | more
            for number, (event, more) in enumerate(changed)
        ]
        texts = [
            {name: json.dumps(value) if isinstance(value, tuple) else value for name, value in row.items()}
            for row in rows
        ]
        known = [{name: row.get(name) for name in silver_columns().names} for row in texts]
        silver.keep(table, pa.Table.from_pylist(known, schema=silver_columns()), OPENS)

    return keep


@pytest.fixture
def summed() -> Callable[..., CloudEvent]:
    """The sum that a device made of a line and a window, the `window`th since the store opened."""

    def make(shop: Any, window: int, line: str = "entrance", revision: int = 0, **figures: Any) -> CloudEvent:
        begin = OPENS + timedelta(minutes=15 * window)
        data = events.FootfallWindow.model_validate(
            said(shop, 900.0 * (window + 1), "door")
            | {
                "config_version": 7,
                "line_id": line,
                "object_class": "person",
                "window_start": begin,
                "window_end": begin + timedelta(minutes=15),
                "observed_seconds": 900.0,
                "revision": revision,
                "details_sent": False,
            }
            | {f"{way}_{name}": 0 for way in ("in", "out") for name in ("raw", "net", "shopper", "units")}
            | figures
        )
        return shop.event(data, line, "door/windows", revision)  # type: ignore[no-any-return]

    return make
