"""What travels on the local side channel: one message per analysed frame, and the end of a stream.

"Nobody here" is a `Detections` without tracks; "we could not look" is a `StreamEnded`. They are never the same.
Readers ignore fields they don't know: a neighbour may be newer.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from storeflow.contract.faults import first_fault
from storeflow.contract.geometry import BoundingBox
from storeflow.errors import ContractError


class SideChannelMessage(BaseModel):
    """What every message of the side channel says."""

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_inf_nan="null")

    camera_id: str
    sequence: int
    """Number of the analysed frame, counted per camera by video_capture from 0."""
    captured_at: float
    """When the camera took the frame: seconds since 1970-01-01T00:00:00Z."""


class Track(BaseModel):
    """One followed object in one frame."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    track_id: str
    """Unique over restarts of the tracker; says nothing of who the person is."""
    box: BoundingBox
    confidence: float
    """Of the detector, in this frame, 0 to 1."""
    confirmed: bool
    """False until the tracker has seen enough of the object to believe in it."""
    object_class: str = "person"


class Detections(SideChannelMessage):
    """Everything that inference saw in one frame."""

    kind: Literal["detections"] = "detections"
    frame_width: int
    """Of the full camera frame, in pixels."""
    frame_height: int
    model_version: str
    """Name and weights of the detector, `<name>@<first 12 of sha256>`."""
    tracks: tuple[Track, ...]


class StreamEnded(SideChannelMessage):
    """No more frames come from this camera for now: its clip ended or it cannot be read."""

    kind: Literal["stream_ended"] = "stream_ended"
    reason: str


AnyMessage = Annotated[Detections | StreamEnded, Field(discriminator="kind")]
_ADAPTER: TypeAdapter[Detections | StreamEnded] = TypeAdapter(AnyMessage)


def encode(message: SideChannelMessage) -> bytes:
    """The message as one line of JSON, without the line's end."""
    return message.model_dump_json().encode()


def decode(body: bytes) -> Detections | StreamEnded:
    """The message that `encode` wrote.

    Raises:
        ContractError: the bytes are no message of this contract.
    """
    try:
        return _ADAPTER.validate_json(body)
    except ValidationError as error:
        raise ContractError(first_fault(error, "side channel")) from error
