"""Figures as they were known at a moment: however they are cut, and without a change of the lake."""

import csv
import dataclasses
import io
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from cloud_functions import as_of, refine
from cloud_functions.as_of import Question
from cloud_functions.lake.gold import days, facts
from cloud_functions.lake.gold.facts import figures
from cloud_functions.lake.gold.layouts import LAYOUT
from cloud_functions.lake.gold.windows import MANY, Days
from cloud_functions.lake.silver import EVENTS
from cloud_functions.lake.tables import Lake, TableForm
from cloud_functions.lake_port import DeltaPlace
from cloud_functions.stores import Stores
from storeflow.errors import StorageError

OPENS = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
NAMES = ("store-1", "store-1-a", "store-2")
"""By its camera's key the second one would come first: `-` is before `/`."""


@pytest.fixture
def stores() -> Stores:
    """A register of them."""
    homes = {name: {"name": name, "time_zone": "Europe/Berlin", "devices": [f"{name}-box"]} for name in NAMES}
    return Stores.model_validate({"iot_hubs": ["contoso.azure-devices.net"], "stores": homes})


def question(stores: Sequence[str] | None = None) -> Question:
    return Question(OPENS, "fact_footfall_15m", OPENS.date() - DAY, OPENS.date() + 3 * DAY, stores)


def answer(cloud: Any, asked: Question) -> str:
    out = io.BytesIO()
    as_of.write(cloud.lake, cloud.stores, asked, out)
    return out.getvalue().decode()


def keys(text: str) -> list[tuple[str, ...]]:
    return [(row["window_date"], row["store_id"], row["line_id"]) for row in csv.DictReader(text.splitlines())]


@pytest.fixture
def two_days(cloud: Any, shops: Callable[[str], Any]) -> Any:
    """A lake with two lines of three stores on each of two days, and what landed later of one of them."""
    for name in NAMES:
        shop = shops(name)
        crossed = [
            shop.crossed(day * DAY.total_seconds(), line=line) for day in (1, 0) for line in ("entrance", "back")
        ]
        cloud.land(shop.packed(*crossed))
        cloud.land(shop.packed(shop.crossed(900)), at=OPENS + DAY)
    cloud.refine()
    return cloud


@pytest.fixture
def pieces(monkeypatch: pytest.MonkeyPatch) -> list[Days]:
    """What is asked for at once, as it is asked."""
    found: list[Days] = []

    def noted(source: Any, fact: Any, asked: Days, stores: Stores) -> Any:
        found.append(asked)
        return figures(source, fact, asked, stores)

    monkeypatch.setattr(as_of, "figures", noted)
    return found


def test_an_answer_is_made_in_pieces_and_says_the_same_line_by_line_however_it_is_cut(
    two_days: Any, pieces: list[Days], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = answer(two_days, question())
    assert {len(piece.stores or ()) for piece in pieces} == {len(NAMES)}
    pieces.clear()
    monkeypatch.setattr(days, "EVENTS_AT_ONCE", 2)
    assert answer(two_days, question()) == whole
    assert {len(piece.stores or ()) for piece in pieces} == {1}
    both = [date(2026, 11, 20), date(2026, 11, 21)]
    assert keys(whole) == [(str(day), name, line) for day in both for name in NAMES for line in ("back", "entrance")]


def test_any_number_of_stores_may_be_asked_for_and_each_is_told_once(two_days: Any, pieces: list[Days]) -> None:
    asked = [*NAMES[:2], *(f"store-1-{number:04}" for number in range(MANY)), NAMES[1]]
    text = answer(two_days, question(asked))
    assert max(len(piece.stores or ()) for piece in pieces) == MANY
    assert {name for _, name, _ in keys(text)} == {*NAMES[:2]}
    assert len(keys(text)) == 8


def test_what_an_event_of_another_day_says_is_told_where_the_store_has_nothing_else(cloud: Any, shop: Any) -> None:
    """The coverage of a day's last quarter is captured on the next, and is all there is of it."""
    cloud.land(shop.packed(shop.covered(59)))
    cloud.refine()
    asked = Question(OPENS, "fact_device_health", OPENS.date(), OPENS.date() + DAY)
    (row,) = csv.DictReader(answer(cloud, asked).splitlines())
    assert (row["window_date"], row["observed_seconds"]) == ("2026-11-20", "900")


def test_where_no_lake_is_none_is_made_and_nothing_is_written(tmp_path: Path, stores: Stores) -> None:
    out = io.BytesIO()
    with pytest.raises(StorageError, match=r"no table in .*nowhere; is LAKE_TABLES right\?"):
        as_of.write(Lake(DeltaPlace(str(tmp_path / "nowhere"), {})), stores, question(), out)
    assert (out.getvalue(), [*tmp_path.rglob("*")]) == (b"", [])


def test_a_newer_version_does_not_add_its_columns_to_the_lake_that_it_asks(
    two_days: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def state() -> dict[Path, tuple[int, int]]:
        return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in tmp_path.rglob("*")}

    before = state()
    assert answer(two_days, question())
    assert state() == before
    newer = EVENTS.columns.append(pa.field("mood", pa.string()))
    monkeypatch.setattr(facts, "EVENTS", dataclasses.replace(EVENTS, columns=newer))
    with pytest.raises(StorageError, match="silver/events: it has no mood, as an older version"):
        answer(two_days, question())
    assert state() == before


def test_between_silver_and_dim_layout_nothing_is_told_until_a_run_has_come_to_its_end(
    two_days: Any, shop: Any
) -> None:
    two_days.land(shop.packed(shop.crossed(5000)))
    refine.refine_silver(two_days.files, two_days.lake, OPENS)
    with pytest.raises(StorageError, match="gold/dim_layout is behind silver/events"):
        answer(two_days, question())
    two_days.refine()
    assert len(keys(answer(two_days, question()))) == 13


def test_a_run_that_goes_on_between_the_two_is_seen(two_days: Any, shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were silver opened first, dim_layout would have layouts that this silver has not."""
    there = Lake.there

    def then_a_run(self: Lake, form: TableForm) -> Any:
        table = there(self, form)
        two_days.land(shop.packed(shop.crossed(5000)))
        two_days.refine()
        return table

    monkeypatch.setattr(Lake, "there", then_a_run)
    with pytest.raises(StorageError, match="is behind"):
        answer(two_days, question())


def test_both_tables_are_opened_once_for_all_days(two_days: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[TableForm] = []
    there = Lake.there

    def noted(self: Lake, form: TableForm) -> Any:
        opened.append(form)
        return there(self, form)

    monkeypatch.setattr(Lake, "there", noted)
    answer(two_days, question())
    assert opened == [LAYOUT, EVENTS]
