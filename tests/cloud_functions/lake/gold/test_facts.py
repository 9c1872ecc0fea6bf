"""What is made anew, when, and that nothing is forgotten whoever else writes."""

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from cloud_functions import refine
from cloud_functions.lake import silver
from cloud_functions.lake.gold import completeness, days, facts, layouts
from cloud_functions.lake.gold.due import Due
from cloud_functions.lake.gold.footfall import FACT as FOOTFALL
from cloud_functions.lake.gold.visits import DWELL
from cloud_functions.lake.rows import Refined
from cloud_functions.lake.silver import EVENTS, RUNS
from cloud_functions.lake.tables import mark, replace
from storeflow.errors import StorageError

pytestmark = pytest.mark.usefixtures("facts_alone")

OPENS = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
MIDNIGHTS = {"of UTC": 15 * 3600.0, "of the store in Berlin": 14 * 3600.0}


def crossings(cloud: Any) -> tuple[int, int]:
    """How many gold has, and how many silver."""
    (row,) = cloud.sql("SELECT COUNT(*) AS n FROM events WHERE type = 'storeflow.line.crossed'")
    return sum(row["in_raw"] for row in cloud.gold(FOOTFALL.form)), row["n"]


def shoppers(cloud: Any) -> tuple[int, int, int]:
    """Crossings in, net and of shoppers; and visits."""
    rows = cloud.gold(FOOTFALL.form)
    net, shopper = (sum(row[name] for row in rows) for name in ("in_net", "in_shopper"))
    return net, shopper, sum(row["visits"] for row in cloud.gold(DWELL.form))


