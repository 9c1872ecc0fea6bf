"""Which twin sections are in force: taken over whole, or refused with a reason while the last good one stays."""

import logging
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple, TypedDict

from storeflow.contract import twin_limits
from storeflow.contract.twins import read_section
from storeflow.errors import ConfigError

LOG = logging.getLogger(__name__)
_MAX_REASON_BYTES = 4000
"""A string in a twin may have 4096."""


class Acknowledgement(TypedDict):
    """How Azure's conventions acknowledge a setting in the reported properties."""

    ac: int
    """200, or 400 where it is refused."""
    av: int
    """The twin's `$version` that it answers to."""
    ad: str
    """Why, in words."""


class InForce(NamedTuple):
    """What one section says."""

    document: Any
    """As the operator wrote it."""
    version: int
    """`$version` of the twin that brought it."""


class ConfigurationState(NamedTuple):
    """The state of a module's sections; never changed, only replaced, so that any thread may read it."""

    sections: tuple[str, ...] = ()
    """All that the module owns."""
    twin_version: int | None = None
    """Of the twin last read; none before the first."""
    in_force: Mapping[str, InForce] = {}
    acknowledgements: Mapping[str, Acknowledgement] = {}
    """As last reported, by top-level key."""

    @property
    def refused(self) -> dict[str, str]:
        """Reasons, by top-level key of the twin."""
        return {key: one["ad"] for key, one in self.acknowledgements.items() if refuses(one)}


def problems(desired: Any, sections: Sequence[str], path: str = "") -> list[str]:
    """Everything that IoT Hub or a module would refuse in desired properties, one `path: fact` each.

    Nothing is opened: what only the device can see, such as weights that are not there, is not checked.

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
        of_section = _section_problems(name, document) if name in sections else [f"{name}: {_unknown(sections)}"]
        found.extend(f"{path}.{problem}" if path else problem for problem in of_section)
    return list(dict.fromkeys(found))


class Configuration:
    """The sections of one module.

    Args:
        sections: names of the sections that the module owns.
        configure: the module's `configure`.
        save_section: called with name, document and `$version` of every section that was taken over.
    """

    def __init__(
        self,
        sections: Sequence[str],
        configure: Callable[[str, Any, int], None],
        save_section: Callable[[str, Any, int], None],
    ) -> None:
        self._sections, self._configure, self._save_section = tuple(sections), configure, save_section
        self._in_force: dict[str, InForce] = {}
        self._logged_reasons: dict[str, str] = {}
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

    def apply(self, desired: Mapping[str, Any]) -> dict[str, Acknowledgement]:
        """Take over what changed in the desired properties; return what to report, by top-level key."""
        version = int(desired.get("$version", 0))
        acknowledgements = {name: self._apply_section(name, desired, version) for name in self._sections}
        unknown = {key for key in desired if key not in acknowledgements and not key.startswith("$")}
        fact = _unknown(self._sections)
        for key in sorted(unknown):
            acknowledgements[key] = _refusal(version, f"{key}: {fact}")
            if key not in self._unknown:
                LOG.warning("%s: %s", key, fact)
        for key in sorted(self._unknown - unknown):
            LOG.info("%s: is out of the twin", key)
        self._unknown = unknown
        self.state = ConfigurationState(self._sections, version, dict(self._in_force), acknowledgements)
        return acknowledgements

    def _apply_section(self, name: str, desired: Mapping[str, Any], version: int) -> Acknowledgement:
        document = desired.get(name, {})
        if name not in self._in_force or self._in_force[name].document != document:
            try:
                twin_limits.validate_patch({name: document})
                self._configure(name, read_section(name, document), version)
            except ConfigError as error:
                self._warn(name, f"version {version} is refused: {error}")
                return _refusal(version, str(error))
            self._in_force[name] = InForce(document, version)
            self._save_section(name, document, version)
            LOG.info("%s: version %d is in force", name, version)
        elif name in self._logged_reasons:
            LOG.info(
                "%s: in force again: version %d says what version %d said", name, version, self._in_force[name].version
            )
        self._logged_reasons.pop(name, None)
        description = "in force" if name in desired else "not in the twin: default"
        return Acknowledgement(ac=HTTPStatus.OK, av=version, ad=description)

    def _warn(self, what: str, reason: str) -> None:
        if self._logged_reasons.get(what) != reason:
            LOG.warning("%s: %s", what, reason)
        self._logged_reasons[what] = reason


def refuses(acknowledgement: Acknowledgement) -> bool:
    """Whether it says that a section is not taken."""
    return acknowledgement["ac"] == HTTPStatus.BAD_REQUEST


def _refusal(version: int, reason: str) -> Acknowledgement:
    shortened = reason.encode(errors="replace")[:_MAX_REASON_BYTES].decode(errors="ignore")
    return Acknowledgement(ac=HTTPStatus.BAD_REQUEST, av=version, ad=shortened)


def _section_problems(name: str, document: Any) -> list[str]:
    try:
        read_section(name, document)
    except ConfigError as error:
        return error.problems
    return []


def _unknown(sections: Sequence[str]) -> str:
    return f"unknown section; there is {', '.join(sections) or 'none'}"


def changes(
    reported: Mapping[str, Any], acknowledgements: Mapping[str, Acknowledgement]
) -> dict[str, Acknowledgement | None]:
    """The patch that makes `acknowledgements` of the `reported` properties; what is too much there goes."""
    gone = (key for key in reported if key not in acknowledgements and not key.startswith("$"))
    patch: dict[str, Acknowledgement | None] = dict.fromkeys(gone)
    patch.update({key: one for key, one in acknowledgements.items() if reported.get(key) != one})
    return patch
