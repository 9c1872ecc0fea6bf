"""What only a stand-in has: fault switches, the scissors, counters; HTTP on loopback, without tokens.

| request | what |
|---|---|
| GET `/local/faults`, POST `/local/faults` with switches | all switches as they stand (`faults.py`) |
| POST `/local/drop` | cuts every connection |
| POST `/local/throughput` with `{"units": 2}` | buys throughput units; 0 takes the limit away |
| GET `/local/stats` | counters, and each partition's numbers |
"""

from http import HTTPStatus
from typing import Any

from local_azure.event_hubs.server import Server
from local_azure.http_server import HttpError, Request
from storeflow.errors import ConfigError


class ControlApi:
    """Answers the requests above."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._namespace = server.namespace

    async def handle(self, request: Request) -> Any:
        """Answer one request.

        Raises:
            HttpError: 400 for a switch that is none, 404 for a path that is none.
        """
        asked = (request.method, *request.parts)
        if asked == ("GET", "local", "stats"):
            return self._stats()
        if asked == ("GET", "local", "faults"):
            return self._namespace.faults.as_json()
        if asked == ("POST", "local", "drop"):
            return {"dropped": self._server.drop_connections()}
        try:
            if asked == ("POST", "local", "faults"):
                self._namespace.faults.update(request.fields())
                return self._namespace.faults.as_json()
            if asked == ("POST", "local", "throughput"):
                return {"units": self._buy(request.fields().get("units"))}
        except ConfigError as error:
            raise HttpError(HTTPStatus.BAD_REQUEST, str(error)) from error
        raise HttpError(
            HTTPStatus.NOT_FOUND, f"{request.method} /{'/'.join(request.parts)}: there is no such thing here"
        )

    def _buy(self, units: Any) -> float:
        if isinstance(units, bool) or not isinstance(units, int | float) or units < 0:
            raise ConfigError([f"units: expected a number of throughput units, got {units!r}"])
        self._namespace.throughput.units = units
        return float(units)

    def _stats(self) -> dict[str, Any]:
        hubs = {
            hub.name: {
                partition.id: {"first": partition.first_sequence, "next": partition.committed}
                for partition in hub.partitions
            }
            for hub in self._namespace.hubs.values()
        }
        return {"counts": self._namespace.counts, "receivers": self._namespace.receivers.count(), "hubs": hubs}
