"""A module's metrics as Prometheus reads them."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from storeflow.observability.metrics import METRICS, Metric, split

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""The text format that every scraper reads, edge and cloud."""


class Exposition:
    """The text at `/metrics` of one host: its own registry, so that two hosts in one process don't mix.

    Args:
        module_id: the label `module` of every metric of ours.
        read: gives the metrics as of now, keyed as in `Module.metrics`; called for every text.
    """

    def __init__(self, module_id: str, read: Callable[[], Mapping[str, float]]) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Families(module_id, read))
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        """Everything as of now, of storeflow and of its process."""
        return generate_latest(self._registry)


class _Families(Collector):
    def __init__(self, module_id: str, read: Callable[[], Mapping[str, float]]) -> None:
        self._module_id, self._read = module_id, read

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        by_name: dict[str, list[tuple[str | None, float]]] = {}
        for key, number in self._read().items():
            name, thing = split(key)
            by_name.setdefault(name, []).append((thing, number))
        for metric in METRICS:
            numbers = [one for one in by_name.get(metric.name, ()) if (one[0] is None) == (metric.label is None)]
            if numbers:
                yield self._family(metric, numbers)

    def _family(
        self, metric: Metric, numbers: Iterable[tuple[str | None, float]]
    ) -> CounterMetricFamily | GaugeMetricFamily:
        labels = ["module"] if metric.label is None else ["module", metric.label]
        make = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
        family = make(metric.exposed_name, metric.help, labels=labels)
        for thing, number in numbers:
            family.add_metric([self._module_id] if thing is None else [self._module_id, thing], number)
        return family
