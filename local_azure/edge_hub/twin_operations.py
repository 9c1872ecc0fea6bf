"""Twins as modules and the service use them: requests over MQTT, notifications, the hub's own.

Topics and answers: learn.microsoft.com/azure/iot/iot-mqtt-connect-to-iot-hub ("Retrieve a device
twin's properties" and what follows it). The twin of `$edgeHub` holds the routes
(learn.microsoft.com/azure/iot-edge/module-edgeagent-edgehub), and `lastDesiredStatus` in it says whether they
could be used; edgeHub reads them in class `TwinConfigSource` (Azure/iotedge, Edge.Hub.Core/config).
"""

import datetime as dt
import json
import logging
from collections.abc import Callable
from copy import copy
from typing import Any
from urllib.parse import parse_qsl, quote

from local_azure.edge_hub.sessions import Session
from local_azure.edge_hub.store import Store
from local_azure.edge_hub.twins import Twin
from storeflow.errors import ConfigError
from storeflow.iot_hub.routes import Route, parse_routes
from storeflow.iot_hub.twin_documents import Document

LOG = logging.getLogger(__name__)

REQUEST_PREFIX = "$iothub/twin/"
RESPONSES_FILTER = "$iothub/twin/res/#"
CHANGES_FILTER = "$iothub/twin/PATCH/properties/desired/#"
EDGE_AGENT = "$edgeAgent"
EDGE_HUB = "$edgeHub"
DEVICE = ""
"""Stands for the device itself where a module's id is asked for."""

DEFAULT_TIME_TO_LIVE_SECONDS = 7200
"""What Microsoft's templates put in `storeAndForwardConfiguration`."""

_MAX_DESCRIPTION = 4000


class TwinOperations:
    """All twins of the device, kept in the store.

    Attributes:
        routes: in force; the last good ones while the desired ones cannot be read.
        time_to_live_seconds: of messages whose route names none; 0 or less is for ever.
    """

    def __init__(self, store: Store, sessions: Callable[[str], Session]) -> None:
        self.routes: list[Route] = []
        self.time_to_live_seconds = DEFAULT_TIME_TO_LIVE_SECONDS
        self._store = store
        self._sessions = sessions
        self._twins = store.twins()
        self._configure()

    def twin(self, module_id: str) -> Twin:
        """Return a module's twin, or the device's (`DEVICE`); one that nothing was written to yet is empty."""
        return self._twins.get(module_id) or Twin()

    def known(self) -> set[str]:
        """Return the ids of the modules that there are: those that were registered, and IoT Edge's own two."""
        return {*self._twins, EDGE_HUB, EDGE_AGENT} - {DEVICE}

    def register(self, module_id: str) -> None:
        """Make a module with an empty twin, unless there is one."""
        if module_id not in self.known():
            self._keep(module_id, Twin())

    def handle(self, session: Session, topic: str, body: bytes) -> bool:
        """Answer a module's twin request; False for a topic that is none."""
        path, _, query = topic.removeprefix(REQUEST_PREFIX).partition("?")
        request_id = dict(parse_qsl(query)).get("$rid", "")
        if path == "GET/":
            self._respond(session, 200, request_id, json.dumps(self.twin(session.module_id).document()))
            return True
        if path == "PATCH/properties/reported/":
            status, version = self._report(session.module_id, body)
            self._respond(session, status, f"{request_id}{version}", "")
            return True
        return False

    def change(
        self, module_id: str, *, desired: Document | None = None, tags: Document | None = None, replace: bool = False
    ) -> None:
        """Merge or replace tags and desired properties, and notify the module, if it is connected.

        A module that is away finds the change when it next asks for its twin. Whatever edgeAgent is to run is
        registered: it makes an identity for each (Azure/iotedge, class `ModuleIdentityLifecycleManager`).

        Args:
            module_id: or `DEVICE`.
            desired: None leaves them as they are.
            tags: likewise.
            replace: put both in place of the old ones.

        Raises:
            ConfigError: over a limit of IoT Hub; nothing changed.
        """
        twin, at, notification = copy(self.twin(module_id)), _now(), None
        if tags is not None:
            twin.change_tags(tags, replace=replace)
        if desired is not None:
            notification = twin.replace_desired(desired, at) if replace else twin.patch_desired(desired, at)
        self._keep(module_id, twin)
        if module_id == EDGE_AGENT and isinstance(modules := twin.desired.get("modules"), dict):
            for name in modules:
                self.register(name)
        if notification is None or module_id == DEVICE:
            return
        session = self._sessions(module_id)
        if session.listens_to(CHANGES_FILTER):
            topic = f"$iothub/twin/PATCH/properties/desired/?$version={twin.desired_version}"
            session.send(topic, json.dumps(notification).encode())
        if module_id == EDGE_HUB:
            self._configure()

    def _report(self, module_id: str, body: bytes) -> tuple[int, str]:
        """Merge reported properties; returns the status and what follows the request id."""
        twin = self.twin(module_id)
        try:
            twin.patch_reported(json.loads(body), _now())
        except ConfigError as error:
            LOG.warning("reported properties of %s refused: %s", module_id, error)
            return 400, ""
        except ValueError as error:
            LOG.warning("reported properties of %s are no JSON: %s", module_id, error)
            return 500, ""
        self._keep(module_id, twin)
        return 204, f"&$version={twin.reported_version}"

    def _respond(self, session: Session, status: int, request_id: str, body: str) -> None:
        if RESPONSES_FILTER in session.filters:
            session.send(f"$iothub/twin/res/{status}/?$rid={quote(request_id, safe='&=$-')}", body.encode())

    def _configure(self) -> None:
        """Take routes and time to live from `$edgeHub`'s desired properties."""
        twin = self.twin(EDGE_HUB)
        try:
            routes = parse_routes(twin.desired.get("routes", {}))
            seconds = _time_to_live(twin.desired.get("storeAndForwardConfiguration", {}))
        except ConfigError as error:
            LOG.warning("routes kept as they were: %s", error)
            status: Document = {"code": 400, "description": str(error)[:_MAX_DESCRIPTION]}
        else:
            self.routes, self.time_to_live_seconds = routes, seconds
            status = {"code": 200, "description": ""}
        report = {"lastDesiredVersion": twin.desired_version, "lastDesiredStatus": status}
        if any(twin.reported.get(key) != value for key, value in report.items()):
            twin.patch_reported(report, _now())
            self._keep(EDGE_HUB, twin)

    def _keep(self, module_id: str, twin: Twin) -> None:
        self._store.put_twin(module_id, twin)
        self._twins[module_id] = twin


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat()


def _time_to_live(configuration: Any) -> int:
    if not isinstance(configuration, dict):
        raise ConfigError([f"storeAndForwardConfiguration: expected an object, got {configuration!r}"])
    seconds = configuration.get("timeToLiveSecs", DEFAULT_TIME_TO_LIVE_SECONDS)
    if isinstance(seconds, bool) or not isinstance(seconds, int):
        fact = f"expected whole seconds, got {seconds!r}"
        raise ConfigError([f"storeAndForwardConfiguration.timeToLiveSecs: {fact}"])
    return seconds
