"""A client of what only a stand-in has: fault switches, the scissors, counters."""

import json
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

from storeflow.errors import TransportError

_SECONDS = 10.0


@dataclass(frozen=True)
class NamespaceClient:
    """Talks to the control port of a namespace (`control.py`)."""

    host: str
    port: int

    def faults(self, **changes: Any) -> dict[str, Any]:
        """Set fault switches (see `local_azure.event_hubs.faults.Faults`) and return them all."""
        faults: dict[str, Any] = self._call("POST", "/local/faults", changes)
        return faults

    def heal(self) -> None:
        """Put every switch back to its default, and take the limit of throughput away."""
        self.faults(**dict.fromkeys(self._call("GET", "/local/faults")))
        self.throughput(0)

    def throughput(self, units: float) -> None:
        """Buy throughput units; 0 takes the limit away."""
        self._call("POST", "/local/throughput", {"units": units})

    def drop(self) -> int:
        """Cut every connection; returns how many there were."""
        return int(self._call("POST", "/local/drop", {})["dropped"])

    def stats(self) -> dict[str, Any]:
        """Return `counts`, `receivers`, and for each partition of `hubs` its `first` and `next` sequence number."""
        stats: dict[str, Any] = self._call("GET", "/local/stats")
        return stats

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        connection = HTTPConnection(self.host, self.port, timeout=_SECONDS)
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None)
            response = connection.getresponse()
            text = response.read().decode()
        except OSError as error:
            raise TransportError(f"{method} {path} of {self.host}:{self.port}: {error}") from error
        finally:
            connection.close()
        if response.status >= 400:  # noqa: PLR2004 - where HTTP's refusals begin
            raise TransportError(f"{method} {path}: {response.status} {text}")
        return json.loads(text)
