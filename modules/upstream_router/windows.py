"""Footfall by quarters of an hour: what a window says, and when a correction is due. Pure.

The rules are those of docs/figures.md: a U-turn takes both its crossings out of `net`, who works here is no shopper,
and one of each group is a unit. So what the device adds up is what a reader of the single crossings would.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from storeflow.contract.cloudevents import CloudEvent, event_id
from storeflow.contract.events import FootfallWindow, RevisionReason, StreamHeartbeat
from storeflow.contract.instant import instant, milliseconds

WINDOW_SECONDS = 900
"""Windows begin at :00, :15, :30 and :45 UTC."""
SEND_WITHIN_SECONDS = 60.0
"""A window is sent so long after its coverage came at most: each device has a moment of its own."""
CORRECT_AFTER_SECONDS = 300.0
"""Corrections wait for others, so that a window has few."""
KEEP_SECONDS = 86_400
"""For so long, by `captured_at`, a window may still be corrected; what comes later is dropped and counted."""
UNCOVERED_SECONDS = 3600
"""A window with crossings and without coverage is sent when the newest event is so much later than its end."""

FIGURES = ("raw", "net", "shopper", "units")
COLUMNS = tuple(f"{direction}_{figure}" for direction in ("in", "out") for figure in FIGURES)


class Counted(NamedTuple):
    """A crossing, as far as figures go."""

    line_id: str
    config_version: int
    object_class: str
    direction: str
    staff: bool
    """Known by then to work here, or recognised later."""
    buying_unit: bool
    turned: bool
    """Whether a U-turn names it."""


class Row(NamedTuple):
    """What a window has one row of figures for."""

    line_id: str
    config_version: int
    object_class: str


class Line(NamedTuple):
    """A line in force."""

    line_id: str
    object_class: str


class Layout(NamedTuple):
    """What a camera's layout has of lines."""

    since: float
    config_version: int
    lines: tuple[Line, ...]


class Window(NamedTuple):
    """One quarter of an hour of one camera."""

    source: str
    """Of the camera's events."""
    store_id: str
    camera_id: str
    start: int
    newest: float
    """`captured_at` of the newest crossing or frame in it."""


class Said(NamedTuple):
    """What was sent of one row of a window."""

    revision: int
    figures: dict[str, int]
    observed_seconds: float


def start_of(at: float) -> int:
    """The beginning of the window that a moment is in."""
    return int(at // WINDOW_SECONDS) * WINDOW_SECONDS


def first_after(at: float) -> int:
    """The beginning of the first window all of which is after a moment."""
    return start_of(at) + WINDOW_SECONDS


def series_of(source: str) -> str:
    """The `source` of a camera's windows: the router numbers them, as the camera's own events are numbered already."""
    return f"{source}/windows"


def figures_of(crossings: Iterable[Counted]) -> dict[Row, dict[str, int]]:
    """The figures of the crossings of one window, by row."""
    rows: dict[Row, dict[str, int]] = {}
    for one in crossings:
        figures = rows.setdefault(Row(*one[:3]), dict.fromkeys(COLUMNS, 0))
        net = not one.turned
        shopper = net and not one.staff
        counts = {"raw": True, "net": net, "shopper": shopper, "units": shopper and one.buying_unit}
        for figure, counted in counts.items():
            figures[f"{one.direction}_{figure}"] += counted
    return rows


def lines_in_force(layouts: Iterable[Layout], start: int) -> list[Row]:
    """The lines of every layout that was in force at any time of a window."""
    ordered = sorted(layouts)
    rows: dict[Row, None] = {}
    for number, layout in enumerate(ordered):
        until = ordered[number + 1].since if number + 1 < len(ordered) else None
        if layout.since < start + WINDOW_SECONDS and (until is None or until > start):
            rows |= {Row(line.line_id, layout.config_version, line.object_class): None for line in layout.lines}
    return list(rows)


def with_empty_rows(rows: Mapping[Row, dict[str, int]], in_force: Iterable[Row]) -> dict[Row, dict[str, int]]:
    """The figures, with zeros for each line in force that nobody crossed, whatever it counts."""
    crossed = {row[:2] for row in rows}
    empty = {row: dict.fromkeys(COLUMNS, 0) for row in in_force if row[:2] not in crossed}
    return {**rows, **empty}


def window_event(
    window: Window, row: Row, said: Said, *, reason: RevisionReason | None, details_sent: bool
) -> CloudEvent:
    """One row of a window as an event; the same row and revision always have the same id."""
    data = FootfallWindow(
        store_id=window.store_id,
        camera_id=window.camera_id,
        captured_at=instant(window.newest),
        **row._asdict(),
        window_start=instant(window.start),
        window_end=instant(window.start + WINDOW_SECONDS),
        **said.figures,
        observed_seconds=said.observed_seconds,
        revision=said.revision,
        reason=reason if said.revision else None,
        details_sent=details_sent,
    )
    series = series_of(window.source)
    name = event_id(series, data.event_type, *row, window.start, said.revision)
    return CloudEvent.of(data, source=series, id=name, subject=row.line_id)


def heartbeat(source: str, store_id: str, camera_id: str, until: float, at: float, *, since: int) -> CloudEvent:
    """What says that all windows from `since` to `until` were sent, and all there was is in them.

    Args:
        source: of the camera's events.
        store_id: the store.
        camera_id: the camera.
        until: the end of the last of them.
        at: of the newest event in any of them.
        since: the beginning of the first of them; 0 for all before `until`.
    """
    series = series_of(source)
    data = StreamHeartbeat(
        store_id=store_id,
        camera_id=camera_id,
        captured_at=instant(at),
        complete_until=instant(until),
        complete_from=instant(since) if since else None,
    )
    name = event_id(series, data.event_type, *map(milliseconds, (until, at, since)))
    return CloudEvent.of(data, source=series, id=name, subject=camera_id)
