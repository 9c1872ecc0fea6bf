"""Four plots of many stores, from a lake's views, as PNG files.

    python -m examples.plots run/fleet_lake run/plots --line entrance --opening-hours run/fleet_lake/opening_hours.csv

Every hour is by its store's own clock. Where there are no figures a plot says so, and draws no zero.
"""

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from examples.lake import open_lake
from storeflow.errors import StorageError

INK, QUIET, GRID = "#22303c", "#6b7885", "#e3e7eb"
WORKDAYS, WEEKEND = "#1f6fb4", "#d9822b"
COLUMNS = 4

Lake = duckdb.DuckDBPyConnection


def profile(lake: Lake, line: str) -> Figure:
    """A usual day of each store: shoppers in for each hour that was looked at."""
    rows = lake.execute(
        """
        SELECT p.store_id, name, time_zone, weekday >= 6 AS weekend, hour,
               SUM(in_shopper) / NULLIF(SUM(observed_hours), 0) AS rate
        FROM footfall_profile p JOIN dim_store USING (store_id) WHERE line_id = ? GROUP BY ALL ORDER BY ALL
        """,
        [line],
    ).fetchall()
    stores = sorted({row[:3] for row in rows})
    figure = _page(
        "A usual day", f"Shoppers in over “{line}” in an hour of the store's own clock, {_days(lake)}", stores
    )
    top = max((row[5] or 0 for row in rows), default=1) * 1.08 or 1
    for place, (store_id, name, time_zone) in enumerate(stores):
        axes = figure.add_subplot(math.ceil(len(stores) / COLUMNS), COLUMNS, place + 1)
        _plain(axes, f"{name}", time_zone)
        for weekend, colour, label in ((False, WORKDAYS, "Monday to Friday"), (True, WEEKEND, "weekend")):
            rates = {row[4]: row[5] for row in rows if row[0] == store_id and row[3] == weekend}
            # An hour without figures is a gap in the curve.
            values = [math.nan if (rate := rates.get(hour)) is None else rate for hour in range(24)]
            axes.plot([hour + 0.5 for hour in range(24)], values, color=colour, linewidth=1.8, label=label)
        axes.set(xlim=(0, 24), ylim=(0, top))
        axes.set_xticks(range(0, 24, 6), [f"{hour}:00" for hour in range(0, 24, 6)])
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.grid(axis="y", color=GRID, linewidth=0.8)
        if place == 0:
            handles = axes.get_legend_handles_labels()
    if stores:
        figure.legend(*handles, loc="upper right", ncols=2, frameon=False, labelcolor=INK, fontsize=10)
    return figure


def hours(lake: Lake, line: str) -> Figure:
    """When each store is busy: a table of stores and hours."""
    rows = lake.execute(
        """
        SELECT name || '  ' || time_zone AS store, hour,
               SUM(in_shopper) * 3600 / NULLIF(SUM(observed_seconds), 0) AS rate
        FROM footfall_by_hour JOIN dim_store USING (store_id) WHERE line_id = ? GROUP BY ALL
        """,
        [line],
    ).fetchall()
    rates = {(store, hour): rate for store, hour, rate in rows if rate is not None}
    stores = sorted({store for store, _, _ in rows})
    title = "When each store is busy"
    return _table(
        title,
        f"Shoppers in over “{line}” in an hour that was looked at, by the store's own clock, {_days(lake)}",
        stores,
        [f"{hour}" for hour in range(24)],
        lambda store, hour: rates.get((store, int(hour))),
        nothing="no figures: nobody looked, or no device said that it has this line",
    )


def days(lake: Lake, line: str) -> Figure:
    """Shoppers of each store on each day; days that somebody looked too little at are marked."""
    rows = lake.execute(
        """
        SELECT COALESCE(store_name, store_id) AS store, local_date, SUM(in_shopper), MIN(coverage), bool_and(is_final)
        FROM footfall_by_day WHERE line_id = ? GROUP BY ALL
        """,
        [line],
    ).fetchall()
    figures = {(store, f"{day:%a}\n{day.day}.{day.month}."): rest for store, day, *rest in rows}
    order = [f"{day:%a}\n{day.day}.{day.month}." for day in sorted({row[1] for row in rows})]
    missing = {key for key, (_, coverage, _) in figures.items() if (coverage or 0) < 0.95}  # noqa: PLR2004 - as the view
    return _table(
        "Shoppers by day",
        f"In over “{line}”, by the store's own days. Framed: somebody looked less than 95 % of the opening hours",
        sorted({row[0] for row in rows}),
        order,
        lambda store, day: figures.get((store, day), [None])[0],
        nothing="no figures",
        framed=missing,
    )


def dwell(lake: Lake) -> Figure:
    """How long visits are: all stores together, and each as a dot."""
    rows = lake.execute(
        """
        SELECT from_seconds, below_seconds, store_id, SUM(visits) AS visits FROM dwell_histogram
        GROUP BY ALL ORDER BY from_seconds
        """
    ).fetchall()
    bins = sorted({(low, high) for low, high, _, _ in rows}, key=lambda each: each[0])
    totals: dict[Any, int] = {}
    for low, _, store_id, visits in rows:
        for key in (low, store_id, None):
            totals[key] = totals.get(key, 0) + visits
    total = totals.get(None, 0)
    figure = Figure(figsize=(10, 5.4), facecolor="white")
    axes = figure.add_axes((0.06, 0.12, 0.92, 0.68))
    about = f"{total:,} visits seen from beginning to end; the median is {_median(bins, totals, total)}."
    _titles(figure, "How long visits to zones are", f"{about} Bars: all stores; dots: each. {_days(lake)}")
    _plain(axes, "", "")
    axes.bar(range(len(bins)), [totals[low] / total for low, _ in bins], width=0.92, color="#a9c8e6")
    for low, _, store_id, visits in rows:
        if totals[store_id]:
            place = [begin for begin, _ in bins].index(low)
            axes.plot(
                place, visits / totals[store_id], "o", color=WORKDAYS, markersize=4, alpha=0.55, markeredgewidth=0
            )
    axes.set_xticks(range(len(bins)), [_seconds(low, high) for low, high in bins])
    axes.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    axes.set(xlim=(-0.6, len(bins) - 0.4), ylim=(0, None))
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    return figure


