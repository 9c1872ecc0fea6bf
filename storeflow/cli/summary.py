"""What happened, as a few figures, from the events alone: a tally while it happens, `summary.json` afterwards."""

from collections.abc import Iterable, Sequence
from typing import Any

from storeflow.cli.coverage import shortfall
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import (
    AreaOccupancy,
    LineCrossed,
    LineUTurn,
    PersonRecognised,
    QueueLeft,
    QueueLength,
    ZoneEntered,
    ZoneExited,
    ZoneOccupancy,
)
from storeflow.contract.twins import Layout

Summary = dict[str, Any]


class Tally:
    """Crossings of every line, visits to every zone, who waits in every queue and is in every area, so far.

    What the layout doesn't have, because it was edited meanwhile, is added when an event tells of it.
    """

    def __init__(self, layout: Layout) -> None:
        self.events = 0
        self.lines = {line_id: {"in": 0, "out": 0} for line_id in layout.lines}
        self.visits = dict.fromkeys(layout.zones, 0)
        self.inside = dict.fromkeys(layout.zones, 0)
        self.queues = dict.fromkeys(layout.queues, (0, 0))
        self.areas = dict.fromkeys(layout.areas, (0, 0))

    def take(self, events: Iterable[CloudEvent]) -> None:
        """Add events as they come."""
        for event in events:
            self.events += 1
            match event.data:
                case LineCrossed(line_id=line_id, direction=direction):
                    self.lines.setdefault(line_id, {"in": 0, "out": 0})[direction] += 1
                case ZoneEntered(zone_id=zone_id):
                    self.visits[zone_id] = self.visits.get(zone_id, 0) + 1
                case ZoneOccupancy(zone_id=zone_id, occupancy=occupancy):
                    self.visits.setdefault(zone_id, 0)
                    self.inside[zone_id] = occupancy
                case QueueLength(queue_id=queue_id, length=length, being_served=being_served):
                    self.queues[queue_id] = length, being_served
                case AreaOccupancy(area_id=area_id, occupancy=occupancy, drift_bound=drift_bound):
                    self.areas[area_id] = occupancy, drift_bound
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


def summarise(
    events: Iterable[CloudEvent], layout: Layout, *, starts_at: float, frames: int, model: str, config_version: int
) -> Summary:
    """Counts of every line and visits to every zone of the layout, also where nothing happened; queues and areas.

    `coverage` is in it where nobody looked for a part of the time.

    Args:
        events: of one camera.
        layout: the lines, zones, queues and areas to tell of.
        starts_at: `captured_at` of the first frame; all times told are seconds from it.
        frames: how many were analysed.
        model: the detector's version.
        config_version: of the layout.
    """
    visits: dict[str, list[dict[str, float]]] = {zone_id: [] for zone_id in layout.zones}
    events = list(events)
    coverage = shortfall(events, starts_at=starts_at)
    for event in events:
        match event.data:
            case ZoneExited() as exited if exited.zone_id in visits:
                visits[exited.zone_id].append(
                    {
                        "entered_at": round(exited.entered_at.timestamp() - starts_at, 3),
                        "exited_at": round(exited.captured_at.timestamp() - starts_at, 3),
                        "dwell_seconds": exited.dwell_seconds,
                    }
                )
            case _:
                pass
    return {
        "lines": _lines(events, layout),
        "zones": {
            zone_id: {
                "visits": sorted(stays, key=lambda visit: (visit["entered_at"], visit["exited_at"])),
                "max_occupancy": max_occupancy(stays),
            }
            for zone_id, stays in visits.items()
        },
        **({"queues": _queues(events, layout, starts_at)} if layout.queues else {}),
        **({"areas": _areas(events, layout)} if layout.areas else {}),
        "frames": frames,
        "model": model,
        "config_version": config_version,
        **({} if coverage is None else {"coverage": coverage}),
    }


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


def _queues(events: Sequence[CloudEvent], layout: Layout, starts_at: float) -> dict[str, dict[str, Any]]:
    """Every wait, and how long the queue was at most."""
    queues: dict[str, dict[str, Any]] = {queue_id: {"waits": [], "max_length": 0} for queue_id in layout.queues}
    for event in events:
        match event.data:
            case QueueLeft() as left if left.queue_id in queues:
                queues[left.queue_id]["waits"].append(
                    {
                        "arrived_at": round(left.arrived_at.timestamp() - starts_at, 3),
                        "wait_seconds": left.wait_seconds,
                        "outcome": left.outcome,
                    }
                )
            case QueueLength(queue_id=queue_id, length=length) if queue_id in queues:
                queues[queue_id]["max_length"] = max(queues[queue_id]["max_length"], length)
            case _:
                pass
    for queue in queues.values():
        queue["waits"].sort(key=lambda wait: (wait["arrived_at"], wait["wait_seconds"]))
    return queues


def _areas(events: Sequence[CloudEvent], layout: Layout) -> dict[str, dict[str, Any]]:
    """How many are in every area at the end, and how far that may be off."""
    areas: dict[str, dict[str, Any]] = {area_id: {"occupancy": 0, "drift_bound": 0} for area_id in layout.areas}
    for event in events:
        if isinstance(event.data, AreaOccupancy) and event.data.area_id in areas:
            areas[event.data.area_id] = {"occupancy": event.data.occupancy, "drift_bound": event.data.drift_bound}
    return areas


def max_occupancy(visits: Sequence[dict[str, float]]) -> int:
    """The most visits that lasted at one time."""
    changes = sorted(
        [(visit["entered_at"], 1) for visit in visits] + [(visit["exited_at"], -1) for visit in visits],
        key=lambda change: (change[0], change[1]),
    )
    here = most = 0
    for _, change in changes:
        here += change
        most = max(most, here)
    return most
