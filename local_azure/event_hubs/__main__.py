"""Run one namespace: `python -m local_azure.event_hubs --state run/event_hubs --hub telemetry:4:landing,bi`.

It serves AMQP on `--port` of `--host`, its switches on a port beside it, and writes `<state>/endpoints.json` when both
listen. Everything it has acknowledged is in `<state>/events.db`, so it may be killed at any time. For clients it leaves
`<state>/connection_string`.
"""

import argparse
import asyncio
import logging
import sys
from pathlib import Path

from local_azure.event_hubs.config import NamespaceConfig, load_config, read_hub
from local_azure.event_hubs.control import ControlApi
from local_azure.event_hubs.endpoints import Endpoints, endpoints_file, with_root_policy, write_connection_string
from local_azure.event_hubs.server import Server
from local_azure.listener import bind
from local_azure.signals import asked_to_end
from storeflow.errors import StoreflowError


async def serve(arguments: argparse.Namespace, config: NamespaceConfig) -> None:
    """Serve until a signal, or until the disk refuses.

    Raises:
        StoreflowError: no free port, or a database that cannot be used.
    """
    state: Path = arguments.state
    config = with_root_policy(config, state)
    listener, control = bind(arguments.host, arguments.port), bind(arguments.host, arguments.control_port)
    server = Server(config, None if arguments.memory else state / "events.db", full=arguments.full)
    await server.listen(listener)
    await server.listen_http(control, ControlApi(server).handle)
    stop = asyncio.create_task(asked_to_end())
    endpoints = Endpoints(arguments.host, listener.getsockname()[1], control.getsockname()[1])
    write_connection_string(config, endpoints, state)
    endpoints.write(endpoints_file(state))
    failure = server.namespace.failure
    await asyncio.wait({stop, failure}, return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    await server.close()
    if failure.done():
        await failure


def main() -> int:
    """Read the command line and serve; 1 when the namespace could not go on."""
    parser = argparse.ArgumentParser(prog="python -m local_azure.event_hubs", description=__doc__)
    parser.add_argument("--state", type=Path, required=True, help="folder for the key, the addresses and the events")
    holds = parser.add_mutually_exclusive_group()
    holds.add_argument("--config", type=Path, help="Config.json, as Microsoft's emulator reads it")
    holds.add_argument("--hub", action="append", help="name[:partitions[:group,group…]]; default: telemetry:2")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5672, help="of AMQP; 0 for any that is free")
    parser.add_argument("--control-port", type=int, default=0, help="of the switches; default: any that is free")
    parser.add_argument("--memory", action="store_true", help="keep events in memory only")
    parser.add_argument("--full", action="store_true", help="wait for the disk at each commit")
    parser.add_argument("--verbose", action="store_true")
    arguments = parser.parse_args()
    level = logging.INFO if arguments.verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    arguments.state = arguments.state.resolve()
    arguments.state.mkdir(parents=True, exist_ok=True)
    endpoints_file(arguments.state).unlink(missing_ok=True)
    try:
        config = load_config(arguments.config) if arguments.config else NamespaceConfig()
        if arguments.hub:
            config = NamespaceConfig(entities=tuple(map(read_hub, arguments.hub)))
        asyncio.run(serve(arguments, config))
    except StoreflowError:
        logging.getLogger("local_azure.event_hubs").exception("the namespace cannot go on")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
