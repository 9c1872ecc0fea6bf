"""What happened, as a few figures, from the events alone: a tally while it happens, `summary.json` afterwards.

The fields of `summary.json` are explained in docs/summary.md.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from storeflow.cli.count.coverage import shortfall
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import (
    AreaOccupancy,
    CameraState,
    LineCrossed,
    LineUTurn,
    PersonRecognised,
    QueueLeft,
    QueueLength,
    ZoneEntered,
    ZoneExited,
    ZoneOccupancy,
)
from storeflow.contract.instant import as_text, instant
from storeflow.contract.twins import Layout

Summary = dict[str, Any]
Stay = dict[str, Any]
"""A visit or a wait, as `summary.json` has it."""


class Tally:
    """Crossings of every line, visits to every zone, who waits in every queue and is in every area, so far.

    Something that was added to the layout meanwhile has a row from its first event on.
    """

    def __init__(self, layout: Layout) -> None:
        self.events = 0
        self.lines = {line_id: {"in": 0, "out": 0} for line_id in layout.lines}
        self.visits = dict.fromkeys(layout.zones, 0)
        self.inside = dict.fromkeys(layout.zones, 0)
        self.queues = dict.fromkeys(layout.queues, (0, 0))
        self.areas = dict.fromkeys(layout.areas, (0, 0))
        self._newest: dict[tuple[str, str, str], str] = {}
        """The greatest `sequence` of each series of numbers, by source, type and subject."""

    def take(self, events: Iterable[CloudEvent]) -> None:
        """Add events as they come; they need not come in the order of their `sequence`."""
        for event in events:
            self.events += 1
            match event.data:
                case LineCrossed(line_id=line_id, direction=direction):
                    self.lines.setdefault(line_id, {"in": 0, "out": 0})[direction] += 1
                case ZoneEntered(zone_id=zone_id):
                    self.visits[zone_id] = self.visits.get(zone_id, 0) + 1
                case ZoneOccupancy() | QueueLength() | AreaOccupancy() if self._is_news(event):
                    self._replace(event.data)
                case _:
                    pass

    def captions(self) -> list[str]:
        """One short text for each line, zone, queue and area."""
        return [
            *(f"{line_id}  in {line['in']}  out {line['out']}" for line_id, line in self.lines.items()),
            *(f"{zone_id}  visits {visits}" for zone_id, visits in self.visits.items()),
            *(
                f"{queue_id}  waiting {length}  served now {served}"
                for queue_id, (length, served) in self.queues.items()
            ),
            *(f"{area_id}  inside {inside}  give or take {bound}" for area_id, (inside, bound) in self.areas.items()),
        ]

    def _is_news(self, event: CloudEvent) -> bool:
        """Whether no later number of the same thing came before; events without a sequence come in order."""
        series = event.source, event.type, event.subject
        sequence = event.sequence or ""
        if sequence < self._newest.get(series, ""):
            return False
        self._newest[series] = sequence
        return True

    def _replace(self, now: ZoneOccupancy | QueueLength | AreaOccupancy) -> None:
        match now:
            case ZoneOccupancy(zone_id=zone_id, occupancy=occupancy):
                self.visits.setdefault(zone_id, 0)
                self.inside[zone_id] = occupancy
            case QueueLength(queue_id=queue_id, length=length, being_served=being_served):
                self.queues[queue_id] = length, being_served
            case AreaOccupancy(area_id=area_id, occupancy=occupancy, drift_bound=drift_bound):
                self.areas[area_id] = occupancy, drift_bound


def started_at(events: Iterable[CloudEvent]) -> float:
    """`captured_at` of the camera's first frame.

    Raises:
        ValueError: the camera never streamed.
    """
    return min(
        event.time.timestamp()
        for event in events
        if isinstance(event.data, CameraState) and event.data.state == "streaming"
    )


def summarise(
    events: Iterable[CloudEvent],
    layout: Layout,
    *,
    starts_at: float,
    frames: int,
    model_version: str,
    config_version: int,
) -> Summary:
    """Figures of every line, zone, queue and area of the layout, also where nothing happened.

    Args:
        events: of one camera, in any order.
        layout: the lines, zones, queues and areas to report.
        starts_at: `captured_at` of the first frame; all moments are given in seconds from it.
        frames: how many were analysed.
        model_version: of the detector.
        config_version: of the layout.
    """
    in_order = sorted(events, key=lambda event: (event.time, event.sequence or ""))
    coverage = shortfall(in_order, starts_at=starts_at)
    return {
        "starts_at": as_text(instant(starts_at)),
        "lines": _lines(in_order, layout),
        "zones": _zones(in_order, layout, starts_at),
        **({"queues": _queues(in_order, layout, starts_at)} if layout.queues else {}),
        **({"areas": _areas(in_order, layout)} if layout.areas else {}),
        "frames": frames,
        "model_version": model_version,
        "config_version": config_version,
        **({} if coverage is None else {"coverage": coverage}),
    }


def shoppers(visits: Iterable[Stay]) -> list[Stay]:
    """The visits that are not of staff."""
    return [visit for visit in visits if not visit["staff"]]


def most_at_once(stays: Iterable[tuple[float, float]]) -> int:
    """The most stays that lasted at one time; who comes as another leaves was not there with them.

    Args:
        stays: when each began and ended.
    """
    changes = [change for begin, end in stays for change in ((begin, 1), (end, -1))]
    here = most = 0
    for _, change in sorted(changes):
        here += change
        most = max(most, here)
    return most


def _lines(events: Sequence[CloudEvent], layout: Layout) -> dict[str, dict[str, int]]:
    """Raw, net and shoppers' crossings of every line, and the buying units that they were (docs/events.md)."""
    taken_back: set[str] = set()
    staff: set[str] = set()
    for event in events:
        match event.data:
            case LineUTurn(first_crossing_id=first, second_crossing_id=second):
                taken_back |= {first, second}
            case PersonRecognised(crossing_ids=crossing_ids):
                staff.update(crossing_ids)
            case LineCrossed(staff=True):
                staff.add(event.id)
            case _:
                pass
    figures = [f"{figure}{direction}" for figure in ("", "net_", "shopper_", "units_") for direction in ("in", "out")]
    lines = {line_id: dict.fromkeys(figures, 0) for line_id in layout.lines}
    for event in events:
        if not isinstance(event.data, LineCrossed) or event.data.line_id not in lines:
            continue
        line, direction = lines[event.data.line_id], event.data.direction
        is_net = event.id not in taken_back
        is_shopper = is_net and event.id not in staff
        line[direction] += 1
        line[f"net_{direction}"] += is_net
        line[f"shopper_{direction}"] += is_shopper
        line[f"units_{direction}"] += is_shopper and event.data.buying_unit
    return lines


