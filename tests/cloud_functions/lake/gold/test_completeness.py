"""Whether a figure is final: from numbers that are here, and heartbeats that say how far they reach."""

import itertools
import random
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from cloud_functions import rebuild
from cloud_functions.lake.gold import completeness, facts, health, visits
from cloud_functions.lake.gold.completeness import ALL_FINAL, COMPLETENESS
from cloud_functions.lake.gold.footfall import FACT as FOOTFALL
from cloud_functions.lake.gold.windows import Days
from cloud_functions.stores import Stores
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import StreamHeartbeat

pytestmark = pytest.mark.usefixtures("facts_alone")

OPENS = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
DAY = date(2026, 11, 20)
QUARTER = 900.0


def test_every_fact_says_of_each_row_whether_it_is_final(shop: Any, cloud: Any, told: Any, drew: Any) -> None:
    events = [drew(shop, 0, "entrance"), shop.crossed(10), shop.visited(20, 9), shop.covered(0), told(shop, QUARTER)]
    events += [shop.crossed(QUARTER + 10), shop.visited(QUARTER + 20, 9), shop.covered(1)]
    cloud.land(shop.packed(*events, *(shop.waited(QUARTER * n + 10, 9) for n in (0, 1))))
    cloud.refine()
    for form in (FOOTFALL.form, visits.DWELL.form, health.FACT.form):
        assert [row["is_final"] for row in sorted(cloud.gold(form), key=lambda row: row["window_start"])] == [
            True,
            False,
        ]
    assert [row["is_final"] for row in cloud.gold(visits.QUEUE.form)] == [False, False]  # no heartbeat of that camera


def test_a_hole_is_found_and_what_fills_it_late_makes_the_day_final_and_restated(
    shop: Any, clouds: Any, told: Any
) -> None:
    cloud, beside = clouds("cloud"), clouds("beside")
    first, lost, second, beat = shop.crossed(10), shop.crossed(20), shop.crossed(30), told(shop, QUARTER)
    cloud.land(shop.packed(first, second, beat))
    cloud.refine()
    (row,) = cloud.gold(FOOTFALL.form)
    assert (row["in_raw"], row["is_final"], row["restated_at"]) == (2, False, None)
    (row,) = cloud.gold(COMPLETENESS)
    assert (row["events"], row["first_sequence"], row["last_sequence"], row["missing"]) == (3, 1, 4, 1)
    assert (row["complete_until"], row["final_windows"]) == (OPENS + timedelta(seconds=QUARTER), 0)
    late = OPENS + timedelta(days=40)
    cloud.land(shop.message(lost), at=late)
    cloud.refine()
    (row,) = cloud.gold(FOOTFALL.form)
    assert (row["in_raw"], row["is_final"], row["restated_at"]) == (3, True, late)
    (row,) = cloud.gold(COMPLETENESS)
    assert (row["missing"], row["final_windows"]) == (0, 37)  # from midnight, as number 1 is here
    rebuild.rebuild(cloud.files, beside.lake, cloud.stores, late)
    assert beside.gold(COMPLETENESS) == cloud.gold(COMPLETENESS)
    assert rebuild.differences(cloud.lake, beside.lake) == {}


def test_as_of_a_moment_before_the_hole_was_filled_the_row_was_not_final(
    shop: Any, cloud: Any, told: Any, stores: Any
) -> None:
    lost, rest = shop.crossed(20), [shop.crossed(30), told(shop, QUARTER)]
    cloud.land(shop.packed(*rest))
    cloud.land(shop.message(lost), at=OPENS + timedelta(days=1))
    cloud.refine()
    known = []
    for days in (0, 1):
        asked = Days([DAY], [shop.store_id], OPENS + timedelta(days=days))
        (row,) = facts.figures(facts.Source.there(cloud.lake), FOOTFALL, asked, stores).to_pylist()
        known.append((row["in_raw"], row["is_final"]))
    assert known == [(1, False), (2, True)]


