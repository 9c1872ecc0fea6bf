import json
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from itertools import permutations
from typing import Any

import pytest

from cloud_functions.lake.gold import dimensions
from cloud_functions.lake.gold.dimensions import merged
from cloud_functions.lake.gold.footfall import FACT as FOOTFALL
from cloud_functions.lake.gold.health import FACT as HEALTH
from cloud_functions.lake.gold.layouts import LAYOUT
from cloud_functions.lake.gold.visits import DWELL, QUEUE
from cloud_functions.lake.silver import EVENTS, RUNS
from cloud_functions.lake.tables import mark, replace
from cloud_functions.stores import Stores

OPENS = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def test_every_key_of_a_fact_has_its_row_in_the_dimension(shop: Any, cloud: Any) -> None:
    events = [shop.crossed(1), shop.crossed(2, line="back", config_version=8), shop.visited(99, 9), shop.waited(99, 9)]
    cloud.land(shop.packed(*events, shop.covered(0), shop.covered(0, camera="dock")))
    cloud.refine()
    tables = {form.name: cloud.gold(form) for form in dimensions.DIMENSIONS}
    for fact, key, dimension in (
        (FOOTFALL, "line_key", "gold/dim_line"),
        (DWELL, "zone_key", "gold/dim_zone"),
        (QUEUE, "zone_key", "gold/dim_zone"),
        (HEALTH, "camera_key", "gold/dim_camera"),
        (FOOTFALL, "store_id", "gold/dim_store"),
    ):
        keys = [row[key] for row in tables[dimension]]
        assert len(keys) == len(set(keys))
        assert {row[key] for row in cloud.gold(fact.form)} <= set(keys)
    for row in cloud.gold(FOOTFALL.form):
        assert row["local_date"] in {day["date"] for day in tables["gold/dim_date"]}
        assert row["local_time15"] in {time["time15"] for time in tables["gold/dim_time15"]}
    assert {(row["line_id"], row["config_version"]) for row in tables["gold/dim_line"]} == {
        ("entrance", 7),
        ("back", 8),
    }
    assert {(row["zone_id"], row["kind"]) for row in tables["gold/dim_zone"]} == {("aisle", "zone"), ("tills", "queue")}


def test_two_boxes_of_a_store_may_call_their_cameras_alike(shops: Any, cloud: Any, drew: Any) -> None:
    cloud.stores = Stores.model_validate(
        {
            "iot_hubs": ["contoso.azure-devices.net"],
            "stores": {"store-1": {"name": "Here", "time_zone": "UTC", "devices": ["store-1-box", "store-1-box-b"]}},
        }
    )
    one, other = shops("store-1"), shops("store-1")
    other.device_id = "store-1-box-b"
    for shop, camera_events in ((one, [one.crossed(10), one.crossed(20)]), (other, [other.crossed(30)])):
        more = [shop.covered(0, 450.0), shop.visited(60, 9.0), drew(shop, 0, "entrance"), shop.covered(1, 300.0)]
        cloud.land(shop.packed(*camera_events, *more))
    cloud.refine()
    rows = cloud.gold(FOOTFALL.form)
    assert sorted((row["device_id"], row["in_raw"], row["observed_seconds"]) for row in rows) == [
        ("store-1-box", 0, 300.0),
        ("store-1-box", 2, 450.0),
        ("store-1-box-b", 0, 300.0),
        ("store-1-box-b", 1, 450.0),
    ]
    for table in (dimensions.CAMERA, dimensions.LINE, dimensions.ZONE, DWELL.form):
        assert {row["device_id"] for row in cloud.gold(table)} == {"store-1-box", "store-1-box-b"}
    assert len({row["camera_key"] for row in rows}) == len({row["line_key"] for row in rows}) == 2


def test_what_a_layout_draws_is_known_before_anybody_comes(shop: Any, cloud: Any, drew: Any) -> None:
    cloud.land(shop.packed(drew(shop, 0, "back", gate="vehicle")))
    cloud.refine()
    cloud.land(shop.packed(shop.crossed(50, line="back"), shop.visited(60, 9)))
    cloud.refine()
    lines, zones = ({row["line_id"]: row for row in cloud.gold(dimensions.LINE)}, cloud.gold(dimensions.ZONE))
    assert {name: (row["object_class"], row["config_version"]) for name, row in lines.items()} == {
        "back": ("person", 7),
        "gate": ("vehicle", 7),
    }
    assert (lines["back"]["first_seen"], lines["back"]["last_seen"]) == (OPENS, OPENS + timedelta(seconds=50))
    assert json.loads(lines["back"]["drawn"])["start"] == [0.1, 0.5]
    assert sorted((row["zone_id"], row["kind"]) for row in zones) == [("aisle", "queue"), ("aisle", "zone")]


