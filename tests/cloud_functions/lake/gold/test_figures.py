"""Gold against the queries of docs/figures.md, which DuckDB runs on silver as they are written."""

import random
import re
from collections import defaultdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cloud_functions import rebuild
from cloud_functions.lake.gold import footfall, health, visits
from cloud_functions.lake.gold.histogram import BOUNDS, bins
from cloud_functions.lake.silver import EVENTS
from cloud_functions.stores import Stores

pytestmark = pytest.mark.usefixtures("facts_alone")

OPENS = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
FIGURES = ("raw", "net", "shopper", "units")


@pytest.fixture
def queries(repository: Path) -> dict[str, str]:
    """The queries of the page, by the heading they stand under."""
    text = (repository / "docs" / "figures.md").read_text()
    return dict(re.findall(r"^## ([^\n]+)\n(?:(?!^## ).)*?```sql\n(.*?)```", text, re.DOTALL | re.MULTILINE))


@pytest.fixture
def day(shop: Any, cloud: Any) -> Any:
    """A lake with a day at one shop of everything that the figures tell apart."""
    rng = random.Random(3)  # noqa: S311 - variety, no secret
    events = []
    for number in range(120):
        at, track = rng.uniform(0, 30_000), f"t{number}"
        direction, staff = rng.choice(["in", "out"]), rng.random() < 0.1
        crossing = shop.crossed(at, direction, rng.choice(["a", "b"]), track, staff=staff, buying_unit=number % 3 > 0)
        visit = shop.visited(
            at + 99,
            rng.choice([0.5, *BOUNDS, 3000.0]),
            rng.choice(["x", "y"]),
            track,
            staff=staff,
            censored=rng.choice([None, None, "start", "both"]),
        )
        outcome = "staff" if staff else rng.choice(["served", "served", "abandoned", "lost"])
        wait = shop.waited(at + 99, rng.choice([0.0, *BOUNDS]), outcome, track, censored=rng.choice([None, "end"]))
        events += [crossing, visit, wait]
        # Tills and doors are two cameras, each with its own name for the person.
        if number % 9 == 0:
            events.append(shop.recognised(at + 60, track, crossing))
            events.append(shop.recognised(at + 61, track, camera="till"))
        if number % 10 == 0:
            back = shop.crossed(at + 4, "out" if direction == "in" else "in", crossing.data.line_id, track)
            events += [back, shop.turned(at + 4, crossing, back)]
    cloud.land(shop.packed(*events))
    cloud.refine()
    return cloud


def asked(cloud: Any, sql: str) -> list[tuple[Any, ...]]:
    events = cloud.lake.open(EVENTS).to_pyarrow_dataset()
    with duckdb.connect() as connection:
        return connection.register("events", events).execute(sql).fetchall()


def test_footfall_is_that_of_the_page(day: Any, queries: dict[str, str]) -> None:
    expected = {tuple(row) for row in asked(day, queries["Footfall"])}
    sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0] * 4)
    for row in day.gold(footfall.FACT.form):
        for direction in ("in", "out"):
            for place, figure in enumerate(FIGURES):
                sums[row["line_id"], direction][place] += row[f"{direction}_{figure}"]
    assert {(*key, *figures) for key, figures in sums.items()} == expected
    assert all(raw > net > shopper > units > 0 for _, _, raw, net, shopper, units in expected)


def test_visits_are_those_of_the_page(day: Any, queries: dict[str, str]) -> None:
    expected = {row[0]: row[1:] for row in asked(day, queries["Visits and dwell"])}
    rows = day.gold(visits.DWELL.form)
    found = {
        zone: tuple(
            sum(row[name] for row in rows if row["zone_id"] == zone)
            for name in ("visits", "whole_visits", "dwell_seconds")
        )
        for zone in expected
    }
    assert found == expected
    assert sum(row[name] for row in rows for name in bins("dwell")) == sum(row["whole_visits"] for row in rows)


def test_waits_are_those_of_the_page(day: Any, queries: dict[str, str]) -> None:
    ((_, *expected),) = asked(day, queries["Queues"])
    rows = day.gold(visits.QUEUE.form)
    names = ("served", "abandoned", "lost", "whole_waits", "wait_seconds")
    assert [sum(row[name] for row in rows) for name in names] == expected
    assert sum(row[name] for row in rows for name in bins("wait")) == sum(row["whole_waits"] for row in rows)


def test_a_bin_has_its_lower_bound_and_not_its_upper_one(shop: Any, cloud: Any) -> None:
    cloud.land(shop.packed(*(shop.visited(9000, seconds, track=str(seconds)) for seconds in (4.999, 5, 9.999, 1280))))
    cloud.refine()
    (row,) = cloud.gold(visits.DWELL.form)
    filled = {name: row[name] for name in bins("dwell") if row[name]}
    assert filled == {"dwell_under_5": 1, "dwell_5_to_10": 2, "dwell_from_1280": 1}


