"""Which destinations an event of a type goes to. Pure.

A sink in the cloud has two: one for alerts, which wait for nobody, and one for everything else.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from storeflow.contract.telemetry import CloudSink, NdjsonSink, Sink, UpstreamSink, matches
from storeflow.host.courier import courier_name
from storeflow.host.module import sink_name

_UPSTREAM = "$upstream"
"""No id of a sink can be this."""


class Names(NamedTuple):
    """The destinations of one sink in the cloud."""

    bulk: str
    alerts: str


def names(sink_id: str, sink: CloudSink) -> Names:
    """The destinations of a sink; the one way upstream has the same under every id, and may be renamed at any time."""
    bulk = courier_name(_UPSTREAM if isinstance(sink, UpstreamSink) else sink_id)
    return Names(bulk, f"{bulk}/alerts")


class Destinations:
    """Those of one section's sinks, by their ids."""

    def __init__(self, sinks: Mapping[str, Sink]) -> None:
        self._sinks = sinks
        self._known: dict[str, tuple[str, ...]] = {}

    def __str__(self) -> str:
        taking = [name for name, sink in self._sinks.items() if isinstance(sink, CloudSink | NdjsonSink)]
        return ", ".join(taking) or "nobody: no sink takes store events"

    def of(self, event_type: str) -> tuple[str, ...]:
        """The names of the outputs that an event of this type leaves by."""
        found = self._known.get(event_type)
        if found is None:
            found = tuple(self._find(event_type))
            if len(self._known) < _MOST_KNOWN:
                self._known[event_type] = found
        return found

    def _find(self, event_type: str) -> Iterable[str]:
        for sink_id, sink in self._sinks.items():
            if isinstance(sink, NdjsonSink):
                yield sink_name(sink_id)
            elif isinstance(sink, CloudSink) and matches(event_type, sink.events):
                both = names(sink_id, sink)
                yield both.alerts if matches(event_type, sink.alerts) else both.bulk


_MOST_KNOWN = 1000
"""Types whose destinations are remembered: who sends names of his own must not fill the memory."""
