from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cloud_functions.lake.gold.histogram import bins
from examples.lake import PLACES, VIEWS, main, open_lake

Ask = Callable[[str], list[tuple[Any, ...]]]
OPENING_HOURS = "store_id,weekday,opens,closes\n" + "".join(f"london,{day},08:00,20:00\n" for day in range(1, 7))


@pytest.fixture(scope="module")
def opened(lake: Path, tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    """The lake of a chain that says when it is open."""
    hours = tmp_path_factory.mktemp("hours") / "opening_hours.csv"
    hours.write_text(OPENING_HOURS)
    return open_lake(str(lake), opening_hours=hours)


def test_coverage_is_of_the_time_that_the_store_is_open(opened: duckdb.DuckDBPyConnection) -> None:
    found = opened.sql("SELECT expected_seconds, observed_seconds, coverage FROM coverage_by_day ORDER BY local_date")
    assert found.fetchall() == [(43_200, 39_600, 11 / 12), (43_200, 43_200, 1), (43_200, 43_200, 1)]


def test_a_figure_is_reliable_if_all_of_it_is_here_and_somebody_looked(opened: duckdb.DuckDBPyConnection) -> None:
    found = opened.sql(
        "SELECT local_date::TEXT, in_raw, out_raw, is_final, coverage > 0.95, is_reliable FROM footfall_by_day"
        " WHERE store_id = 'london' ORDER BY local_date"
    )
    assert found.fetchall() == [
        ("2026-11-02", 24, 23, False, False, False),
        ("2026-11-03", 24, 24, True, True, True),
        ("2026-11-04", 24, 24, False, True, False),
    ]


def test_a_final_figure_of_a_day_that_was_half_looked_at_is_not_reliable(ask: Ask) -> None:
    """The same Tuesday, of a store that never closes."""
    (found,) = ask("SELECT is_final, coverage, is_reliable FROM footfall_by_day WHERE local_date = '2026-11-03'")
    assert found == (True, pytest.approx(12.25 / 24), False)


def test_an_hour_that_nobody_looked_at_is_in_no_rate(ask: Ask) -> None:
    looked = ask("SELECT hour, observed_hours FROM footfall_profile WHERE store_id = 'london' AND weekday = 1")
    assert {hour: hours for hour, hours in looked if hours == 0} == {10: 0}
    ((rate,),) = ask(
        "SELECT in_shopper_per_hour FROM footfall_profile WHERE store_id = 'london' AND weekday = 1 AND hour = 10"
    )
    assert rate is None


def test_dwell_is_averaged_from_sums_and_over_days_from_sums_again(ask: Ask) -> None:
    days = ask(
        "SELECT visits, whole_visits, dwell_seconds, average_seconds FROM dwell_by_day WHERE local_date = '2026-11-02'"
    )
    assert days == [(6, 6, 2104, 2104 / 6)]


def test_the_histogram_has_every_visit_in_the_bin_that_it_is_in(ask: Ask) -> None:
    found = ask(
        "SELECT from_seconds, below_seconds, visits FROM dwell_histogram"
        " WHERE local_date = '2026-11-03' AND store_id = 'london' ORDER BY from_seconds"
    )
    assert len(found) == len(bins("dwell"))
    assert [row for row in found if row[2]] == [
        (0, 5, 1),
        (5, 10, 1),
        (10, 20, 1),
        (20, 40, 1),
        (40, 80, 1),
        (1280, None, 1),
    ]
    assert [low for low, _, _ in found[1:]] == [high for _, high, _ in found[:-1]]


def test_a_percentile_lies_within_its_bounds(ask: Ask) -> None:
    """Of 3, 7, 15, 39, 40 and 2000 s, three times each, the median is 15; nine tenths end with 2000."""
    found = ask("SELECT percentile, at_least_seconds, below_seconds, whole_visits FROM dwell_percentiles ORDER BY 1")
    assert found == [(50, 10, 20, 18), (90, 1280, None, 18)]


def test_waits_and_who_gave_up(ask: Ask) -> None:
    (found,) = ask(
        "SELECT served, abandoned, lost, whole_waits, average_wait_seconds, abandoned_share FROM queues_by_day"
        " WHERE local_date = '2026-11-02'"
    )
    assert found == (2, 1, 1, 2, 60, pytest.approx(1 / 3))


def test_completeness_names_the_day_that_something_is_missing_of(ask: Ask) -> None:
    found = ask("SELECT window_date::TEXT, missing FROM completeness_by_day WHERE store_id = 'london' ORDER BY 1")
    assert found == [("2026-11-02", 1), ("2026-11-03", 0), ("2026-11-04", 0)]
    ((final, windows),) = ask(
        "SELECT final_windows, windows FROM completeness_by_day"
        " WHERE store_id = 'london' AND window_date = '2026-11-02'"
    )
    assert 0 <= final < windows == 96


def test_every_view_says_what_it_is_and_bears_the_name_of_its_file(database: duckdb.DuckDBPyConnection) -> None:
    views = {path.stem for path in VIEWS.glob("*.sql")}
    found = database.sql("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
    assert views == {name for (name,) in found} - set(PLACES)
    assert [path.name for path in VIEWS.glob("*.sql") if not path.read_text().startswith("-- ")] == []


def test_a_question_is_answered_on_the_command_line(lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(lake), "SELECT COUNT(*) AS days FROM footfall_by_day"]) == 0
    assert "days" in capsys.readouterr().out
    assert main([str(lake), "SELECT nothing FROM nowhere"]) == 1
    assert "nowhere" in capsys.readouterr().err
    assert main([str(lake / "nothing"), "SHOW TABLES"]) == 1
    assert "has `refine` run?" in capsys.readouterr().err
