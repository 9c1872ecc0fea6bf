"""Whose day a window is of, and when a day was restated."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from cloud_functions.lake.columns import MOMENT
from cloud_functions.lake.gold.facts import figures
from cloud_functions.lake.gold.footfall import FACT
from cloud_functions.lake.gold.histogram import bins, counts
from cloud_functions.lake.gold.windows import Days, Fact, finished
from cloud_functions.lake.silver import EVENTS

OPENS = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def quarters(day: date) -> list[datetime]:
    """All windows of three days around one, in UTC."""
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=1)
    return [begin + timedelta(minutes=15 * number) for number in range(3 * 96)]


BARE = Fact("bare", (), lambda _: "")


def of_day(store_id: str, day: date, stores: Any) -> list[str]:
    """The local times of the windows of one store's day."""
    windows = quarters(day)
    rows = pa.table(
        {
            "store_id": [store_id] * len(windows),
            "camera_id": ["door"] * len(windows),
            "window_start": pa.array(windows, MOMENT),
            "landed_at": pa.array(windows, MOMENT),
        }
    )
    found = finished(rows, BARE, stores).to_pylist()
    return [row["local_time15"] for row in found if row["local_date"] == day]


@pytest.mark.parametrize(
    ("store_id", "day", "windows", "twice"),
    [
        ("store-1", date(2026, 11, 20), 96, 0),
        ("store-1", date(2026, 3, 29), 92, 0),  # Berlin's clocks go from 2 to 3
        ("store-1", date(2026, 10, 25), 100, 4),  # and from 3 back to 2
        ("store-2", date(2026, 3, 8), 92, 0),  # New York's
        ("store-2", date(2026, 11, 1), 100, 4),
        ("store-3", date(2026, 3, 29), 96, 0),  # Kolkata is half an hour off, all year
    ],
)
def test_a_store_has_days_of_23_24_and_25_hours(
    store_id: str, day: date, windows: int, twice: int, stores: Any
) -> None:
    times = of_day(store_id, day, stores)
    assert len(times) == windows
    assert times[0] == "00:00"
    assert times[-1] == "23:45"
    assert sum(number == 2 for number in Counter(times).values()) == twice


def test_a_store_that_left_the_register_goes_by_utc(stores: Any) -> None:
    assert of_day("store-gone", date(2026, 11, 20), stores)[0] == "00:00"


def test_a_row_that_something_late_changed_says_when_and_no_other_does(shop: Any, cloud: Any) -> None:
    first = shop.crossed(60)
    cloud.land(shop.message(first), shop.message(shop.crossed(1000)), at=OPENS + timedelta(minutes=30))
    cloud.refine()
    # The day in Berlin ends at 23:00 UTC; its figures have settled at 5:00.
    in_time = datetime(2026, 11, 21, 5, 0, tzinfo=UTC)
    cloud.land(shop.message(shop.crossed(70)), at=in_time)
    cloud.refine()
    assert [row["restated_at"] for row in cloud.gold(FACT.form)] == [None, None]
    late = in_time + timedelta(milliseconds=1)
    back = shop.crossed(64, "out")
    cloud.land(shop.message(back), shop.message(shop.turned(64, first, back)), at=late)
    cloud.refine()
    rows = cloud.gold(FACT.form)
    assert [(row["restated_at"], row["in_raw"], row["in_net"]) for row in rows] == [(late, 2, 1), (None, 1, 1)]


def test_a_copy_of_what_is_known_restates_nothing(shop: Any, cloud: Any) -> None:
    crossing = shop.crossed(60)
    for days in (0, 30):
        cloud.land(shop.message(crossing), at=OPENS + timedelta(days=days))
        cloud.refine()
    assert [row["restated_at"] for row in cloud.gold(FACT.form)] == [None]


def test_gold_as_of_a_moment_knows_nothing_that_landed_later(shop: Any, cloud: Any, stores: Any) -> None:
    first, back = shop.crossed(60), shop.crossed(64, "out")
    for days, event in enumerate([first, back, shop.turned(64, first, back), shop.crossed(70)]):
        cloud.land(shop.message(event), at=OPENS + timedelta(days=days))
    cloud.refine(OPENS + timedelta(days=9))
    known = []
    for days in range(4):
        asked = Days([date(2026, 11, 20)], None, OPENS + timedelta(days=days))
        (row,) = figures(cloud.lake.open(EVENTS), FACT, asked, stores).to_pylist()
        known.append((row["in_raw"], row["in_net"], row["out_raw"], row["out_net"]))
    assert known == [(1, 1, 0, 0), (1, 1, 1, 1), (1, 0, 1, 0), (2, 1, 1, 0)]


def test_every_duration_falls_into_one_bin() -> None:
    assert len(bins("dwell")) == counts("dwell", "seconds", "TRUE").count("COUNT(*)") == 10
    assert (bins("dwell")[0], bins("dwell")[1], bins("dwell")[-1]) == (
        "dwell_under_5",
        "dwell_5_to_10",
        "dwell_from_1280",
    )
