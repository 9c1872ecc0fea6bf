"""Layered deployments: what a device would have with one on top of a base.

A layer has paths, such as `properties.desired.layout.zones.promo`, and says what is there, null for nothing. How it is
put onto a base is in `storeflow/iot_hub/deployments.py`.
"""

from collections.abc import Mapping
from typing import Any

from storeflow.errors import ConfigError
from storeflow.iot_hub.deployments import desired_after

_DESIRED = "properties.desired"
_CONTENT = "modulesContent"


def is_layer(document: Any) -> bool:
    """Whether a deployment is layered: it has a path in some module."""
    content = document.get(_CONTENT) if isinstance(document, dict) else None
    if not isinstance(content, dict):
        return False
    return any(key.startswith(f"{_DESIRED}.") for twin in content.values() if isinstance(twin, dict) for key in twin)


def put_onto(base: Any, layer: Mapping[str, Any]) -> dict[str, Any]:
    """The base, as a template or a manifest, with the layer's modules as they would be; neither is changed.

    Raises:
        ConfigError: the base is none.
    """
    content = base.get(_CONTENT) if isinstance(base, dict) else None
    if is_layer(base) or not isinstance(content, dict) or not all(map(_is_whole, content.values())):
        raise ConfigError(
            [f"--base: has no {_CONTENT} with {_DESIRED} of each module; give the template or a manifest"]
        )
    merged = {
        module_id: {_DESIRED: desired_after({}, [content.get(module_id, {}), twin])}
        for module_id, twin in layer[_CONTENT].items()
    }
    return {**base, _CONTENT: {**content, **merged}}


def _is_whole(twin: Any) -> bool:
    return isinstance(twin, dict) and isinstance(twin.get(_DESIRED, {}), dict)
