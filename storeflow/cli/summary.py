"""What happened, as a few figures, from the events alone: a tally while it happens, `summary.json` afterwards."""

from collections.abc import Iterable, Sequence
from typing import Any

from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import LineCrossed, LineUTurn, ZoneEntered, ZoneExited, ZoneOccupancy
from storeflow.contract.twins import Layout

Summary = dict[str, Any]


class Tally:
    """Crossings of every line and visits to every zone, so far."""

    def __init__(self, layout: Layout) -> None:
        self.events = 0
        self.lines = {line_id: {"in": 0, "out": 0} for line_id in layout.lines}
        self.visits = dict.fromkeys(layout.zones, 0)
        self.inside = dict.fromkeys(layout.zones, 0)

    def take(self, events: Iterable[CloudEvent]) -> None:
        """Add events as they come."""
        for event in events:
            self.events += 1
            match event.data:
                case LineCrossed(line_id=line_id, direction=direction):
                    self.lines[line_id][direction] += 1
                case ZoneEntered(zone_id=zone_id):
                    self.visits[zone_id] += 1
                case ZoneOccupancy(zone_id=zone_id, occupancy=occupancy):
                    self.inside[zone_id] = occupancy
                case _:
                    pass

    def captions(self) -> list[str]:
        """One short text for each line and zone."""
        lines = [f"{line_id}  in {line['in']}  out {line['out']}" for line_id, line in self.lines.items()]
        return [*lines, *(f"{zone_id}  visits {visits}" for zone_id, visits in self.visits.items())]


def summarise(
    events: Iterable[CloudEvent], layout: Layout, *, starts_at: float, frames: int, model: str, config_version: int
) -> Summary:
    """Counts of every line and visits to every zone of the layout, also where nothing happened.

    Args:
        events: of one camera.
        layout: the lines and zones to tell of.
        starts_at: `captured_at` of the first frame; all times told are seconds from it.
        frames: how many were analysed.
        model: the detector's version.
        config_version: of the layout.
    """
    lines = {line_id: {"in": 0, "out": 0, "net_in": 0, "net_out": 0} for line_id in layout.lines}
    visits: dict[str, list[dict[str, float]]] = {zone_id: [] for zone_id in layout.zones}
    for event in events:
        match event.data:
            case LineCrossed() as crossed if crossed.line_id in lines:
                lines[crossed.line_id][crossed.direction] += 1
                lines[crossed.line_id][f"net_{crossed.direction}"] += 1
            case LineUTurn() as turned if turned.line_id in lines:
                lines[turned.line_id]["net_in"] -= 1
                lines[turned.line_id]["net_out"] -= 1
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
        "lines": lines,
        "zones": {
            zone_id: {
                "visits": sorted(stays, key=lambda visit: (visit["entered_at"], visit["exited_at"])),
                "max_occupancy": max_occupancy(stays),
            }
            for zone_id, stays in visits.items()
        },
        "frames": frames,
        "model": model,
        "config_version": config_version,
    }


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
