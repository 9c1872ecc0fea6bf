"""The content of a deployment: what may be in it, and what it makes of a module's twin.

Sources: learn.microsoft.com/azure/iot-edge/module-deployment-monitoring (a deployment is layered if a module in it has
`properties.desired.<path>`) and .../module-composition, "Define or update desired properties" (`properties.desired`
replaces a module's desired properties, `properties.desired.<path>` what is at the path).

That null removes what is at a path is the rule of twins; what IoT Hub makes of it in a deployment isn't documented.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from storeflow.contract import twin_limits
from storeflow.errors import ConfigError
from storeflow.iot_hub.twin_documents import Document, merge

DESIRED = "properties.desired"
Content = Mapping[str, Mapping[str, Any]]
"""By module id: `properties.desired` and `properties.desired.<path>`."""


def is_layered(content: Content) -> bool:
    """Whether a deployment of this content goes on top of a base."""
    return any(key != DESIRED for module in content.values() for key in module)


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
            problems += [f"{name}.{problem}" for problem in _problems(key, value)]
    if problems:
        raise ConfigError(problems)
    if "$edgeAgent" not in modules and not is_layered(modules):
        raise ConfigError(["modulesContent.$edgeAgent: missing; only a layered deployment goes without"])
    return modules


def desired_after(desired: Document, contents: Sequence[Mapping[str, Any]]) -> Document:
    """Return one module's desired properties after its deployments; `desired` is not changed.

    Args:
        desired: as they are.
        contents: what each deployment has for the module, the base first and the strongest layer last.
    """
    for content in contents:
        if DESIRED in content:
            desired = merge({}, content[DESIRED])
        for key in sorted(content.keys() - {DESIRED}):
            desired = _put(desired, key.removeprefix(f"{DESIRED}.").split("."), content[key])
    return desired


def _problems(key: str, value: Any) -> list[str]:
    path = key.removeprefix(f"{DESIRED}.").split(".")
    if key != DESIRED and (not key.startswith(f"{DESIRED}.") or not all(path)):
        return [f"{key}: expected {DESIRED} or {DESIRED}.<path>"]
    if key == DESIRED and not isinstance(value, dict):
        return [f"{key}: expected an object, got {value!r}"]
    return twin_limits.problems(value if key == DESIRED else _put({}, path, value), DESIRED)


def _put(document: Document, path: Sequence[str], value: Any) -> Document:
    """Return the document with another value at a path; null takes away what was there."""
    key, *rest = path
    under = document.get(key)
    if rest:
        return {**document, key: _put(under if isinstance(under, dict) else {}, rest, value)}
    if value is None:
        return {name: kept for name, kept in document.items() if name != key}
    return {**document, key: merge({}, value) if isinstance(value, dict) else value}
