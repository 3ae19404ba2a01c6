"""Medians, quantiles and least squares of some hundred numbers, where numpy's own cost several times as much.

For finite numbers only.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vision.compiled import is_compiled, kernels
from vision.frame import FloatArray

UNKNOWNS_MOST = 16
"""The compiled part has room for so many."""


def median(values: FloatArray) -> float:
    """The middle one, or the mean of the two in the middle; of any shape, not empty."""
    ordered = np.sort(values, axis=None)
    return 0.5 * float(ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2])


def quantiles(values: FloatArray, shares: Sequence[float]) -> list[float]:
    """Values that these shares lie below, on a straight line between the two nearest; not empty."""
    ordered = np.sort(values, axis=None)
    found = []
    for share in shares:
        place = share * (len(ordered) - 1)
        low = int(place)
        upper = float(ordered[min(low + 1, len(ordered) - 1)])
        found.append(float(ordered[low]) + (place - low) * (upper - float(ordered[low])))
    return found


def least_squares(design: FloatArray, values: FloatArray, weight: FloatArray | float = 1.0) -> FloatArray:
    """By normal equations, (unknowns,) or (unknowns, columns of values); a millionth of the number of rows with weight
    pulls towards zero, so that what the rows leave open stays small."""
    if is_compiled() and design.shape[1] <= UNKNOWNS_MOST:
        each = np.full(len(design), weight) if isinstance(weight, float) else np.ascontiguousarray(weight)
        answer = np.empty((design.shape[1], *values.shape[1:]))
        kernels.least_squares(np.ascontiguousarray(design), np.ascontiguousarray(values), each, answer)
        return answer
    turned = design.T * weight
    normal = turned @ design
    used = len(design) if isinstance(weight, float) else int(np.count_nonzero(weight))
    normal.flat[:: len(normal) + 1] += 1e-6 * used
    return np.asarray(np.linalg.solve(normal, turned @ values))