def test_the_last_quarter_of_a_day_becomes_final_by_a_heartbeat_of_the_next(shop: Any, cloud: Any, told: Any) -> None:
    midnight = 15 * 3600.0
    cloud.land(shop.packed(shop.crossed(midnight - 60), told(shop, midnight - 30)))
    cloud.refine()
    assert [row["is_final"] for row in cloud.gold(FOOTFALL.form)] == [False]
    cloud.land(shop.message(told(shop, midnight + 270)))
    cloud.refine()
    assert [row["is_final"] for row in cloud.gold(FOOTFALL.form)] == [True]
    assert [row["final_mask"] for row in cloud.gold(COMPLETENESS)] == [ALL_FINAL, f"{0:024x}"]


def test_a_number_that_is_missing_the_day_before_holds_up_this_day(shop: Any, cloud: Any, told: Any) -> None:
    events = [told(shop, 10), shop.crossed(20), told(shop, 86_400), shop.crossed(86_500), told(shop, 90_000)]
    cloud.land(shop.packed(*(event for event in events if event is not events[1])))
    cloud.refine()
    assert [row["is_final"] for row in cloud.gold(FOOTFALL.form)] == [False]
    cloud.land(shop.message(events[1]))
    cloud.refine()
    assert [row["is_final"] for row in cloud.gold(FOOTFALL.form)] == [True, True]


def test_a_number_that_is_none_is_no_reason_to_stop(shop: Any, cloud: Any, told: Any, silver_with: Any) -> None:
    """Landing refuses these; a lake may have them from before it did."""
    wrong = ["twelve", "", None, "9" * 30, str(2**63 - 1), str(-(2**63)), "2", "+00000000002", "\u0661" * 12]
    beat = told(shop, QUARTER).model_copy(update={"sequence": "000000000001"})
    silver_with(cloud, [(shop.crossed(20 + place), {"sequence": one}) for place, one in enumerate(wrong)])
    silver_with(cloud, [(beat, {})])
    cloud.refine()
    assert [row["in_raw"] for row in cloud.gold(FOOTFALL.form)] == [len(wrong)]
    assert [(row["events"], row["missing"]) for row in cloud.gold(COMPLETENESS)] == [(1, 0)]


def test_a_device_that_moves_within_a_day_has_a_row_for_each_store_and_its_finality_is_that_of_both(
    shop: Any, clouds: Any, told: Any, drew: Any
) -> None:
    cloud, beside = clouds("cloud"), clouds("beside")
    moves = "2026-11-20T09:30:00Z"
    cloud.stores = Stores.model_validate(
        {
            "iot_hubs": cloud.stores.iot_hubs,
            "stores": {
                "store-1": {"name": "a", "time_zone": "UTC", "devices": [{"id": "store-1-box", "until": moves}]},
                "store-2": {"name": "b", "time_zone": "UTC", "devices": [{"id": "store-1-box", "since": moves}]},
            },
        }
    )
    beside.stores = cloud.stores
    first = [drew(shop, 0, "entrance"), shop.crossed(60), told(shop, QUARTER)]
    shop.store_id = "store-2"
    second = [shop.crossed(2 * QUARTER + 60), shop.covered(2), shop.covered(3), told(shop, 3 * QUARTER)]
    cloud.land(shop.packed(*first, *second[1:]))
    cloud.refine()
    rows = cloud.gold(COMPLETENESS)
    assert [(row["store_id"], row["events"], row["missing"]) for row in rows] == [("store-1", 3, 0), ("store-2", 3, 0)]
    assert [row["final_windows"] for row in rows] == [37, 37]
    assert [row["is_final"] for row in cloud.gold(FOOTFALL.form)] == [True]  # no empty windows by the other's layout
    cloud.land(shop.message(second[0]))
    cloud.refine()
    rows = cloud.gold(COMPLETENESS)
    assert [(row["store_id"], row["first_sequence"], row["last_sequence"]) for row in rows] == [
        ("store-1", 1, 3),
        ("store-2", 4, 7),
    ]
    assert [row["final_windows"] for row in rows] == [39, 39]
    assert [(row["store_id"], row["is_final"]) for row in cloud.gold(FOOTFALL.form)] == [
        ("store-1", True),
        ("store-2", True),
    ]
    rebuild.rebuild(cloud.files, beside.lake, cloud.stores, OPENS)
    assert rebuild.differences(cloud.lake, beside.lake) == {}


