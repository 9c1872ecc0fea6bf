import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from modules.inference.model_card import InputSpec
from modules.inference.preprocess import place, to_tensor
from storeflow.contract.geometry import BoundingBox
from storeflow.frames.frame import WHOLE_FRAME, Frame

FITS = ("letterbox_top_left", "letterbox_centre", "stretch")
LOWER_RIGHT = BoundingBox(0.25, 0.5, 0.75, 1.0)


def input_spec(fit: str, colour: str = "bgr", **changes: object) -> InputSpec:
    facts = {"width": 160, "height": 96, "colour": colour, "fit": fit, "mean": (0, 0, 0), "std": (1, 1, 1)}
    return InputSpec.model_validate({**facts, **changes})


def frame_of(picture: NDArray[np.uint8], region: BoundingBox = WHOLE_FRAME) -> Frame:
    """A frame that shows `picture` (height, width, 3), BGR."""
    height, width = picture.shape[:2]
    return Frame(
        camera_id="door",
        sequence=0,
        captured_at=0.0,
        full_width=round(width / region.width),
        full_height=round(height / region.height),
        region=region,
        i420=np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420), np.uint8),
    )


def grey_with_red_block(width: int, height: int, block: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    picture = np.full((height, width, 3), 60, np.uint8)
    left, top, right, bottom = block
    picture[top:bottom, left:right] = (0, 0, 255)
    return picture


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("region", [WHOLE_FRAME, LOWER_RIGHT], ids=["whole", "region"])
@pytest.mark.parametrize(("width", "height"), [(320, 240), (202, 402), (640, 90)])
def test_a_block_found_in_the_tensor_maps_back_to_where_it_was(
    fit: str, region: BoundingBox, width: int, height: int
) -> None:
    block = (width // 4, height // 3, width // 2, height * 5 // 6)
    tensor, placement = to_tensor(frame_of(grey_with_red_block(width, height, block), region), input_spec(fit))

    rows, columns = np.nonzero(tensor[0, 2] > 160)  # bgr: the third channel is red
    found = np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], np.float32)
    box = placement.to_frame(found)[0]

    expected = [
        region.left + block[0] / width * region.width,
        region.top + block[1] / height * region.height,
        region.left + block[2] / width * region.width,
        region.top + block[3] / height * region.height,
    ]
    one_pixel = np.array([region.width / placement.width, region.height / placement.height] * 2)
    assert (np.abs(box - expected) <= 1.01 * one_pixel).all(), (box, expected)


@pytest.mark.parametrize("fit", FITS)
def test_the_corners_of_the_drawn_picture_are_the_corners_of_the_region(fit: str) -> None:
    frame = frame_of(np.zeros((90, 200, 3), np.uint8), LOWER_RIGHT)
    placement = place(frame, input_spec(fit))

    corners = [placement.left, placement.top, placement.left + placement.width, placement.top + placement.height]
    assert placement.to_frame(np.array([corners], np.float32))[0] == pytest.approx(LOWER_RIGHT)


def test_a_box_beyond_the_picture_is_not_clipped() -> None:
    placement = place(frame_of(np.zeros((96, 160, 3), np.uint8)), input_spec("stretch"))
    assert placement.to_frame(np.array([[-16, 0, 160, 120]], np.float32))[0] == pytest.approx([-0.1, 0, 1, 1.25])


def test_padding_is_where_no_picture_is() -> None:
    frame = frame_of(np.full((100, 100, 3), 255, np.uint8))

    stretched, placement = to_tensor(frame, input_spec("stretch"))
    assert (placement.left, placement.top, placement.width, placement.height) == (0, 0, 160, 96)
    assert (stretched > 250).all()

    top_left, placement = to_tensor(frame, input_spec("letterbox_top_left"))
    assert (placement.left, placement.top, placement.width, placement.height) == (0, 0, 96, 96)
    assert (top_left[0, :, :, 96:] == 114).all()
    assert (top_left[0, :, :, :96] > 250).all()

    centred, placement = to_tensor(frame, input_spec("letterbox_centre"))
    assert (placement.left, placement.width) == (32, 96)
    assert (centred[0, :, :, :32] == 114).all()
    assert (centred[0, :, :, 128:] == 114).all()
    assert (centred[0, :, :, 32:128] > 250).all()


@pytest.mark.parametrize(("colour", "order"), [("bgr", (200, 120, 40)), ("rgb", (40, 120, 200))])
def test_channels_come_in_the_order_of_the_card_and_normalised(colour: str, order: tuple[int, int, int]) -> None:
    picture = np.full((96, 160, 3), (200, 120, 40), np.uint8)
    spec = input_spec("letterbox_top_left", colour, mean=(10, 20, 30), std=(2, 4, 5))
    tensor, _ = to_tensor(frame_of(picture), spec)

    assert tensor.shape == (1, 3, 96, 160)
    assert tensor.dtype == np.float32
    expected = (np.array(order) - (10, 20, 30)) / (2, 4, 5)
    assert tensor[0].mean(axis=(1, 2)) == pytest.approx(expected, abs=1.5)


def test_the_frame_itself_is_left_as_it_was() -> None:
    frame = frame_of(np.full((96, 160, 3), 77, np.uint8))
    frame.i420.flags.writeable = False
    before = frame.i420.copy()

    to_tensor(frame, input_spec("letterbox_top_left"))
    to_tensor(frame, input_spec("letterbox_centre", width=64, height=64))

    assert (frame.i420 == before).all()
