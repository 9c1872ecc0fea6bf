"""What is sent a second time, in the words of a service that ended."""

from typing import ClassVar

from storeflow.contract.events.base import CameraEvent
from storeflow.contract.events.privacy import Personal
from storeflow.contract.instant import Instant
from storeflow.contract.spatial_analysis import SpatialAnalysisDocument


class SpatialAnalysis(CameraEvent):
    """One of the facts above once more, as a document of Azure Spatial Analysis 2.0; only if the layout asks for it."""

    event_type: ClassVar[str] = "storeflow.spatial_analysis"
    importance: ClassVar[int] = 0
    """It says once more what another event says."""

    captured_at: Personal[Instant]
    """When it happened in front of the camera; of a number of people, when the change was certain. UTC."""
    document: Personal[SpatialAnalysisDocument]
    """Schema 2.0 of that service; `id` and `events[].id` are the same. upstream_router sends it on without this
    envelope."""
