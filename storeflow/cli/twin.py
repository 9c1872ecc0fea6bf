"""`storeflow twin`: look at module twins, edit them and call a module's methods, on IoT Hub or on a stand-in.

Which hub is said by the variable IOTHUB_SERVICE_CONNECTION_STRING, or by a file that has what it would have. A hub
that `make run` started leaves one: run/store/edge_hub/service_connection_string.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from local_azure.edge_hub.twins import difference, merge
from storeflow.cli import twin_lint
from storeflow.cli.layout_cameras import strangers
from storeflow.cli.twin_change import EDGE_HUB, Answer, after_refusal, answers, told
from storeflow.cli.twin_file import read_json
from storeflow.cli.twin_lint import MODULES, lint_module
from storeflow.errors import ConfigError, TransportError
from storeflow.iot_hub import HubError, IotHubClient, without_service_keys
from storeflow.shared_access import CONNECTION_VARIABLE, ServiceConnection

REFUSED = 1
NO_ANSWER = 3

_DEVICE = "store-1"
_NEVER = "0001-01-01"
"""How IoT Hub dates what never was."""
_POLL_SECONDS = 0.5
_STYLES = {"+": "green", "-": "red", "~": "yellow"}


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("twin", help="check, show and edit module twins", description=__doc__)
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    twin_lint.add(actions)
    getter = _action(actions, "get", get, "show a module's twin, or the device's modules")
    getter.add_argument("module", nargs="?", default="", metavar="MODULE")
    getter.add_argument("--desired", action="store_true", help="only the desired properties, as `set` takes them")
    for name, help_text in (
        ("set", "put desired properties in place of the module's"),
        ("patch", "merge into the module's desired properties; null removes"),
    ):
        editor = _action(actions, name, edit, help_text)
        editor.add_argument("module", metavar="MODULE")
        editor.add_argument("file", type=Path, metavar="FILE", help="JSON")
        editor.add_argument("--yes", action="store_true", help="don't ask")
        editor.add_argument(
            "--wait",
            type=float,
            default=30,
            metavar="SECONDS",
            help="for the module's answer (default: 30; 0 for none)",
        )
        editor.set_defaults(whole=name == "set")
    caller = _action(actions, "call", call, "call a direct method and print its answer")
    caller.add_argument("module", metavar="MODULE")
    caller.add_argument("method", metavar="METHOD")
    caller.add_argument("--payload", type=Path, metavar="FILE", help="JSON")
    caller.add_argument("--seconds", type=int, default=30, help="to wait for the answer, 5-300 (default: 30)")


def get(options: argparse.Namespace) -> int:
    """Print a twin as JSON, or a table of modules; 0."""
    client = _client(options)
    if not options.module:
        Console().print(_modules_table(client.modules()))
        return 0
    sections = _twin(client, options.module)["properties"]
    shown = {name: without_service_keys(sections[name]) for name in ("desired", "reported")}
    print(json.dumps(shown["desired"] if options.desired else shown, indent=2, ensure_ascii=False))
    return 0


def edit(options: argparse.Namespace) -> int:
    """Change desired properties; 0 when accepted, 1 when refused here or by the module, 3 when nobody answered.

    What `storeflow twin lint` would tell is not sent. Somebody else's change in between is noticed (412).
    """
    module_id: str = options.module
    document = read_json(options.file)
    if not isinstance(document, dict):
        raise ConfigError([f"{options.file}: expected an object, got {type(document).__name__}"])
    client = _client(options)
    twin = _twin(client, module_id)
    before = without_service_keys(twin["properties"]["desired"])
    after = merge({} if options.whole else before, without_service_keys(document))
    console = Console(soft_wrap=True, highlight=False, markup=False)
    if problems := lint_module(module_id, after).problems:
        for problem in problems:
            console.print(f"{module_id}: {problem}")
        return REFUSED
    patch = difference(before, after)
    if not patch:
        console.print(f"{module_id}: nothing changes")
        return 0
    for problem in strangers(after.get("layout"), _cameras(client)) if module_id == "zone_analytics" else ():
        console.print(f"{module_id}: {problem}", style="yellow")
    for line in told(before, after):
        console.print(line, style=_STYLES[line[0]])
    if not options.yes and not _confirmed(module_id):
        console.print("nothing was sent")
        return REFUSED
    version = _send(client, module_id, patch, twin["etag"])
    console.print(f"{module_id}: version {version} is sent")
    if not options.wait or (module_id not in MODULES and module_id != EDGE_HUB):
        return 0
    found = _await(lambda: answers(module_id, patch, version, client.reported(module_id)), options.wait)
    if found is None:
        console.print(f"{module_id}: no answer in {options.wait:g} s; it will be told when it is back")
        return NO_ANSWER
    return _judge(console, module_id, found, twin["properties"]["reported"])


def call(options: argparse.Namespace) -> int:
    """Print a method's answer as JSON; 0 when the module says that it went well, else 1."""
    payload = read_json(options.payload) if options.payload else {}
    answer = _client(options).invoke_method(options.module, options.method, payload, response_timeout=options.seconds)
    print(json.dumps({"status": answer.status, "payload": answer.payload}, indent=2, ensure_ascii=False))
    return 0 if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES else REFUSED