@pytest.mark.parametrize("known", [range(1, 8), (1, 4, 5, 6, 7)], ids=["all", "with old holes"])
def test_old_numbers_do_not_fill_the_holes_of_a_device_that_lost_its_disk(
    known: Iterable[int], shop: Any, cloud: Any, told: Any
) -> None:
    old = [told(shop, -QUARTER), *(shop.crossed(10 + number) for number in range(5)), told(shop, QUARTER)]
    shop._numbers.clear()
    first, lost = shop.crossed(QUARTER + 100), shop.crossed(2 * QUARTER + 100)
    new = [first, shop.crossed(2 * QUARTER + 200), told(shop, 3 * QUARTER)]
    cloud.land(shop.packed(*(old[number - 1] for number in known), *new))
    cloud.refine()
    complete = len(list(known)) == len(old)
    assert [row["is_final"] for row in cloud.gold(FOOTFALL.form)] == [complete, False, False]
    cloud.land(shop.message(lost))
    cloud.refine()
    # Of the second nobody knows what the disk still had.
    assert [row["is_final"] for row in cloud.gold(FOOTFALL.form)] == [complete, False, True]


def test_two_series_that_cannot_be_told_apart_are_not_final(shop: Any, cloud: Any, told: Any) -> None:
    old = [told(shop, -QUARTER), shop.crossed(10), shop.crossed(11), told(shop, QUARTER)]
    shop._numbers.clear()
    lost, *new = shop.crossed(QUARTER + 100), shop.crossed(2 * QUARTER + 200), told(shop, 3 * QUARTER)
    cloud.land(shop.packed(*old, *new))
    cloud.refine()
    assert [row["is_final"] for row in cloud.gold(FOOTFALL.form)] == [False, False]
    cloud.land(shop.message(lost))
    cloud.refine()
    assert [row["is_final"] for row in cloud.gold(FOOTFALL.form)] == [True, False, True]


def test_a_number_below_the_first_heartbeat_may_be_of_the_time_that_it_did_not_vouch_for(shop: Any, cloud: Any) -> None:
    """A heartbeat is held back by whoever is still looked at: what came before it may be younger than it says."""

    def held_back(at: float, until: float) -> CloudEvent:
        moments = {"captured_at": OPENS + timedelta(seconds=at), "complete_until": OPENS + timedelta(seconds=until)}
        event: CloudEvent = shop.event(StreamHeartbeat(store_id="store-1", camera_id="door", **moments), "door", "door")
        return event

    first, lost = shop.crossed(60), shop.crossed(1200)
    cloud.land(shop.packed(first, held_back(2400, 360), shop.crossed(1320), held_back(3000, 2760)))
    cloud.refine()
    assert [(row["in_raw"], row["is_final"]) for row in cloud.gold(FOOTFALL.form)] == [(1, False), (1, False)]
    cloud.land(shop.message(lost))
    cloud.refine()
    assert [(row["in_raw"], row["is_final"]) for row in cloud.gold(FOOTFALL.form)] == [(1, True), (2, True)]


