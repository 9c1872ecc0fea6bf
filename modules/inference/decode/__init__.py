"""From a model's raw outputs to boxes: one pure file per output family.

Every decoder takes `(outputs, spec, height, width, floor)`: the model's arrays, the card's `[output]`, the input's size
in pixels, and the confidence under which nothing is worth keeping. It returns `sound` `Candidates` in input pixels.
"""

from collections.abc import Callable, Sequence
from typing import Any

from numpy.typing import NDArray

from modules.inference.decode.candidates import Candidates
from modules.inference.decode.centre_map import decode_centre_map
from modules.inference.decode.output_spec import OutputSpec
from modules.inference.decode.rtmdet import decode_rtmdet
from modules.inference.decode.yolox import decode_yolox

Decoder = Callable[[Sequence[NDArray[Any]], OutputSpec, int, int, float], Candidates]

DECODERS: dict[str, Decoder] = {
    "rtmdet": decode_rtmdet,
    "yolox": decode_yolox,
    "centre_map": decode_centre_map,
}

__all__ = ["DECODERS", "Candidates", "Decoder"]
