"""`storeflow twin`: look at module twins, edit them and call a module's methods, on IoT Hub or on a stand-in."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from storeflow.cli.help_text import Commands, ExitCode, add_actions, describe
from storeflow.cli.json_file import json_text, read_json
from storeflow.cli.layout_parts import unknown_cameras
from storeflow.cli.text import called, number
from storeflow.cli.twin import lint
from storeflow.cli.twin.change import EDGE_HUB, SectionAck, after_refusal, describe_changes, section_acks
from storeflow.cli.twin.hub import DEVICE, add_hub, answer_of, hub_of, known_cameras, twin_of
from storeflow.cli.twin.lint import MODULES, lint_module
from storeflow.contract.instant import as_text
from storeflow.errors import ConfigError
from storeflow.iot_hub.client import HubError, IotHubClient
from storeflow.iot_hub.shared_access import CONNECTION_VARIABLE
from storeflow.iot_hub.twin_documents import difference, merge, without_service_keys

_NEVER = "0001-01-01"
"""How IoT Hub dates what never was."""
_POLL_SECONDS = 0.5
_STYLES = {"+": "green", "-": "red", "~": "yellow"}
_WHICH_HUB = (
    f"Which hub is said by the variable {CONNECTION_VARIABLE}, or by a file that has what it would have. A hub that "
    "`make run` started leaves one: run/store/edge_hub/service_connection_string."
)
_HOW_EDITED = (
    f"What `twin lint` would find fault with is not sent; all that changes is shown, and asked about. {_WHICH_HUB}"
)
_OF_EDITS = {
    ExitCode.FINE: "the module accepted it, or nothing changes; with --wait 0: it was sent",
    ExitCode.NOT_IN_ORDER: "it was refused: here, then nothing was sent, or by the module",
    ExitCode.NO_ANSWER: "the hub did not answer; or the module, which will hear of it when it is back",
}


def add(commands: Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("twin", help="check, show and edit module twins")
    about = "Look at module twins, edit them and call a module's methods, on IoT Hub or on a stand-in."
    describe(parser, f"{about} {_WHICH_HUB}", ["twin get", "twin patch zone_analytics till.json"])
    actions = add_actions(parser, "ACTION")
    lint.add(actions)

    getter = actions.add_parser("get", help="show a module's twin, or the device's modules")
    describe(
        getter,
        f"Print a module's twin as JSON; without MODULE, a table of the device's modules. {_WHICH_HUB}",
        ["twin get", "twin get zone_analytics --desired --device store-042"],
        {ExitCode.FINE: "it was printed", ExitCode.NO_ANSWER: "the hub did not answer"},
    )
    getter.add_argument("module", nargs="?", default="", metavar="MODULE")
    getter.add_argument("--desired", action="store_true", help="only the desired properties, as `set` takes them")
    getter.set_defaults(command=get)

    setter = actions.add_parser("set", help="put desired properties in place of the module's")
    about = "Put the desired properties of a file in place of the module's: what is not in the file is removed."
    describe(setter, f"{about} {_HOW_EDITED}", ["twin set zone_analytics layout.json"], _OF_EDITS)
    patcher = actions.add_parser("patch", help="merge into the module's desired properties; null removes")
    about = "Merge a file into the module's desired properties: what is not in the file stays, null removes."
    describe(patcher, f"{about} {_HOW_EDITED}", ["twin patch zone_analytics till.json --yes"], _OF_EDITS)
    for editor, whole in ((setter, True), (patcher, False)):
        editor.add_argument("module", metavar="MODULE")
        editor.add_argument("file", type=Path, metavar="FILE", help="JSON")
        editor.add_argument("--yes", action="store_true", help="don't ask")
        about = "for the module's answer (default: 30; 0 for none)"
        editor.add_argument("--wait", type=number(least=0), default=30, metavar="SECONDS", help=about)
        editor.set_defaults(command=edit, whole=whole)

    caller = actions.add_parser("call", help="call a direct method and print its answer")
    describe(
        caller,
        f"Call a direct method of a module and print its answer as JSON. docs/methods.md has them all. {_WHICH_HUB}",
        [
            "twin call inference supportBundle",
            'twin call video_capture testCamera --payload \'{"camera_id": "entrance"}\'',
        ],
        {
            ExitCode.FINE: "the module says that it went well (status 2xx)",
            ExitCode.NOT_IN_ORDER: "the module says that it did not",
            ExitCode.NO_ANSWER: "the hub or the module did not answer",
        },
    )
    caller.add_argument("module", metavar="MODULE")
    caller.add_argument("method", metavar="METHOD")
    about = "what the method takes: JSON, or a file with it (default: {})"
    caller.add_argument("--payload", default="{}", metavar="JSON", help=about)
    about = "for the answer, 5 to 300 (default: 30)"
    caller.add_argument("--wait", type=number(least=5, most=300), default=30, metavar="SECONDS", help=about)
    caller.set_defaults(command=call)
    for action in (getter, setter, patcher, caller):
        add_hub(action)


def get(options: argparse.Namespace) -> int:
    """Print a twin, or a table of modules."""
    with hub_of(options) as client:
        if not options.module:
            Console().print(_modules_table(client.modules()))
            return ExitCode.FINE
        sections = twin_of(client, options.module)["properties"]
    shown = {name: without_service_keys(sections[name]) for name in ("desired", "reported")}
    print(json_text(shown["desired"] if options.desired else shown), end="")
    return ExitCode.FINE


def edit(options: argparse.Namespace) -> int:
    """Change desired properties; what `storeflow twin lint` would find fault with is not sent."""
    module_id: str = options.module
    document = _desired_in(options.file)
    console = Console(soft_wrap=True, highlight=False, markup=False)
    with hub_of(options) as client:
        twin = twin_of(client, module_id)
        before = without_service_keys(twin["properties"]["desired"])
        after = merge({} if options.whole else before, without_service_keys(document))
        if problems := lint_module(module_id, after).problems:
            for problem in problems:
                console.print(f"{module_id}: {problem}")
            return ExitCode.NOT_IN_ORDER
        if before == after:
            console.print(f"{module_id}: nothing changes")
            return ExitCode.FINE
        if module_id == "zone_analytics":
            for problem in unknown_cameras(after.get("layout"), known_cameras(client)):
                console.print(f"warning: {problem}; sent all the same, as the camera may come later", style="yellow")
        for line in describe_changes(before, after):
            console.print(line, style=_STYLES[line[0]])
        if not options.yes and not _confirmed(module_id):
            console.print("nothing was sent")
            return ExitCode.NOT_IN_ORDER
        return _send(console, client, options, twin, difference(before, after))


def call(options: argparse.Namespace) -> int:
    """Print a method's answer."""
    payload = _payload(options.payload)
    with hub_of(options) as client:
        answer = answer_of(client, options.module, options.method, payload, wait=round(options.wait))
    print(json_text({"status": answer.status, "payload": answer.payload}), end="")
    went_well = HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES
    return ExitCode.FINE if went_well else ExitCode.NOT_IN_ORDER


