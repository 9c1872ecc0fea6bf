"""The hub that a command talks to, and what goes wrong with it in the words of the command line."""

import argparse
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

from storeflow.errors import ConfigError, TransportError
from storeflow.iot_hub.client import HubError, IotHubClient, MethodAnswer
from storeflow.iot_hub.shared_access import CONNECTION_VARIABLE, ServiceConnection

DEVICE = "store-1"
"""As `make run` calls it."""


def add_hub(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which hub and device."""
    parser.add_argument("--device", default=DEVICE, metavar="ID", help=f"default: {DEVICE}, as `make run` calls it")
    parser.add_argument(
        "--connection-string-file", type=Path, metavar="FILE", help=f"default: the variable {CONNECTION_VARIABLE}"
    )


@contextmanager
def hub_of(options: argparse.Namespace) -> Iterator[IotHubClient]:
    """The hub and device of a call.

    Raises:
        ConfigError: there is no connection string, it is none, or the hub refuses the call because of it, the device or
            the module.
        TransportError: the hub does not answer, or not now.
    """
    file: Path | None = options.connection_string_file
    origin = CONNECTION_VARIABLE if file is None else str(file)
    connection = ServiceConnection.parse(connection_string(file, os.environ), origin)
    try:
        yield IotHubClient.of(connection, options.device)
    except HubError as error:
        if error.status == HTTPStatus.UNAUTHORIZED:
            raise ConfigError(
                [f"{origin}: the hub refuses it; is it that of this hub, or of an earlier run?"]
            ) from error
        if error.code == "DeviceNotFound":
            raise ConfigError([f"--device {options.device}: the hub has no such device"]) from error
        if error.status == HTTPStatus.BAD_REQUEST:
            raise ConfigError([f"the hub refuses the call: {error}"]) from error
        raise
    except TransportError as error:
        if not isinstance(error.__cause__, OSError):
            raise
        of_a_run = "is `make run STAY=1` still running? A new run has a new connection string"
        hint = of_a_run if connection.development else "look at its name, the network and the proxy"
        raise TransportError(f"no hub answers at {connection.host}: {hint}") from error


def connection_string(file: Path | None, environment: Mapping[str, str]) -> str:
    """Return the service connection string: of the file, if there is one, or of the environment.

    Raises:
        ConfigError: there is none.
    """
    if file is not None:
        try:
            return file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            fact = error.strerror if isinstance(error, OSError) else "is no text"
            raise ConfigError([f"--connection-string-file {file}: {fact}"]) from error
    if text := environment.get(CONNECTION_VARIABLE, ""):
        return text
    where = "a hub of `make run` leaves run/store/edge_hub/service_connection_string"
    raise ConfigError([f"{CONNECTION_VARIABLE}: not set; give it, or --connection-string-file FILE: {where}"])


def twin_of(client: IotHubClient, module_id: str) -> dict[str, Any]:
    """A module's twin.

    Raises:
        ConfigError: the device has no such module.
    """
    try:
        return client.twin(module_id)
    except HubError as error:
        if error.code != "ModuleNotFound":
            raise
        there = ", ".join(module["moduleId"] for module in client.modules())
        raise ConfigError([f"{client.device_id} has no module {module_id}; it has {there}"]) from error


def answer_of(client: IotHubClient, module_id: str, method: str, payload: Any, *, wait: int) -> MethodAnswer:
    """What a module answers to a direct method.

    Raises:
        ConfigError: the device has no such module.
        TransportError: the module is not connected, or did not answer in time.
    """
    try:
        return client.invoke_method(module_id, method, payload, response_timeout=wait)
    except HubError as error:
        if error.status == HTTPStatus.GATEWAY_TIMEOUT:
            raise TransportError(f"{module_id} did not answer in {wait} s; see its log") from error
        if error.status == HTTPStatus.NOT_FOUND:
            twin_of(client, module_id)
            raise TransportError(f"{module_id} is not connected to the hub; see its log") from error
        raise


def known_cameras(client: IotHubClient) -> Any:
    """The cameras of the device, or None where the hub does not say: a layout may be set before them."""
    try:
        return client.desired("video_capture").get("cameras")
    except TransportError:
        return None
