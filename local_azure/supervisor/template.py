"""Reads a deployment template: which modules run, how, and what their twins hold.

The format is the IoT Edge template schema 3.0.0 (json.schemastore.org/azure-iot-edge-deployment-template-3.0),
edgeAgent and edgeHub 1.1 (learn.microsoft.com/azure/iot-edge/module-edgeagent-edgehub). `${NAME}` is
filled in from the environment, as the IoT Edge tools do, wherever it is used here (not in registry
credentials, for one); `${MODULES.<folder>}` names the image that `modules/<folder>` is built into, and
so the folder to run.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local_azure.supervisor.restart_policy import RestartPolicy
from storeflow.errors import ConfigError
from storeflow.iot_hub.twin_documents import Document

LAST_STARTUP_ORDER = 4294967295
"""Of a module that names none (edgeAgent schema 1.1): after all that do."""

_PLACEHOLDER = re.compile(r"\$\{(?P<name>[A-Za-z_]\w*)\}")
_IMAGE = re.compile(r"\$\{MODULES\.(?P<folder>\w+)(?:\.\w+)?\}")


@dataclass(frozen=True)
class Bind:
    """One entry of `HostConfig.Binds`: a host folder seen under another name in the container."""

    host: str
    container: str
    read_only: bool = False


@dataclass(frozen=True)
class ModuleSpec:
    """A custom module of the deployment.

    Attributes:
        module_id: its name in the template.
        folder: its folder under `modules/`.
        running: whether `status` asks for it to run.
        desired: its twin's desired properties; None where the template gives none.
    """

    module_id: str
    folder: str
    restart_policy: RestartPolicy = RestartPolicy.ALWAYS
    startup_order: int = LAST_STARTUP_ORDER
    running: bool = True
    environment: Mapping[str, str] = field(default_factory=dict)
    binds: tuple[Bind, ...] = ()
    desired: Document | None = None


@dataclass(frozen=True)
class Template:
    """What a template asks for; modules in the order in which they start."""

    modules: tuple[ModuleSpec, ...]
    edge_hub: Document


def parse_template(text: str, variables: Mapping[str, str]) -> Template:
    """Read a template.

    Args:
        text: JSON.
        variables: what `${NAME}` placeholders stand for.

    Raises:
        ConfigError: no JSON, a section of the wrong shape, or a placeholder without a value.
    """
    try:
        document = json.loads(text)
    except ValueError as error:
        raise ConfigError([f"the deployment template is no JSON: {error}"]) from error
    content = _section(document, "modulesContent")
    agent = _section(_section(content, "$edgeAgent"), "properties.desired")
    modules = [_module(name, spec, content, variables) for name, spec in _section(agent, "modules").items()]
    modules.sort(key=lambda module: (module.startup_order, module.module_id))
    hub = _section(_section(content, "$edgeHub"), "properties.desired")
    return Template(tuple(modules), _expand(hub, variables, "$edgeHub"))


def _module(name: str, spec: Any, content: Document, variables: Mapping[str, str]) -> ModuleSpec:
    path = f"$edgeAgent.modules.{name}"
    try:
        settings = spec["settings"]
        image = _IMAGE.fullmatch(settings["image"])
        if image is None:
            wanted = "${MODULES.<folder>}: only modules of this repository can run here"
            raise ConfigError([f"{path}.settings.image: expected {wanted}, got {settings['image']!r}"])
        environment = _expand(spec.get("env", {}), variables, f"{path}.env")
        options = _expand(settings.get("createOptions", {}), variables, f"{path}.settings.createOptions")
        desired = _section(content[name], "properties.desired") if name in content else None
        return ModuleSpec(
            module_id=name,
            folder=image["folder"],
            restart_policy=RestartPolicy(spec.get("restartPolicy", "always")),
            startup_order=int(spec.get("startupOrder", LAST_STARTUP_ORDER)),
            running=spec.get("status", "running") == "running",
            environment={key: str(entry["value"]) for key, entry in environment.items()},
            binds=_binds(options),
            desired=_expand(desired, variables, name),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ConfigError([f"{path}: {error!r}; see the template schema"]) from error


def _binds(options: Any) -> tuple[Bind, ...]:
    if isinstance(options, str):
        options = json.loads(options or "{}")
    binds = []
    for text in options.get("HostConfig", {}).get("Binds") or ():
        host, container, *flags = text.split(":")
        binds.append(Bind(host, container.rstrip("/"), "ro" in ",".join(flags).split(",")))
    return tuple(binds)


def _section(document: Any, name: str) -> Document:
    section = document.get(name) if isinstance(document, dict) else None
    if not isinstance(section, dict):
        raise ConfigError([f"{name}: expected an object in the deployment template"])
    return section


def _expand(value: Any, variables: Mapping[str, str], path: str) -> Any:
    if isinstance(value, dict):
        return {key: _expand(child, variables, f"{path}.{key}") for key, child in value.items()}
    if isinstance(value, list):
        return [_expand(child, variables, f"{path}[{index}]") for index, child in enumerate(value)]
    if not isinstance(value, str):
        return value

    def replace(match: re.Match[str]) -> str:
        if match["name"] not in variables:
            raise ConfigError([f"{path}: the environment has no {match['name']}; set it"])
        return variables[match["name"]]

    return _PLACEHOLDER.sub(replace, value)