def _zones(events: Sequence[CloudEvent], layout: Layout, starts_at: float) -> dict[str, dict[str, Any]]:
    """Every visit, and how many shoppers were there at most."""
    zones: dict[str, list[Stay]] = {zone_id: [] for zone_id in layout.zones}
    for event in events:
        if isinstance(exited := event.data, ZoneExited) and exited.zone_id in zones:
            visit = {
                "entered_seconds": round(exited.entered_at.timestamp() - starts_at, 3),
                "exited_seconds": round(exited.captured_at.timestamp() - starts_at, 3),
                "dwell_seconds": exited.dwell_seconds,
                **_censored(exited),
                "staff": exited.staff,
            }
            zones[exited.zone_id].append(visit)
    return {
        zone_id: {
            "visits": sorted(visits, key=lambda visit: (visit["entered_seconds"], visit["exited_seconds"])),
            "most_at_once": most_at_once(
                (visit["entered_seconds"], visit["exited_seconds"]) for visit in shoppers(visits)
            ),
        }
        for zone_id, visits in zones.items()
    }


def _queues(events: Sequence[CloudEvent], layout: Layout, starts_at: float) -> dict[str, dict[str, Any]]:
    """Every wait, and how long the queue was at most."""
    queues: dict[str, dict[str, Any]] = {queue_id: {"waits": [], "max_length": 0} for queue_id in layout.queues}
    for event in events:
        match event.data:
            case QueueLeft() as left if left.queue_id in queues:
                wait = {
                    "arrived_seconds": round(left.arrived_at.timestamp() - starts_at, 3),
                    "wait_seconds": left.wait_seconds,
                    "outcome": left.outcome,
                    **_censored(left),
                }
                queues[left.queue_id]["waits"].append(wait)
            case QueueLength(queue_id=queue_id, length=length) if queue_id in queues:
                queues[queue_id]["max_length"] = max(queues[queue_id]["max_length"], length)
            case _:
                pass
    for queue in queues.values():
        queue["waits"].sort(key=lambda wait: (wait["arrived_seconds"], wait["wait_seconds"]))
    return queues


def _areas(events: Sequence[CloudEvent], layout: Layout) -> dict[str, dict[str, Any]]:
    """How many are in every area at the end, and how far that may be off."""
    areas: dict[str, dict[str, Any]] = {area_id: {"occupancy": 0, "drift_bound": 0} for area_id in layout.areas}
    for event in events:
        if isinstance(event.data, AreaOccupancy) and event.data.area_id in areas:
            areas[event.data.area_id] = {"occupancy": event.data.occupancy, "drift_bound": event.data.drift_bound}
    return areas


def _censored(stay: ZoneExited | QueueLeft) -> Stay:
    """Which end was not seen, if any was not."""
    return {} if stay.censored is None else {"censored": stay.censored}
