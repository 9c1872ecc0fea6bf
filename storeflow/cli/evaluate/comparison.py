"""Counted against true: errors, and the decision behind every difference."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from modules.zone_analytics.decisions import Crossing, Decision, NoCrossing
from storeflow.cli.count.clip import CLIP_STARTS_AT
from storeflow.cli.count.play import Played
from storeflow.cli.count.summary import most_at_once
from storeflow.cli.evaluate.truth import TrueCrossing, TrueVisit, Truth

TOLERANCE_SECONDS = 1.0
"""A crossing this near in time to a true one is that one."""
NEARBY_SECONDS = 3.0
"""Decisions this near to a missed crossing may say why."""


@dataclass
class LineDifferences:
    """Where one line differs from the truth."""

    missed: list[tuple[TrueCrossing, list[str]]] = field(default_factory=list)
    """With the decisions that were made near it."""
    extra: list[Crossing] = field(default_factory=list)


def evaluation(played: Played, truth: Truth) -> dict[str, Any]:
    """`evaluation.json`."""
    summary = played.summary()
    result: dict[str, Any] = {"lines": {}, "zones": {}, "frames": played.frames, "model": played.model}
    for line_id, line in truth.lines.items():
        counted = summary["lines"][line_id]
        result["lines"][line_id] = {
            "truth_in": line.counted_in,
            "truth_out": line.counted_out,
            "in": counted["in"],
            "out": counted["out"],
            "error_in": counted["in"] - line.counted_in,
            "error_out": counted["out"] - line.counted_out,
            "net_in": counted["net_in"],
            "net_out": counted["net_out"],
        }
        if line.crossings is not None:
            found = differences(line_id, played.decisions, line.crossings)
            result["lines"][line_id] |= {"missed": len(found.missed), "extra": len(found.extra)}
        if line.geometric is not None:
            result["lines"][line_id]["geometric"] = dict(zip(("in", "out"), line.geometric, strict=True))
    for line_id in truth.layout.lines.keys() - truth.lines.keys():
        result["lines"][line_id] = {name: summary["lines"][line_id][name] for name in ("in", "out")}
    for zone_id, visits in truth.zones.items():
        result["zones"][zone_id] = _zone(summary["zones"][zone_id], visits)
    if truth.people is not None:
        result["people"] = {"truth": truth.people, "seen": len(played.people_seen)}
    if truth.in_view_by_second:
        result["in_view"] = _in_view(played.in_view, truth.in_view_by_second)
    return result


def differences(line_id: str, decisions: Sequence[Decision], truth: Sequence[TrueCrossing]) -> LineDifferences:
    """Pair true and counted crossings of one direction, the nearest in time first; what is left over differs."""
    counted = [one for one in decisions if isinstance(one, Crossing) and one.line_id == line_id]
    pairs = sorted(
        (abs(crossing.at - _epoch(true.at)), true_index, index)
        for true_index, true in enumerate(truth)
        for index, crossing in enumerate(counted)
        if true.direction == crossing.direction and abs(crossing.at - _epoch(true.at)) <= TOLERANCE_SECONDS
    )
    paired_truth, paired = set[int](), set[int]()
    for _, true_index, index in pairs:
        if true_index not in paired_truth and index not in paired:
            paired_truth.add(true_index)
            paired.add(index)
    return LineDifferences(
        missed=[
            (true, [describe(one) for one in _nearby(line_id, decisions, true)])
            for true_index, true in enumerate(truth)
            if true_index not in paired_truth
        ],
        extra=[crossing for index, crossing in enumerate(counted) if index not in paired],
    )


def describe(decision: Crossing | NoCrossing) -> str:
    """One decision about a line, in words."""
    at = f"{decision.at - _epoch(0):.2f} s, person {decision.person_id}"
    if isinstance(decision, NoCrossing):
        return f"{at}: not counted: {decision.reason}"
    turn = "" if decision.u_turn_of is None else f", a U-turn of {decision.u_turn_of - _epoch(0):.2f} s"
    return f"{at}: counted {decision.direction}: {decision.reason}{turn}"


def _nearby(line_id: str, decisions: Sequence[Decision], true: TrueCrossing) -> list[Crossing | NoCrossing]:
    return [
        one
        for one in decisions
        if isinstance(one, Crossing | NoCrossing)
        and one.line_id == line_id
        and abs(one.at - _epoch(true.at)) <= NEARBY_SECONDS
    ]


def _zone(counted: dict[str, Any], truth: Sequence[TrueVisit]) -> dict[str, Any]:
    true_dwell = sum(visit.exited_at - visit.entered_at for visit in truth)
    dwell = sum(visit["dwell_seconds"] for visit in counted["visits"])
    return {
        "truth_visits": len(truth),
        "visits": len(counted["visits"]),
        "error_visits": len(counted["visits"]) - len(truth),
        "truth_dwell_seconds": round(true_dwell, 2),
        "dwell_seconds": round(dwell, 2),
        "truth_most_at_once": most_at_once((visit.entered_at, visit.exited_at) for visit in truth),
        "most_at_once": counted["most_at_once"],
    }


def _in_view(counted: Sequence[tuple[float, int]], truth: Sequence[int]) -> dict[str, float]:
    """How many were in view at every full second, against the truth."""
    pairs = []
    for second, people in enumerate(truth):
        at, here = min(counted, key=lambda sample: abs(sample[0] - second))
        if abs(at - second) <= TOLERANCE_SECONDS:
            pairs.append((people, here))
    return {
        "seconds": len(pairs),
        "truth_mean": round(sum(true for true, _ in pairs) / len(pairs), 3),
        "mean": round(sum(here for _, here in pairs) / len(pairs), 3),
        "mean_absolute_error": round(sum(abs(true - here) for true, here in pairs) / len(pairs), 3),
    }


def _epoch(seconds: float) -> float:
    return CLIP_STARTS_AT.timestamp() + seconds