def _payload(text: str) -> Any:
    """What was given: JSON, or the name of a file with it."""
    try:
        return json.loads(text)
    except ValueError:
        return read_json(Path(text), "--payload")


def _desired_in(path: Path) -> dict[str, Any]:
    """The desired properties in a file."""
    document = read_json(path)
    if not isinstance(document, dict):
        raise ConfigError([f"{path}: expected an object, got {type(document).__name__}"])
    if "modulesContent" in document:
        what = "is a deployment template or manifest; give the module's desired properties only"
        raise ConfigError([f"{path}: {what}"])
    return document


def _judge(console: Console, module_id: str, found: Sequence[SectionAck], reported: Mapping[str, Any]) -> int:
    """Print what the module answered and, where it refused, what stays; `reported` is from before the change."""
    refused = [answer for answer in found if not answer.accepted]
    for answer in found:
        console.print(str(answer), style="red" if answer in refused else None)
    for answer in refused:
        console.print(after_refusal(answer, module_id, reported))
    return ExitCode.NOT_IN_ORDER if refused else ExitCode.FINE


def _modules_table(modules: list[dict[str, Any]]) -> Table:
    table = Table("module", "connection", "last active", box=None)
    for module in modules:
        name, active_at = module["moduleId"], module.get("lastActivityTime", _NEVER)
        if name.startswith("$") and active_at.startswith(_NEVER):  # not every hub keeps this of the runtime's own
            table.add_row(name, "-", "-")
        else:
            table.add_row(name, module["connectionState"], _active_at(active_at))
    return table


def _active_at(text: str) -> str:
    """A time of the hub, which has up to seven digits after the second, or none, as events have it."""
    return "never" if text.startswith(_NEVER) else as_text(datetime.fromisoformat(text).astimezone(UTC))


def _confirmed(module_id: str) -> bool:
    if not sys.stdin.isatty():
        raise ConfigError(["--yes: give it where nobody can be asked"])
    return input(f"Change the twin of {module_id}? [y/N] ").strip().lower() in ("y", "yes")


def _send(
    console: Console, client: IotHubClient, options: argparse.Namespace, twin: dict[str, Any], patch: dict[str, Any]
) -> int:
    """Send a patch of a twin as it was read, and print what the module answers, if that is waited for."""
    module_id: str = options.module
    try:
        sent = client.patch_twin(module_id, patch, etag=twin["etag"])
    except HubError as error:
        if error.status != HTTPStatus.PRECONDITION_FAILED:
            raise
        console.print(f"{module_id}: was changed by somebody else meanwhile; nothing was sent: look and try again")
        return ExitCode.NOT_IN_ORDER
    version = int(sent["properties"]["desired"]["$version"])
    console.print(f"{module_id}: version {version} is sent")
    if not options.wait or (module_id not in MODULES and module_id != EDGE_HUB):
        return ExitCode.FINE
    found = _await(lambda: section_acks(module_id, patch, version, client.reported(module_id)), options.wait)
    if found is None:
        console.print(f"{module_id}: no answer in {options.wait:g} s; it will hear of it when it is back")
        return ExitCode.NO_ANSWER
    if any(answer.accepted and answer.section == "cameras" for answer in found):
        for line in _whether_cameras_can_be_read(patch["cameras"], options.device):
            console.print(line)
    return _judge(console, module_id, found, twin["properties"]["reported"])


def _whether_cameras_can_be_read(cameras: Mapping[str, Any] | None, device: str) -> Iterator[str]:
    """How to find out: that a module accepts a camera's settings says nothing of the camera."""
    there = "" if device == DEVICE else f" --device {device}"
    for camera_id, settings in (cameras or {}).items():
        if settings is not None:
            payload = f"--payload '{json.dumps({'camera_id': camera_id})}'"
            yield f"whether it can be read: {called()} twin call video_capture testCamera{there} {payload}"


def _await(ask: Callable[[], list[SectionAck] | None], seconds: float) -> list[SectionAck] | None:
    give_up = time.monotonic() + seconds
    while (found := ask()) is None and time.monotonic() < give_up:
        time.sleep(_POLL_SECONDS)
    return found
