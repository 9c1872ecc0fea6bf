"""Automatic deployments: which of them a device gets, and what they make of its module twins.

Sources: learn.microsoft.com/azure/iot-edge/module-deployment-monitoring and .../cli/azure/iot/edge/deployment:
a deployment is layered if a module in it has `properties.desired.<path>`; of the others, the base ones, a device gets
the one of highest priority, of equal ones the latest; on top of it come all layered ones of higher priority than
it, the highest last; without a base there are no layers. `properties.desired` replaces a module's desired properties
(.../azure/iot-edge/module-composition, "Define or update desired properties"), `properties.desired.<path>` what is at
the path. A module that no deployment names keeps its twin.

That null removes what is at a path is the rule of twins; what IoT Hub makes of it in a deployment isn't documented.
"""

import base64
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from local_azure.edge_hub.target_conditions import Device, parse_target_condition
from local_azure.edge_hub.twins import Document, merge
from storeflow.contract import twin_limits
from storeflow.errors import ConfigError

MOST_DEPLOYMENTS = 100
"""Of one hub, layered ones included (learn.microsoft.com/azure/iot-hub/iot-hub-devguide-quotas-throttling)."""

_DESIRED = "properties.desired"
_ID = re.compile(r"[a-z0-9\-:+%_#*?!(),=@;']{1,128}")
_STATUS = {True: "Applied", False: "Targeted"}


@dataclass(frozen=True)
class Deployment:
    """One automatic deployment, in IoT Hub's words a configuration with `modulesContent`.

    Attributes:
        content: by module id: `properties.desired` and `properties.desired.<path>`.
        changes: how often it was written.
        created_at: ISO 8601, UTC, so that text sorts as time does.
    """

    id: str
    content: Mapping[str, Mapping[str, Any]]
    target_condition: str = ""
    priority: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    schema_version: str = "1.0"
    changes: int = 1
    created_at: str = ""
    updated_at: str = ""

    @property
    def layered(self) -> bool:
        """Whether it goes on top of a base deployment."""
        return any(key != _DESIRED for module in self.content.values() for key in module)

    @property
    def etag(self) -> str:
        """A counter in base64, as IoT Hub shows it."""
        return base64.b64encode(str(self.changes).encode()).decode()

    @property
    def rank(self) -> tuple[int, str]:
        """The greater, the stronger."""
        return self.priority, self.created_at

    def targets(self, device: Device) -> bool:
        """Say whether a device meets the target condition."""
        return parse_target_condition(self.target_condition)(device)

    def document(self) -> Document:
        """Return what the service API shows."""
        return {
            "id": self.id,
            "schemaVersion": self.schema_version,
            "labels": self.labels,
            "content": {"modulesContent": self.content},
            "targetCondition": self.target_condition,
            "priority": self.priority,
            "createdTimeUtc": self.created_at,
            "lastUpdatedTimeUtc": self.updated_at,
            "etag": self.etag,
        }

    def changed(self, newer: "Deployment", at: str) -> "Deployment":
        """Return it with all that may change taken from `newer`."""
        return replace(newer, content=self.content, changes=self.changes + 1, created_at=self.created_at, updated_at=at)


def read_deployment(name: str, document: Mapping[str, Any], at: str) -> Deployment:
    """Read a new deployment from the body of a request.

    Raises:
        ConfigError: naming the field.
    """
    priority, labels = document.get("priority", 0), document.get("labels") or {}
    condition = document.get("targetCondition") or ""
    problems = []
    if not _ID.fullmatch(name) or document.get("id", name) != name:
        problems.append(f"id: expected up to 128 of a-z, 0-9 and -:+%_#*?!(),=@;' as in the address, got {name!r}")
    if isinstance(priority, bool) or not isinstance(priority, int) or priority < 0:
        problems.append(f"priority: expected a whole number from 0, got {priority!r}")
    if not isinstance(labels, dict) or not all(isinstance(value, str) for value in labels.values()):
        problems.append(f"labels: expected an object of texts, got {labels!r}")
    if not isinstance(condition, str):
        problems.append(f"targetCondition: expected text, got {condition!r}")
    if problems:
        raise ConfigError(problems)
    content = read_content(document.get("content"))
    version = str(document.get("schemaVersion") or "1.0")
    return Deployment(name, content, condition, priority, labels, version, created_at=at, updated_at=at)


