"""A module twin: merging, versions, and what a change tells the module.

Sources: learn.microsoft.com/azure/iot-hub/iot-hub-devguide-device-twins (null deletes, objects
merge, everything else replaces, every accepted change raises `$version`); in Azure/iotedge,
classes `ReportedPropertiesValidator` (a patch itself may not exceed 32 KiB of JSON) and `TwinManager` of
Edge.Hub.Core (a replaced document reaches the module as a patch, null for each key that went).
"""

import json
from dataclasses import dataclass, field
from typing import Any

from storeflow.contract.twin_limits import MAX_SECTION_SIZE, validate_patch
from storeflow.errors import ConfigError

Document = dict[str, Any]


def merge(base: Document, patch: Document) -> Document:
    """Return `base` with `patch` applied; neither is changed. Null removes a key."""
    merged = dict(base)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            under = merged.get(key)
            merged[key] = merge(under if isinstance(under, dict) else {}, value)
        else:
            merged[key] = value
    return merged


def difference(before: Document, after: Document) -> Document:
    """Return the patch that leads from `before` to `after`."""
    patch: Document = {key: None for key in before if key not in after}
    for key, value in after.items():
        old = before.get(key)
        if isinstance(value, dict) and isinstance(old, dict):
            if value != old:
                patch[key] = difference(old, value)
        elif key not in before or value != old:
            patch[key] = value
    return patch


@dataclass
class Twin:
    """The two sections of a module twin with their versions."""

    desired: Document = field(default_factory=dict)
    reported: Document = field(default_factory=dict)
    desired_version: int = 1
    reported_version: int = 1

    def patch_reported(self, patch: Document) -> None:
        """Merge what the module reports.

        Raises:
            ConfigError: the patch or the document it leads to is over a limit; nothing changed.
        """
        _check_patch(patch, "properties.reported")
        merged = merge(self.reported, patch)
        validate_patch(merged, "properties.reported")
        self.reported = merged
        self.reported_version += 1

    def patch_desired(self, patch: Document) -> Document:
        """Merge what the service desires and return the notification for the module.

        Raises:
            ConfigError: the patch or the document it leads to is over a limit; nothing changed.
        """
        patch = _without_service_keys(patch)
        _check_patch(patch, "properties.desired")
        merged = merge(self.desired, patch)
        validate_patch(merged, "properties.desired")
        self.desired = merged
        self.desired_version += 1
        return {**patch, "$version": self.desired_version}

    def replace_desired(self, document: Document) -> Document:
        """Put a whole document in place of the old one and return the notification.

        Raises:
            ConfigError: the document is over a limit; nothing changed.
        """
        document = merge({}, _without_service_keys(document))
        validate_patch(document, "properties.desired")
        notification = difference(self.desired, document)
        self.desired = document
        self.desired_version += 1
        return {**notification, "$version": self.desired_version}

    def document(self) -> Document:
        """Return both sections with their `$version`, as the SDK's `get_twin` sees them."""
        return {
            "desired": {**self.desired, "$version": self.desired_version},
            "reported": {**self.reported, "$version": self.reported_version},
        }


def _without_service_keys(document: Document) -> Document:
    """Drop what the service adds, so that a document read by GET may be sent back by PUT."""
    return {key: value for key, value in document.items() if key not in ("$version", "$metadata")}


def _check_patch(patch: Document, path: str) -> None:
    validate_patch(patch, path)
    size = len(json.dumps(patch, separators=(",", ":"), ensure_ascii=False).encode())
    if size > MAX_SECTION_SIZE:
        raise ConfigError([f"{path}: a patch of {size} bytes, edgeHub takes {MAX_SECTION_SIZE}"])
