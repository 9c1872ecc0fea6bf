"""What is due is made in pieces that have a bounded number of events, and figures are the same however it is cut."""

import random
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from cloud_functions import rebuild
from cloud_functions.lake.gold import completeness, days, facts, windows
from cloud_functions.lake.gold.completeness import COMPLETENESS
from cloud_functions.lake.gold.days import Sizes
from cloud_functions.lake.gold.dimensions import STORE
from cloud_functions.lake.gold.due import Due
from cloud_functions.lake.gold.footfall import FACT as FOOTFALL
from cloud_functions.lake.gold.windows import MANY, Days, stores_among
from cloud_functions.lake.silver import EVENTS
from cloud_functions.lake.tables import replace
from cloud_functions.refine import refine_silver
from cloud_functions.stores import Stores
from storeflow.contract.cloudevents import CloudEvent
from storeflow.errors import StorageError

pytestmark = pytest.mark.usefixtures("facts_alone")

OPENS = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
MIDNIGHT = 15 * 3600.0
MOVES = MIDNIGHT
"""When the device of store-1 is in store-2 from then on: in the middle of a quarter of an hour."""
QUARTER = 900.0
FIRST = date(2026, 11, 20)


def register() -> Stores:
    """Three stores; the device of the first moves to the second, which has one of its own as well."""
    moves = (OPENS + timedelta(seconds=MOVES)).isoformat()
    homes: dict[str, list[Any]] = {
        "store-1": [{"id": "store-1-box", "until": moves}],
        "store-2": [{"id": "store-1-box", "since": moves}, "store-2-box"],
        "store-3": ["store-3-box"],
    }
    stores = {name: {"name": name, "time_zone": "Europe/Berlin", "devices": boxes} for name, boxes in homes.items()}
    return Stores.model_validate({"iot_hubs": ["contoso.azure-devices.net"], "stores": stores})


@pytest.fixture
def lived(shops: Any, drew: Any, told: Any, summed: Any) -> Callable[..., list[tuple[str, CloudEvent]]]:
    """What the device of a store says of an hour before a midnight and one after, each event with the device's name."""

    def make(home: str, rng: random.Random) -> list[tuple[str, CloudEvent]]:
        shop = shops(home)
        said: list[CloudEvent] = []
        crossed: list[CloudEvent] = []

        def at(moment: float) -> float:
            shop.store_id = "store-2" if home == "store-1" and moment >= MOVES else home
            return moment

        said.append(drew(shop, at(MIDNIGHT - 4 * QUARTER), "entrance", "back", "side"))
        if home == "store-1":
            shoppers = [shop.crossed(at(MOVES - 50 + number), line="side") for number in range(2)]
            staff = shop.crossed(at(MOVES - 40), line="side", track="staff")
            said += [*shoppers, staff, drew(shop, at(MOVES + 50), "entrance", "back", "side")]
            said += [shop.turned(at(MOVES + 60), *shoppers), shop.recognised(MOVES + 70, "staff", staff)]
        for number in range(12):
            moment = at(MIDNIGHT + rng.randrange(-3500, 3500))
            track = f"t{rng.randrange(4)}"
            crossed.append(shop.crossed(moment, rng.choice(["in", "out"]), rng.choice(["entrance", "back"]), track))
            said += [crossed[-1], shop.visited(moment, 9.0, track=track), shop.waited(moment, 9.0, camera="door")]
            if number % 3 == 0:
                one, other = sorted((rng.choice(crossed), crossed[-1]), key=lambda event: event.time)
                known = at((other.time - OPENS).total_seconds() + rng.randrange(400))
                said.append(shop.turned(known, one, other) if one is not other else shop.recognised(known, track, one))
        for window in range(56, 64):
            at(QUARTER * (window + 1))
            said.append(shop.covered(window))
            if rng.random() < 0.3:
                said.append(summed(shop, window, in_raw=3, in_net=2))
            said.append(told(shop, QUARTER * (window + 1) + 1))
        for revision, moment in enumerate((MOVES - 100, MOVES + 100)):
            at(moment)
            for event in (shop.covered(58, 100.0), summed(shop, 58, "back", revision, in_raw=1 + revision)):
                data = event.data.model_copy(update={"captured_at": OPENS + timedelta(seconds=moment)})
                own = {"data": data, "time": data.captured_at, "id": f"{revision}{event.id[1:]}"}
                said.append(event.model_copy(update=own))
        return [(shop.device_id, event) for event in said]

    return make