def connection_string(file: Path | None, environment: Mapping[str, str]) -> str:
    """Return the service connection string: of the file, if there is one, or of the environment.

    Raises:
        ConfigError: there is none.
    """
    if file is not None:
        try:
            return file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ConfigError([f"{file}: {error.strerror}"]) from error
    if text := environment.get(CONNECTION_VARIABLE, ""):
        return text
    where = "a hub of `make run` leaves run/store/edge_hub/service_connection_string"
    raise ConfigError([f"{CONNECTION_VARIABLE}: not set; give it, or --connection-string-file FILE: {where}"])


def _action(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    command: Callable[[argparse.Namespace], int],
    help_text: str,
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=help_text, description=command.__doc__)
    parser.add_argument("--device", default=_DEVICE, metavar="ID", help=f"default: {_DEVICE}, as `make run` calls it")
    parser.add_argument(
        "--connection-string-file", type=Path, metavar="FILE", help=f"default: the variable {CONNECTION_VARIABLE}"
    )
    parser.set_defaults(command=command)
    return parser


def _client(options: argparse.Namespace) -> IotHubClient:
    text = connection_string(options.connection_string_file, os.environ)
    return IotHubClient.of(ServiceConnection.parse(text), options.device)


def _twin(client: IotHubClient, module_id: str) -> dict[str, Any]:
    try:
        return client.twin(module_id)
    except HubError as error:
        if error.code != "ModuleNotFound":
            raise
        there = ", ".join(module["moduleId"] for module in client.modules())
        raise TransportError(f"{client.device_id} has no module {module_id}; it has {there}") from error


def _cameras(client: IotHubClient) -> Any:
    """The cameras of the device, or None where the hub does not say: a layout may be set before them."""
    try:
        return client.desired("video_capture").get("cameras")
    except TransportError:
        return None


def _judge(console: Console, module_id: str, found: Sequence[Answer], reported: Mapping[str, Any]) -> int:
    """Print what the module answered and, where it refused, what stays; `reported` is from before the change."""
    refused = [answer for answer in found if not answer.accepted]
    for answer in found:
        console.print(str(answer), style="red" if answer in refused else None)
    for answer in refused:
        console.print(after_refusal(answer, module_id, reported))
    return REFUSED if refused else 0


def _modules_table(modules: list[dict[str, Any]]) -> Table:
    table = Table("module", "connection", "last active", box=None)
    for module in modules:
        active_at = module.get("lastActivityTime", _NEVER)
        table.add_row(
            module["moduleId"], module["connectionState"], "never" if active_at.startswith(_NEVER) else active_at
        )
    return table


def _confirmed(module_id: str) -> bool:
    if not sys.stdin.isatty():
        raise ConfigError(["--yes: give it where nobody can be asked"])
    return input(f"Change the twin of {module_id}? [y/N] ").strip().lower() in ("y", "yes")


def _send(client: IotHubClient, module_id: str, patch: dict[str, Any], etag: str) -> int:
    try:
        twin = client.patch_twin(module_id, patch, etag=etag)
    except HubError as error:
        if error.status != HTTPStatus.PRECONDITION_FAILED:
            raise
        raise TransportError(
            f"the twin of {module_id} was changed by somebody else meanwhile; nothing was sent: look and try again"
        ) from error
    return int(twin["properties"]["desired"]["$version"])


def _await(ask: Callable[[], list[Answer] | None], seconds: float) -> list[Answer] | None:
    give_up = time.monotonic() + seconds
    while (found := ask()) is None and time.monotonic() < give_up:
        time.sleep(_POLL_SECONDS)
    return found