def test_a_window_in_which_nobody_crosses_a_line_is_there_if_its_camera_looked(
    shop: Any, cloud: Any, drew: Any
) -> None:
    """Of "entrance" windows 0 to 3: crossed; looked at; nobody looked; crossed under a newer layout."""
    events = [shop.crossed(10), shop.crossed(2800, config_version=8), shop.covered(0, 450), shop.covered(0, 300)]
    events += [shop.covered(1), shop.covered(3), shop.covered(4, 60), shop.covered(1, camera="till")]
    layouts = [drew(shop, -9, "entrance"), drew(shop, -8, camera="till"), drew(shop, 1900, "entrance", version=8)]
    cloud.land(shop.packed(*layouts, *events))
    cloud.refine()
    rows = sorted(cloud.gold(footfall.FACT.form), key=lambda row: row["window_start"])
    found = [
        ((row["window_start"] - OPENS).seconds // 900, row["config_version"], row["in_raw"], row["observed_seconds"])
        for row in rows
    ]
    assert found == [(0, 7, 1, 750.0), (1, 7, 0, 900.0), (3, 8, 1, 900.0), (4, 8, 0, 60.0)]
    assert {row["camera_id"] for row in rows} == {"door"}


def test_a_line_that_nobody_crosses_all_day_has_a_row_for_each_window_of_its_layout(
    shop: Any, cloud: Any, drew: Any
) -> None:
    """It was drawn two days ago, is drawn again as the module starts anew, and is gone from window 9 on."""
    cloud.land(shop.packed(drew(shop, -2 * 86_400, "back"), drew(shop, 3600, "back"), drew(shop, 8050, version=8)))
    cloud.land(shop.packed(*(shop.covered(window) for window in (0, 3, 4, 5, 8, 9, 10))))
    cloud.refine()
    found = [
        ((row["window_start"] - OPENS).seconds // 900, row["config_version"], row["in_raw"], row["observed_seconds"])
        for row in cloud.gold(footfall.FACT.form)
    ]
    assert found == [(window, 7, 0, 900.0) for window in (0, 3, 4, 5, 8)]


def test_a_line_of_vehicles_has_an_empty_row_only_where_none_came(shop: Any, cloud: Any, drew: Any) -> None:
    cloud.land(shop.packed(drew(shop, 0, gate="vehicle"), shop.covered(0), shop.covered(1)))
    cloud.land(shop.packed(shop.crossed(9, line="gate", object_class="car")))
    cloud.refine()
    rows = cloud.gold(footfall.FACT.form)
    assert [(row["object_class"], row["in_raw"]) for row in rows] == [("car", 1), ("vehicle", 0)]


def test_a_layout_that_comes_late_mends_the_days_it_was_in_force(shop: Any, clouds: Any, drew: Any) -> None:
    cloud, beside = clouds("cloud"), clouds("beside")
    late, next_one = drew(shop, -60, "back"), drew(shop, 2 * 86_400 + 60, version=8)
    cloud.land(shop.packed(next_one, *(shop.covered(96 * day) for day in range(4))))
    cloud.refine()
    assert cloud.gold(footfall.FACT.form) == []
    cloud.land(shop.message(late))
    cloud.refine()
    assert [row["window_date"].day for row in cloud.gold(footfall.FACT.form)] == [20, 21, 22]
    rebuild.rebuild(cloud.files, beside.lake, cloud.stores, OPENS)
    assert cloud.gold(footfall.FACT.form) == beside.gold(footfall.FACT.form)


def test_coverage_is_counted_once_over_classes_and_layout_versions(shop: Any, cloud: Any) -> None:
    crossings = [shop.crossed(10), shop.crossed(20, config_version=8), shop.crossed(30, object_class="car")]
    cloud.land(shop.packed(*crossings, shop.covered(0)))
    cloud.refine()
    rows = cloud.gold(footfall.FACT.form)
    assert sorted((row["config_version"], row["object_class"], row["observed_seconds"]) for row in rows) == [
        (7, "car", 900.0),
        (7, "person", 0.0),
        (8, "person", 0.0),
    ]


def test_vehicles_are_not_added_to_people(shop: Any, cloud: Any) -> None:
    cloud.land(shop.packed(shop.crossed(10), shop.crossed(20, object_class="car")))
    cloud.refine()
    assert {row["object_class"]: row["in_raw"] for row in cloud.gold(footfall.FACT.form)} == {"person": 1, "car": 1}


def test_a_u_turn_over_midnight_changes_the_day_before(shop: Any, cloud: Any) -> None:
    midnight = 15 * 3600.0
    first, back = shop.crossed(midnight - 2), shop.crossed(midnight + 2, "out")
    cloud.land(shop.packed(first, back))
    cloud.refine()
    cloud.land(shop.message(shop.turned(midnight + 2, first, back)))
    cloud.refine()
    # The day before is made anew alone, and the U-turn of the day after still counts for it.
    cloud.land(shop.message(shop.crossed(midnight - 5000)))
    assert cloud.refine().figures["fact_footfall_15m"] == 2
    rows = cloud.gold(footfall.FACT.form)
    assert {(row["window_date"], row["in_raw"], row["in_net"], row["out_raw"], row["out_net"]) for row in rows} == {
        (date(2026, 11, 20), 1, 1, 0, 0),
        (date(2026, 11, 20), 1, 0, 0, 0),
        (date(2026, 11, 21), 0, 0, 1, 0),
    }


def test_whoever_is_recognised_after_midnight_was_no_shopper_before(shop: Any, cloud: Any) -> None:
    midnight = 15 * 3600.0
    crossing = shop.crossed(midnight - 600, track="t1")
    cloud.land(shop.packed(crossing, shop.visited(midnight - 60, 30.0, track="t1")))
    cloud.refine()
    assert cloud.gold(visits.DWELL.form)[0]["visits"] == 1
    cloud.land(shop.message(shop.recognised(midnight + 600, "t1", crossing)))
    cloud.refine()
    assert [(row["in_net"], row["in_shopper"]) for row in cloud.gold(footfall.FACT.form)] == [(1, 0)]
    assert cloud.gold(visits.DWELL.form)[0]["visits"] == 0
    cloud.land(shop.message(shop.crossed(60)))
    cloud.land(shop.message(shop.visited(60, 9.0, track="t2")))
    assert cloud.refine().figures["fact_zone_dwell_15m"] == 2
    assert sum(row["in_shopper"] for row in cloud.gold(footfall.FACT.form)) == 1
    assert sum(row["visits"] for row in cloud.gold(visits.DWELL.form)) == 1


def test_late_events_change_the_days_and_stores_that_they_speak_of_and_no_others(shops: Any, cloud: Any) -> None:
    one, two = shops("store-1"), shops("store-2")
    cloud.land(one.packed(*(one.crossed(day * 86_400.0) for day in range(5))))
    cloud.land(two.packed(*(two.crossed(day * 86_400.0) for day in range(5))))
    assert cloud.refine().figures["fact_footfall_15m"] == 10
    cloud.land(one.message(one.crossed(2 * 86_400.0 + 1)))
    assert cloud.refine().figures["fact_footfall_15m"] == 1
    rows = cloud.gold(footfall.FACT.form)
    assert [row["in_raw"] for row in rows if row["store_id"] == "store-1"] == [1, 1, 2, 1, 1]
    assert [row["in_raw"] for row in rows if row["store_id"] == "store-2"] == [1, 1, 1, 1, 1]


def test_health_adds_up_the_pieces_of_a_window(shop: Any, cloud: Any) -> None:
    cloud.land(shop.packed(shop.covered(0, 450), shop.covered(0, 300), shop.covered(1)))
    cloud.refine()
    rows = cloud.gold(health.FACT.form)
    assert [(row["observed_seconds"], row["frames_analysed"], row["longest_gap_seconds"]) for row in rows] == [
        (750.0, 18_000, 0.1),
        (900.0, 9_000, 0.1),
    ]
    assert {row["device_id"] for row in rows} == {"store-1-box"}


def test_coverage_that_nobody_can_have_had_fits_the_sums(shop: Any, cloud: Any, silver_with: Any) -> None:
    """Landing refuses what is beyond belief; a lake may have it from before it did."""
    beyond = {"observed_seconds": 1.7e308, "frames_analysed": 2**63 - 1, "frames_missed": -(2**63)}
    silver_with(cloud, [(shop.covered(0), beyond), (shop.covered(0), beyond), (shop.crossed(10), {})])
    cloud.refine()
    (row,) = cloud.gold(health.FACT.form)
    assert (row["observed_seconds"], row["frames_analysed"], row["frames_missed"]) == (1800.0, 2_000_000, 0)
    assert [row["observed_seconds"] for row in cloud.gold(footfall.FACT.form)] == [1800.0]


def test_coverage_of_the_last_window_of_a_day_is_of_that_day(shop: Any, cloud: Any) -> None:
    """Its newest frame, and so its `captured_at`, may be of the next one."""
    cloud.land(shop.packed(shop.crossed(14.9 * 3600), shop.covered(59)))
    cloud.refine()
    (row,) = cloud.gold(footfall.FACT.form)
    assert (row["window_date"], row["observed_seconds"]) == (date(2026, 11, 20), 900.0)
    assert [row["window_date"] for row in cloud.gold(health.FACT.form)] == [date(2026, 11, 20)]


def test_a_store_whose_name_has_a_quote_is_a_name_like_others(shops: Any, cloud: Any) -> None:
    store = {"name": "O'Brien", "time_zone": "Europe/Dublin", "devices": ["o'brien-box"]}
    cloud.stores = Stores.model_validate({"iot_hubs": cloud.stores.iot_hubs, "stores": {"o'brien": store}})
    shop = shops("o'brien")
    for at in (1, 2):
        cloud.land(shop.message(shop.crossed(at)))
        cloud.refine()
    assert [(row["store_id"], row["in_raw"]) for row in cloud.gold(footfall.FACT.form)] == [("o'brien", 2)]
