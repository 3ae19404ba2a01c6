"""Camera and nozzle geometry from seen points: straightening, centre of rotation, runout, bias of one-sided light.

It fits numbers to points; the lens itself is solved in `vision.lens`, moving the machine is for the station.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from vision.errors import TooFewPoints
from vision.frame import FloatArray


def undistorted(image_um: FloatArray, k1_per_um2: float, bend_um: tuple[float, float] = (0.0, 0.0)) -> FloatArray:
    """Seen -> true image points, (n, 2); distortion about `bend_um`."""
    arm_um = image_um - bend_um
    return np.asarray(image_um + arm_um * (k1_per_um2 * (arm_um**2).sum(axis=1, keepdims=True)))


@dataclass(frozen=True, eq=False)
class RotationFit:
    """The axis about which a seen point turns.

    centre_um    (2,) place of the axis
    runout_um    (2,) the point's place from the axis at 0 deg
    lost_um      (2,) by how much the point stands farther on than it should after arriving from the one side; 0 where
                 the sides were not given
    covariance   4 x 4 of (centre_x, centre_y, runout_x, runout_y)
    """

    centre_um: FloatArray
    runout_um: FloatArray
    lost_um: FloatArray
    covariance: FloatArray
    residual_um: FloatArray
    rms_um: float

    @property
    def runout_radius_um(self) -> float:
        return float(np.hypot(*self.runout_um))


def fit_rotation(
    theta_deg: FloatArray, seen_um: FloatArray, *, sides: FloatArray | None = None, sigma_um: float | None = None
) -> RotationFit:
    """Rotation centre and runout from one point (a pose centre, a fiducial) seen at several angles of the axis.

    theta_deg   (n,) angle of the axis, in the sense of the frame of `seen_um` (mirrored views: minus the angle)
    seen_um     (n, 2)
    sides       (n,) +1 or -1, from which side the axes that carry it arrived: their lost motion is solved for as well
    sigma_um    per axis, of one place; None: from the residuals
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
    unknowns = 4 if sides is None else 6
    design = np.zeros((2 * len(theta), unknowns))
    design[0::2, 0] = design[1::2, 1] = 1.0
    design[0::2, 2], design[0::2, 3] = np.cos(theta), -np.sin(theta)
    design[1::2, 2], design[1::2, 3] = np.sin(theta), np.cos(theta)
    if sides is not None:
        design[0::2, 4] = design[1::2, 5] = sides
    inverse = np.linalg.inv(design.T @ design)
    answer = inverse @ (design.T @ seen.ravel())
    residual = seen.ravel() - design @ answer
    rms = math.sqrt(float(residual @ residual) / max(len(residual) - unknowns, 1))
    sigma = rms if sigma_um is None else sigma_um
    covariance = np.asarray(inverse[:4, :4] * sigma**2, dtype=np.float64)
    lost_um = answer[4:] if sides is not None else np.zeros(2)
    return RotationFit(answer[:2], answer[2:4], lost_um, covariance, residual.reshape(-1, 2), rms)


def highlight_bias(first_um: FloatArray, half_turned_um: FloatArray) -> FloatArray:
    """Shift of the seen balls by one-sided light, from two pictures 180 deg apart on the nozzle, (2,).

    The bias is fixed in the camera while the part turns.

    first_um, half_turned_um   (n, 2) offsets of the same balls from their sites, both in the image frame, in pictures
                               whose poses were referred to the rotation centre
    """
    return np.asarray(0.5 * (np.mean(first_um, axis=0) + np.mean(half_turned_um, axis=0)))
