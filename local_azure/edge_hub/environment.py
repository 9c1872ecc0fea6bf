"""The two environments from which the SDK's `create_from_edge_environment` makes a client.

The workload variant is what edgeAgent gives a module's container (Azure/iotedge, edge-agent/src/
Microsoft.Azure.Devices.Edge.Agent.Edgelet/commands/CreateOrUpdateCommand.cs); one variable
missing and the SDK silently looks for the other. The simulator variant is iotedgehubdev's; tokens
are then signed in the client itself.
"""

import base64
from pathlib import Path

from local_azure.edge_hub.authentication import module_key
from local_azure.edge_hub.endpoints import Endpoints

API_VERSION = "2019-01-30"
GENERATION_ID = "1"
"""Of every identity: none is ever deleted and made again."""


def workload_environment(endpoints: Endpoints, module_id: str) -> dict[str, str]:
    """Return edgeAgent's variables for one module."""
    return {
        "IOTEDGE_WORKLOADURI": endpoints.workload,
        "IOTEDGE_AUTHSCHEME": "sasToken",
        "IOTEDGE_MODULEGENERATIONID": GENERATION_ID,
        "IOTEDGE_IOTHUBHOSTNAME": endpoints.iothub,
        "IOTEDGE_GATEWAYHOSTNAME": endpoints.gateway,
        "IOTEDGE_DEVICEID": endpoints.device_id,
        "IOTEDGE_MODULEID": module_id,
        "IOTEDGE_APIVERSION": API_VERSION,
        "RuntimeLogLevel": "Information",
    }


def simulator_environment(endpoints: Endpoints, module_id: str, master_key: bytes) -> dict[str, str]:
    """Return iotedgehubdev's variables for one module; they hold the module's key."""
    key = base64.b64encode(module_key(master_key, module_id)).decode()
    parts = {
        "HostName": endpoints.iothub,
        "GatewayHostName": endpoints.gateway,
        "DeviceId": endpoints.device_id,
        "ModuleId": module_id,
        "SharedAccessKey": key,
    }
    return {
        "EdgeHubConnectionString": ";".join(f"{name}={value}" for name, value in parts.items()),
        "EdgeModuleCACertificateFile": str(Path(endpoints.authority)),
    }


def is_edge_variable(name: str) -> bool:
    """Say whether a variable belongs to either variant, and so must not leak in from outside."""
    return name.startswith(("IOTEDGE_", "EdgeHub", "EdgeModule")) or name == "RuntimeLogLevel"
