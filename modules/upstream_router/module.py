"""Events in, each to every configured sink; what is no event is refused with a reason and stops nothing."""

import logging
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from modules.upstream_router.couriers import Couriers
from modules.upstream_router.destinations import Destinations
from modules.upstream_router.envelope import read_event
from modules.upstream_router.sinks.ndjson import NdjsonFile
from modules.upstream_router.spatial_analysis import bare_document
from modules.upstream_router.windows_mode import WindowsMode
from storeflow.contract.events import SpatialAnalysis
from storeflow.contract.telemetry import NdjsonSink, SpatialAnalysisSink, Telemetry
from storeflow.errors import ContractError
from storeflow.host.courier import Courier
from storeflow.host.custody import EVENTS, SPATIAL_ANALYSIS_OUTPUT
from storeflow.host.module import ModuleContext, Output, RawEvent, Sink, sink_name
from storeflow.transport.port import MAX_BODY_BYTES

LOG = logging.getLogger(__name__)
_STRANGERS_TOLD = 100
"""Types that are not known here are logged once each, but not more than these: a log is bounded too."""
_COUNTED = (
    *("events_accepted", "events_refused", "events_unknown", "events_expired", "events_unsendable"),
    *("cloud_messages", "cloud_bytes", "spatial_analysis_dropped"),
)


class UpstreamRouter:
    """The last module that an event passes on the device.

    The host keeps what `on_message` returns in the outbox, then answers the sender with a receipt, then delivers to
    each sink in its own time. What is on its way is in the outbox, and what is added up in a file of its own.
    """

    sections: ClassVar[tuple[str, ...]] = ("telemetry",)

    def __init__(self, context: ModuleContext, checkpoint: bytes | None = None) -> None:  # noqa: ARG002 - has no state
        self._folder = context.state_folder
        self._destinations = Destinations({})
        self._tells_spatial_analysis = False
        self._sinks: Mapping[str, Sink] = {}
        self._strangers: set[tuple[str, str | None]] = set()
        self._counts = Counter(dict.fromkeys(_COUNTED, 0))
        self._couriers = Couriers(context.device_id, os.environ, self._counts)
        self._windows = WindowsMode(context.state_folder, context.device_id)

    @property
    def sinks(self) -> Mapping[str, Sink]:
        """The file sinks in force, by destination."""
        return self._sinks

    @property
    def couriers(self) -> Mapping[str, Courier]:
        """Those of the sinks in the cloud, by destination."""
        return self._couriers.in_force

    def configure(self, section: str, value: Any, version: int) -> None:  # noqa: ARG002 - one section, no version in it
        """Take over `telemetry`: which sinks there are, and what goes to which."""
        telemetry: Telemetry = value
        sinks = telemetry.sinks.values()
        self._sinks = {
            sink_name(sink_id): NdjsonFile(self._folder / sink.file, max_bytes=sink.max_bytes)
            for sink_id, sink in telemetry.sinks.items()
            if isinstance(sink, NdjsonSink)
        }
        self._couriers.configure(telemetry)
        self._windows.configure(telemetry.windows)
        self._destinations = Destinations(telemetry.sinks)
        self._tells_spatial_analysis = any(isinstance(sink, SpatialAnalysisSink) for sink in sinks)
        LOG.info("events go to %s", self._destinations)
        if self._tells_spatial_analysis:
            LOG.info("documents of Azure Spatial Analysis go to %s", SPATIAL_ANALYSIS_OUTPUT)

    def on_message(self, input_name: str, body: bytes) -> Sequence[Output]:
        """Accept one event for every sink; documents of Azure Spatial Analysis go to a sink of their own only.

        Raises:
            ContractError: it came on another input than `events`, is too large, is no CloudEvent of storeflow, or its
                data are not what its type says.
        """
        try:
            _check(input_name, body)
            event, known = read_event(body)
            outputs = self._route(event)
        except ContractError:
            self._counts["events_refused"] += 1
            raise
        self._counts["events_accepted"] += 1
        if not known:
            self._meet(event)
        for window in self._windows.take(event):  # nothing may fail after it: these are not returned again
            outputs += [Output(destination, window) for destination in self._destinations.of(window.type)]
        return outputs

    def checkpoint(self) -> bytes:
        """Nothing: what windows are made of is kept beside the outbox, now, before the events that brought it."""
        self._windows.keep()
        return b""

    def metrics(self) -> Mapping[str, float]:
        """Events accepted and refused since the start; what became of those accepted, and what went to the cloud."""
        return {**{name: float(number) for name, number in self._counts.items()}, **self._windows.counts}

    def close(self) -> None:
        """End the connections; no file is open between two writes."""
        self._couriers.close()
        self._windows.close()

    def _route(self, event: RawEvent) -> list[Output]:
        if event.type != SpatialAnalysis.event_type:
            leaves = self._windows.may_leave(event.type)
            names = [name for name in self._destinations.of(event.type) if leaves or name in self._sinks]
            return [Output(name, event) for name in names]
        if self._tells_spatial_analysis:
            return [Output(SPATIAL_ANALYSIS_OUTPUT, bare_document(event))]
        if not self._counts["spatial_analysis_dropped"]:
            LOG.warning(
                "the layout has documents of Azure Spatial Analysis made, but no sink of kind spatial_analysis takes "
                "them: they are dropped; add one, or take spatial_analysis out of the layout"
            )
        self._counts["spatial_analysis_dropped"] += 1
        return []

    def _meet(self, event: RawEvent) -> None:
        self._counts["events_unknown"] += 1
        kind = (event.type, event.schema_version)
        if kind not in self._strangers and len(self._strangers) < _STRANGERS_TOLD:
            self._strangers.add(kind)
            LOG.warning("events of %s, schema %s, are not known here: carried on unread", *kind)


def _check(input_name: str, body: bytes) -> None:
    if input_name != EVENTS:
        raise ContractError(f"input {input_name}: there is no such input; events come on {EVENTS}")
    if len(body) > MAX_BODY_BYTES:
        raise ContractError(f"event: {len(body)} bytes, {MAX_BODY_BYTES} at most")
