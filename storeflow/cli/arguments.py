"""Numbers of the command line, refused there when they can be none of what they stand for."""

import argparse
import math
from collections.abc import Callable

MOST_FPS = 60.0
"""As many frames a second as a camera may have."""
ANNOTATE_HELP = "write annotated.mp4, too; privacy: everybody whom the camera saw can be seen in it"


def positive(most: float = math.inf) -> Callable[[str], float]:
    """An argument's type: a number above 0 and at most `most`."""
    told = "a number above 0" if most == math.inf else f"a number above 0 and at most {most:g}"

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = 0.0
        if not (0 < value <= most and math.isfinite(value)):
            raise argparse.ArgumentTypeError(f"{text!r} is not {told}")
        return value

    return read
