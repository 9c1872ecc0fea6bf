import numpy as np

from tools.train_detector.augment import augment
from tools.train_detector.scenes import HEIGHT, WIDTH, LabelledImage
from tools.train_detector.targets import STRIDE, encode


def boxes(*rows: tuple[float, float, float, float]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.array(rows, np.float32).reshape(-1, 4)


def test_the_cell_of_the_centre_gives_the_box_back() -> None:
    target = encode(boxes((100, 40, 140, 160)), np.ones(1, np.float32), (WIDTH, HEIGHT))
    ((row, column),) = np.argwhere(target.centre == 1)
    x, y = (column + 0.5) * STRIDE, (row + 0.5) * STRIDE
    left, top, right, bottom = target.distances[:, row, column]
    assert (x - left, y - top, x + right, y + bottom) == (100, 40, 140, 160)


def test_a_half_hidden_body_is_required_a_hidden_one_forgiven_and_an_unseen_one_wrong() -> None:
    for visible, required, judged in ((0.5, True, True), (0.2, False, False), (0.05, False, True)):
        target = encode(boxes((100, 40, 140, 160)), np.array([visible], np.float32), (WIDTH, HEIGHT))
        assert bool((target.centre == 1).any()) is required
        assert bool((target.care == 1).all()) is judged


def test_augmented_boxes_stay_in_the_picture_and_on_their_bodies() -> None:
    image = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
    image[80:180, 200:240] = (250, 40, 40)
    sample = LabelledImage(image, boxes((200, 80, 240, 180)), np.ones(1, np.float32))
    for seed in range(40):
        changed = augment(sample, np.random.default_rng(seed))
        for left, top, right, bottom in changed.boxes:
            assert left >= 0
            assert top >= 0
            assert right <= WIDTH
            assert bottom <= HEIGHT
            inner = changed.image[int(top) + 2 : int(bottom) - 2, int(left) + 2 : int(right) - 2].astype(np.float32)
            assert inner[..., 0].mean() > inner[..., 1].mean() * 0.95
