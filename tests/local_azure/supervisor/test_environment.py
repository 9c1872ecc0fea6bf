from pathlib import Path

import pytest

from local_azure.edge_hub.endpoints import Endpoints
from local_azure.supervisor.environment import module_environment, rewrite_path
from local_azure.supervisor.template import Bind, ModuleSpec

ENDPOINTS = Endpoints(
    device_id="store-1",
    iothub="hub.example",
    gateway="127.0.0.7",
    rest="http://127.0.0.7:15580",
    workload="unix:///state/workload.sock",
    authority="/state/ca.pem",
)
BINDS = (Bind("/srv/frames", "/run/frames"), Bind("volume", "/run"), Bind("clips", "/clips", read_only=True))


@pytest.mark.parametrize(
    ("value", "rewritten"),
    [
        ("/run/frames/door.sock", "/device/srv/frames/door.sock"),
        ("/run/frames", "/device/srv/frames"),
        ("/run/framesets", "/device/volume/framesets"),
        ("/clips/a.mp4", "/device/clips/a.mp4"),
        ("/clipsy", "/clipsy"),
        ("see /run/frames", "see /run/frames"),
        ("", ""),
    ],
)
def test_container_paths_become_host_paths(value: str, rewritten: str) -> None:
    assert rewrite_path(value, BINDS, Path("/device")) == rewritten


def test_a_module_sees_edge_agents_variables_over_all_others() -> None:
    module = ModuleSpec(
        "zones",
        "zone_analytics",
        environment={"FRAMES": "/run/frames", "LEVEL": "1", "IOTEDGE_DEVICEID": "forged", "PATH": "/opt"},
        binds=BINDS,
    )
    environment = module_environment(
        module,
        ENDPOINTS,
        Path("/device"),
        inherited={
            "PATH": "/bin",
            "HOME": "/home",
            "PYTHONPATH": "/mine",
            "EdgeHubConnectionString": "leak",
            "IOTEDGE_PARENTHOSTNAME": "leak",
        },
        extra={"LEVEL": "2"},
        python_path=Path("/repository"),
    )
    assert environment == {
        "PATH": "/opt",
        "HOME": "/home",
        "PYTHONPATH": "/repository:/mine",
        "PYTHONUNBUFFERED": "1",
        "FRAMES": "/device/srv/frames",
        "LEVEL": "2",
        "STOREFLOW_HTTP_ADDRESS": "127.0.0.1:0",
        "IOTEDGE_IOTHUBHOSTNAME": "hub.example",
        "IOTEDGE_GATEWAYHOSTNAME": "127.0.0.7",
        "IOTEDGE_DEVICEID": "store-1",
        "IOTEDGE_MODULEID": "zones",
        "IOTEDGE_MODULEGENERATIONID": "1",
        "IOTEDGE_WORKLOADURI": "unix:///state/workload.sock",
        "IOTEDGE_APIVERSION": "2019-01-30",
        "IOTEDGE_AUTHSCHEME": "sasToken",
        "RuntimeLogLevel": "Information",
    }
