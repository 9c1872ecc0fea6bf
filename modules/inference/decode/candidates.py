"""What every decoder returns, and the checks that every decoder begins and ends with."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from storeflow.errors import ModelError

_LEAST_SIDE = 0.5
"""Input pixels: what is thinner has no height that lengths could be measured by."""


class Candidates(NamedTuple):
    """n boxes that a model proposes for one picture."""

    boxes: NDArray[np.float32]
    """Shape (n, 4): left, top, right, bottom, in input pixels."""
    scores: NDArray[np.float32]
    """Shape (n,), 0 to 1."""
    classes: NDArray[np.int64]
    """Shape (n,), indices into the card's labels."""


def sound(candidates: Candidates) -> Candidates:
    """The candidates whose box is one: finite, and neither turned inside out nor thinner than any object is."""
    boxes = candidates.boxes
    kept = np.isfinite(boxes).all(axis=1) & (boxes[:, 2:] >= boxes[:, :2] + _LEAST_SIDE).all(axis=1)
    return Candidates(boxes[kept], candidates.scores[kept], candidates.classes[kept])


def expect_outputs(decoder: str, outputs: Sequence[NDArray[Any]], shapes: Sequence[tuple[int | None, ...]]) -> None:
    """Check the number and the shapes of a model's outputs; None in a shape is any size.

    Raises:
        ModelError: the model speaks another language than the card's decoder.
    """
    found = [output.shape for output in outputs]
    fits = len(found) == len(shapes) and all(
        len(shape) == len(wanted) and all(want in (None, size) for size, want in zip(shape, wanted, strict=True))
        for shape, wanted in zip(found, shapes, strict=True)
    )
    if not fits:
        wish = ", ".join(f"({', '.join('n' if size is None else str(size) for size in shape)})" for shape in shapes)
        raise ModelError(
            f"decoder {decoder} expected outputs of shape {wish}, got {', '.join(map(str, found))}: "
            "the card's [output] or [input] does not belong to these weights"
        )
