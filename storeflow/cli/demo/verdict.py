"""What was counted beside what was rendered."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from rich.table import Table

from storeflow.cli.count.summary import Summary
from storeflow.cli.demo.lake import Figures
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import CameraState, LayoutApplied, LineCrossed, LineUTurn, StreamHeartbeat

_OF_STREAMS = (CameraState, LayoutApplied, StreamHeartbeat)
"""Begin, end, completeness and layout of a stream: no decision about anybody."""
LINE_FIGURES = ("in", "out", "net_in", "net_out")
TOLERANCE_SECONDS = 1.5
"""A crossing this near in time to a rendered one is that one."""


def verdict(summary: Summary, truth: dict[str, Any], lake: Figures) -> Table:
    """Counts of the edge, and of the lake, beside the truth, as a table."""
    table = Table(box=None, pad_edge=False)
    for heading in ("", "", "counted", "in the lake", "true"):
        table.add_column(heading, justify="right" if heading else "left")
    for where, what, counted, true in _figures(summary, truth):
        there = lake["zones"] if what == "visits" else lake["lines"]
        landed = there.get(where, {}).get(what, 0)
        style = None if counted == landed == true else "red"
        table.add_row(where, what.replace("_", " "), str(counted), str(landed), str(true), style=style)
    return table


def differences(summary: Summary, truth: dict[str, Any], events: Sequence[CloudEvent], starts_at: float) -> list[str]:
    """One line for every count that is not the true one, followed by the decisions that differ there.

    Args:
        summary: what was counted.
        truth: what was rendered, as the sample store's truth.json has it.
        events: everything that was decided.
        starts_at: `captured_at` of the first frame.
    """
    found, explained = [], set()
    for where, what, counted, true in _figures(summary, truth):
        if counted == true:
            continue
        found.append(f"{where}: {what.replace('_', ' ')} is {counted}, rendered were {true}")
        if where not in explained:
            explained.add(where)
            apart = _visits_apart(summary, truth, where) if what == "visits" else None
            found += _crossings_apart(events, truth, where, starts_at) if apart is None else apart
    return found


def decisions_differ(processes: Sequence[CloudEvent], one_process: Sequence[CloudEvent]) -> list[str]:
    """Events that the processes and the same modules in one process don't share, and how often.

    An event is the same when everything it says is: what, of whom, when. Which device it comes from, which number it
    has there and how often the twin was edited are not part of that, nor is what events say of their own stream.
    """
    here, there = (
        Counter(_said(event) for event in events if not isinstance(event.data, _OF_STREAMS))
        for events in (processes, one_process)
    )
    return [f"only the processes decided {one}" for one in sorted((here - there).elements())] + [
        f"only one process decided {one}" for one in sorted((there - here).elements())
    ]


def _figures(summary: Summary, truth: dict[str, Any]) -> Iterator[tuple[str, str, int, int]]:
    for line_id, line in truth["lines"].items():
        for figure in LINE_FIGURES:
            yield line_id, figure, summary["lines"][line_id][figure], line[figure]
    for zone_id, zone in truth["zones"].items():
        yield zone_id, "visits", len(summary["zones"][zone_id]["visits"]), len(zone["visits"])


def _crossings_apart(events: Sequence[CloudEvent], truth: dict[str, Any], line_id: str, starts_at: float) -> list[str]:
    """Crossings that were counted and not rendered, or rendered and not counted; and every U-turn."""
    rendered = [crossing for crossing in truth["crossings"] if crossing["line"] == line_id]
    lines = []
    for event in events:
        seconds = event.time.timestamp() - starts_at
        match event.data:
            case LineUTurn(line_id=here, track_id=track_id) if here == line_id:
                lines.append(f"  counted as a U-turn at {seconds:.1f} s, track {track_id}")
            case LineCrossed(line_id=here, direction=direction, track_id=track_id, reason=reason) if here == line_id:
                near = [one for one in rendered if _is_near(one, direction, seconds)]
                if near:
                    rendered.remove(min(near, key=lambda one: abs(one["at"] - seconds)))
                else:
                    lines.append(
                        f"  counted and not rendered: {direction} at {seconds:.1f} s, track {track_id}, {reason}"
                    )
            case _:
                pass
    return [*lines, *(f"  rendered and not counted: {one['direction']} at {one['at']:.1f} s" for one in rendered)]


def _is_near(rendered: dict[str, Any], direction: str, seconds: float) -> bool:
    return bool(rendered["direction"] == direction and abs(rendered["at"] - seconds) <= TOLERANCE_SECONDS)


def _visits_apart(summary: Summary, truth: dict[str, Any], zone_id: str) -> list[str]:
    """Both lists of visits, for the eye to find the one that is too many or missing."""
    sides = (("counted", summary, "seconds"), ("rendered", truth, "at"))
    return [f"  {name}: {_visits(side['zones'][zone_id]['visits'], unit)}" for name, side, unit in sides]


def _visits(visits: Sequence[dict[str, float]], unit: str) -> str:
    """Begins and ends, in seconds from the first frame; the truth calls them `entered_at` and `exited_at`."""
    return ", ".join(f"{visit[f'entered_{unit}']:.1f}-{visit[f'exited_{unit}']:.1f} s" for visit in visits)


def _said(event: CloudEvent) -> str:
    apart = {"store_id", "camera_id", "config_version", "first_crossing_id", "second_crossing_id"}
    facts = event.data.model_dump(mode="json", exclude=apart, exclude_none=True)
    return f"{event.type} {event.subject} {json.dumps(facts, sort_keys=True)}"
