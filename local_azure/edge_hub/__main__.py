"""Run one hub: `python -m local_azure.edge_hub --state run/edge_hub`.

It serves modules on port 8883 of its gateway address, the REST API on port 15580 of the same
address, the workload API on a Unix socket, and writes `<state>/endpoints.json` when all three
listen. Everything it has acknowledged is in `<state>`, so it may be killed at any time. For `storeflow twin` it leaves
`<state>/service_connection_string`.

`--event-hubs run/event_hubs/connection_string --event-hub telemetry` routes what reaches IoT Hub to that event hub. The
connection string is in a file, because everybody on the machine can read a command line.
"""

import argparse
import asyncio
import logging
import sys
from dataclasses import replace
from pathlib import Path

from local_azure.edge_hub.authentication import load_master_key
from local_azure.edge_hub.certificates import make_certificates, trust_bundle
from local_azure.edge_hub.deployment_operations import INTERVAL_SECONDS
from local_azure.edge_hub.endpoints import (
    REST_PORT,
    Endpoints,
    bind_gateway,
    endpoints_file,
    gateway_of,
    workload_socket,
)
from local_azure.edge_hub.hub import EdgeHub
from local_azure.edge_hub.message_routing import MessageRouting, RoutingProperties, load_routing
from local_azure.edge_hub.rest import RestApi
from local_azure.edge_hub.service_access import (
    ServiceAccess,
    connection_string_file,
    service_connection,
    write_connection_string,
)
from local_azure.edge_hub.store import Store
from local_azure.edge_hub.workload import WorkloadApi
from local_azure.event_hubs.connection_string import ConnectionString
from local_azure.event_hubs.sender import EventSender
from local_azure.listener import bind
from local_azure.signals import asked_to_end
from storeflow.errors import ConfigError, StoreflowError


async def serve(arguments: argparse.Namespace, state: Path) -> None:
    """Serve until a signal, or until the disk refuses.

    Args:
        arguments: the command line.
        state: an absolute path; the folder exists.

    Raises:
        StoreflowError: no free address, a database that cannot be used, or options that don't fit.
    """
    forwards = forwarding(arguments) if arguments.event_hubs else None
    gateway = arguments.gateway or gateway_of(state)
    listener = bind_gateway(gateway)
    certificates = make_certificates(state, gateway, "localhost")
    master_key = load_master_key(state / "master.key")
    store = Store(state / "hub.db")
    hub = EdgeHub(arguments.device, store, master_key, arguments.window, arguments.deployment_seconds)
    service = service_connection(state, f"{gateway}:{REST_PORT}")
    write_connection_string(service, connection_string_file(state))
    access = ServiceAccess(service.key, required=arguments.authorised)
    workload = WorkloadApi(master_key, trust_bundle(certificates), hub.faults)
    await hub.listen_http(workload.handle, workload_socket(state))
    await hub.listen_http(RestApi(hub, access).handle, bind(gateway, REST_PORT))
    await hub.listen(listener, certificates)
    if forwards:
        namespace, routing = forwards
        hub.route(routing, lambda name: EventSender(replace(namespace, hub=name)))
    stop = asyncio.create_task(asked_to_end())
    Endpoints(
        device_id=arguments.device,
        iothub=arguments.iothub,
        gateway=gateway,
        rest=service.url,
        workload=f"unix://{workload_socket(state)}",
        authority=str(certificates.authority),
    ).write(endpoints_file(state))
    await asyncio.wait({stop, hub.failure}, return_when=asyncio.FIRST_COMPLETED)
    if hub.failure.done():
        await hub.failure
    hub.close()


def forwarding(arguments: argparse.Namespace) -> tuple[ConnectionString, MessageRouting]:
    """Read which namespace messages go to, and by what routes.

    Raises:
        ConfigError: a file can't be read, or asks for what can't be done.
    """
    file: Path = arguments.event_hubs
    try:
        namespace = ConnectionString.parse(file.read_text())
    except OSError as error:
        raise ConfigError([f"--event-hubs: {error}"]) from error
    built_in = arguments.event_hub or namespace.hub
    if not built_in:
        raise ConfigError([f"--event-hub: missing, and the connection string in {file} has no EntityPath"])
    if not namespace.development:
        raise ConfigError([f"--event-hubs: {file} has no UseDevelopmentEmulator=true, and TLS is not spoken here"])
    properties = load_routing(arguments.routing) if arguments.routing else RoutingProperties()
    return namespace, MessageRouting(properties, built_in)


def main() -> int:
    """Read the command line and serve; 1 when the hub could not go on."""
    parser = argparse.ArgumentParser(prog="python -m local_azure.edge_hub", description=__doc__)
    parser.add_argument("--state", type=Path, required=True, help="folder for keys, certificates and messages")
    parser.add_argument("--gateway", help="loopback address; default: one that is the state folder's own")
    parser.add_argument("--device", default="store-1", help="device id")
    parser.add_argument("--iothub", default="local.azure-devices.net", help="host name of the hub it stands for")
    parser.add_argument("--window", type=int, default=1, help="messages in flight for each module")
    parser.add_argument("--authorised", action="store_true", help="refuse service requests that bring no token")
    parser.add_argument(
        "--deployment-seconds", type=float, default=INTERVAL_SECONDS, help="between two looks at deployments"
    )
    parser.add_argument("--event-hubs", type=Path, help="file with the connection string of an Event Hubs namespace")
    parser.add_argument(
        "--event-hub", default="", help="that stands for IoT Hub's built-in endpoint; default: what EntityPath names"
    )
    parser.add_argument("--routing", type=Path, help="IoT Hub's routes, as JSON; default: all to the built-in endpoint")
    parser.add_argument("--verbose", action="store_true")
    arguments = parser.parse_args()
    level = logging.INFO if arguments.verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    state = arguments.state.resolve()
    state.mkdir(parents=True, exist_ok=True)
    endpoints_file(state).unlink(missing_ok=True)
    workload_socket(state).unlink(missing_ok=True)
    try:
        asyncio.run(serve(arguments, state))
    except StoreflowError:
        logging.getLogger("local_azure.edge_hub").exception("the hub cannot go on")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
