"""Where a hub can be reached: its loopback address, its ports, its file of addresses.

The SDK connects to port 8883 of the gateway and nothing else (azure-iot-device 2.14,
`mqtt_transport.py`), so hubs that run side by side have loopback addresses of their own. All of
127.0.0.0/8 answers on Linux.
"""

import hashlib
import os
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path

from local_azure.addresses_file import Addresses
from local_azure.listener import bind
from storeflow.errors import TransportError

MQTT_PORT = 8883
REST_PORT = 15580

_LONGEST_SOCKET_PATH = 100
"""Linux allows 107 bytes in a Unix socket's path; a margin for whoever builds on ours."""


@dataclass(frozen=True)
class Endpoints(Addresses):
    """How to reach a running hub.

    Attributes:
        gateway: the loopback address of its MQTT port.
        rest: base URL of the REST API.
        workload: URI of the workload API, `unix:///…`.
        authority: path of the PEM file that modules trust.
        iothub: host name of the IoT Hub that it stands for.
    """

    device_id: str
    iothub: str
    gateway: str
    rest: str
    workload: str
    authority: str


def endpoints_file(state: Path) -> Path:
    """Return where a hub with this state folder writes its addresses."""
    return state / "endpoints.json"


def workload_socket(state: Path) -> Path:
    """Return a path for the workload socket: in the state folder, or a short one where that is too long."""
    path = state / "workload.sock"
    if len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH:
        return path
    digest = hashlib.sha256(os.fsencode(state)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"storeflow-{os.getuid()}-{digest}.sock"


def gateway_of(state: Path) -> str:
    """Return the address of the hub with this state folder.

    It is the folder's own, not the first that is free: a hub that is started again finds its modules' address as it
    left it, whatever was started beside it in between.
    """
    high, middle, low, *_ = hashlib.sha256(os.fsencode(state)).digest()
    return f"127.{1 + high % 254}.{middle}.{1 + low % 254}"


def bind_gateway(address: str) -> socket.socket:
    """Bind the MQTT port.

    Raises:
        TransportError: it is taken.
    """
    try:
        return bind(address, MQTT_PORT)
    except TransportError as error:
        raise TransportError(f"{error}: stop the hub that holds it") from error
