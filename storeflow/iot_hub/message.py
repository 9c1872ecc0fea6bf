"""A device-to-cloud message, as edgeHub routes it.

Source, Azure/iotedge, edge-hub/core/src: names of system properties in
`Microsoft.Azure.Devices.Edge.Hub.Core/SystemProperties.cs`, the 256 KiB limit in
`Microsoft.Azure.Devices.Edge.Hub.Core/routing/RoutingEdgeHub.cs`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

MAX_MESSAGE_BYTES = 256 * 1024


@dataclass(frozen=True)
class Message:
    """What a module sent.

    Attributes:
        source: the path that routes match, `/messages/modules/{module}/outputs/{output}`.
        body: the payload.
        properties: application properties.
        system: system properties by edgeHub's names (`contentType`, `connectionModuleId`, …).
    """

    source: str
    body: bytes
    properties: Mapping[str, str]
    system: Mapping[str, str]

    @property
    def size(self) -> int:
        """Bytes that edgeHub holds against `MAX_MESSAGE_BYTES`: body, keys and values."""
        pairs = [*self.properties.items(), *self.system.items()]
        return len(self.body) + sum(len(key.encode()) + len(value.encode()) for key, value in pairs)