def test_what_another_run_adds_to_silver_while_gold_is_made_is_counted_by_the_next(
    shop: Any, cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.land(shop.message(shop.crossed(1)))
    cloud.refine()
    cloud.land(shop.message(shop.crossed(2)))
    rows_of = completeness.rows_of

    def meanwhile(*asked: Any) -> Any:
        monkeypatch.setattr(completeness, "rows_of", rows_of)
        cloud.land(shop.message(shop.crossed(3)))
        refine.refine_silver(cloud.files, cloud.lake, OPENS)
        return rows_of(*asked)

    monkeypatch.setattr(completeness, "rows_of", meanwhile)
    cloud.refine()
    assert crossings(cloud) == (2, 3)
    cloud.refine()
    assert crossings(cloud) == (3, 3)


def test_a_run_between_two_commits_of_another_leaves_nothing_uncounted(
    shop: Any, cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = silver.keep
    cloud.land(shop.message(shop.crossed(1)), partition="0")
    cloud.land(shop.message(shop.crossed(2)), partition="1")
    monkeypatch.setattr(refine, "Refined", type("OneFile", (Refined,), {"full": True}))
    commits = []

    def then_another_run(events: Any, rows: Any, now: datetime) -> int:
        kept = keep(events, rows, now)
        commits.append(mark(events, RUNS))
        facts.catch_up(cloud.lake, cloud.stores)
        return kept

    monkeypatch.setattr(silver, "keep", then_another_run)
    cloud.refine()
    assert len(set(commits)) == 2
    assert crossings(cloud) == (2, 2)


def test_a_run_with_an_older_silver_cannot_put_its_figures_after_those_of_a_newer_one(
    shop: Any, cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The older has silver opened and waits until the newer has written crossings, then writes them too, if it can."""
    monkeypatch.setattr(days, "EVENTS_AT_ONCE", 1)
    cloud.land(*(shop.message(shop.crossed(day * 86_400.0)) for day in (0, 1)))
    cloud.refine()
    cloud.land(*(shop.message(shop.crossed(day * 86_400.0 + 1)) for day in (0, 1)))
    refine.refine_silver(cloud.files, cloud.lake, OPENS)
    opened, has_written, may_write, newer_is_done = (threading.Event() for _ in range(4))
    ends: list[StorageError | None] = []
    catch_up = layouts.catch_up

    def run() -> None:
        try:
            facts.catch_up(cloud.lake, cloud.stores)
            ends.append(None)
        except StorageError as error:
            ends.append(error)
        has_written.set()

    older = threading.Thread(target=run)

    def slow(lake: Any, events: Any) -> Any:
        if threading.current_thread() is older:
            opened.set()
            assert may_write.wait(20)
        return catch_up(lake, events)

    written = []

    def in_turns(table: Any, rows: Any, where: str, marks: Any) -> None:
        replace(table, rows, where, marks)
        if threading.current_thread() is older:
            has_written.set()
            assert newer_is_done.wait(20)
        elif FOOTFALL.name in table.table_uri:
            written.append(where)
            if len(written) == 2:
                may_write.set()
                assert has_written.wait(20)

    monkeypatch.setattr(layouts, "catch_up", slow)
    monkeypatch.setattr(facts, "replace", in_turns)
    older.start()
    assert opened.wait(20)
    cloud.land(*(shop.message(shop.crossed(day * 86_400.0 + 2)) for day in (0, 1)))
    cloud.refine()
    newer_is_done.set()
    older.join()
    cloud.refine()
    assert crossings(cloud) == (6, 6)
    assert isinstance(ends[0], StorageError)


def test_a_run_that_dies_has_made_what_it_made_and_the_next_goes_on_with_what_is_left(
    shop: Any, cloud: Any, refine_and_die: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has time for one of three days, and a part of another."""
    monkeypatch.setattr(days, "EVENTS_AT_ONCE", 1)
    cloud.land(shop.packed(*(shop.crossed(day * 86_400.0) for day in range(3))))
    found = []
    for _ in range(3):
        refine_and_die(len(facts.FACTS) + 2)
        found.append((len(Due(cloud.lake).days), crossings(cloud)[0]))
    assert found == [(2, 2), (1, 3), (0, 3)]
    assert Due(cloud.lake).asked == mark(cloud.lake.open(EVENTS), RUNS)


@pytest.mark.parametrize(("most", "pieces"), [(1, [1, 1, 1, 1]), (5, [2, 2]), (1000, [4])])
def test_days_are_made_together_as_long_as_they_have_a_bounded_number_of_events(
    most: int, pieces: list[int], shop: Any, cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(days, "EVENTS_AT_ONCE", most)
    cloud.land(shop.packed(*(shop.crossed(day * 86_400.0 + at) for day in range(4) for at in (1, 2))))
    refine.refine_silver(cloud.files, cloud.lake, OPENS)
    sizes = days.Sizes.of_silver(cloud.lake.open(EVENTS))
    due = {date(2026, 11, 20) + timedelta(days=number): {"store-1"} for number in range(4)}
    found = []
    while due:
        dates = days.newest(due, sizes).dates
        assert max(dates) == max(due)
        found.append(len(dates))
        due = {day: stores for day, stores in due.items() if day not in dates}
    assert found == pieces


def test_around_midnight_whoever_works_here_is_no_shopper_before_and_after(shop: Any, cloud: Any) -> None:
    """Somebody goes in, is recognised, and the visit ends, with midnight anywhere between; days are made one by one."""
    midnight = MIDNIGHTS["of UTC"]
    known_later = []
    for track, (crossed, known, left) in enumerate([(-20, 10, 20), (-30, 10, -20), (-20, -10, 20), (-30, -20, -10)]):
        crossing = shop.crossed(midnight + crossed, track=f"t{track}")
        cloud.land(shop.packed(crossing, shop.visited(midnight + left, 9.0, track=f"t{track}")))
        known_later.append(shop.recognised(midnight + known, f"t{track}", crossing))
    cloud.refine()
    for first in (0, 2):
        cloud.land(shop.packed(*known_later[first : first + 2]))
        cloud.refine()
        assert shoppers(cloud) == (4, 2 - first, 2 - first)
    cloud.land(shop.packed(*(shop.visited(midnight + at, 9.0, track="a guest") for at in (-300, 300))))
    cloud.refine()
    assert shoppers(cloud) == (4, 0, 2)


@pytest.mark.parametrize("midnight", MIDNIGHTS.values(), ids=MIDNIGHTS)
def test_a_u_turn_over_midnight_nets_to_nothing_in_whatever_order_it_comes(
    midnight: float, shop: Any, cloud: Any
) -> None:
    first, back = shop.crossed(midnight - 2), shop.crossed(midnight + 2, "out")
    for some in ((shop.turned(midnight + 2, first, back), back), (first,)):
        cloud.land(shop.packed(*some))
        cloud.refine()
    rows = cloud.gold(FOOTFALL.form)
    assert [(row["in_raw"] + row["out_raw"], row["in_net"] + row["out_net"]) for row in rows] == [(1, 0), (1, 0)]