@pytest.mark.parametrize("seed", range(2))
def test_figures_are_the_same_however_the_days_are_cut(
    seed: int, shops: Any, clouds: Any, lived: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(seed)  # noqa: S311 - disorder, no secret
    said = [each for name in ("store-1", "store-2", "store-3") for each in lived(name, rng)]
    rng.shuffle(said)
    half = len(said) // 2
    senders = {shop.device_id: shop for shop in map(shops, ("store-1", "store-2", "store-3"))}
    newest, pieces = days.newest, Counter[int]()

    def counted(*given: Any) -> Days:
        pieces[days.EVENTS_AT_ONCE] += 1
        return newest(*given)

    monkeypatch.setattr(days, "newest", counted)
    found = {}
    for most in (1, 1_000_000):
        monkeypatch.setattr(days, "EVENTS_AT_ONCE", most)
        found[most] = cloud = clouds(f"cut by {most}")
        cloud.stores = register()
        for some in (said[:half], said[half:]):
            for device, sender in senders.items():
                own = [event for name, event in some if name == device]
                cloud.land(sender.packed(*own))
            cloud.refine()
    one, other = found.values()
    assert len(one.gold(FOOTFALL.form)) > 30
    assert rebuild.differences(one.lake, other.lake) == {}
    assert pieces[1] > 3 * pieces[1_000_000]


def pieces_of(due: Mapping[date, Collection[str]], sizes: Sizes) -> list[Days]:
    """All of them, as a run makes them."""
    left = {day: {*stores} for day, stores in due.items()}
    found = []
    while left:
        piece = days.newest(left, sizes)
        found.append(piece)
        left = {day: of - {*(piece.stores or ())} if day in piece.dates else of for day, of in left.items()}
        left = {day: of for day, of in left.items() if of}
    return found


@pytest.mark.parametrize("seed", range(20))
def test_no_piece_has_more_events_than_it_may_unless_one_stores_day_alone_has(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(seed)  # noqa: S311 - disorder, no secret
    monkeypatch.setattr(days, "EVENTS_AT_ONCE", 100)
    monkeypatch.setattr(days, "MANY", 9)
    monkeypatch.setattr(days, "DAYS_AT_ONCE", 5)
    scales = rng.choice([[1], [5], [40], [150], [1, 5, 40, 150]])
    had = {
        FIRST + timedelta(days=number): {f"store-{store}": rng.randrange(rng.choice(scales) + 1) for store in range(12)}
        for number in range(12)
    }
    due = {day: {*rng.sample(sorted(of), rng.randint(1, len(of)))} for day, of in had.items()}
    sizes = Sizes(
        {day: sum(of.values()) for day, of in had.items()}, lambda asked: {day: had.get(day, {}) for day in asked}
    )
    pieces = pieces_of(due, sizes)
    for piece in pieces:
        events = [
            sum(
                had.get(day + timedelta(days=beside), {}).get(name, 0)
                for day in piece.dates
                for name in piece.stores or ()
            )
            for beside in (-1, 0, 1)
        ]
        assert max(events) <= 100 or (len(piece.dates), len(piece.stores or ())) == (1, 1)
        assert len(piece.stores or ()) <= 9
        assert len(piece.dates) <= 5
    made = {(day, name) for piece in pieces for day in piece.dates for name in piece.stores or ()}
    assert made >= {(day, name) for day, of in due.items() for name in of}


def test_of_a_chain_a_store_that_comes_back_after_a_week_is_made_in_one_piece() -> None:
    week = [FIRST + timedelta(days=number) for number in range(7)]
    asked: list[date] = []

    def count(of: Collection[date]) -> dict[date, dict[str, int]]:
        asked.extend(of)
        return {day: {f"store-{number}": 5_000 for number in range(1_600)} for day in of}

    sizes = Sizes(dict.fromkeys(week, 8_000_000), count)
    assert days.newest({day: {"store-7"} for day in week}, sizes) == Days(week, ["store-7"])
    assert Counter(asked) == Counter(windows.beside(week))


def test_a_quiet_day_between_busy_ones_is_cut_as_they_are() -> None:
    """Its numbers are looked at with theirs."""
    stores = {f"store-{number}" for number in range(1_000)}
    saturday, sunday, monday = (FIRST + timedelta(days=number) for number in (1, 2, 3))
    sizes = Sizes(
        {saturday: 5_000_000, sunday: 400_000, monday: 4_000_000},
        lambda of: dict.fromkeys(of, dict.fromkeys(stores, 5_000)),
    )
    assert [len(piece.stores or ()) for piece in pieces_of({sunday: stores}, sizes)] == [100] * 10


def test_of_which_stores_events_are_is_asked_once_a_day_and_only_where_a_piece_is_full() -> None:
    asked: list[date] = []

    def count(of: Collection[date]) -> dict[date, dict[str, int]]:
        asked.extend(of)
        return dict.fromkeys(of, dict.fromkeys(stores, days.EVENTS_AT_ONCE // 2))

    stores = {f"store-{number}" for number in range(10)}
    large, small = FIRST + timedelta(days=9), FIRST
    sizes = Sizes({large: 5 * days.EVENTS_AT_ONCE, small: 10}, count)
    pieces = pieces_of({large: stores, small: stores}, sizes)
    assert [piece.dates for piece in pieces] == [[large]] * 5 + [[small]]
    assert Counter(asked) == Counter(windows.beside([large, small]))
    asked.clear()
    assert [piece.dates for piece in pieces_of({FIRST: stores}, Sizes({FIRST: 10}, count))] == [[FIRST]]
    assert not asked


def test_no_question_has_a_list_that_grows_with_the_lake() -> None:
    none = Sizes({}, lambda _: {})
    due = {FIRST + timedelta(days=number): {"store-1"} for number in range(30_000)}
    assert len(windows.beside(days.newest(due, none).dates)) <= MANY
    many = {f"store-{number:05}" for number in range(MANY + 1)}
    first, second = pieces_of({FIRST: many}, none)
    assert ("store-00999" in first.rows, "store-01000" in first.rows) == (True, False)
    assert (first.rows.count("store-"), second.rows.count("store-")) == (MANY + 2, 3)
    assert stores_among(many) == "TRUE"
    with pytest.raises(ValueError, match="1001 are more than 1000"):
        Days([FIRST], sorted(many))


def test_the_days_of_more_stores_than_fit_a_list_are_made_some_stores_at_a_time(
    shops: Any, cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (days, windows):
        monkeypatch.setattr(module, "MANY", 1)
    monkeypatch.setattr(completeness, "MANY", 0)
    monkeypatch.setattr(days, "DAYS_AT_ONCE", 1)
    both = shops("store-1"), shops("store-2")
    for at in (0, 1):
        for shop in both:
            cloud.land(shop.message(shop.crossed(at)))
        cloud.refine()
    assert sum(row["in_raw"] for row in cloud.gold(FOOTFALL.form)) == 4
    assert len(cloud.gold(COMPLETENESS)) == 2
    assert not Due(cloud.lake).days
    moved = {
        name: store.model_copy(update={"time_zone": "UTC" if name != "store-2" else store.time_zone})
        for name, store in cloud.stores.stores.items()
    }
    stores, known = cloud.stores.model_copy(update={"stores": moved}), cloud.lake.open(STORE)
    found = days.of_moved_clocks(known, stores, [cloud.lake.open(FOOTFALL.form)])
    assert list(found) == [("store-1", FIRST)]


def test_a_run_that_dies_between_the_stores_of_a_day_leaves_the_others_to_the_next(
    shops: Any, cloud: Any, refine_and_die: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has time for one of three stores, and a part of another."""
    monkeypatch.setattr(days, "EVENTS_AT_ONCE", 1)
    for name in ("store-1", "store-2", "store-3"):
        shop = shops(name)
        cloud.land(shop.packed(shop.crossed(1), shop.crossed(2)))
    found = []
    for _ in range(3):
        refine_and_die(len(facts.FACTS) + 2)
        counted = {row["store_id"]: row["in_raw"] for row in cloud.gold(FOOTFALL.form)}
        found.append((sorted(Due(cloud.lake).days.get(FIRST, ())), counted))
    assert found == [
        (["store-2", "store-3"], {"store-1": 2, "store-2": 2}),
        (["store-3"], {"store-1": 2, "store-2": 2, "store-3": 2}),
        ([], {"store-1": 2, "store-2": 2, "store-3": 2}),
    ]


def test_a_stores_day_is_struck_off_once_its_completeness_is_written_too(
    shop: Any, cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dying(table: Any, *given: Any) -> None:
        if COMPLETENESS.name in table.table_uri:
            raise StorageError("the process was killed here")
        replace(table, *given)

    cloud.land(shop.message(shop.crossed(1)))
    monkeypatch.setattr(facts, "replace", dying)
    with pytest.raises(StorageError):
        cloud.refine()
    assert Due(cloud.lake).days == {FIRST: {"store-1"}}


def test_the_log_says_how_many_events_a_day_has_and_silver_of_which_stores_they_are(
    shops: Any, cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, events in (("store-1", 1), ("store-2", 3)):
        shop = shops(name)
        cloud.land(shop.packed(*(shop.crossed(at) for at in range(events))))
        refine_silver(cloud.files, cloud.lake, OPENS)
    sizes = days.Sizes.of_silver(cloud.lake.open(EVENTS))
    assert sizes.fit([FIRST], ["store-1", "store-2"])
    monkeypatch.setattr(days, "EVENTS_AT_ONCE", 2)
    assert [sizes.fit([FIRST], [name]) for name in ("store-1", "store-2", "store-3")] == [True, False, True]
    assert [sizes.fit([FIRST, FIRST + timedelta(days=after)], ["store-1"]) for after in (1, 2)] == [True, True]
    monkeypatch.setattr(days, "EVENTS_AT_ONCE", 1)
    assert [sizes.fit([FIRST, FIRST + timedelta(days=after)], ["store-1"]) for after in (1, 2)] == [False, True]
