"""What arrives of a fleet, when, and how often."""

from itertools import pairwise

from tools.fleet.camera_day import Failed, camera_day
from tools.fleet.heartbeats import Heartbeat
from tools.fleet.people import until
from tools.fleet.plan import CLOSES_AT, OPENS_AT, Plan
from tools.fleet.stream import AGAIN, LATE, Arrival, arrivals
from tools.fleet.truth import Truth

PLAN = Plan(stores=2, cameras=3, days=2, events=20_000, seed=5)
HOUR = 3_600_000


def played(plan: Plan = PLAN) -> list[Arrival]:
    return [arrival for store in plan.all_stores() for arrival in arrivals(store, Truth())]


def test_the_same_plan_is_the_same_fleet_and_another_seed_another_one() -> None:
    assert played() == played()
    assert played() != played(Plan(stores=2, cameras=3, days=2, events=20_000, seed=6))


def test_about_as_many_events_come_as_are_asked_for_and_not_fewer() -> None:
    events = sum(not arrival.is_again for arrival in played())
    assert 1 <= events / PLAN.events < 1.05


def test_a_store_plays_the_same_whoever_else_plays() -> None:
    alone = list(arrivals(PLAN.first(1).store(0), Truth()))
    assert alone == list(arrivals(PLAN.store(0), Truth()))


def test_they_arrive_in_the_order_of_true_time() -> None:
    for store in PLAN.all_stores():
        times = [arrival.at for arrival in arrivals(store, Truth())]
        assert times == sorted(times)


def test_a_hundredth_comes_twice_and_a_hundredth_late() -> None:
    found = played()
    first = [arrival for arrival in found if not arrival.is_again]
    assert AGAIN / 1.4 < (len(found) - len(first)) / len(first) < AGAIN * 1.4
    late = [arrival for arrival in first if arrival.is_late]
    assert LATE / 1.4 < len(late) / len(first) < LATE * 1.4
    assert max(arrival.at - arrival.event.at for arrival in late) > 24 * HOUR


def test_a_copy_is_the_same_event_and_comes_after_it() -> None:
    seen: set[bytes] = set()
    for arrival in played():
        assert (arrival.event.body in seen) == arrival.is_again
        seen.add(arrival.event.body)


def test_neighbours_overtake_each_other() -> None:
    taken = [arrival.event for arrival in arrivals(PLAN.store(0), Truth()) if not arrival.is_late]
    overtaken = sum(later.at < earlier.at for earlier, later in pairwise(taken))
    assert overtaken > len(taken) / 100


def test_devices_have_clocks_of_their_own() -> None:
    offsets = {store.clock_ahead_ms for store in Plan(20, 1, 1, 1, 1).all_stores()}
    assert len(offsets) == 20
    assert min(offsets) < 0 < max(offsets)


def test_people_come_while_the_store_is_open_by_its_own_clock() -> None:
    store = PLAN.store(1)
    for person in camera_day(store, "camera_1", 1).people:
        assert store.moment(1, OPENS_AT) <= person.crossings[0].at < store.moment(1, CLOSES_AT) + 60_000


def test_a_day_on_which_clocks_are_put_back_has_25_hours_of_coverage() -> None:
    store = Plan(1, 1, 2, 1, 1).store(0)
    assert store.time_zone == "Europe/Berlin"
    assert len({piece.window_start for piece in camera_day(store, "camera_1", 1).pieces}) == 25 * 4


def test_a_camera_that_fails_tells_of_nothing_until_it_is_back_and_says_so() -> None:
    plan = Plan(stores=1, cameras=1, days=60, events=40_000, seed=2)
    store, outages = plan.store(0), 0
    for day in range(plan.days):
        played_day = camera_day(store, "camera_1", day)
        if played_day.outage is None:
            continue
        begins, ends = played_day.outage
        dark = [told.what for told in played_day.happenings if begins < told.at < ends]
        assert [what for what in dark if not isinstance(what, Heartbeat)] == [Failed()]
        whole = (store.moment(day + 1) - store.moment(day)) / 1000
        looked = sum(piece.observed_ms for piece in played_day.pieces) / 1000
        assert looked == whole - (ends - begins) / 1000
        assert all(until(person, played_day.outage) == person for person in played_day.people)
        outages += 1
    assert outages > 2
