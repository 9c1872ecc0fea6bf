"""Switches that are set by name, all or none: the base of a stand-in's faults."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from storeflow.errors import ConfigError


@dataclass
class Switches:
    """Fields of a dataclass whose defaults are good health."""

    def update(self, changes: Mapping[str, Any]) -> None:
        """Set some switches; a value of null puts one back to its default.

        Raises:
            ConfigError: an unknown switch or a value of the wrong type; nothing changed.
        """
        known = {field.name: field.default for field in fields(self)}
        problems = [f"{name}: no such fault; there are {', '.join(known)}" for name in changes if name not in known]
        values = {name: known.get(name) if value is None else value for name, value in changes.items()}
        for name in set(values) & set(known):
            expected, given = type(known[name]), values[name]
            fits = isinstance(given, expected) or (expected is float and isinstance(given, int))
            if not fits or (isinstance(given, bool) and expected is not bool):
                problems.append(f"{name}: expected {expected.__name__}, got {given!r}")
        if problems:
            raise ConfigError(problems)
        for name, value in values.items():
            setattr(self, name, value)

    def count_down(self, name: str) -> bool:
        """Use up one of a counted switch, if any is left."""
        left: int = getattr(self, name)
        if left <= 0:
            return False
        setattr(self, name, left - 1)
        return True

    def as_json(self) -> dict[str, Any]:
        """Return all switches as they stand."""
        return asdict(self)
