"""Which layouts are known, and which days hang on them."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from cloud_functions import refine
from cloud_functions.lake.gold import layouts
from cloud_functions.lake.gold.layouts import LAYOUT, days_in_force
from cloud_functions.lake.silver import EVENTS, literals

OPENS = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
YEAR = 365 * 86_400.0


def test_layouts_of_which_a_better_copy_is_found_are_put_in_place_of_the_others_some_at_a_time(
    shop: Any, cloud: Any, drew: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = [drew(shop, at, "back") for at in range(5)]
    lists: list[int] = []

    def noted(values: list[str]) -> str:
        lists.append(len(values))
        return literals(values)

    monkeypatch.setattr(layouts, "MANY", 2)
    monkeypatch.setattr(layouts, "literals", noted)
    for hour in (3, 1):  # of copies silver has the one that landed first
        cloud.land(shop.packed(*drawn[: 2 + hour]), at=OPENS.replace(hour=hour), partition=str(hour))
        refine.refine_silver(cloud.files, cloud.lake, OPENS)
        layouts.catch_up(cloud.lake, cloud.lake.open(EVENTS))
    rows = cloud.gold(LAYOUT)
    assert len(rows) == 5 * 4
    assert sorted(row["landed_at"].hour for row in rows if row["kind"] == "layout") == [1, 1, 1, 3, 3]
    assert lists == [2, 1]


def test_days_hang_on_a_layout_only_where_its_camera_looked(shops: Any, cloud: Any, drew: Any) -> None:
    shop, other = shops("store-1"), shops("store-2")
    before = [drew(shop, -86_400, "back"), shop.covered(-96), shop.covered(0), shop.covered(3 * 96)]
    cloud.land(shop.packed(*before, shop.crossed(50 * YEAR)), other.packed(other.crossed(60 * YEAR), other.covered(96)))
    refine.refine_silver(cloud.files, cloud.lake, OPENS)
    since = max(row["refined_at"] for row in cloud.sql("SELECT refined_at FROM events"))
    cloud.land(shop.message(drew(shop, -60, "back", version=8)), other.message(drew(other, -4 * 86_400)))
    refine.refine_silver(cloud.files, cloud.lake, OPENS)
    events = cloud.lake.open(EVENTS)
    table = layouts.catch_up(cloud.lake, events)
    new, every = (sorted(days_in_force(events, table, commit)) for commit in (since, 0))
    assert new == [("store-1", date(2026, 11, 20)), ("store-1", date(2026, 11, 23)), ("store-2", date(2026, 11, 21))]
    assert every == [("store-1", date(2026, 11, 19)), *new]
    assert list(days_in_force(events, table, since + 10**9)) == []
