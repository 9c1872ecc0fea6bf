"""What the lake says of the store, beside what the edge counted and what was rendered: `lake.json`. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypedDict

from storeflow.cli.count.summary import Summary
from storeflow.contract.cloudevents import CloudEvent

_COLUMNS = {"in": "in_raw", "out": "out_raw", "net_in": "in_net", "net_out": "out_net"}
"""Of `fact_footfall_15m`, by what `summary.json` and the truth call them."""

Row = Mapping[str, Any]


class Figures(TypedDict):
    """What is compared.

    Attributes:
        lines: `in`, `out`, `net_in` and `net_out` of each.
        zones: `visits` of each.
    """

    lines: dict[str, dict[str, int]]
    zones: dict[str, dict[str, int]]


class Comparison(TypedDict):
    """`lake.json`.

    Attributes:
        edge: counted by the modules.
        lake: added up from the tables of gold.
        truth: as rendered; none where somebody edited the store while it played.
        events: how many the edge wrote, how many of them the lake has, and how many it has beside them.
        equal: the lake has each event of the edge once, and all figures are the same.
    """

    edge: Figures
    lake: Figures
    truth: Figures | None
    events: dict[str, int]
    equal: bool


def compare(
    edge: Figures, lake: Figures, truth: Figures | None, at_edge: Iterable[CloudEvent], in_lake: Sequence[Row]
) -> Comparison:
    """All three beside one another.

    Args:
        edge: counted by the modules.
        lake: of gold.
        truth: as rendered, where it is known.
        at_edge: what the file sink wrote.
        in_lake: `source` and `id` of each row of silver.
    """
    wrote = Counter((event.source, event.id) for event in at_edge)
    has = Counter((row["source"], row["id"]) for row in in_lake)
    events = {"edge": wrote.total(), "lake": (wrote & has).total(), "lake_alone": (has - wrote).total()}
    equal = wrote == has and edge == lake and truth in (None, lake)
    return Comparison(edge=edge, lake=lake, truth=truth, events=events, equal=equal)


def edge_figures(summary: Summary) -> Figures:
    """Of `summary.json`."""
    return Figures(
        lines={line_id: {name: int(line[name]) for name in _COLUMNS} for line_id, line in summary["lines"].items()},
        zones={zone_id: {"visits": len(zone["visits"])} for zone_id, zone in summary["zones"].items()},
    )


def true_figures(truth: Mapping[str, Any]) -> Figures:
    """Of the sample store's `truth.json`."""
    return edge_figures(dict(truth))


def lake_figures(footfall: Iterable[Row], dwell: Iterable[Row], like: Figures) -> Figures:
    """Rows of gold, added up over windows, layout versions and classes.

    Args:
        footfall: of `fact_footfall_15m`.
        dwell: of `fact_zone_dwell_15m`.
        like: what the edge has; gold has no row of a zone that nobody was in.
    """
    found = Figures(
        lines={line_id: dict.fromkeys(_COLUMNS, 0) for line_id in like["lines"]},
        zones={zone_id: {"visits": 0} for zone_id in like["zones"]},
    )
    for row in footfall:
        line = found["lines"].setdefault(row["line_id"], dict.fromkeys(_COLUMNS, 0))
        for name, column in _COLUMNS.items():
            line[name] += int(row[column])
    for row in dwell:
        found["zones"].setdefault(row["zone_id"], {"visits": 0})["visits"] += int(row["visits"])
    return found


def apart(comparison: Comparison) -> list[str]:
    """One line for everything in which the lake differs from the edge."""
    lake, events = comparison["lake"], comparison["events"]
    found = []
    if events["lake"] < events["edge"]:
        found.append(f"the lake has {events['lake']} of {events['edge']} events")
    if events["lake_alone"]:
        found.append(f"the lake has {events['lake_alone']} events, or copies of some, that the edge did not write")
    for what, known in (("lines", comparison["edge"]["lines"]), ("zones", comparison["edge"]["zones"])):
        there: Mapping[str, Mapping[str, int]] = lake["lines"] if what == "lines" else lake["zones"]
        for name in sorted({*known, *there}):
            here, other = known.get(name, {}), there.get(name, {})
            for figure in sorted({*here, *other}):
                at_edge, landed = here.get(figure, "unknown"), other.get(figure, "unknown")
                if at_edge != landed:
                    found.append(f"{name}: {figure.replace('_', ' ')} is {landed} in the lake, {at_edge} at the edge")
    return found
