"""One model at work: a frame in, boxes in fractions of the camera's frame out."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from modules.inference.decode import DECODERS
from modules.inference.engine import Engine
from modules.inference.model_card import ModelCard, find_weights, load_card
from modules.inference.preprocess import to_tensor
from storeflow.errors import ModelError
from storeflow.frames.frame import Frame


class Detected(NamedTuple):
    """The n objects that one model sees in one frame."""

    boxes: NDArray[np.float64]
    """Shape (n, 4): left, top, right, bottom, in fractions of the full camera frame; may reach beyond it."""
    scores: NDArray[np.float64]
    """Shape (n,), 0 to 1."""
    labels: tuple[str, ...]


class Detector:
    """A model card, its engine and its decoder, tried once before they are believed.

    Args:
        card: the model's card.
        weights: its weights, already checked by `find_weights`.
        threshold: the operator's, in place of the card's.

    Raises:
        ModelError: the engine refuses the weights, or their outputs are not what the card's decoder reads.
    """

    def __init__(self, card: ModelCard, weights: Path, *, threshold: float | None = None) -> None:
        self.card = card
        self.threshold = card.output.threshold if threshold is None else threshold
        shape = (1, 3, card.input.height, card.input.width)
        self._decode = DECODERS[card.output.decoder]
        self._engine = Engine(weights, shape, precision=card.engine.precision)
        outputs = self._engine.run(np.zeros(shape, np.float32))
        try:
            self._decode(outputs, card.output, card.input.height, card.input.width, self.threshold)
        except ModelError as error:
            raise ModelError(f"weights {weights}: {error}") from error

    def detect(self, frame: Frame, floor: float) -> Detected:
        """Everything in the frame that the model believes in at least as much as `floor`.

        Raises:
            ModelError: the engine failed.
        """
        spec = self.card.input
        tensor, placement = to_tensor(frame, spec)
        found = self._decode(self._engine.run(tensor), self.card.output, spec.height, spec.width, floor)
        names = self.card.output.labels
        return Detected(
            placement.to_frame(found.boxes),
            found.scores.astype(np.float64),
            tuple(names[index] for index in found.classes),
        )


def load_detector(folder: Path, model_folders: Sequence[Path], *, threshold: float | None = None) -> Detector:
    """The detector of one model folder, ready to run.

    Raises:
        ModelError: the card, the weights or the engine is unusable; the message says which and what to do.
    """
    card = load_card(folder)
    return Detector(card, find_weights(card, folder, model_folders), threshold=threshold)
