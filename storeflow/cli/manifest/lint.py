"""What would go wrong with a deployment, found before it is made: for a template and for a manifest alike.

Twins and routes are looked at by `twin/lint.py`; here is what edgeAgent reads: modules, images, what containers may do.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jsonschema import Draft4Validator
from referencing import Registry, Resource

from storeflow.cli.manifest import containers, create_options
from storeflow.cli.manifest.render import DESIRED, TEMPLATE_VERSION, deployed
from storeflow.cli.twin.layers import is_layer, put_onto
from storeflow.cli.twin.lint import MODULES, lint_template
from storeflow.contract import twin_limits
from storeflow.errors import ConfigError
from storeflow.iot_hub.deployments import read_content

SCHEMA_VERSION = "1.1"
"""Of edgeAgent and edgeHub. az checks a manifest only where it knows the very text: 1.1.0 is passed over in silence."""
SCHEMAS = {True: "azure-iot-edge-deployment-template-3.0.json", False: "azure-iot-edge-deployment-2.0.json"}
"""Of a template, and of a manifest; published by SchemaStore."""

EDGE_HUB = "$edgeAgent.systemModules.edgeHub"
EDGE_HUB_PORTS = ("443", "5671", "8883")
"""Which modules and devices reach it by: HTTPS, AMQP, MQTT."""

_WHOLE_MODULE_DOTS = f"{DESIRED}.modules.name".count(".")
_PUBLISHED_AT = "https://json.schemastore.org/"
_FIELDS = {
    "version", "type", "status", "restartPolicy", "imagePullPolicy", "startupOrder", "env", "settings",
}  # fmt: skip
_STATES = ("running", "stopped")
_RESTARTS = ("always", "on-unhealthy", "on-failure", "never")
_OF_A_FOLDER = re.compile(r"\$\{MODULES\.(\w+)(?:\.\w+)?\}")
_VARIABLE = re.compile(r"[^+#$\s.]+")


def problems(document: Any, schemas: Path | None = None, base: Any = None) -> list[str]:
    """Everything that can be found without a device, as `path: fact; what to do`.

    Args:
        document: a template (schema 3.0.0), a manifest, or a layered deployment.
        schemas: a folder of the published JSON Schemas; without it only our own rules are asked.
        base: what a layered deployment is put onto; the base's own faults aren't listed. Without it only what a layer
            has whole is looked at: sections, and modules for edgeAgent.

    Raises:
        ConfigError: the base is none, or there is no schema.
    """
    content = document.get("modulesContent") if isinstance(document, dict) else None
    if not isinstance(content, dict) or not all(isinstance(twin, dict) for twin in content.values()):
        return ["modulesContent: is no object of objects; this is no deployment"]
    if is_layer(document):
        return _layer_problems(document, schemas, base)
    found = [*_schema_problems(document, schemas)] if schemas else []
    agent = content.get("$edgeAgent", {}).get(DESIRED)
    if isinstance(agent, dict):
        found += _agent_problems(agent)
        for path, module in deployed(document):
            found += _module_problems(path, module)
        found += twin_limits.problems(agent_twin(document), "$edgeAgent")
    else:
        layered = f"only a layered deployment, with paths as {DESIRED}.layout.zones, goes without"
        found.append(f"$edgeAgent.{DESIRED}: is no object, so that edgeAgent would have nothing to do; {layered}")
    hub = content.get("$edgeHub", {}).get(DESIRED, {})
    if isinstance(hub, dict) and hub.get("schemaVersion") != SCHEMA_VERSION:
        found.append(f"$edgeHub.schemaVersion: is {hub.get('schemaVersion')!r}; write {SCHEMA_VERSION!r}")
    found += lint_template(document).problems
    return found


def _layer_problems(layer: Mapping[str, Any], schemas: Path | None, base: Any) -> list[str]:
    try:
        content = read_content(layer)
    except ConfigError as error:
        return error.problems
    if base is not None:
        known = problems(base, schemas)
        return [problem for problem in problems(put_onto(base, layer), schemas) if problem not in known]
    agent = {key: value for key, value in content.get("$edgeAgent", {}).items() if key.count(".") <= _WHOLE_MODULE_DOTS}
    whole = put_onto({"modulesContent": {}}, {"modulesContent": {"$edgeAgent": agent}})
    found = [problem for path, module in deployed(whole) for problem in _module_problems(path, module)]
    return found + lint_template(layer).problems


def agent_twin(document: Mapping[str, Any]) -> dict[str, Any]:
    """Desired properties of edgeAgent as they arrive: with createOptions in strings, or in one if that is too long."""
    agent: dict[str, Any] = json.loads(json.dumps(document["modulesContent"]["$edgeAgent"][DESIRED]))
    for _, module in deployed({"modulesContent": {"$edgeAgent": {DESIRED: agent}}}):
        settings = module.get("settings")
        if isinstance(settings, dict) and isinstance(settings.get(create_options.FIELD), dict):
            options = settings.pop(create_options.FIELD)
            try:
                settings |= create_options.split(options)
            except ConfigError:
                settings[create_options.FIELD] = json.dumps(options)
    return agent


def _schema_problems(document: Mapping[str, Any], folder: Path) -> Iterator[str]:
    found = {path.name: json.loads(path.read_text()) for path in folder.glob("azure-iot-edge*.json")}
    name = SCHEMAS[TEMPLATE_VERSION in document]
    if name not in found:
        raise ConfigError([f"{folder / name}: is not there; give the folder of the published schemas, or none"])
    registry: Registry[Any] = Registry().with_resources(
        (_PUBLISHED_AT + file, Resource.from_contents(schema)) for file, schema in found.items()
    )
    for error in Draft4Validator(found[name], registry=registry).iter_errors(document):
        yield f"{error.json_path}: {error.message}; see {name}"


def _agent_problems(agent: Mapping[str, Any]) -> Iterator[str]:
    if agent.get("schemaVersion") != SCHEMA_VERSION:
        yield f"$edgeAgent.schemaVersion: is {agent.get('schemaVersion')!r}; write {SCHEMA_VERSION!r}"
    runtime = agent.get("runtime")
    if not isinstance(runtime, dict) or runtime.get("type") != "docker":
        yield "$edgeAgent.runtime: is not of type docker; there is no other"
    system = agent.get("systemModules")
    for name in ("edgeAgent", "edgeHub"):
        if not isinstance(system, dict) or name not in system:
            yield f"$edgeAgent.systemModules.{name}: is not there; IoT Edge has both edgeAgent and edgeHub"
    if not isinstance(agent.get("modules"), dict):
        yield "$edgeAgent.modules: is no object; list the modules there"
    for group in ("systemModules", "modules"):
        entries = agent.get(group)
        for name, entry in entries.items() if isinstance(entries, dict) else ():
            if not isinstance(entry, dict):
                yield f"$edgeAgent.{group}.{name}: is no object; see that of another module"


def _module_problems(path: str, module: Mapping[str, Any]) -> Iterator[str]:
    name = path.rpartition(".")[2]
    for field in sorted(module.keys() - _FIELDS):
        yield f"{path}.{field}: edgeAgent knows no such field; take it out"
    if module.get("type") != "docker":
        yield f"{path}.type: is {module.get('type')!r}; write 'docker'"
    if name != "edgeAgent":  # it starts by itself
        if module.get("status") not in _STATES:
            yield f"{path}.status: is {module.get('status')!r}; write one of {', '.join(_STATES)}"
        yield from _restart_problems(path, module.get("restartPolicy"))
    yield from _environment_problems(path, module.get("env", {}))
    settings = module.get("settings")
    if not isinstance(settings, dict):
        yield f"{path}.settings: is no object; name the image there"
        return
    yield from _image_problems(f"{path}.settings.image", settings.get("image"))
    try:
        options = create_options.join(settings)
        create_options.split(options)
    except ConfigError as error:
        yield from (f"{path}.settings.{problem}" for problem in error.problems)
        return
    ports = EDGE_HUB_PORTS if path == EDGE_HUB else ()
    for problem in containers.problems(options, ours=name in MODULES, ports=ports):
        yield f"{path}.settings.{create_options.FIELD}.{problem}"


def _restart_problems(path: str, policy: Any) -> Iterator[str]:
    if policy not in _RESTARTS:
        yield f"{path}.restartPolicy: is {policy!r}; write one of {', '.join(_RESTARTS)}"
    elif policy != "always":
        yield f"{path}.restartPolicy: is {policy}; a module that can't go on ends itself to be started again: always"


def _environment_problems(path: str, environment: Any) -> Iterator[str]:
    if not isinstance(environment, dict):
        yield f"{path}.env: is no object; write variables as {{NAME: {{'value': …}}}}"
        return
    for variable, entry in environment.items():
        value = entry.get("value") if isinstance(entry, dict) and entry.keys() == {"value"} else None
        if not _VARIABLE.fullmatch(variable) or not isinstance(value, str | int | float):
            yield f"{path}.env.{variable}: is {entry!r}; write a name without . + # $ and {{'value': text or number}}"


def _image_problems(path: str, image: Any) -> Iterator[str]:
    if not isinstance(image, str) or not image:
        yield f"{path}: is {image!r}; name an image"
        return
    if placeholder := _OF_A_FOLDER.fullmatch(image):
        if placeholder[1] not in MODULES:
            yield f"{path}: there is no modules/{placeholder[1]}; there is {', '.join(MODULES)}"
        return
    if "@sha256:" in image:
        return
    tag = image.rpartition("/")[2].partition(":")[2]
    if tag in ("", "latest"):
        yield f"{path}: {image} names no version, so that stores would differ; write a tag of one, or a digest"
