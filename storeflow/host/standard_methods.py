"""The direct methods that every module has: `ping`, `metrics`, `getConfig`, `validateConfig` and `supportBundle`.

None of them changes anything. Their page: docs/methods.md.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from storeflow.host import configuration
from storeflow.host.configuration import ConfigurationState
from storeflow.host.methods import PING, object_in
from storeflow.host.module import Method, MethodResult
from storeflow.host.module_thread import ModuleThread
from storeflow.host.status import HostStatus
from storeflow.host.support_bundle import bundle, thread_stacks, versions


def standard_methods(
    status: HostStatus, module_thread: ModuleThread, recent_lines: Callable[[], Sequence[str]]
) -> dict[str, Method]:
    """By name.

    Args:
        status: what the host knows of itself.
        module_thread: has the configuration.
        recent_lines: gives the last lines of the log, for a support bundle.
    """
    return {
        PING: lambda _: (HTTPStatus.OK, _ping(status)),
        "metrics": lambda _: (HTTPStatus.OK, status.metrics()),
        "getConfig": lambda _: (HTTPStatus.OK, config_document(module_thread.configuration)),
        "validateConfig": lambda payload: _validate_config(payload, module_thread.configuration.sections),
        "supportBundle": lambda _: (
            HTTPStatus.OK,
            bundle(_facts(status, module_thread.configuration), thread_stacks(), recent_lines()),
        ),
    }


def config_document(state: ConfigurationState) -> dict[str, Any]:
    """What `getConfig` answers: each section as it is in force and as last reported, and every key that is refused."""
    sections = {
        name: {
            "in_force": state.in_force[name].document if name in state.in_force else None,
            "version": state.in_force[name].version if name in state.in_force else None,
            "state": state.acknowledgements.get(name),
        }
        for name in state.sections
    }
    return {"twin_version": state.twin_version, "sections": sections, "refused": state.refused}


def _ping(status: HostStatus) -> dict[str, Any]:
    return {"moduleId": status.context.module_id, "time": _now(), "uptime_seconds": round(status.uptime_seconds(), 1)}


def _validate_config(payload: Any, sections: Sequence[str]) -> MethodResult:
    # A whole document of desired properties has what the service adds: $version and $metadata.
    desired = {key: value for key, value in object_in(payload).items() if not key.startswith("$")}
    return HTTPStatus.OK, {"problems": configuration.problems(desired, sections)}


def _facts(status: HostStatus, state: ConfigurationState) -> Mapping[str, Any]:
    """Everything in a support bundle but the threads and the log."""
    return {
        "moduleId": status.context.module_id,
        "device_id": status.context.device_id,
        "time": _now(),
        "versions": versions(),
        "not_alive": status.not_alive(),
        "not_ready": status.not_ready(),
        "twin_version": state.twin_version,
        "sections": {name: state.acknowledgements.get(name) for name in state.sections},
        "refused": state.refused,
        "sections_in_force": {name: in_force.version for name, in_force in state.in_force.items()},
        "metrics": status.metrics(),
        "outbox_rows": status.outbox_rows(),
        "disk_free_bytes": status.disk_free_bytes(),
        "thread_count": threading.active_count(),
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
