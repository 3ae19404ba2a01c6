"""Camera and nozzle geometry from seen points: straightening, centre of rotation, runout, bias of one-sided light.

It fits numbers to points; the lens itself is solved in `vision.lens`, moving the machine is for the station.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from vision.errors import TooFewPoints
from vision.frame import FloatArray


def undistorted(image_um: FloatArray, k1_per_um2: float) -> FloatArray:
    """Seen -> true image points, (n, 2)."""
    return np.asarray(image_um * (1.0 + k1_per_um2 * (image_um**2).sum(axis=1, keepdims=True)))


@dataclass(frozen=True, eq=False)
class RotationFit:
    """The axis about which a seen point turns.

    centre_um    (2,) place of the axis
    runout_um    (2,) the point's place from the axis at 0 deg
    covariance   4 x 4 of (centre_x, centre_y, runout_x, runout_y)
    """

    centre_um: FloatArray
    runout_um: FloatArray
    covariance: FloatArray
    residual_um: FloatArray
    rms_um: float

    @property
    def runout_radius_um(self) -> float:
        return float(np.hypot(*self.runout_um))


def fit_rotation(theta_deg: FloatArray, seen_um: FloatArray, *, sigma_um: float | None = None) -> RotationFit:
    """Rotation centre and runout from one point (a pose centre, a fiducial) seen at several angles of the axis.

    theta_deg   (n,) angle of the axis, in the sense of the frame of `seen_um` (mirrored views: minus the angle)
    seen_um     (n, 2)
    raises      TooFewPoints below 3 angles or when they span less than 20 deg
    """
    theta = np.radians(np.asarray(theta_deg, dtype=np.float64).reshape(-1))
    seen = np.asarray(seen_um, dtype=np.float64).reshape(-1, 2)
    if len(theta) != len(seen) or len(theta) < 3:
        raise TooFewPoints(f"a rotation needs 3 angles with a point each, got {len(theta)} and {len(seen)}")
    if not (np.isfinite(theta).all() and np.isfinite(seen).all()):
        raise TooFewPoints("angles and points of a rotation must be finite")
    if float(np.ptp(theta)) < math.radians(20.0):
        raise TooFewPoints(f"angles span {math.degrees(float(np.ptp(theta))):.1f} deg, at least 20 deg wanted")
    design = np.zeros((2 * len(theta), 4))
    design[0::2, 0] = design[1::2, 1] = 1.0
    design[0::2, 2], design[0::2, 3] = np.cos(theta), -np.sin(theta)
    design[1::2, 2], design[1::2, 3] = np.sin(theta), np.cos(theta)
    inverse = np.linalg.inv(design.T @ design)
    answer = inverse @ (design.T @ seen.ravel())
    residual = seen.ravel() - design @ answer
    freedom = len(residual) - 4
    rms = math.sqrt(float(residual @ residual) / max(freedom, 1))
    sigma = rms if sigma_um is None else sigma_um
    return RotationFit(
        answer[:2], answer[2:], np.asarray(inverse * sigma**2, dtype=np.float64), residual.reshape(-1, 2), rms
    )


def highlight_bias(first_um: FloatArray, half_turned_um: FloatArray) -> FloatArray:
    """Shift of the seen balls by one-sided light, from two pictures 180 deg apart on the nozzle, (2,).

    The bias is fixed in the camera while the part turns.

    first_um, half_turned_um   (n, 2) offsets of the same balls from their sites, both in the image frame, in pictures
                               whose poses were referred to the rotation centre
    """
    return np.asarray(0.5 * (np.mean(first_um, axis=0) + np.mean(half_turned_um, axis=0)))
