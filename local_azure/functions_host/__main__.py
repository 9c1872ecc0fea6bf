"""Run a function app: `python -m local_azure.functions_host --app cloud_functions --settings local.settings.json`.

The folder is the app's source, or what a deployment package was unpacked to. It serves HTTP on `--port`; with `--state`
it writes `<state>/endpoints.json` when it listens, and `--authorised` has functions ask for the key in
`<state>/host.key`. SIGTERM stops it: functions that run come to their end, and events they had are given out again.
"""

import argparse
import asyncio
import json
import logging
import os
import sys
from pathlib import Path

from local_azure.signals import asked_to_end


def main() -> int:
    """Read the command line and run; 1 when the app cannot be run."""
    parser = argparse.ArgumentParser(prog="python -m local_azure.functions_host", description=__doc__)
    parser.add_argument("--app", type=Path, required=True, help="folder with function_app.py and host.json")
    parser.add_argument("--settings", type=Path, help="local.settings.json; what the environment says already, stays")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=7071, help="of HTTP; 0 for any that is free")
    parser.add_argument("--state", type=Path, help="folder for the key and the address")
    parser.add_argument("--authorised", action="store_true", help="ask for keys, as Azure does; needs --state")
    parser.add_argument("--patience", type=float, default=10.0, help="seconds that functions may run after SIGTERM")
    parser.add_argument("--verbose", action="store_true", help="the SDKs' log too")
    arguments = parser.parse_args()
    if arguments.authorised and arguments.state is None:
        parser.error("--authorised needs --state")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    if not arguments.verbose:
        # What goes wrong, listeners are told, and log.
        logging.getLogger("azure").setLevel(logging.ERROR)
    app = arguments.app.resolve()
    # What the app carries comes first, before anything is imported that it may have in a version of its own.
    sys.path[:0] = [str(app), str(app / ".python_packages" / "lib" / "site-packages")]
    from local_azure.functions_host.host import host_key  # noqa: PLC0415 - after the path
    from local_azure.functions_host.settings import read_local_settings  # noqa: PLC0415 - after the path
    from storeflow.errors import StoreflowError  # noqa: PLC0415 - after the path

    try:
        for name, value in read_local_settings(arguments.settings).items() if arguments.settings else ():
            os.environ.setdefault(name, value)
        key = None
        if arguments.state is not None:
            arguments.state.mkdir(parents=True, exist_ok=True)
            key = host_key(arguments.state) if arguments.authorised else None
        drained = asyncio.run(_serve(arguments, app, key))
    except StoreflowError:
        logging.getLogger("local_azure.functions_host").exception("the app cannot be run")
        return 1
    if not drained:
        # Threads cannot be ended, and Python would wait for them.
        logging.shutdown()
        os._exit(0)
    return 0


async def _serve(arguments: argparse.Namespace, app: Path, key: str | None) -> bool:
    from local_azure.functions_host.host import FunctionsHost  # noqa: PLC0415 - after the path

    stop = asyncio.create_task(asked_to_end())
    async with FunctionsHost(app, os.environ, key=key, patience=arguments.patience) as host:
        port = await host.listen(arguments.host, arguments.port)
        logging.getLogger("local_azure.functions_host").info("Listening on http://%s:%d", arguments.host, port)
        if arguments.state is not None:
            _publish(arguments.state, f"http://{arguments.host}:{port}")
        ends = {stop, asyncio.create_task(host.failed())}
        done, waiting = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        for task in done:
            await task
    return host.drained


def _publish(state: Path, url: str) -> None:
    """Write the file of addresses at once, whole: its presence says that the host listens."""
    partial = state / "endpoints.partial"
    partial.write_text(json.dumps({"url": url}))
    partial.replace(state / "endpoints.json")


if __name__ == "__main__":
    sys.exit(main())
