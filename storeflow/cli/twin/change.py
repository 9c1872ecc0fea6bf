"""What an edit changes in a twin, line by line, and what the module answers."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

EDGE_HUB = "$edgeHub"


@dataclass(frozen=True)
class SectionAck:
    """How a module acknowledged one section of its twin.

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


def describe_changes(before: Mapping[str, Any], after: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Yield every difference as `+ path: value`, `- path: value` or `~ path: old -> new`, in order of paths.

    What was added or removed as a whole is shown value by value.
    """
    for key in sorted(before.keys() | after.keys()):
        place = f"{path}.{key}" if path else key
        old, new = before.get(key), after.get(key)
        if key not in after:
            yield from (f"- {leaf}" for leaf in _leaves(old, place))
        elif key not in before:
            yield from (f"+ {leaf}" for leaf in _leaves(new, place))
        elif isinstance(old, dict) and isinstance(new, dict):
            yield from describe_changes(old, new, place)
        elif old != new:
            yield f"~ {place}: {_written(old)} -> {_written(new)}"


def _leaves(value: Any, path: str) -> Iterator[str]:
    """Every value in an object, as `path: value`."""
    if isinstance(value, dict) and value:
        for key in sorted(value):
            yield from _leaves(value[key], f"{path}.{key}")
    else:
        yield f"{path}: {_written(value)}"


def section_acks(
    module_id: str, patch: Mapping[str, Any], version: int, reported: Mapping[str, Any]
) -> list[SectionAck] | None:
    """Read how the module acknowledged a change; None while it has not acknowledged all of it.

    Args:
        module_id: one of ours, which report an `Acknowledgement` by section, or `$edgeHub`.
        patch: what was changed, by section.
        version: `$version` of the desired properties since the change.
        reported: the module's reported properties.
    """
    if module_id == EDGE_HUB:
        if reported.get("lastDesiredVersion", 0) < version:
            return None
        status = reported.get("lastDesiredStatus", {})
        reason = str(status.get("description") or "in force")
        return [SectionAck(EDGE_HUB, status.get("code") == HTTPStatus.OK, reported["lastDesiredVersion"], reason)]
    found = []
    for section, change in patch.items():
        status = reported.get(section)
        if status is None and change is None:
            continue  # a section that the module doesn't know was taken away, and with it what was said to it
        if not isinstance(status, dict) or status.get("av", 0) < version:
            return None
        found.append(SectionAck(section, status.get("ac") == HTTPStatus.OK, status["av"], str(status.get("ad", ""))))
    return found


def after_refusal(refused: SectionAck, module_id: str, reported: Mapping[str, Any]) -> str:
    """What stays as it is when a module has refused a section, and what to do.

    Args:
        refused: what the module said.
        module_id: who said it.
        reported: the module's reported properties before the change.
    """
    version = _in_force(refused.section, module_id, reported)
    works = "what was in force before works on" if version is None else f"version {version} works on"
    cure = f"put it back, or fix it, with `storeflow twin set {module_id} FILE` or `storeflow twin patch`"
    return f"{refused.section}: the twin still says this; {works}; {cure}"


def _in_force(section: str, module_id: str, reported: Mapping[str, Any]) -> int | None:
    """The version that was accepted last, if that was acknowledged last."""
    if module_id == EDGE_HUB:
        accepted = reported.get("lastDesiredStatus", {}).get("code") == HTTPStatus.OK
        return reported.get("lastDesiredVersion") if accepted else None
    status = reported.get(section)
    return status.get("av") if isinstance(status, dict) and status.get("ac") == HTTPStatus.OK else None


def _written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
