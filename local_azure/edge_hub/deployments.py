"""Automatic deployments: which of them a device gets.

Sources: learn.microsoft.com/azure/iot-edge/module-deployment-monitoring and .../cli/azure/iot/edge/deployment:
of the base deployments, which are those that aren't layered, a device gets the one of highest priority, of equal ones
the latest; on top of it come all layered ones of higher priority than it, the highest last; without a base there are no
layers. A module that no deployment names keeps its twin. What a deployment makes of a twin is in
`storeflow/iot_hub/deployments.py`.
"""

import base64
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from local_azure.edge_hub.target_conditions import Device, parse_target_condition
from storeflow.errors import ConfigError
from storeflow.iot_hub.deployments import Content, is_layered, read_content
from storeflow.iot_hub.twin_documents import Document

MAX_DEPLOYMENTS = 100
"""Of one hub, layered ones included (learn.microsoft.com/azure/iot-hub/iot-hub-devguide-quotas-throttling)."""

_ID = re.compile(r"[a-z0-9\-:+%_#*?!(),=@;']{1,128}")
_STATUS = {True: "Applied", False: "Targeted"}


@dataclass(frozen=True)
class Deployment:
    """One automatic deployment, in IoT Hub's words a configuration with `modulesContent`.

    Attributes:
        changes: how often it was written.
        created_at: ISO 8601, UTC, so that text sorts as time does.
    """

    id: str
    content: Content
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
        return is_layered(self.content)

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


def stack(deployments: Iterable[Deployment], device: Device) -> list[Deployment]:
    """Return the deployments that a device gets: the base, then its layers, the strongest last."""
    targeted = [deployment for deployment in deployments if deployment.targets(device)]
    bases = [deployment for deployment in targeted if not deployment.layered]
    if not bases:
        return []
    base = max(bases, key=_rank)
    layers = [each for each in targeted if each.layered and each.priority > base.priority]
    return [base, *sorted(layers, key=_rank)]


def statuses(
    deployments: Iterable[Deployment], device: Device, module_id: str, failed: Callable[[str], bool]
) -> Document:
    """Return `configurations` of a twin: what became of each deployment that is for the device.

    The twin of `$edgeAgent` lists all, a module's those that name it (Azure/iotedge, issue 5299).

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
