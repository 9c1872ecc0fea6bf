"""Whose day a window is of, and when a day was restated."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from cloud_functions import rebuild
from cloud_functions.lake.columns import MOMENT
from cloud_functions.lake.gold import facts
from cloud_functions.lake.gold.footfall import FACT
from cloud_functions.lake.gold.histogram import bins, counts
from cloud_functions.lake.gold.windows import Days, Fact, finished
from cloud_functions.stores import Stores
from storeflow.errors import StorageError

pytestmark = pytest.mark.usefixtures("facts_alone")

OPENS = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def quarters(day: date) -> list[datetime]:
    """All windows of three days around one, in UTC."""
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=1)
    return [begin + timedelta(minutes=15 * number) for number in range(3 * 96)]


BARE = Fact("bare", (), lambda _: "")


def of_day(day: date, stores: Stores, store_id: str = "store-1") -> list[tuple[str, int]]:
    """The windows of one store's day: their times by its clock, and how many minutes that is ahead of UTC."""
    windows = quarters(day)
    rows = pa.table(
        {
            "store_id": [store_id] * len(windows),
            "device_id": ["box"] * len(windows),
            "camera_id": ["door"] * len(windows),
            "source": ["//hub/box/door"] * len(windows),
            "window_start": pa.array(windows, MOMENT),
            "landed_at": pa.array(windows, MOMENT),
        }
    )
    found = finished(rows, BARE, stores, {}).to_pylist()
    return [(row["local_time15"], row["utc_offset_minutes"]) for row in found if row["local_date"] == day]


@pytest.mark.parametrize(
    ("time_zone", "day", "windows", "twice"),
    [
        ("Europe/Berlin", date(2026, 11, 20), 96, 0),
        ("Europe/Berlin", date(2026, 3, 29), 92, 0),  # the clocks go from 2 to 3
        ("Europe/Berlin", date(2026, 10, 25), 100, 4),  # and from 3 back to 2
        ("America/New_York", date(2026, 3, 8), 92, 0),
        ("America/New_York", date(2026, 11, 1), 100, 4),
        ("Australia/Lord_Howe", date(2026, 10, 4), 94, 0),  # by half an hour
        ("Australia/Lord_Howe", date(2026, 4, 5), 98, 2),
        ("Asia/Kathmandu", date(2026, 3, 29), 96, 0),  # 5:45 ahead, all year
    ],
)
def test_a_day_has_a_row_for_each_of_its_quarters_and_each_a_key_of_its_own(
    time_zone: str, day: date, windows: int, twice: int
) -> None:
    store = {"name": "Here", "time_zone": time_zone, "devices": ["box"]}
    stores = Stores.model_validate({"iot_hubs": ["hub"], "stores": {"store-1": store}})
    keys = of_day(day, stores)
    times = [at for at, _ in keys]
    assert len(keys) == len(set(keys)) == windows
    assert (times[0], times[-1]) == ("00:00", "23:45")
    assert sum(number == 2 for number in Counter(times).values()) == twice


def test_a_store_that_left_the_register_goes_by_utc(stores: Any) -> None:
    assert of_day(date(2026, 11, 20), stores, "store-gone")[0] == ("00:00", 0)


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


def moved(stores: Stores, store_id: str, time_zone: str) -> Stores:
    """The register with a store in another time zone."""
    store = stores.stores[store_id].model_copy(update={"time_zone": time_zone})
    return stores.model_copy(update={"stores": stores.stores | {store_id: store}})


def test_the_days_of_a_store_whose_time_zone_was_mended_are_made_anew(shops: Any, clouds: Any) -> None:
    cloud = clouds("cloud")
    for store_id in ("store-1", "store-2"):
        shop = shops(store_id)
        cloud.land(*(shop.message(shop.crossed(day * 86_400.0)) for day in range(3)), at=OPENS + timedelta(days=3))
    cloud.refine()
    assert {row["local_time15"] for row in cloud.gold(FACT.form)} == {"10:00", "04:00"}
    cloud.stores = moved(cloud.stores, "store-1", "Asia/Kathmandu")
    assert cloud.refine().figures["fact_footfall_15m"] == 3
    assert {row["local_time15"] for row in cloud.gold(FACT.form)} == {"14:45", "04:00"}
    assert cloud.refine().figures["fact_footfall_15m"] == 0
    beside = clouds("beside")
    rebuild.rebuild(cloud.files, beside.lake, cloud.stores, OPENS)
    assert rebuild.differences(cloud.lake, beside.lake) == {}


def test_the_days_of_a_store_that_joins_or_leaves_the_register_are_made_anew(shop: Any, cloud: Any) -> None:
    cloud.land(shop.message(shop.crossed(60)))
    cloud.refine()
    registered = cloud.stores
    others = {name: store for name, store in registered.stores.items() if name != "store-1"}
    for stores, time in ((registered.model_copy(update={"stores": others}), "09:00"), (registered, "10:00")):
        cloud.stores = stores
        cloud.refine()
        assert [row["local_time15"] for row in cloud.gold(FACT.form)] == [time]


def died(*_: object) -> None:
    """The store refuses."""
    raise StorageError("the process was killed here")


def test_a_run_that_dies_with_a_mended_time_zone_is_made_up_for(
    shop: Any, cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.land(shop.message(shop.crossed(60)))
    cloud.refine()
    cloud.stores = moved(cloud.stores, "store-1", "Asia/Kathmandu")
    with monkeypatch.context() as dying:
        dying.setattr(facts, "replace", died)
        with pytest.raises(StorageError):
            cloud.refine()
    cloud.refine()
    assert [row["local_time15"] for row in cloud.gold(FACT.form)] == ["14:45"]


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
    cloud.refine()
    known = []
    for days in range(4):
        asked = Days([date(2026, 11, 20)], [shop.store_id], OPENS + timedelta(days=days))
        (row,) = facts.figures(facts.Source.there(cloud.lake), FACT, asked, stores).to_pylist()
        known.append((row["in_raw"], row["in_net"], row["out_raw"], row["out_net"]))
    assert known == [(1, 1, 0, 0), (1, 1, 1, 1), (1, 0, 1, 0), (2, 1, 1, 0)]


def test_gold_as_of_a_moment_knows_no_layout_that_landed_later(shop: Any, cloud: Any, stores: Any, drew: Any) -> None:
    cloud.land(shop.packed(shop.covered(0), drew(shop, 0, "back", "entrance")))
    cloud.land(shop.packed(drew(shop, -30, "before"), drew(shop, 60, "later", version=8)), at=OPENS + timedelta(days=1))
    cloud.refine()
    known = []
    for days in range(2):
        asked = Days([date(2026, 11, 20)], [shop.store_id], OPENS + timedelta(days=days))
        known.append(
            sorted(
                row["line_id"] for row in facts.figures(facts.Source.there(cloud.lake), FACT, asked, stores).to_pylist()
            )
        )
    assert known == [["back", "entrance"], ["back", "entrance", "later"]]


def test_every_duration_falls_into_one_bin() -> None:
    assert len(bins("dwell")) == counts("dwell", "seconds", "TRUE").count("COUNT(*)") == 10
    assert (bins("dwell")[0], bins("dwell")[1], bins("dwell")[-1]) == (
        "dwell_under_5",
        "dwell_5_to_10",
        "dwell_from_1280",
    )
