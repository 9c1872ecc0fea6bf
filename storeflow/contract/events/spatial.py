"""What is told a second time, in the words of a service that ended."""

from typing import ClassVar

from storeflow.contract.events.base import CameraEvent
from storeflow.contract.spatial_analysis import SpatialAnalysisDocument


class SpatialAnalysis(CameraEvent):
    """One of the facts above once more, as a document of Azure Spatial Analysis 2.0; only if the layout asks for it."""

    event_type: ClassVar[str] = "storeflow.spatial_analysis"

    document: SpatialAnalysisDocument
    """What upstream_router sends on without this envelope."""
