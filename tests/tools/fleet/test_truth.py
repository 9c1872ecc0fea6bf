"""The truth of a fleet against the product that has to find it; and what the comparison says where they differ."""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from cloud_functions import landing, refine
from cloud_functions.folder import FolderFiles
from cloud_functions.lake.tables import Lake
from cloud_functions.lake_port import DeltaPlace
from cloud_functions.message import Batch, Message
from cloud_functions.stores import Stores
from tools.fleet.camera_day import Applied, camera_day
from tools.fleet.comparison import compare, table, told
from tools.fleet.plan import AISLE, DRIVEWAY, ENTRANCE, Plan
from tools.fleet.register import register
from tools.fleet.stream import Arrival, arrivals
from tools.fleet.truth import FIGURES, KEYS, Truth

PLAN = Plan(stores=2, cameras=3, days=3, events=10_000, seed=44)
"""A camera is away while its layout is drawn anew."""
NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
BATCH = 100


@dataclass
class Played:
    """A fleet that has come to its end."""

    coming: list[tuple[str, Arrival]]
    truth: Truth


@pytest.fixture(scope="module")
def played() -> Played:
    truth = Truth()
    coming = [(store.store_id, one) for store in PLAN.all_stores() for one in arrivals(store, truth)]
    return Played(sorted(coming, key=lambda pair: pair[1].at), truth)


@pytest.fixture
def gold(tmp_path: Path) -> Callable[[list[tuple[str, Arrival]]], dict[str, list[dict[str, Any]]]]:
    """Land events batch by batch, refine now and then, and return every fact."""

    def make(coming: list[tuple[str, Arrival]]) -> dict[str, list[dict[str, Any]]]:
        files, lake = FolderFiles(tmp_path), Lake(DeltaPlace(str(tmp_path), {}))
        stores = Stores.from_json(register(PLAN).encode())
        for first in range(0, len(coming), BATCH):
            at = NOW + timedelta(seconds=first)
            messages = [
                Message(one.event.body, first + place, str(first + place), at, device, content_type="application/json")
                for place, (device, one) in enumerate(coming[first : first + BATCH])
            ]
            landing.land(Batch("fleet", "telemetry", "0", messages), stores, files, at)
            if first % (20 * BATCH) == 0:
                refine.refine(files, lake, stores, at)
        refine.refine(files, lake, stores, NOW + timedelta(days=1))
        assert not (tmp_path / "quarantine").exists()
        return {fact: DeltaTable(tmp_path / "gold" / fact).to_pyarrow_table().to_pylist() for fact in KEYS}

    return make


def test_what_the_product_makes_of_the_events_is_the_truth_to_the_unit(
    played: Played, gold: Callable[..., dict[str, list[dict[str, Any]]]]
) -> None:
    for fact, rows in gold(played.coming).items():
        found = compare(fact, played.truth.rows(fact), rows)
        assert found.differences == []
        assert found.rows > 100
        empty = [name for name, (true, _) in found.totals.items() if not true]
        assert set(empty) <= {"dwell_640_to_1280", "dwell_from_1280", "wait_under_5", "wait_from_1280"}


def test_a_layout_that_is_drawn_while_the_camera_is_away_is_in_force_when_it_is_back() -> None:
    store = PLAN.store(0)
    redrawn_at, outage = store.redrawn_at("camera_3"), camera_day(store, "camera_3", 1).outage
    assert redrawn_at is not None
    assert outage is not None
    assert outage[0] < redrawn_at < outage[1]
    applied = [told for told in camera_day(store, "camera_3", 1).happenings if isinstance(told.what, Applied)]
    assert [(told.at, told.what) for told in applied] == [(outage[1], Applied(2))]


def test_each_line_has_a_row_for_each_window_that_its_camera_looked_at(played: Played) -> None:
    lines: dict[Any, set[str]] = defaultdict(set)
    crossed: Counter[str] = Counter()
    for row in played.truth.rows("fact_footfall_15m"):
        lines[row["store_id"], row["camera_id"], row["window_start"]].add(row["line_id"])
        crossed["nobody" if not row["in_raw"] + row["out_raw"] else row["object_class"]] += 1
    looked = played.truth.rows("fact_device_health")
    assert set(lines) == {tuple(row[name] for name in KEYS["fact_device_health"][:3]) for row in looked}
    assert all(found == {ENTRANCE, AISLE, DRIVEWAY} for found in lines.values())
    assert crossed.keys() == {"nobody", "person", "car"}