def test_a_camera_was_first_and_last_seen_when_its_events_say_so(shop: Any, cloud: Any) -> None:
    for at in (300, 100, 500):
        cloud.land(shop.message(shop.crossed(at)))
        cloud.refine()
    (row,) = cloud.gold(dimensions.CAMERA)
    assert row["first_seen"] == OPENS + timedelta(seconds=100)
    assert row["last_seen"] == OPENS + timedelta(seconds=500)


def test_what_says_nothing_new_of_a_dimension_does_not_write_it_again(
    shop: Any, cloud: Any, drew: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.land(shop.packed(shop.crossed(10), shop.visited(20, 9), shop.crossed(30), drew(shop, 0, "back")))
    cloud.refine()
    written: list[str] = []

    def noted(table: Any, *given: Any) -> None:
        written.append(table.table_uri.split("/")[-2])
        replace(table, *given)

    monkeypatch.setattr(dimensions, "replace", noted)
    cloud.land(shop.packed(shop.crossed(15), shop.covered(-36)))
    cloud.refine()
    assert written == ["dim_camera"]
    newest = mark(cloud.lake.open(EVENTS), RUNS)
    forms = (dimensions.CAMERA, dimensions.LINE, dimensions.ZONE, LAYOUT)
    assert {mark(cloud.lake.open(form), RUNS) for form in forms} == {newest}


@pytest.mark.parametrize("many", [1, 1000], ids=["more keys than fit a list", "few keys"])
def test_what_nothing_new_speaks_of_stays_as_it_is(
    many: int, shops: Any, cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dimensions, "MANY", many)
    one, other = shops("store-1"), shops("store-2")
    cloud.land(one.packed(one.crossed(10), one.crossed(10, camera="back")), other.packed(other.crossed(10)))
    cloud.refine()
    cloud.land(other.packed(other.crossed(50), other.crossed(60, camera="new")))
    cloud.refine()
    rows = {row["camera_key"]: (row["last_seen"] - OPENS).seconds for row in cloud.gold(dimensions.CAMERA)}
    boxes = {"store-1/store-1-box/back": 10, "store-1/store-1-box/door": 10}
    assert rows == boxes | {"store-2/store-2-box/door": 50, "store-2/store-2-box/new": 60}


def test_what_is_known_of_a_key_does_not_depend_on_the_order_of_events() -> None:
    seen = [
        {
            "key": "a",
            "drawn": drawn,
            "first_seen": OPENS + timedelta(days=days),
            "last_seen": OPENS + timedelta(days=days),
        }
        for days, drawn in ((0, "here"), (1, "there"), (2, None))
    ]
    expected = [{"key": "a", "drawn": "there", "first_seen": OPENS, "last_seen": OPENS + timedelta(days=2)}]
    for order in permutations(seen):
        assert merged(order, "key") == expected


def test_stores_have_their_time_zone_by_both_names(cloud: Any) -> None:
    rows = {row["store_id"]: row for row in dimensions.stores_of(cloud.stores)}
    assert [(row["time_zone"], row["time_zone_windows"]) for row in rows.values()] == [
        ("Europe/Berlin", "W. Europe Standard Time"),
        ("America/New_York", "Eastern Standard Time"),
        ("Asia/Kolkata", "India Standard Time"),
    ]


def test_every_place_on_earth_but_one_without_shops_has_a_time_zone_that_windows_knows() -> None:
    table = (files("tzdata") / "zoneinfo" / "zone.tab").read_text()
    zones = {line.split("\t")[2] for line in table.splitlines() if not line.startswith("#")}
    assert len(zones) > 400
    assert {zone for zone in zones if dimensions.windows_name(zone) is None} == {"Antarctica/Troll"}


def test_a_store_that_is_edited_in_the_register_is_another_row(cloud: Any) -> None:
    cloud.refine()
    store = cloud.stores.stores["store-1"].model_copy(update={"name": "Moved"})
    cloud.stores = cloud.stores.model_copy(update={"stores": cloud.stores.stores | {"store-1": store}})
    cloud.refine()
    assert [row["name"] for row in cloud.gold(dimensions.STORE)] == ["Moved", "The shop store-2", "The shop store-3"]


@pytest.mark.parametrize(
    ("day", "iso_year", "iso_week", "weekday"),
    [(date(2026, 1, 1), 2026, 1, 4), (date(2027, 1, 1), 2026, 53, 5), (date(2028, 2, 29), 2028, 9, 2)],
)
def test_a_day_has_its_iso_week(day: date, iso_year: int, iso_week: int, weekday: int) -> None:
    (row,) = [row for row in dimensions.dates({2026, 2027, 2028}) if row["date"] == day]
    assert (row["iso_year"], row["iso_week"], row["weekday"]) == (iso_year, iso_week, weekday)


def test_the_calendar_has_every_year_between_the_first_event_and_the_last(shop: Any, cloud: Any) -> None:
    for days in (0, 800):
        cloud.land(shop.message(shop.crossed(days * 86_400.0)))
        cloud.refine()
    years = {row["year"] for row in cloud.gold(dimensions.DATE)}
    assert years == {2026, 2027, 2028, 2029}
