"""What the plots say, read from the figures that they draw."""

import math
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
from matplotlib.figure import Figure

from examples import plots


@pytest.fixture
def lake() -> Iterator[duckdb.DuckDBPyConnection]:
    """The views of two stores, one of which nobody looked at from 11 to 12, nor on Tuesday afternoon."""
    with duckdb.connect() as connection:
        connection.execute("""
            CREATE TABLE dim_store AS
                FROM (VALUES ('a', 'Aachen', 'Europe/Berlin'), ('b', 'Boston', 'America/New_York'))
                AS t (store_id, name, time_zone);
            CREATE TABLE footfall_by_hour AS
                SELECT store_id, 'entrance' AS line_id, DATE '2026-11-02' AS local_date, hour, 10 * hour AS in_shopper,
                       CASE WHEN store_id = 'b' AND hour = 11 THEN 0 ELSE 7200 END AS observed_seconds
                FROM dim_store, range(9, 14) AS hours (hour);
            CREATE TABLE footfall_profile AS
                SELECT store_id, line_id, 1 AS weekday, hour, in_shopper, observed_seconds / 3600 AS observed_hours
                FROM footfall_by_hour;
            CREATE TABLE footfall_by_day AS
                SELECT name AS store_name, store_id, 'entrance' AS line_id,
                       DATE '2026-11-01' + n::INTEGER AS local_date, 500 + 100 * n AS in_shopper,
                       CASE WHEN store_id = 'b' AND n = 2 THEN 0.5 ELSE 1 END AS coverage,
                       TRUE AS is_final
                FROM dim_store, range(1, 3) AS days (n) WHERE NOT (store_id = 'a' AND n = 2);
            CREATE TABLE fact_footfall_15m AS SELECT local_date FROM footfall_by_day;
            CREATE TABLE dwell_histogram AS
                FROM (VALUES ('a', 0, 5, 30), ('a', 5, 10, 10), ('b', 0, 5, 0), ('b', 5, 10, 20))
                AS t (store_id, from_seconds, below_seconds, visits);
        """)
        yield connection


def texts(figure: Figure) -> list[str]:
    (axes,) = figure.axes
    return [text.get_text() for text in axes.texts]


def test_an_hour_that_nobody_looked_at_is_a_gap_in_the_curve(lake: duckdb.DuckDBPyConnection) -> None:
    figure = plots.profile(lake, "entrance")
    curves: Any = {axes.get_title("left"): axes.lines[0].get_ydata() for axes in figure.axes}
    drawn = {store: [float(rate) for rate in curve] for store, curve in curves.items()}
    assert drawn["Aachen"][9:14] == [45, 50, 55, 60, 65]
    assert [hour for hour in range(9, 14) if math.isnan(drawn["Boston"][hour])] == [11]


def test_all_stores_have_one_scale(lake: duckdb.DuckDBPyConnection) -> None:
    limits = {axes.get_ylim() for axes in plots.profile(lake, "entrance").axes}
    assert len(limits) == 1
    assert next(iter(limits))[0] == 0


def test_an_hour_that_nobody_looked_at_is_hatched_and_has_no_number(lake: duckdb.DuckDBPyConnection) -> None:
    figure = plots.hours(lake, "entrance")
    (axes,) = figure.axes
    assert sorted(texts(figure)) == sorted(["45", "50", "55", "60", "65", "45", "50", "60", "65"])
    hatched = {(patch.get_x(), patch.get_y()) for patch in axes.patches if patch.get_hatch()}  # type: ignore[attr-defined]
    assert {(11.0, 1.0), (3.0, 0.0)} <= hatched
    assert (11.0, 0.0) not in hatched


def test_a_day_that_was_looked_at_too_little_is_framed_and_one_without_figures_hatched(
    lake: duckdb.DuckDBPyConnection,
) -> None:
    figure = plots.days(lake, "entrance")
    (axes,) = figure.axes
    assert texts(figure) == ["600", "600", "700"]
    framed = [patch for patch in axes.patches if not patch.get_fill() and not patch.get_hatch()]
    assert [(int(patch.get_x()), int(patch.get_y())) for patch in framed] == [(1, 1)]  # type: ignore[attr-defined]
    assert len([patch for patch in axes.patches if patch.get_hatch()]) == 1


def test_bars_are_shares_of_all_visits_and_dots_those_of_each_store(lake: duckdb.DuckDBPyConnection) -> None:
    figure = plots.dwell(lake)
    (axes,) = figure.axes
    assert [bar.get_height() for bar in axes.patches] == [0.5, 0.5]  # type: ignore[attr-defined]
    points: list[Any] = [line.get_data() for line in axes.lines]
    dots = sorted((float(x), float(y)) for xs, ys in points for x, y in zip(xs, ys, strict=True))
    assert dots == [(0, 0), (0, 0.75), (1, 0.25), (1, 1)]
    assert any("60 visits" in text.get_text() and "under 5 s" in text.get_text() for text in figure.texts)


def test_a_line_that_nobody_crossed_makes_empty_plots_and_no_fault(lake: duckdb.DuckDBPyConnection) -> None:
    for figure in (plots.profile(lake, "back door"), plots.hours(lake, "back door"), plots.days(lake, "back door")):
        figure.canvas.draw()
