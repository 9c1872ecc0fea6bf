"""The couriers of the sinks in the cloud, as the twin has them: two of each sink, with one budget."""

from collections import Counter
from collections.abc import Mapping
from functools import partial
from itertools import chain

from modules.upstream_router.cloud_courier import Carrier, CloudCourier, Rules
from modules.upstream_router.destinations import Names, names
from modules.upstream_router.secret import secret
from modules.upstream_router.sinks.edge_hub import EdgeHub
from modules.upstream_router.token_bucket import TokenBucket
from storeflow.contract.telemetry import CloudSink, EventHubSink, Telemetry
from storeflow.host.courier import Courier
from storeflow.host.custody import ALERTS_OUTPUT


class Couriers:
    """Those in force.

    Args:
        device_id: of this device.
        environment: where the secrets' folder is named.
        counts: the couriers add to it.

    Attributes:
        in_force: by destination.
    """

    def __init__(self, device_id: str, environment: Mapping[str, str], counts: Counter[str]) -> None:
        self._device_id, self._environment, self._counts = device_id, environment, counts
        self._made_of: dict[Names, CloudSink] = {}
        self._carriers: dict[Names, tuple[Carrier, Carrier]] = {}
        self.in_force: Mapping[str, Courier] = {}

    def configure(self, telemetry: Telemetry) -> None:
        """Take over the sinks; one that is as it was keeps its couriers, and what these have under way."""
        made_of: dict[Names, CloudSink] = {
            names(sink_id, sink): sink for sink_id, sink in telemetry.sinks.items() if isinstance(sink, CloudSink)
        }
        in_force: dict[str, Courier] = {}
        carriers: dict[Names, tuple[Carrier, Carrier]] = {}
        for both, sink in made_of.items():
            if self._made_of.get(both) == sink:
                in_force |= {name: self.in_force[name] for name in both}
                carriers[both] = self._carriers.pop(both)
            else:
                carriers[both] = self._pair_of_carriers(sink)
                in_force |= dict(zip(both, self._pair(sink, *carriers[both]), strict=True))
        self.close()
        self.in_force, self._made_of, self._carriers = in_force, made_of, carriers

    def close(self) -> None:
        """End the connections of all couriers in force; they begin nothing any more."""
        for carrier in chain.from_iterable(self._carriers.values()):
            carrier.close()

    def _pair_of_carriers(self, sink: CloudSink) -> tuple[Carrier, Carrier]:
        """For everything, and for alerts: an output for each, or one connection for both."""
        if not isinstance(sink, EventHubSink):
            return EdgeHub(), EdgeHub(ALERTS_OUTPUT)
        # Half a second to load, and not installed where nothing leaves the machine, as for `storeflow count`.
        from modules.upstream_router.sinks.event_hub import EventHub  # noqa: PLC0415 - see above

        event_hub = EventHub(sink, self._device_id, partial(secret, sink.credentials_ref, self._environment))
        return event_hub, event_hub

    def _pair(self, sink: CloudSink, for_bulk: Carrier, for_alerts: Carrier) -> tuple[Courier, Courier]:
        to_live = tuple((each.events, each.seconds) for each in sink.time_to_live.values())
        bulk = Rules(sink.batch.max_events, sink.batch.max_seconds, sink.compress, time_to_live=to_live)
        alerts = Rules(1, 0.0, compress=False, newest_first=True, time_to_live=to_live)
        bucket = TokenBucket(sink.max_bytes_per_second)
        return (
            CloudCourier(for_bulk, bulk, bucket, self._device_id, self._counts),
            CloudCourier(for_alerts, alerts, bucket, self._device_id, self._counts),
        )
