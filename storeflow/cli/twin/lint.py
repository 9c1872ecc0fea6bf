"""`storeflow twin lint`: what a device or IoT Hub would refuse, found before a deployment is made."""

import argparse
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from storeflow.cli.help_text import Commands, ExitCode, describe
from storeflow.cli.json_file import UnreadableError, read_json
from storeflow.cli.layout_parts import unknown_cameras
from storeflow.cli.twin.layers import is_layer, put_onto
from storeflow.contract import twin_limits
from storeflow.contract.twins import SECTION_NAMES, Telemetry, read_section
from storeflow.errors import ConfigError
from storeflow.host import configuration
from storeflow.host.custody import ALERTS_OUTPUT, EVENTS, RECEIPTS, SPATIAL_ANALYSIS_OUTPUT, UPSTREAM_OUTPUT
from storeflow.iot_hub.routes import Route, parse_routes

_DESIRED = "properties.desired"


@dataclass(frozen=True)
class Ports:
    """What a module takes from its twin, and what it has for routes to start and end at."""

    sections: tuple[str, ...]
    outputs: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    of_sinks: Mapping[str, str] = field(default_factory=dict)
    """Outputs that nothing leaves by but for a sink of that kind in `telemetry`."""


MODULES: Mapping[str, Ports] = {
    "video_capture": Ports(("cameras",), outputs=(EVENTS,), inputs=(RECEIPTS,)),
    "inference": Ports(("models",)),
    "zone_analytics": Ports(("layout",), outputs=(EVENTS,), inputs=(RECEIPTS,)),
    "upstream_router": Ports(
        ("telemetry",),
        outputs=(UPSTREAM_OUTPUT, ALERTS_OUTPUT, RECEIPTS),
        inputs=(EVENTS,),
        of_sinks={"spatial_analysis": SPATIAL_ANALYSIS_OUTPUT},
    ),
}
"""By module id: the folders of `modules/`. An output is named like the input that its route leads to."""


@dataclass
class Report:
    """What was found in one file."""

    sizes: dict[str, int] = field(default_factory=dict)
    """Of every twin document, as IoT Hub measures it."""
    problems: list[str] = field(default_factory=list)
    """`path: fact`."""


def add(actions: Commands) -> None:
    """Add the action to `storeflow twin`."""
    checker = actions.add_parser("lint", help="find what a device or IoT Hub would refuse")
    describe(
        checker,
        "Find what a device or IoT Hub would refuse, before it is sent. Weights that are not there are found by the "
        "device alone, and stand in the reported properties; whether a camera can be read, `storeflow twin call "
        "video_capture testCamera` says.",
        ["twin lint deployment.template.json", "twin lint layer.json --base deployment.template.json"],
        {ExitCode.FINE: "nothing would be refused", ExitCode.NOT_IN_ORDER: "something would be refused"},
    )
    checker.add_argument(
        "files", type=Path, nargs="+", metavar="FILE", help="a module's desired properties, or a deployment template"
    )
    add_base(checker)
    checker.set_defaults(command=command)


def add_base(parser: argparse.ArgumentParser) -> None:
    """Add the option `--base`."""
    about = "template or manifest that layered deployments are put onto, to check what comes of it"
    parser.add_argument("--base", type=Path, metavar="FILE", help=about)


def command(options: argparse.Namespace) -> int:
    """Check every file, also after one that can't be read."""
    base = read_json(options.base, "--base") if options.base else None
    status = ExitCode.FINE
    for path in options.files:
        try:
            report = lint(read_json(path), base)
        except ConfigError as error:
            print(*error.problems, sep="\n")
            status = max(status, ExitCode.MISTAKE if isinstance(error, UnreadableError) else ExitCode.NOT_IN_ORDER)
            continue
        for name, size in report.sizes.items():
            print(f"{path}: {name}: {size} of {twin_limits.MAX_SECTION_SIZE} bytes")
        for problem in report.problems:
            print(f"{path}: {problem}")
        if report.problems:
            status = max(status, ExitCode.NOT_IN_ORDER)
    return status


def lint(document: Any, base: Any = None) -> Report:
    """Check a module's desired properties, or a deployment template (anything with `modulesContent`).

    Args:
        document: of a layered deployment, only whole sections can be read by themselves.
        base: what a layered deployment is put onto; the base's own faults aren't listed.

    Raises:
        ConfigError: the base is none.
    """
    if base is not None and is_layer(document):
        report = lint_template(put_onto(base, document))
        known = lint_template(base).problems
        return Report(report.sizes, [problem for problem in report.problems if problem not in known])
    if isinstance(document, dict) and "modulesContent" in document:
        return lint_template(document)
    report = Report()
    _lint_desired(report, "desired properties", document, SECTION_NAMES)
    return report


def lint_module(module_id: str, desired: Any) -> Report:
    """Check one module's desired properties: those of our modules by section, those of `$edgeHub` by route."""
    report = Report()
    sections = MODULES[module_id].sections if module_id in MODULES else None
    _lint_desired(report, module_id, desired, sections)
    if module_id == "$edgeHub" and isinstance(desired, dict):
        try:
            parse_routes(desired.get("routes", {}))
        except ConfigError as error:
            report.problems += error.problems
    return report


