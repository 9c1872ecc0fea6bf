"""What a module's process sees: edgeAgent's variables, the template's, and host paths.

There are no containers here, so a path that a container would see through a bind is rewritten to
the folder behind it, under the supervisor's root.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from local_azure.edge_hub.endpoints import Endpoints
from local_azure.edge_hub.environment import is_edge_variable, workload_environment
from local_azure.supervisor.template import Bind, ModuleSpec


def host_folder(bind: Bind, root: Path) -> Path:
    """Return the folder that stands for a bind's host side: `/srv/x` and volume `x` lie under root."""
    return root / bind.host.lstrip("/")


def rewrite_path(value: str, binds: tuple[Bind, ...], root: Path) -> str:
    """Rewrite a value that starts with a bind's container path; the longest such path wins."""
    for bind in sorted(binds, key=lambda bind: len(bind.container), reverse=True):
        if value == bind.container or value.startswith(f"{bind.container}/"):
            return f"{host_folder(bind, root)}{value[len(bind.container) :]}"
    return value


def module_environment(
    module: ModuleSpec,
    endpoints: Endpoints,
    root: Path,
    *,
    inherited: Mapping[str, str],
    extra: Mapping[str, str],
    python_path: Path,
) -> dict[str, str]:
    """Return all variables of a module's process.

    As in `CreateOrUpdateCommand.cs` (Azure/iotedge, edge-agent, Microsoft.Azure.Devices.Edge.Agent.
    Edgelet/commands) the connection's variables come after the template's own.

    Args:
        module: whose process it is.
        endpoints: of the running hub.
        root: the supervisor's folder.
        inherited: this process's variables; those of an edge module are left out.
        extra: wins over the template's.
        python_path: put first on the module's import path.
    """
    templated = {key: rewrite_path(value, module.binds, root) for key, value in module.environment.items()}
    passed_on = {key: value for key, value in inherited.items() if not is_edge_variable(key)}
    paths = [str(python_path), *filter(None, [inherited.get("PYTHONPATH")])]
    return {
        **passed_on,
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONUNBUFFERED": "1",
        **templated,
        # One machine has one network: each module serves health and metrics from a port that is free, and logs which.
        "STOREFLOW_HTTP_ADDRESS": "127.0.0.1:0",
        **extra,
        **workload_environment(endpoints, module.module_id),
    }
