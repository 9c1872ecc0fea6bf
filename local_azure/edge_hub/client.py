"""A client of a stand-in: IoT Hub's service API, and the paths that only a stand-in has."""

import base64
import gzip
import http
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from storeflow.errors import ConfigError
from storeflow.iot_hub.client import HubError, IotHubClient, MethodAnswer

__all__ = ["HubClient", "HubError", "MethodAnswer", "Upstreamed"]


@dataclass(frozen=True)
class Upstreamed:
    """A message that left the store.

    Attributes:
        sequence: ask for what comes `after` it.
        system: system properties: `connectionDeviceId`, `connectionModuleId`, `enqueuedTime`,
            `messageId`, `contentType`, …
    """

    sequence: int
    source: str
    body: bytes
    properties: dict[str, str]
    system: dict[str, str]

    def json(self) -> Any:
        """Decode the body, unpacked where it says that it is packed."""
        packed = self.system.get("contentEncoding") == "gzip"
        return json.loads(gzip.decompress(self.body) if packed else self.body)

    def events(self) -> list[Any]:
        """Decode the events in the body: one, or those of a JSON array."""
        document = self.json()
        return document if isinstance(document, list) else [document]


class HubClient(IotHubClient):
    """Talks to the stand-in of one device's hub.

    Reading or editing a twin with it needs no deployment first: a module that isn't there is made. An admin's
    client (`IotHubClient`) gets 404.
    """

    def register(self, module_id: str) -> None:
        """Make a module with an empty twin, unless there is one."""
        device, module = (quote(text, safe="$") for text in (self.device_id, module_id))
        try:
            self.call("PUT", f"/devices/{device}/modules/{module}", {"deviceId": self.device_id, "moduleId": module_id})
        except HubError as error:
            if error.code != "ModuleAlreadyExistsOnDevice":
                raise

    def twin(self, module_id: str = "") -> dict[str, Any]:
        """Return a module's twin, a new module's if there is none of that id, or the device's own."""
        return self._made_if_missing(module_id, lambda: super(HubClient, self).twin(module_id))

    def patch_twin(self, module_id: str, desired: dict[str, Any], *, etag: str = "") -> dict[str, Any]:
        """Merge desired properties, of a new module if there is none of that id. Returns the twin."""
        return self._made_if_missing(
            module_id, lambda: super(HubClient, self).patch_twin(module_id, desired, etag=etag)
        )

    def replace_twin(self, module_id: str, desired: dict[str, Any]) -> dict[str, Any]:
        """Replace desired properties, of a new module if there is none of that id. Returns the twin."""
        return self._made_if_missing(module_id, lambda: super(HubClient, self).replace_twin(module_id, desired))

    def set_routes(self, routes: dict[str, Any], time_to_live_seconds: int | None = None) -> None:
        """Deploy routes to the hub, as a deployment's `$edgeHub` section does.

        Raises:
            ConfigError: the hub could not read them and kept the ones it had.
        """
        desired: dict[str, Any] = {"schemaVersion": "1.1", "routes": routes}
        if time_to_live_seconds is not None:
            desired["storeAndForwardConfiguration"] = {"timeToLiveSecs": time_to_live_seconds}
        self.replace_twin("$edgeHub", desired)
        status = self.reported("$edgeHub")["lastDesiredStatus"]
        if status["code"] != http.HTTPStatus.OK:
            raise ConfigError([str(status["description"])])

    def upstream(self, after: int = 0) -> list[Upstreamed]:
        """Return up to 1,000 messages that left the store, oldest first, later than `after`."""
        return [
            Upstreamed(
                entry["sequence"],
                entry["source"],
                base64.b64decode(entry["body"]),
                entry["properties"],
                entry["systemProperties"],
            )
            for entry in self.call("GET", f"/local/upstream?after={after}")
        ]

    def stats(self) -> dict[str, Any]:
        """Return the hub's `counts`, and what it knows of each module (`modules`) and each endpoint (`routing`)."""
        stats: dict[str, Any] = self.call("GET", "/local/stats")
        return stats

    def routes(self) -> dict[str, Any]:
        """Return the routes in force."""
        routes: dict[str, Any] = self.call("GET", "/local/routes")
        return routes

    def faults(self, **changes: Any) -> dict[str, Any]:
        """Set fault switches (see `local_azure.edge_hub.faults.Faults`) and return them all."""
        faults: dict[str, Any] = self.call("POST", "/local/faults", changes)
        return faults

    def drop(self, module_id: str = "") -> int:
        """Cut a module's connection, or all; returns how many there were."""
        return int(self.call("POST", "/local/drop", {"module": module_id})["dropped"])

    def cloud(self, *, away: bool) -> None:
        """Take the cloud away from the store, or bring it back: what goes to `$upstream` waits meanwhile."""
        self.call("POST", "/local/cloud", {"away": away})

    def _made_if_missing(self, module_id: str, edit: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        try:
            return edit()
        except HubError as error:
            if error.code != "ModuleNotFound":
                raise
        self.register(module_id)
        return edit()
