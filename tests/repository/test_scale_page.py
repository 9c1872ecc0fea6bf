"""docs/scale.md says what was measured, and what follows from it."""

from dataclasses import replace
from pathlib import Path

import pytest

from cloud_functions.lake.gold.days import EVENTS_AT_ONCE
from tools.scale import (
    BATCH_MESSAGES,
    BATCH_SECONDS,
    PARTITIONS,
    REFINE_SECONDS,
    Fleet,
    Measured,
    Wire,
    in_page,
    limits,
    short,
    tables,
    written,
)

ONE = Measured(
    events=5_000,
    wires={
        "by_itself": Wire(messages=5_000, billed=5_000, size=3_500_000),
        "default": Wire(messages=4_000, billed=4_000, size=2_000_000),
        "minute": Wire(messages=1_000, billed=1_200, size=1_000_000),
    },
    alerts=500,
    landing_us=100,
    landing_file_us=2_000,
    read_us=1_500,
    read_seconds=0.003,
    silver_us=40,
    gold_us=5,
    gold_piece_seconds=1,
    gold_base_mb=200,
    gold_mb=0.0005,
    bronze_bytes=200,
    silver_bytes=100,
    gold_bytes=10,
)


@pytest.fixture
def page(repository: Path) -> str:
    """The page."""
    return (repository / "docs" / "scale.md").read_text(encoding="utf-8")


def test_every_table_of_the_page_is_what_the_results_come_to(page: str) -> None:
    assert written(page, tables()) == page, "python -m tools.scale --write"


@pytest.mark.parametrize("name", sorted(tables()))
def test_no_table_is_empty(page: str, name: str) -> None:
    found = in_page(name).search(page)
    assert found is not None
    assert found["table"].count("\n") > 2


def test_a_table_that_the_page_has_no_place_for_is_an_error(page: str) -> None:
    with pytest.raises(ValueError, match="'prices'"):
        written(page, {"prices": []})


def test_an_iot_hub_of_a_hundred_sends_a_second_is_one_unit() -> None:
    fleet = Fleet(50, ONE)
    assert 12 < fleet.at_peak(7_000) < 100
    assert fleet.iot_hub(Wire(messages=7_000, billed=7_000, size=0)) == "1 S1"


def test_pieces_of_four_kilobytes_are_what_units_are_bought_for() -> None:
    assert Fleet(1_000, ONE).iot_hub(ONE.wires["minute"]) == "3 S1 or 1 S2"
    assert Fleet(1_000, ONE).iot_hub(replace(ONE.wires["minute"], billed=4_000)) == "10 S1 or 1 S2"


def test_a_peak_that_is_too_quick_for_a_tier_takes_more_units_than_its_quota() -> None:
    busy = Wire(messages=400_000, billed=400_000, size=0)
    sends = Fleet(1, ONE).at_peak(busy.messages) * 100
    assert Fleet(100, ONE).iot_hub(busy).startswith(f"{-(-sends // 12):.0f} S1")


def test_a_tier_of_which_there_are_not_enough_units_is_left_out() -> None:
    assert Fleet(100_000, ONE).iot_hub(ONE.wires["by_itself"]) == "164 S2 or 4 S3"


@pytest.mark.parametrize(
    ("wire", "units"),
    [
        (Wire(messages=1, billed=1, size=1), 1),
        (Wire(messages=10_000, billed=10_000, size=1), 4),
        (Wire(messages=1, billed=1, size=20_000_000), 8),
    ],
)
def test_throughput_units_follow_from_messages_or_bytes_whichever_is_more(wire: Wire, units: int) -> None:
    assert Fleet(10_000, ONE).throughput_units(wire) == units


def test_with_as_many_stores_as_the_limits_say_refining_is_just_at_its_end() -> None:
    found = limits(ONE)
    by_time = Fleet(int(found["a run of refining takes five minutes on one core"]), ONE)
    assert by_time.silver_seconds + by_time.gold_seconds == pytest.approx(REFINE_SECONDS, rel=0.01)
    by_files = Fleet(int(found["a run of refining reads files as fast as they come"]), ONE)
    assert by_files.landed_files(ONE.wires["default"]) * ONE.read_seconds == pytest.approx(1, rel=0.01)
    by_landing = Fleet(int(found["32 instances land all, on a core each"]), ONE)
    assert by_landing.landing_cores == pytest.approx(32, rel=0.01)


@pytest.mark.parametrize(
    ("messages_a_second", "files_a_second"),
    [
        (PARTITIONS / BATCH_SECONDS / 2, PARTITIONS / BATCH_SECONDS / 2),
        (PARTITIONS / BATCH_SECONDS * 2, PARTITIONS / BATCH_SECONDS),
        (PARTITIONS * BATCH_MESSAGES, PARTITIONS),
    ],
    ids=["rare", "before there are enough", "many"],
)
def test_messages_that_wait_for_others_are_fewer_files(messages_a_second: float, files_a_second: float) -> None:
    fleet = Fleet(1, ONE)
    messages = round(messages_a_second / fleet.at_peak(1))
    assert fleet.landed_files(Wire(messages, messages, messages)) == pytest.approx(files_a_second, rel=0.001)


def test_two_days_that_are_few_are_made_at_once_and_of_many_no_more_than_a_piece_or_one_stores_day() -> None:
    assert Fleet(10, ONE).memory_mb == 200 + 0.0005 * 100_000
    assert Fleet(10_000, ONE).memory_mb == 200 + 0.0005 * EVENTS_AT_ONCE
    assert Fleet(10_000, replace(ONE, events=7_600_000)).memory_mb == 4_000


def test_a_piece_costs_something_by_itself() -> None:
    stores = 7 * EVENTS_AT_ONCE // ONE.events
    assert Fleet(stores, ONE).gold_seconds == pytest.approx(14 * (1 + 5e-6 * EVENTS_AT_ONCE))


def test_storage_is_a_year_of_days() -> None:
    assert Fleet(1_000, ONE).gigabytes_a_year(200) == pytest.approx(365)


@pytest.mark.parametrize(
    ("number", "text"), [(353.2, "350"), (12_345, "12,000"), (47.4, "47"), (5.04, "5.0"), (0.071, "0.07")]
)
def test_a_number_has_two_digits_that_count(number: float, text: str) -> None:
    assert short(number) == text
