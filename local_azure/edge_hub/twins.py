"""A module twin: versions, and what a change sends to the module.

Sources: learn.microsoft.com/azure/iot-hub/iot-hub-devguide-device-twins (every accepted change raises
`$version`); in Azure/iotedge, classes `ReportedPropertiesValidator` (a patch itself may not exceed 32 KiB of JSON) and
`TwinManager` of Edge.Hub.Core (a replaced document reaches the module as a patch, null for each key that went).
"""

import base64
import json
from dataclasses import dataclass, field

from local_azure.edge_hub.metadata import Metadata, stamped
from storeflow.contract.twin_limits import MAX_SECTION_SIZE, twin_size, validate_patch
from storeflow.errors import ConfigError
from storeflow.iot_hub.twin_documents import Document, difference, merge, without_service_keys

MAX_TAGS_SIZE = 8 * 1024
"""iot-hub-devguide-device-twins, "Device twin size"."""


@dataclass
class Twin:
    """A twin of a module, or of the device itself.

    Attributes:
        tags: the service's own notes; the device never sees them.
        tag_changes: how often they were changed.
    """

    desired: Document = field(default_factory=dict)
    reported: Document = field(default_factory=dict)
    desired_version: int = 1
    reported_version: int = 1
    tags: Document = field(default_factory=dict)
    tag_changes: int = 0
    desired_metadata: Metadata = field(default_factory=dict)
    reported_metadata: Metadata = field(default_factory=dict)

    @property
    def version(self) -> int:
        """It rises with every change of any part."""
        return self.desired_version + self.reported_version + self.tag_changes

    @property
    def etag(self) -> str:
        """It changes with tags and desired properties, and with no report of the module.

        The form, eight bytes of a counter in base64, is what IoT Hub shows.
        """
        return base64.b64encode((self.desired_version + self.tag_changes).to_bytes(8, "big")).decode()

    def patch_reported(self, patch: Document, at: str) -> None:
        """Merge what the module reports.

        Args:
            patch: null removes a key.
            at: the time, ISO 8601; likewise below.

        Raises:
            ConfigError: the patch or the document it leads to is over a limit; nothing changed.
        """
        _check_patch(patch, "properties.reported")
        merged = merge(self.reported, patch)
        validate_patch(merged, "properties.reported")
        self.reported = merged
        self.reported_version += 1
        self.reported_metadata = stamped(self.reported_metadata, patch, at, None)

    def patch_desired(self, patch: Document, at: str) -> Document:
        """Merge what the service desires and return the notification for the module.

        Raises:
            ConfigError: the patch or the document it leads to is over a limit; nothing changed.
        """
        patch = without_service_keys(patch)
        _check_patch(patch, "properties.desired")
        merged = merge(self.desired, patch)
        validate_patch(merged, "properties.desired")
        self.desired = merged
        self.desired_version += 1
        self.desired_metadata = stamped(self.desired_metadata, patch, at, self.desired_version)
        return {**patch, "$version": self.desired_version}

    def replace_desired(self, document: Document, at: str) -> Document:
        """Put a whole document in place of the old one and return the notification.

        Raises:
            ConfigError: the document is over a limit; nothing changed.
        """
        document = merge({}, without_service_keys(document))
        validate_patch(document, "properties.desired")
        notification = difference(self.desired, document)
        self.desired = document
        self.desired_version += 1
        self.desired_metadata = stamped({}, document, at, self.desired_version)
        return {**notification, "$version": self.desired_version}

    def change_tags(self, tags: Document, *, replace: bool) -> None:
        """Merge tags, or put them in place of the old ones.

        Raises:
            ConfigError: over a limit; nothing changed.
        """
        merged = merge({} if replace else self.tags, tags)
        validate_patch(merged, "tags")
        if (size := twin_size(merged)) > MAX_TAGS_SIZE:
            raise ConfigError([f"tags: {size} bytes, IoT Hub takes {MAX_TAGS_SIZE}"])
        self.tags = merged
        self.tag_changes += 1

    def document(self) -> Document:
        """Return both sections with their `$version`, as the SDK's `get_twin` sees them."""
        return {
            "desired": {**self.desired, "$version": self.desired_version},
            "reported": {**self.reported, "$version": self.reported_version},
        }

    def service_document(self) -> Document:
        """Return both sections as the service sees them: with `$metadata`, too."""
        sections = self.document()
        sections["desired"]["$metadata"] = self.desired_metadata
        sections["reported"]["$metadata"] = self.reported_metadata
        return sections


def _check_patch(patch: Document, path: str) -> None:
    validate_patch(patch, path)
    size = len(json.dumps(patch, separators=(",", ":"), ensure_ascii=False).encode())
    if size > MAX_SECTION_SIZE:
        raise ConfigError([f"{path}: a patch of {size} bytes, edgeHub takes {MAX_SECTION_SIZE}"])