def read_content(content: Any) -> dict[str, dict[str, Any]]:
    """Check `{"modulesContent": {module: {"properties.desired": …, "properties.desired.<path>": …}}}`.

    Raises:
        ConfigError: another form, a base deployment without `$edgeAgent`, or more than a twin takes.
    """
    modules = content.get("modulesContent") if isinstance(content, dict) else None
    if not isinstance(modules, dict) or not modules:
        raise ConfigError(["content.modulesContent: expected an object with modules"])
    problems: list[str] = []
    for name, keys in modules.items():
        if not isinstance(keys, dict):
            problems.append(f"{name}: expected an object, got {keys!r}")
            continue
        for key, value in keys.items():
            problems += [f"{name}.{problem}" for problem in _content_problems(key, value)]
    if problems:
        raise ConfigError(problems)
    if "$edgeAgent" not in modules and not Deployment("", modules).layered:
        raise ConfigError(["modulesContent.$edgeAgent: missing; only a layered deployment goes without"])
    return modules


def stack(deployments: Iterable[Deployment], device: Device) -> list[Deployment]:
    """Return the deployments that a device gets: the base, then its layers, the strongest last."""
    targeted = [deployment for deployment in deployments if deployment.targets(device)]
    bases = [deployment for deployment in targeted if not deployment.layered]
    if not bases:
        return []
    base = max(bases, key=_rank)
    layers = [each for each in targeted if each.layered and each.priority > base.priority]
    return [base, *sorted(layers, key=_rank)]


def desired_after(desired: Document, contents: Sequence[Mapping[str, Any]]) -> Document:
    """Return one module's desired properties after its deployments; `desired` is not changed.

    Args:
        desired: as they are.
        contents: what each deployment has for the module, in the order of `stack`.
    """
    for content in contents:
        if _DESIRED in content:
            desired = merge({}, content[_DESIRED])
        for key in sorted(content.keys() - {_DESIRED}):
            desired = _put(desired, key.removeprefix(f"{_DESIRED}.").split("."), content[key])
    return desired


def statuses(
    deployments: Iterable[Deployment], device: Device, module_id: str, failed: Callable[[str], bool]
) -> Document:
    """Return `configurations` of a twin: what became of each deployment that is for the device.

    The twin of `$edgeAgent` tells of all, a module's of those that name it (Azure/iotedge, issue 5299).

    Args:
        deployments: of the hub.
        device: whose.
        module_id: whose twin it is.
        failed: whether a module's twin could not be brought to what its deployments ask for.
    """
    deployments = list(deployments)
    applied = {deployment.id for deployment in stack(deployments, device)}
    shown = {}
    for deployment in deployments:
        named = deployment.content if module_id == "$edgeAgent" else deployment.content.keys() & {module_id}
        if named and deployment.targets(device):
            good = deployment.id in applied and not any(failed(name) for name in named)
            shown[deployment.id] = {"status": _STATUS[good]}
    return shown


def _rank(deployment: Deployment) -> tuple[int, str]:
    return deployment.rank


def _content_problems(key: str, value: Any) -> list[str]:
    path = key.removeprefix(f"{_DESIRED}.").split(".")
    if key != _DESIRED and (not key.startswith(f"{_DESIRED}.") or not all(path)):
        return [f"{key}: expected {_DESIRED} or {_DESIRED}.<path>"]
    if key == _DESIRED and not isinstance(value, dict):
        return [f"{key}: expected an object, got {value!r}"]
    return twin_limits.problems(value if key == _DESIRED else _put({}, path, value), _DESIRED)


def _put(document: Document, path: Sequence[str], value: Any) -> Document:
    """Return the document with another value at a path; null takes away what was there."""
    key, *rest = path
    under = document.get(key)
    if rest:
        return {**document, key: _put(under if isinstance(under, dict) else {}, rest, value)}
    if value is None:
        return {name: kept for name, kept in document.items() if name != key}
    return {**document, key: merge({}, value) if isinstance(value, dict) else value}
