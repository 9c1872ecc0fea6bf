"""RTMDet as exported by MMDeploy: suppression is part of the graph, boxes come ready in input pixels."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modules.inference.decode.candidates import Candidates, expect_outputs, sound
from modules.inference.decode.output_spec import OutputSpec


def decode_rtmdet(
    outputs: Sequence[NDArray[Any]], spec: OutputSpec, height: int, width: int, floor: float
) -> Candidates:
    """Read `dets` (1, n, 5), each left, top, right, bottom, score, and `labels` (1, n).

    Raises:
        ModelError: the outputs have other shapes.
    """
    del height, width  # the graph's own decoder has used them
    expect_outputs("rtmdet", outputs, [(1, None, 5), (1, None)])
    detections, classes = outputs[0][0], outputs[1][0]
    kept = (detections[:, 4] >= floor) & np.isin(classes, spec.kept_classes)
    return sound(
        Candidates(
            detections[kept, :4].astype(np.float32),
            detections[kept, 4].astype(np.float32),
            classes[kept].astype(np.int64),
        )
    )
