"""`storeflow manifest`: from the deployment template to what is given to `az iot edge deployment create`."""

import argparse
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from storeflow.cli import create_options
from storeflow.cli.manifest_lint import agent_twin, problems
from storeflow.cli.manifest_render import DESIRED, deployed, image_names, render, text
from storeflow.cli.twin_file import read_json
from storeflow.cli.twin_layers import is_layer
from storeflow.cli.twin_lint import add_base
from storeflow.contract import twin_limits
from storeflow.errors import ConfigError

TEMPLATE = Path("deployment.template.json")


class Size(NamedTuple):
    """One thing of a deployment that IoT Hub or edgeAgent bounds."""

    what: str
    size: int
    limit: int | None
    """None for a part of what the row above bounds."""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("manifest", help="check, render and measure deployments", description=__doc__)
    actions = parser.add_subparsers(required=True, metavar="ACTION")

    checker = actions.add_parser("lint", help="tell what would go wrong with a deployment, line by line")
    checker.add_argument("files", type=Path, nargs="*", default=[TEMPLATE], metavar="FILE", help="template or manifest")
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
    renderer.add_argument("template", type=Path, nargs="?", default=TEMPLATE, metavar="TEMPLATE")
    renderer.add_argument("--platform", default="amd64", help="of the images (default: amd64)")
    renderer.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="in place of a variable")
    renderer.add_argument("--out", type=Path, metavar="FILE", help="(default: standard output)")
    renderer.set_defaults(command=render_command)

    measurer = actions.add_parser("size", help="twins and createOptions against what IoT Hub and edgeAgent take")
    measurer.add_argument("file", type=Path, nargs="?", default=TEMPLATE, metavar="FILE", help="template or manifest")
    measurer.set_defaults(command=size_command)


def lint_command(options: argparse.Namespace) -> int:
    """Print one line for each fault; 0 when there is none."""
    faulty = False
    for path in options.files:
        good = "nothing to mend"
        try:
            document = read_json(path)
            if options.base is None and is_layer(document):
                good = "nothing to mend in what a layer says by itself; --base FILE checks what comes of it"
            found = problems(document, options.schemas, read_json(options.base) if options.base else None)
        except ConfigError as error:
            found = error.problems
        print(*(f"{path}: {problem}" for problem in found or [good]), sep="\n")
        faulty = faulty or bool(found)
    return 1 if faulty else 0


def render_command(options: argparse.Namespace) -> int:
    """Write the manifest; 1 and nothing written when something is missing."""
    path: Path = options.template
    try:
        variables = {**os.environ, **_assigned(options.set)}
        manifest = render(read_json(path), image_names(path.parent / "modules", options.platform), variables)
    except ConfigError as error:
        print(*(f"{path}: {problem}" for problem in error.problems), sep="\n")
        return 1
    if options.out is None:
        print(text(manifest), end="")
    else:
        options.out.write_text(text(manifest), encoding="utf-8")
        print(f"{options.out}: {len(list(deployed(manifest)))} modules for {options.platform}")
    return 0


def size_command(options: argparse.Namespace) -> int:
    """Print a table; 1 when something is too large."""
    path: Path = options.file
    try:
        found = list(sizes(read_json(path)))
    except ConfigError as error:
        print(*(f"{path}: {problem}" for problem in error.problems), sep="\n")
        return 1
    table = Table("what", "bytes", "of", "%", box=None)
    for what, size, limit in found:
        share = "" if limit is None else f"{100 * size / limit:.0f}"
        style = "red" if limit is not None and size > limit else ""
        table.add_row(what, str(size), "" if limit is None else str(limit), share, style=style)
    Console().print(table)
    return 1 if any(limit is not None and size > limit for _, size, limit in found) else 0


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
