"""Twin documents: what merges, what differs, and what the service adds.

Source: learn.microsoft.com/azure/iot-hub/iot-hub-devguide-device-twins (null deletes, objects merge, everything else
replaces).
"""

from typing import Any

Document = dict[str, Any]

_SERVICE_KEYS = ("$version", "$metadata")


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


def without_service_keys(section: Document) -> Document:
    """Drop `$version` and `$metadata`, so that a section read from the hub may be sent back to it."""
    return {key: value for key, value in section.items() if key not in _SERVICE_KEYS}