def _median(bins: Sequence[tuple[int, int | None]], totals: dict[Any, int], total: int) -> str:
    so_far = 0
    for low, high in bins:
        so_far += totals[low]
        if so_far * 2 >= total:
            return _seconds(low, high).replace("\n", " ")
    return "unknown"


def _seconds(low: int, high: int | None) -> str:
    if high is None:
        return f"{low // 60} min\nor more"
    if low == 0:
        return f"under\n{high} s"
    return f"{low} to\n{high} s"


def _table(
    title: str,
    subtitle: str,
    rows: Sequence[str],
    columns: Sequence[str],
    value: Callable[[str, str], float | None],
    *,
    nothing: str,
    framed: frozenset[tuple[str, str]] | set[tuple[str, str]] = frozenset(),
) -> Figure:
    """A table whose cells are the darker the more."""
    height = 1.9 + 0.36 * len(rows)
    figure = Figure(figsize=(13, height), facecolor="white")
    axes = figure.add_axes((0.2, 0.55 / height, 0.78, 1 - 1.75 / height))
    _titles(figure, title, subtitle)
    values = {(row, column): value(row, column) for row in rows for column in columns}
    most = max((number for number in values.values() if number is not None), default=1) or 1
    for y, row in enumerate(rows):
        for x, column in enumerate(columns):
            number = values[row, column]
            if number is None:
                axes.add_patch(
                    Rectangle((x, y), 1, 1, facecolor="white", edgecolor="#c5ccd3", hatch="////", linewidth=0)
                )
                continue
            share = (number / most) ** 1.5
            shade = tuple(1 - share * (1 - part) for part in (0.07, 0.31, 0.55))
            axes.add_patch(Rectangle((x, y), 1, 1, facecolor=shade, edgecolor="white", linewidth=1.2))
            colour = "white" if share > 0.5 else INK  # noqa: PLR2004 - dark enough for white letters
            axes.text(x + 0.5, y + 0.52, f"{number:,.0f}", ha="center", va="center", fontsize=8, color=colour)
            if (row, column) in framed:
                frame = Rectangle((x + 0.06, y + 0.08), 0.88, 0.84, fill=False, edgecolor=WEEKEND, linewidth=1.8)
                axes.add_patch(frame)
    axes.set(xlim=(0, max(1, len(columns))), ylim=(max(1, len(rows)), 0))
    axes.set_xticks([x + 0.5 for x in range(len(columns))], columns, color=QUIET, fontsize=9)
    axes.set_yticks([y + 0.5 for y in range(len(rows))], rows, color=INK, fontsize=9)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    if None in values.values():
        figure.text(0.2, 0.12 / height, f"hatched: {nothing}", color=QUIET, fontsize=9)
    return figure


def _page(title: str, subtitle: str, stores: Sequence[Any]) -> Figure:
    height = 1.5 + 1.9 * max(1, math.ceil(len(stores) / COLUMNS))
    figure = Figure(figsize=(13, height), facecolor="white")
    figure.subplots_adjust(
        left=0.035, right=0.985, bottom=0.4 / height, top=1 - 1.35 / height, hspace=0.55, wspace=0.16
    )
    _titles(figure, title, subtitle)
    return figure


def _titles(figure: Figure, title: str, subtitle: str) -> None:
    height = figure.get_size_inches()[1]
    figure.text(0.02, 1 - 0.42 / height, title, fontsize=17, color=INK, weight="bold")
    figure.text(0.02, 1 - 0.74 / height, subtitle, fontsize=10.5, color=QUIET)


def _plain(axes: Axes, title: str, beside: str) -> None:
    axes.set_title(title, loc="left", fontsize=10.5, color=INK)
    axes.set_title(beside, loc="right", fontsize=8.5, color=QUIET)
    axes.tick_params(colors=QUIET, labelsize=8.5, length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color("#b6bfc8")


def _days(lake: Lake) -> str:
    found = lake.sql("SELECT MIN(local_date), MAX(local_date) FROM fact_footfall_15m").fetchall()
    first, last = found[0]
    return f"{first:%-d %b %Y} to {last:%-d %b %Y}" if first else "no days"


def main(arguments: list[str] | None = None) -> int:
    """Draw all of them; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m examples.plots", description="Plots of many stores, as PNG.")
    parser.add_argument("lake", help="a folder, or az://<container>")
    parser.add_argument("out", type=Path, help="the folder for the plots")
    parser.add_argument("--line", default="entrance", help="the line that is the stores' door (default: %(default)s)")
    parser.add_argument("--opening-hours", type=Path, help="a CSV file: store_id, weekday, opens, closes")
    options = parser.parse_args(arguments)
    try:
        lake = open_lake(options.lake, opening_hours=options.opening_hours)
    except (StorageError, duckdb.Error) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    options.out.mkdir(parents=True, exist_ok=True)
    plots = {
        "profile": profile(lake, options.line),
        "hours": hours(lake, options.line),
        "days": days(lake, options.line),
        "dwell": dwell(lake),
    }
    for name, figure in plots.items():
        figure.savefig(options.out / f"{name}.png", dpi=130)
        sys.stdout.write(f"{options.out / name}.png\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