def test_what_was_looked_at_adds_up_over_the_rows_of_each_line(played: Played) -> None:
    looked = sum(row["observed_seconds"] for row in played.truth.rows("fact_device_health"))
    rows = list(played.truth.rows("fact_footfall_15m"))
    for line in (ENTRANCE, AISLE, DRIVEWAY):
        of_line = sum(row["observed_seconds"] for row in rows if row["line_id"] == line)
        assert of_line == pytest.approx(looked, abs=1e-6)


def test_all_is_final_but_the_last_window_of_each_camera(played: Played) -> None:
    for fact in KEYS:
        rows = list(played.truth.rows(fact))
        ends = {store.store_id: store.moment(PLAN.days) / 1000 for store in PLAN.all_stores()}
        for row in rows:
            begins = row["window_start"].timestamp()
            assert row["is_final"] == (begins + 900 < ends[row["store_id"]])
    assert not all(row["is_final"] for row in played.truth.rows("fact_footfall_15m"))


def test_a_single_event_that_is_missing_is_found(
    played: Played, gold: Callable[..., dict[str, list[dict[str, Any]]]]
) -> None:
    crossing = next(
        number
        for number, (_, one) in enumerate(played.coming)
        if b'"storeflow.line.crossed"' in one.event.body
        and sum(one.event.id == other.event.id for _, other in played.coming) == 1
    )
    without = [one for number, one in enumerate(played.coming) if number != crossing]
    facts = gold(without)
    found = [compare(fact, played.truth.rows(fact), rows) for fact, rows in facts.items()]
    counted = [line for one in found for line in one.differences if not line.endswith(": is_final 0, not 1")]
    assert len(counted) == 1
    assert "_raw " in counted[0]
    # Its number is a hole: neither that day nor the next of its camera is known to be whole.
    camera = " ".join(counted[0].split()[1:3])
    assert all(one.differences for one in found)
    assert all(camera in line for one in found for line in one.differences)


def test_truth_has_each_figure_of_each_fact(played: Played) -> None:
    for fact, figures in FIGURES.items():
        row = next(iter(played.truth.rows(fact)))
        assert set(row) == {*KEYS[fact], *figures}


@pytest.mark.parametrize("fact", list(KEYS))
def test_one_unit_more_or_less_in_one_row_is_a_difference(played: Played, fact: str) -> None:
    rows = list(played.truth.rows(fact))[:100]
    assert compare(fact, rows, rows).differences == []
    for name in FIGURES[fact]:
        least = 0.001 if name.endswith("_seconds") else 1
        changed = [*rows[1:], {**rows[0], name: rows[0][name] + least}]
        assert len(compare(fact, rows, changed).differences) == 1


def test_a_row_that_is_missing_and_a_row_too_many_are_differences(played: Played) -> None:
    rows = list(played.truth.rows("fact_queue"))
    lacking, other = compare("fact_queue", rows, rows[1:]), compare("fact_queue", rows[1:], rows)
    assert len(lacking.differences) == len(other.differences) == 1
    assert len(compare("fact_queue", rows, [*rows, rows[0]]).differences) == 1


def test_a_row_of_zeros_has_to_be_there_as_any_other(played: Played) -> None:
    rows = list(played.truth.rows("fact_queue"))
    zeros = rows[0] | dict.fromkeys(FIGURES["fact_queue"], 0) | {"camera_id": "another"}
    (lacking,) = compare("fact_queue", [*rows, zeros], rows).differences
    assert lacking.endswith("a row that is missing: zeros")
    (other,) = compare("fact_queue", rows, [*rows, zeros]).differences
    assert other.endswith("a row too many: zeros")


def test_the_table_marks_each_figure_that_differs(played: Played) -> None:
    rows = list(played.truth.rows("fact_queue"))
    found = compare("fact_queue", rows, [*rows[1:], {**rows[0], "served": rows[0]["served"] + 1}])
    marks = list(table([found]).columns[-1].cells)
    assert sum("DIFFERS" in str(mark) for mark in marks) == 1


def test_of_many_differences_the_first_are_told_and_the_others_counted(played: Played) -> None:
    rows = list(played.truth.rows("fact_queue"))
    lines = told([compare("fact_queue", rows, [])])
    assert len(lines) == 6
    assert lines[-1].endswith(f"and {len(rows) - 5:,} rows more")
