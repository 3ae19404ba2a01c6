"""How far the edge of a fiducial mark follows the ground beside it.

The flank of an etched mark is dark whatever its ground is, so a brighter ground puts the edge farther in. One figure
says how far for the whole mark; waves of the ground that no shift of the mark makes tell it. It fits no edges.
"""

from __future__ import annotations

import math

import numpy as np

from vision.arithmetic import least_squares, median
from vision.frame import FloatArray

WIDEST_PX = 2.0
"""How far an edge would move, at most, on a ground that rises to the level of the mark: by 1.2 to 1.5 px for a flank of
1.4 px (measured). More than this comes of things that lie beside the mark."""

OPEN_PX = 1.0
"""The same, one standard deviation, before the picture has spoken (estimate): nothing is left more open."""

BEYOND_NOISE = 3.0
"""So many times its variance is taken off what is seen, so that marks without a flank lose nothing (0 to 6 tried)."""

FAR_OFF = 3.0
"""Sectors farther off than this many sigma tell nothing of the flank."""


def without_flank(geometry: FloatArray, place: FloatArray, ground: FloatArray, step: float) -> tuple[FloatArray, float]:
    """The place of the edge in every sector less what its ground does to it, and sigma that this leaves in the shift of
    the mark, px.

    geometry   (sectors, unknowns) how shift, sizes and turn move the edge
    place      (sectors,) px outward
    ground     (sectors,) slow waves of the ground level about its mean
    step       level of the mark over its ground
    """
    along = least_squares(geometry, np.column_stack([ground, place]))
    own, left = np.column_stack([ground, place]).T - (geometry @ along).T
    near = np.abs(left) <= FAR_OFF * 1.4826 * median(np.abs(left))
    own, left = own[near], left[near]
    told = max(float(own @ own), 1e-12)
    per_level = float(own @ left) / told
    off = left - per_level * own
    variance = float(off @ off) / max(len(off) - geometry.shape[1] - 1, 1) / told
    believed = max(1.0 - BEYOND_NOISE * variance / max(per_level**2, 1e-30), 0.0)
    if abs(per_level * step) > WIDEST_PX:
        believed = 0.0
    lever2 = float(along[:2, 0] @ along[:2, 0])
    has_flank = 0.5 + 0.5 * believed  # where none is seen it is open whether there is one
    open_px2 = 0.5 * has_flank * lever2 * min(variance, (OPEN_PX / step) ** 2)
    return place - believed * per_level * ground, math.sqrt(open_px2)
