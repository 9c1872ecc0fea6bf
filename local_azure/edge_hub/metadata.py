"""`$metadata` of a twin section: when each property last changed.

Source: learn.microsoft.com/azure/iot-hub/iot-hub-devguide-device-twins ("Device twin metadata"): a tree like the
section's own, with `$lastUpdated` at every level and, in desired properties, `$lastUpdatedVersion`.
"""

from typing import Any

Metadata = dict[str, Any]


def stamped(metadata: Metadata, patch: dict[str, Any], at: str, version: int | None) -> Metadata:
    """Return the metadata of a section after a patch; `metadata` is not changed.

    Args:
        metadata: before; empty for a section that is replaced.
        patch: what was merged into the section; null removes a property and its metadata.
        at: ISO 8601.
        version: of the section from now on; None where IoT Hub gives none (reported properties).
    """
    after = {**metadata, "$lastUpdated": at}
    if version is not None:
        after["$lastUpdatedVersion"] = version
    for key, value in patch.items():
        if value is None:
            after.pop(key, None)
        else:
            under = after.get(key, {}) if isinstance(value, dict) else {}
            after[key] = stamped(under, value if isinstance(value, dict) else {}, at, version)
    return after
