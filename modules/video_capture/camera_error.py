"""Why a camera can't be looked at, in words for the operator and as a code."""

from typing import Literal

from storeflow.errors import SourceError

Reason = Literal["unreachable", "credentials", "no_frames", "frozen", "black", "unreadable"]


class CameraError(SourceError):
    """A live camera can't be opened, or what it sends is no view of the shop.

    Attributes:
        reason: one of the codes of `storeflow.camera.state`.
    """

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
