"""Which detection belongs to which track: the pairing with the largest total similarity."""

import lap
import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.intp]


def match(similarity: NDArray[np.float64], minimum: float) -> tuple[Indices, Indices]:
    """Rows (tracks) and columns (detections) of the best pairs of `similarity` (n, m), those below `minimum` left out.

    The pairing is the best one over all pairs (Jonker-Volgenant); only then the poor pairs are dropped.
    """
    if similarity.size == 0:
        none: Indices = np.empty(0, np.intp)
        return none, none
    _, column_of, _ = lap.lapjv(-similarity, extend_cost=True)
    rows = np.flatnonzero(column_of >= 0)
    columns = column_of[rows].astype(np.intp)
    good = similarity[rows, columns] >= minimum
    return rows[good], columns[good]