@pytest.mark.parametrize("begins_at", [1, 4000], ids=["a young device", "an old one"])
def test_a_day_that_was_final_is_not_once_the_numbers_of_the_next_throw_doubt_on_it(
    begins_at: int, shop: Any, clouds: Any, told: Any
) -> None:
    hour = 3600.0
    cloud, beside = clouds("cloud"), clouds("beside")
    source = shop.crossed(-30 * hour).source
    shop._numbers[source] = itertools.count(begins_at)
    old = [told(shop, -10 * hour), shop.crossed(10), told(shop, 15.25 * hour), shop.crossed(16 * hour)]
    cloud.land(shop.packed(*old, told(shop, 17 * hour)))
    cloud.refine()
    whole = [row["final_windows"] for row in cloud.gold(COMPLETENESS)]
    shop._numbers.clear()
    lost, *new = shop.crossed(20 * hour), shop.crossed(20.1 * hour), told(shop, 21 * hour), told(shop, 22 * hour)
    for landed in (new, [lost]):
        cloud.land(shop.packed(*landed))
        cloud.refine()
        rebuild.rebuild(cloud.files, beside.lake, cloud.stores, OPENS)
        assert rebuild.differences(cloud.lake, beside.lake) == {}
    assert cloud.gold(COMPLETENESS)[0]["final_windows"] == whole[0]


def test_a_clock_that_is_set_back_takes_finality_back_until_the_next_heartbeat(
    shop: Any, clouds: Any, told: Any
) -> None:
    cloud, beside = clouds("cloud"), clouds("beside")
    cloud.land(shop.packed(told(shop, -QUARTER), shop.crossed(60), told(shop, QUARTER)))
    cloud.refine()
    assert [row["is_final"] for row in cloud.gold(FOOTFALL.form)] == [True]
    cloud.land(shop.message(shop.crossed(300)))
    cloud.refine()
    assert [(row["in_raw"], row["is_final"]) for row in cloud.gold(FOOTFALL.form)] == [(2, False)]
    cloud.land(shop.message(told(shop, QUARTER + 60)))
    cloud.refine()
    assert [row["is_final"] for row in cloud.gold(FOOTFALL.form)] == [True]
    rebuild.rebuild(cloud.files, beside.lake, cloud.stores, OPENS)
    assert rebuild.differences(cloud.lake, beside.lake) == {}


def test_whatever_comes_when_finality_is_that_of_a_rebuild(shop: Any, clouds: Any, told: Any) -> None:
    rng = random.Random(8)  # noqa: S311 - disorder, no secret
    cloud, beside = clouds("cloud"), clouds("beside")
    events = [
        event
        for number in range(4 * 4)
        for event in (shop.crossed(21_600.0 * number + 5), told(shop, 21_600.0 * number + 3000))
    ]
    lost = rng.sample(events, 3)
    on_time = [event for event in events if event not in lost]
    pieces = [on_time[begin : begin + 10] for begin in range(0, len(on_time), 10)]
    rng.shuffle(pieces)
    for piece in [*pieces, lost[:2]]:
        cloud.land(shop.packed(*piece))
        cloud.refine()
    rebuild.rebuild(cloud.files, beside.lake, cloud.stores, OPENS)
    rows = cloud.gold(COMPLETENESS)
    assert rows == beside.gold(COMPLETENESS)
    assert rebuild.differences(cloud.lake, beside.lake) == {}
    assert {row["is_final"] for row in cloud.gold(FOOTFALL.form)} == {True, False}
    assert sum(row["missing"] for row in rows) == 1
    cloud.land(shop.packed(*lost))
    cloud.refine()
    assert all(row["is_final"] for row in cloud.gold(FOOTFALL.form)[:-1])


def test_a_day_that_is_wholly_final_is_not_read_again_for_what_comes_the_day_after(
    shop: Any, cloud: Any, told: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    midnight = 15 * 3600.0
    cloud.land(shop.packed(shop.crossed(midnight - 60), told(shop, midnight + 60)))
    cloud.refine()
    asked: list[set[date]] = []
    rows_of = completeness.rows_of

    def noted(events: Any, days: Days, sources: str, near: set[date]) -> Any:
        asked.append({*days.dates, *near})
        return rows_of(events, days, sources, near)

    monkeypatch.setattr(completeness, "rows_of", noted)
    cloud.land(shop.message(shop.crossed(midnight + 90)))
    cloud.refine()
    assert asked == [{date(2026, 11, 21)}]
