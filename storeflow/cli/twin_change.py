"""What an edit changes in a twin, told line by line, and what the module says to it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

EDGE_HUB = "$edgeHub"

_ACCEPTED = 200
_LONGEST_VALUE = 120


@dataclass(frozen=True)
class Answer:
    """What a module says to one section of its twin.

    Attributes:
        reason: in its own words.
    """

    section: str
    accepted: bool
    version: int
    reason: str

    def __str__(self) -> str:
        """One line for the person who made the edit."""
        verdict = "accepted" if self.accepted else "refused"
        return f"{self.section}: {verdict}, version {self.version}: {self.reason}"


def told(before: Mapping[str, Any], after: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Tell every difference as `+ path: value`, `- path: value` or `~ path: old -> new`, in order of paths."""
    for key in sorted(before.keys() | after.keys()):
        place = f"{path}.{key}" if path else key
        old, new = before.get(key), after.get(key)
        if key not in after:
            yield f"- {place}: {_shortened(old)}"
        elif key not in before:
            yield f"+ {place}: {_shortened(new)}"
        elif isinstance(old, dict) and isinstance(new, dict):
            yield from told(old, new, place)
        elif old != new:
            yield f"~ {place}: {_shortened(old)} -> {_shortened(new)}"


def answers(module_id: str, patch: Mapping[str, Any], version: int, reported: Mapping[str, Any]) -> list[Answer] | None:
    """Read what the module answered to a change; None while it has not answered to all of it.

    Args:
        module_id: one of ours, which answer `{"ac", "av", "ad"}` by section, or `$edgeHub`.
        patch: what was changed, by section.
        version: `$version` of the desired properties since the change.
        reported: the module's reported properties.
    """
    if module_id == EDGE_HUB:
        if reported.get("lastDesiredVersion", 0) < version:
            return None
        status = reported.get("lastDesiredStatus", {})
        reason = str(status.get("description") or "in force")
        return [Answer("$edgeHub", status.get("code") == _ACCEPTED, reported["lastDesiredVersion"], reason)]
    found = []
    for section, change in patch.items():
        status = reported.get(section)
        if status is None and change is None:
            continue  # a section that the module doesn't know was taken away, and with it what was said to it
        if not isinstance(status, dict) or status.get("av", 0) < version:
            return None
        found.append(Answer(section, status.get("ac") == _ACCEPTED, status["av"], str(status.get("ad", ""))))
    return found


def after_refusal(refused: Answer, module_id: str, reported: Mapping[str, Any]) -> str:
    """What stays as it is when a module has refused a section, and what to do.

    Args:
        refused: what the module said.
        module_id: who said it.
        reported: the module's reported properties before the change.
    """
    version = _in_force(refused.section, module_id, reported)
    works = "what was in force before works on" if version is None else f"version {version} works on"
    cure = f"put it back, or mend it, with `storeflow twin set {module_id} FILE` or `storeflow twin patch`"
    return f"{refused.section}: the twin still says this; {works}; {cure}"


def _in_force(section: str, module_id: str, reported: Mapping[str, Any]) -> int | None:
    """The version that was accepted last, if that was the last answer."""
    if module_id == EDGE_HUB:
        accepted = reported.get("lastDesiredStatus", {}).get("code") == _ACCEPTED
        return reported.get("lastDesiredVersion") if accepted else None
    status = reported.get(section)
    return status.get("av") if isinstance(status, dict) and status.get("ac") == _ACCEPTED else None


def _shortened(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"
