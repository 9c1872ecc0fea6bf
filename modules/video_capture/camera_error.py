"""Why a camera can't be looked at, in words for the operator and as a code."""

import re
from collections.abc import Mapping

from storeflow.contract.events.cameras import FailedReason
from storeflow.errors import SourceError

_SETTING = re.compile(r"(?<![\w.:-])(?:url|credentials_ref|freeze_seconds)(?![\w.:-])")


class CameraError(SourceError):
    """A live camera can't be opened, or what it sends is no view of the shop.

    Where a setting is to be changed, the message has its name as it is in the twin: `with_other_names` exchanges it.

    Attributes:
        reason: one of the codes of `storeflow.camera.state`.
    """

    def __init__(self, reason: FailedReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def with_other_names(message: str, names: Mapping[str, str]) -> str:
    """The message of a `CameraError` for an operator who has no twin, such as at a command line.

    Args:
        message: of the error, or of the event that was made of it.
        names: what each setting is called there, such as `{"credentials_ref": "--credentials-ref"}`.
    """
    return _SETTING.sub(lambda found: names.get(found[0], found[0]), message)
