"""Which twin sections are in force: taken over whole, or refused with a reason while the last good one stays."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from storeflow.contract import twin_limits
from storeflow.contract.twins import read_section
from storeflow.errors import ConfigError

LOG = logging.getLogger(__name__)
_LONGEST_REASON = 4000
"""Bytes; a string in a twin may have 4096."""
REFUSED = 400
Status = dict[str, Any]
"""`{"ac": 200 or 400, "av": the twin's $version, "ad": reason}`: how Azure's conventions acknowledge a setting."""


class InForce(NamedTuple):
    """What one section says."""

    document: Any
    """As the operator wrote it."""
    version: int
    """`$version` of the twin that brought it."""


class ConfigurationState(NamedTuple):
    """How the sections of a module stand; never changed, only replaced, so that any thread may look at it."""

    sections: tuple[str, ...] = ()
    """All that the module owns."""
    twin_version: int | None = None
    """Of the twin last read; none before the first."""
    in_force: Mapping[str, InForce] = {}
    statuses: Mapping[str, Status] = {}
    """What was last reported, by top-level key."""

    @property
    def refused(self) -> dict[str, str]:
        """Reasons, by top-level key of the twin."""
        return {key: status["ad"] for key, status in self.statuses.items() if status["ac"] == REFUSED}


def problems(desired: Any, sections: Sequence[str], path: str = "") -> list[str]:
    """Everything that IoT Hub or a module would refuse of desired properties, one `path: fact` each.

    Nothing is opened: what only the device can see, such as weights that are not there, is not told.

    Args:
        desired: one section or several, without what the service adds.
        sections: those of the module.
        path: what to put before each path, such as `zone_analytics`.
    """
    try:
        found = twin_limits.problems(desired, path)
    except RecursionError:
        return [f"{path or '(document)'}: nested far deeper than the {twin_limits.MAX_DEPTH} levels that IoT Hub takes"]
    for name, document in desired.items() if isinstance(desired, dict) else ():
        told = _faults(name, document) if name in sections else [f"{name}: {_unknown(sections)}"]
        found.extend(f"{path}.{problem}" if path else problem for problem in told)
    return list(dict.fromkeys(found))


class Configuration:
    """The sections of one module.

    Args:
        sections: names of the sections that the module owns.
        configure: the module's `configure`.
        keep: called with name, document and `$version` of every section that was taken over.
    """

    def __init__(
        self,
        sections: Sequence[str],
        configure: Callable[[str, Any, int], None],
        keep: Callable[[str, Any, int], None],
    ) -> None:
        self._sections, self._configure, self._keep = tuple(sections), configure, keep
        self._in_force: dict[str, InForce] = {}
        self._told: dict[str, str] = {}
        """Why a section was last refused: what is tried again and again is logged once."""
        self.state = ConfigurationState(self._sections)
        """May be read on any thread."""
        self._unknown: set[str] = set()
        """Keys of the twin that are no section of this module."""

    @property
    def complete(self) -> bool:
        """Whether every section has a value, so that the module can work."""
        return set(self._in_force) == set(self._sections)

    def restore(self, name: str, document: Any, version: int) -> None:
        """Take over a section as it was before the restart, if there is none in force; a newer twin replaces it."""
        if name in self._in_force:
            return
        try:
            self._configure(name, read_section(name, document), version)
        except ConfigError as error:
            self._warn(f"{name} before the restart", f"is no longer good: {error}")
        else:
            self._in_force[name] = InForce(document, version)
            self.state = self.state._replace(in_force=dict(self._in_force))

    def apply(self, desired: Mapping[str, Any]) -> dict[str, Status]:
        """Take over what changed in the desired properties; return what to report, by top-level key."""
        version = int(desired.get("$version", 0))
        statuses = {name: self._apply_section(name, desired, version) for name in self._sections}
        unknown, fact = (
            {key for key in desired if key not in statuses and not key.startswith("$")},
            _unknown(self._sections),
        )
        for key in sorted(unknown):
            statuses[key] = {"ac": REFUSED, "av": version, "ad": _shortened(f"{key}: {fact}")}
            if key not in self._unknown:
                LOG.warning("%s: %s", key, fact)
        for key in sorted(self._unknown - unknown):
            LOG.info("%s: is out of the twin", key)
        self._unknown = unknown
        self.state = ConfigurationState(self._sections, version, dict(self._in_force), statuses)
        return statuses

    def _apply_section(self, name: str, desired: Mapping[str, Any], version: int) -> Status:
        document = desired.get(name, {})
        if name not in self._in_force or self._in_force[name].document != document:
            try:
                twin_limits.validate_patch({name: document})
                self._configure(name, read_section(name, document), version)
            except ConfigError as error:
                self._warn(name, f"version {version} is refused: {error}")
                return {"ac": REFUSED, "av": version, "ad": _shortened(str(error))}
            self._in_force[name] = InForce(document, version)
            self._keep(name, document, version)
            LOG.info("%s: version %d is in force", name, version)
        elif name in self._told:
            LOG.info(
                "%s: in force again: version %d says what version %d said", name, version, self._in_force[name].version
            )
        self._told.pop(name, None)
        return {"ac": 200, "av": version, "ad": "in force" if name in desired else "not in the twin: default"}

    def _warn(self, what: str, reason: str) -> None:
        if self._told.get(what) != reason:
            LOG.warning("%s: %s", what, reason)
        self._told[what] = reason


def _faults(name: str, document: Any) -> list[str]:
    try:
        read_section(name, document)
    except ConfigError as error:
        return error.problems
    return []


def _unknown(sections: Sequence[str]) -> str:
    return f"unknown section; there is {', '.join(sections) or 'none'}"


def _shortened(reason: str) -> str:
    return reason.encode(errors="replace")[:_LONGEST_REASON].decode(errors="ignore")


def changes(reported: Mapping[str, Any], statuses: Mapping[str, Status]) -> dict[str, Status | None]:
    """The patch that turns the `reported` properties, whoever wrote them, into `statuses`."""
    gone = (key for key in reported if key not in statuses and not key.startswith("$"))
    patch: dict[str, Status | None] = dict.fromkeys(gone)
    patch.update({key: status for key, status in statuses.items() if reported.get(key) != status})
    return patch
