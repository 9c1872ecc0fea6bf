"""Sums that a device made of crossings which stay in the store."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from cloud_functions import rebuild
from cloud_functions.lake.gold import facts
from cloud_functions.lake.gold.footfall import FACT
from cloud_functions.lake.gold.windows import Days

pytestmark = pytest.mark.usefixtures("facts_alone")

OPENS = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def test_of_sums_the_highest_revision_counts_in_whatever_order_they_come(
    shop: Any, clouds: Any, summed: Any, drew: Any
) -> None:
    revisions = [summed(shop, 0, revision=number, in_raw=5 + number, in_net=5) for number in range(3)]
    for name, order in (("ordered", (0, 1, 2)), ("disordered", (2, 0, 1))):
        cloud = clouds(name)
        cloud.land(shop.packed(drew(shop, 0, "entrance"), shop.covered(0, 750), shop.covered(1)))
        for place in order:
            cloud.land(shop.message(revisions[place]))
            cloud.refine()
        found = [
            (row["in_raw"], row["in_net"], row["observed_seconds"], row["source_of_figures"])
            for row in sorted(cloud.gold(FACT.form), key=lambda row: row["window_start"])
        ]
        assert found == [(7, 5, 750.0, "windows"), (0, 0, 900.0, "events")]


def test_sums_whose_crossings_are_sent_too_are_not_added_to_them(shop: Any, cloud: Any, summed: Any) -> None:
    cloud.land(shop.packed(shop.crossed(10), summed(shop, 0, in_raw=9, details_sent=True), shop.covered(0)))
    cloud.refine()
    assert [(row["in_raw"], row["source_of_figures"]) for row in cloud.gold(FACT.form)] == [(1, "events")]


def test_crossings_that_were_sent_before_a_store_kept_them_are_not_added_to_the_sum(
    shop: Any, cloud: Any, summed: Any
) -> None:
    cloud.land(shop.packed(shop.crossed(10), summed(shop, 0, in_raw=4), shop.crossed(20, line="back")))
    cloud.refine()
    rows = {row["line_id"]: row for row in cloud.gold(FACT.form)}
    assert (rows["entrance"]["in_raw"], rows["entrance"]["observed_seconds"]) == (4, 900.0)
    assert (rows["back"]["in_raw"], rows["back"]["source_of_figures"]) == (1, "events")


def test_as_of_a_moment_the_highest_revision_of_then_counts(shop: Any, cloud: Any, summed: Any, stores: Any) -> None:
    for number in range(3):
        sent = summed(shop, 0, revision=number, in_raw=5 + number)
        cloud.land(shop.message(sent), at=OPENS + timedelta(days=number))
    cloud.refine()
    known = []
    for days in range(3):
        asked = Days([date(2026, 11, 20)], [shop.store_id], OPENS + timedelta(days=days))
        (row,) = facts.figures(facts.Source.there(cloud.lake), FACT, asked, stores).to_pylist()
        known.append(row["in_raw"])
    assert known == [5, 6, 7]


def test_a_correction_restates_the_day_and_a_rebuild_finds_the_same(shop: Any, clouds: Any, summed: Any) -> None:
    cloud, beside = clouds("cloud"), clouds("beside")
    late = OPENS + timedelta(days=20)
    for number, at in ((0, OPENS + timedelta(hours=1)), (1, late)):
        cloud.land(shop.message(summed(shop, 0, revision=number, in_raw=number)), at=at)
        cloud.refine()
    (row,) = cloud.gold(FACT.form)
    assert (row["in_raw"], row["restated_at"]) == (1, late)
    rebuild.rebuild(cloud.files, beside.lake, cloud.stores, late)
    assert rebuild.differences(cloud.lake, beside.lake) == {}


def test_the_sum_of_a_days_last_quarter_is_of_that_day(shop: Any, cloud: Any, summed: Any) -> None:
    cloud.land(shop.message(summed(shop, 59, in_raw=2)))
    cloud.refine()
    assert [(row["window_date"], row["in_raw"]) for row in cloud.gold(FACT.form)] == [(date(2026, 11, 20), 2)]


def test_a_sum_is_final_by_the_heartbeat_of_the_sums_as_the_cameras_own_events_stay_in_the_store(
    shop: Any, cloud: Any, summed: Any, told: Any
) -> None:
    shop.crossed(10)  # takes a number, and never comes
    cloud.land(shop.packed(summed(shop, 0, in_raw=2), summed(shop, 1, in_raw=2), told(shop, 1800)))
    cloud.refine()
    assert [row["is_final"] for row in cloud.gold(FACT.form)] == [False, False]
    cloud.land(shop.message(told(shop, 900, "/windows")))
    cloud.refine()
    rows = sorted(cloud.gold(FACT.form), key=lambda row: row["window_start"])
    assert [row["is_final"] for row in rows] == [True, False]
