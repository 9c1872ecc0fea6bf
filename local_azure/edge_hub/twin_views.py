"""Twins and modules as the service API shows them, as far as a script that edits twins looks.

Source: learn.microsoft.com/rest/api/iothub/service/modules/get-twin and .../get-modules-on-device. The device itself is
connected while its cloud is not away.
"""

import datetime as dt
from typing import Any

from local_azure.edge_hub.hub import EdgeHub
from local_azure.edge_hub.twin_operations import DEVICE


def twin_view(hub: EdgeHub, module_id: str) -> dict[str, Any]:
    """Return a module's twin, or the device's."""
    twin = hub.twins.twin(module_id)
    view = {
        "deviceId": hub.device_id,
        "moduleId": module_id,
        "etag": twin.etag,
        "version": twin.version,
        "status": "enabled",
        **_activity(hub, module_id),
        "tags": twin.tags,
        "properties": twin.service_document(),
        "configurations": hub.deployments.statuses(module_id),
    }
    if module_id == DEVICE:
        del view["moduleId"], view["configurations"]
        view["capabilities"] = {"iotEdge": True}
    return view


def module_view(hub: EdgeHub, module_id: str) -> dict[str, Any]:
    """Return one entry of the device's list of modules."""
    owner = {"managedBy": "iotEdge"} if module_id.startswith("$") else {}
    return {"moduleId": module_id, "deviceId": hub.device_id, **owner, **_activity(hub, module_id)}


def _activity(hub: EdgeHub, module_id: str) -> dict[str, str]:
    session = hub.seen(module_id)
    if module_id == DEVICE:
        connected = not hub.queues.cloud_away
        active_at = max((each.active_at for each in hub.sessions()), default=0.0)
    else:
        connected = session is not None and session.connection is not None
        active_at = session.active_at if session is not None else 0.0
    never = "0001-01-01T00:00:00Z"
    active = dt.datetime.fromtimestamp(active_at, dt.UTC).isoformat() if active_at else never
    return {"connectionState": "Connected" if connected else "Disconnected", "lastActivityTime": active}
