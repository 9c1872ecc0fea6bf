import pytest

from storeflow.contract.geometry import BoundingBox
from storeflow.contract.messages import Detections, StreamEnded, Track, decode, encode
from storeflow.errors import ContractError

TRACK = Track(track_id="18f-1", box=BoundingBox(0.1, 0.2, 0.3, 0.4), confidence=0.9, confirmed=True)
DETECTIONS = Detections(
    camera_id="door",
    sequence=7,
    captured_at=1_700_000_000.125,
    frame_width=640,
    frame_height=360,
    model_version="m@1",
    tracks=(TRACK,),
)


@pytest.mark.parametrize(
    "message",
    [DETECTIONS, StreamEnded(camera_id="door", sequence=8, captured_at=1.5, reason="the clip ended")],
    ids=["detections", "stream ended"],
)
def test_a_message_survives_the_side_channel(message: Detections | StreamEnded) -> None:
    assert decode(encode(message)) == message


def test_a_field_of_a_newer_neighbour_is_ignored() -> None:
    body = encode(DETECTIONS).replace(b'"sequence":7', b'"sequence":7,"lens":"wide"')
    assert decode(body) == DETECTIONS


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"not json", "Invalid JSON"),
        (b'{"kind":"frames"}', "kind|tag"),
        (encode(DETECTIONS).replace(b'"frame_width":640', b'"frame_width":"wide"'), "frame_width"),
    ],
)
def test_what_is_no_message_is_refused_with_the_field(body: bytes, told: str) -> None:
    with pytest.raises(ContractError, match=told):
        decode(body)
