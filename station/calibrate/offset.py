"""Camera to nozzle from place-and-look trials at two heights: the offset in the upper plane, and the camera's lean."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from station.calibrate.model import OffsetFound
from station.coordinates import Shift


def solve_offset(depth_um: Sequence[float], offsets: Sequence[Shift]) -> tuple[OffsetFound, float]:
    """A straight line through the trials, per axis; both axes scatter alike and say together by how much.

    depth_um   of what was looked at in each trial, farther from the camera than the plane of the offset; two or more
    returns    what was found, and the scatter of one trial about it in the worse axis, um
    """
    depth = np.array(depth_um, dtype=np.float64)
    seen = np.array([(offset.x_um, offset.y_um) for offset in offsets])
    design = np.column_stack([np.ones_like(depth), depth])
    inverse = np.linalg.inv(design.T @ design)
    line = inverse @ design.T @ seen
    power = ((seen - design @ line) ** 2).sum(axis=0) / (len(depth) - 2)
    variance = float(power.mean())
    covariance = np.kron(inverse, np.eye(2)) * variance
    found = OffsetFound(
        x_um=float(line[0, 0]),
        y_um=float(line[0, 1]),
        lean_x_ratio=float(line[1, 0]),
        lean_y_ratio=float(line[1, 1]),
        covariance=tuple(tuple(float(value) for value in row) for row in covariance),
        residual_um=variance**0.5,
        trial_count=len(depth),
    )
    return found, float(power.max()) ** 0.5
