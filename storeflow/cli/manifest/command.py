"""`storeflow manifest`: from the deployment template to what is given to `az iot edge deployment create`."""

import argparse
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from storeflow.cli.help_text import Commands, ExitCode, add_actions, describe
from storeflow.cli.json_file import UnreadableError, read_json
from storeflow.cli.manifest import create_options
from storeflow.cli.manifest.lint import agent_twin, problems
from storeflow.cli.manifest.render import DESIRED, deployed, image_names, render, text
from storeflow.cli.twin.layers import is_layer
from storeflow.cli.twin.lint import add_base
from storeflow.contract import twin_limits
from storeflow.errors import ConfigError

TEMPLATE = Path("deployment.template.json")
_FILE_HELP = f"template or manifest (default: {TEMPLATE})"


class Size(NamedTuple):
    """One thing of a deployment that IoT Hub or edgeAgent bounds."""

    what: str
    size: int
    limit: int | None
    """None for a part of what the row above bounds."""


def add(commands: Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("manifest", help="check, render and measure deployments")
    describe(
        parser,
        "From the deployment template to what is given to `az iot edge deployment create`.",
        ["manifest lint deployment.template.json"],
    )
    actions = add_actions(parser, "ACTION")

    checker = actions.add_parser("lint", help="find what would go wrong with a deployment, line by line")
    describe(
        checker,
        "Find what would go wrong with a deployment: what edgeAgent, edgeHub or a module would refuse, and what "
        "containers may do beyond their work.",
        ["manifest lint", "manifest lint layer.json --base deployment.amd64.json"],
        {ExitCode.FINE: "nothing to fix", ExitCode.NOT_IN_ORDER: "something is to be fixed"},
    )
    checker.add_argument("files", type=Path, nargs="*", default=[TEMPLATE], metavar="FILE", help=_FILE_HELP)
    checker.add_argument(
        "--schemas",
        type=Path,
        default=os.environ.get("STOREFLOW_SCHEMAS"),
        metavar="FOLDER",
        help="of the published JSON Schemas, to be asked too (default: STOREFLOW_SCHEMAS, or none)",
    )
    add_base(checker)
    checker.set_defaults(command=lint_command)

    renderer = actions.add_parser("render", help="make the manifest of one platform from a template")
    describe(
        renderer,
        "Make the manifest of one platform from a template: images by name and version, variables filled in, "
        "createOptions as text.",
        ["manifest render --set CONTAINER_REGISTRY_SERVER=example.azurecr.io --to deployment.amd64.json"],
        {ExitCode.FINE: "written", ExitCode.NOT_IN_ORDER: "the template is not in order, nothing is written"},
    )
    renderer.add_argument(
        "template", type=Path, nargs="?", default=TEMPLATE, metavar="FILE", help=f"default: {TEMPLATE}"
    )
    renderer.add_argument("--platform", default="amd64", help="of the images (default: amd64)")
    renderer.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="in place of a variable")
    renderer.add_argument("--to", type=Path, metavar="FILE", help="write it there (default: standard output)")
    renderer.set_defaults(command=render_command)

    measurer = actions.add_parser("size", help="twins and createOptions against what IoT Hub and edgeAgent take")
    describe(
        measurer,
        "Measure twins and createOptions against what IoT Hub and edgeAgent take.",
        ["manifest size"],
        {ExitCode.FINE: "all fits", ExitCode.NOT_IN_ORDER: "something is too large, or this is no deployment"},
    )
    measurer.add_argument("file", type=Path, nargs="?", default=TEMPLATE, metavar="FILE", help=_FILE_HELP)
    measurer.set_defaults(command=size_command)


def lint_command(options: argparse.Namespace) -> int:
    """Print one line for each fault, of every file that can be read."""
    base = read_json(options.base, "--base") if options.base else None
    status = ExitCode.FINE
    for path in options.files:
        good = "nothing to fix"
        try:
            document = read_json(path)
        except ConfigError as error:
            print(*error.problems, sep="\n")
            status = max(status, ExitCode.MISTAKE if isinstance(error, UnreadableError) else ExitCode.NOT_IN_ORDER)
            continue
        if base is None and is_layer(document):
            good = "nothing to fix in what a layer says by itself; --base FILE checks what comes of it"
        found = problems(document, options.schemas, base)
        print(*(f"{path}: {problem}" for problem in found or [good]), sep="\n")
        if found:
            status = max(status, ExitCode.NOT_IN_ORDER)
    return status


def render_command(options: argparse.Namespace) -> int:
    """Write the manifest, or nothing when something is missing."""
    path: Path = options.template
    variables = {**os.environ, **_assigned(options.set)}
    template = read_json(path)
    try:
        manifest = render(template, image_names(path.parent / "modules", options.platform), variables)
    except ConfigError as error:
        print(*(f"{path}: {problem}" for problem in error.problems), sep="\n", file=sys.stderr)
        return ExitCode.NOT_IN_ORDER
    if options.to is None:
        print(text(manifest), end="")
    else:
        options.to.write_text(text(manifest), encoding="utf-8")
        print(f"{options.to}: {len(list(deployed(manifest)))} modules for {options.platform}")
    return ExitCode.FINE


def size_command(options: argparse.Namespace) -> int:
    """Print a table."""
    path: Path = options.file
    document = read_json(path)
    try:
        found = list(sizes(document))
    except ConfigError as error:
        print(*(f"{path}: {problem}" for problem in error.problems), sep="\n", file=sys.stderr)
        return ExitCode.NOT_IN_ORDER
    table = Table("what", "bytes", "of", "%", box=None)
    for what, size, limit in found:
        share = "" if limit is None else f"{100 * size / limit:.0f}"
        style = "red" if limit is not None and size > limit else ""
        table.add_row(what, str(size), "" if limit is None else str(limit), share, style=style)
    Console().print(table)
    too_large = any(limit is not None and size > limit for _, size, limit in found)
    return ExitCode.NOT_IN_ORDER if too_large else ExitCode.FINE


def sizes(document: Any) -> Iterator[Size]:
    """Every twin with its sections, as IoT Hub measures them, and every module's createOptions.

    Raises:
        ConfigError: the document is no deployment, or createOptions are no object.
    """
    content = document.get("modulesContent") if isinstance(document, dict) else None
    if not isinstance(content, dict) or not isinstance(content.get("$edgeAgent", {}).get(DESIRED), dict):
        raise ConfigError([f"modulesContent.$edgeAgent.{DESIRED}: is no object; this is no deployment"])
    for name in content:
        desired = agent_twin(document) if name == "$edgeAgent" else content[name].get(DESIRED, {})
        yield Size(f"{name}: {DESIRED}", twin_limits.twin_size(desired), twin_limits.MAX_SECTION_SIZE)
        for section, value in desired.items():
            if isinstance(value, dict):
                yield Size(f"  {section}", twin_limits.twin_size({section: value}), None)
    for path, module in deployed(document):
        options = create_options.join(module.get("settings", {}))
        length = len(create_options.written(options))
        limit = create_options.MAX_CHUNK * create_options.MAX_CHUNKS
        yield Size(f"{path}: {create_options.FIELD}", length, limit)


def _assigned(pairs: list[str]) -> Mapping[str, str]:
    wrong = [pair for pair in pairs if "=" not in pair]
    if wrong:
        raise ConfigError([f"--set {pair}: is not NAME=VALUE; write it so" for pair in wrong])
    return dict(pair.split("=", 1) for pair in pairs)