def lint_template(template: Mapping[str, Any]) -> Report:
    """Check every twin of a deployment template or manifest, and that every route joins what is there."""
    report = Report()
    content = template["modulesContent"]
    if not isinstance(content, dict) or not all(isinstance(twin, dict) for twin in content.values()):
        report.problems.append("modulesContent: expected an object of objects")
        return report
    sinks: set[str] = set()
    twins: dict[str, Any] = {}
    for module_id, twin in content.items():
        if module_id == "$edgeAgent":
            continue  # its createOptions are split into strings only when the manifest is made
        sections = MODULES[module_id].sections if module_id in MODULES else None
        desired = twins[module_id] = _desired(report, module_id, twin)
        _lint_desired(report, module_id, desired, sections, path=module_id)
        sinks |= _sink_kinds(desired)
    if not is_layer(template):  # else the cameras may be in what it is put onto
        report.problems += _unknown_cameras(twins)
    hub = content.get("$edgeHub", {}).get(_DESIRED, {})
    if "routes" in hub:
        try:
            routes = parse_routes(hub["routes"])
        except ConfigError as error:
            report.problems += error.problems
        else:
            report.problems += route_problems(routes, _deployed(content), sinks)
    return report


def route_problems(routes: Sequence[Route], deployed: Iterable[str], sinks: Container[str]) -> Iterator[str]:
    """Find every route that joins nothing, and every output or input of a module that no route joins.

    Args:
        routes: of one edgeHub.
        deployed: ids of the modules around it; of those that are not ours any output and input is believed.
        sinks: the kinds that are configured.
    """
    ours = {module_id: MODULES[module_id] for module_id in deployed if module_id in MODULES}
    others = {module_id for module_id in deployed if module_id not in MODULES}
    outputs = [_output(module_id, name) for module_id, ports in ours.items() for name in ports.outputs]
    of_sinks = [
        (kind, _output(name, output)) for name, ports in ours.items() for kind, output in ports.of_sinks.items()
    ]
    unknown = [f"/messages/modules/{module_id}/".lower() for module_id in others]
    for route in routes:
        joins = any(output.startswith(route.source) for output in (*outputs, *(output for _, output in of_sinks)))
        if not joins and route.source.startswith("/messages/modules/") and not route.source.startswith(tuple(unknown)):
            yield f"routes.{route.name}: no module of this deployment has the output {route.source.rstrip('/')}"
        module_id, name = route.endpoint.module_id, route.endpoint.input_name
        known = module_id in others or (module_id in ours and name in ours[module_id].inputs)
        if not route.endpoint.is_upstream and not known:
            yield f"routes.{route.name}: no module of this deployment has the input /modules/{module_id}/inputs/{name}"
    for output in (*outputs, *(output for kind, output in of_sinks if kind in sinks)):
        if not any(output.startswith(route.source) for route in routes):
            yield f"routes: none takes {output.rstrip('/')}: edgeHub would drop what leaves there"
    ends = {(route.endpoint.module_id, route.endpoint.input_name) for route in routes}
    for module_id, ports in ours.items():
        for name in ports.inputs:
            if (module_id, name) not in ends:
                yield f"routes: none leads to /modules/{module_id}/inputs/{name}: nothing would come there"


def _output(module_id: str, name: str) -> str:
    return f"/messages/modules/{module_id}/outputs/{name}/"


def _unknown_cameras(twins: Mapping[str, Any]) -> Iterator[str]:
    capture, analytics = twins.get("video_capture"), twins.get("zone_analytics")
    if isinstance(capture, dict) and isinstance(analytics, dict):
        for problem in unknown_cameras(analytics.get("layout"), capture.get("cameras")):
            yield f"zone_analytics.{problem}"


def _sink_kinds(desired: Any) -> set[str]:
    """The kinds of the sinks in a module's section `telemetry`; what is wrong with it is found elsewhere."""
    try:
        telemetry: Telemetry = read_section("telemetry", desired["telemetry"])
    except (ConfigError, KeyError, TypeError):
        return set()
    return {sink.kind for sink in telemetry.sinks.values()}


def _lint_desired(report: Report, name: str, desired: Any, sections: Sequence[str] | None, *, path: str = "") -> None:
    """Check one document; `sections` are those it may have, none for a module that is not ours."""
    report.sizes[name] = twin_limits.twin_size(desired)
    if sections is None:
        report.problems += twin_limits.problems(desired, path)
    else:
        report.problems += configuration.problems(desired, sections, path)


def _desired(report: Report, module_id: str, twin: Mapping[str, Any]) -> Any:
    """The desired properties of one module: all of them, or, in a layered deployment, sections one by one.

    What lies deeper can't be read without the rest of its section; that there is such a section can be checked.
    """
    desired = twin.get(_DESIRED, {})
    for key, value in twin.items():
        if key == _DESIRED:
            continue
        section, *deeper = key.removeprefix(f"{_DESIRED}.").split(".")
        if not key.startswith(f"{_DESIRED}.") or not isinstance(desired, dict):
            report.problems.append(f"{module_id}.{key}: expected {_DESIRED} or {_DESIRED}.<path>")
        elif not deeper:
            desired = {**desired, section: value}
        elif module_id in MODULES and section not in MODULES[module_id].sections:
            there = ", ".join(MODULES[module_id].sections)
            report.problems.append(f"{module_id}.{key}: {section} is an unknown section; there is {there}")
    return desired


def _deployed(content: Mapping[str, Any]) -> list[str]:
    agent = content.get("$edgeAgent", {}).get(_DESIRED, {})
    modules = agent.get("modules", {}) if isinstance(agent, dict) else {}
    return list(modules) if isinstance(modules, dict) else []
