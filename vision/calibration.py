"""Camera and nozzle geometry from seen points: scale, rotation, mirror, distortion, centre of rotation, runout.

It fits numbers to pairs of points; moving the machine and taking the pictures is for the station.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from vision.errors import TooFewPoints
from vision.frame import FloatArray
from vision.pose import AffineFit, fit_affine


@dataclass(frozen=True, eq=False)
class CameraFit:
    """machine displacement = matrix @ undistorted image point + offset_um.

    matrix          2 x 2; its determinant is negative for a mirrored view (the camera that looks up)
    k1_per_um2      undistorted = seen * (1 + k1 * r^2), r about the image centre
    covariance      6 x 6 of (m00, m01, offset_x, m10, m11, offset_y), with k1 as fitted
    scale_ratio     image um to machine um, root of the area ratio
    rotation_deg    turn of the sensor after the mirror is taken out
    """

    matrix: FloatArray
    offset_um: FloatArray
    k1_per_um2: float
    k1_sigma_per_um2: float
    covariance: FloatArray
    residual_um: FloatArray
    rms_um: float
    used_count: int

    @property
    def is_mirrored(self) -> bool:
        return bool(np.linalg.det(self.matrix) < 0)

    @property
    def scale_ratio(self) -> float:
        return math.sqrt(abs(float(np.linalg.det(self.matrix))))

    @property
    def rotation_deg(self) -> float:
        matrix = np.diag([-1.0, 1.0]) @ self.matrix if self.is_mirrored else self.matrix
        return math.degrees(math.atan2(matrix[1, 0] - matrix[0, 1], matrix[0, 0] + matrix[1, 1]))

    def to_machine(self, image_um: FloatArray) -> FloatArray:
        """(n, 2) image points (about the centre, x right, y up) -> machine um from the reference of the fit."""
        return np.asarray(undistorted(image_um, self.k1_per_um2) @ self.matrix.T + self.offset_um)


def undistorted(image_um: FloatArray, k1_per_um2: float) -> FloatArray:
    """Seen -> true image points, (n, 2)."""
    return np.asarray(image_um * (1.0 + k1_per_um2 * (image_um**2).sum(axis=1, keepdims=True)))


def fit_camera(
    image_um: FloatArray,
    machine_um: FloatArray,
    *,
    sigma_um: float | FloatArray | None = None,
    with_distortion: bool = False,
) -> CameraFit:
    """Affine map from image points to machine displacements, optionally with radial distortion.

    image_um     (n, 2) where one and the same point was seen, um about the image centre, x right, y up
    machine_um   (n, 2) where it stood relative to the camera's reference; for a camera that moves with the head over a
                 fixed point: minus the head's displacement
    raises       TooFewPoints: 3 pairs, 6 with distortion
    """
    image = np.asarray(image_um, dtype=np.float64).reshape(-1, 2)
    k1, k1_sigma = 0.0, 0.0
    fit = fit_affine(image, machine_um, sigma_um=sigma_um)
    if with_distortion:
        if len(image) < 6:
            raise TooFewPoints(f"distortion needs 6 pairs, got {len(image)}")
        for _ in range(8):
            bent = undistorted(image, k1)
            fit = fit_affine(bent, machine_um, sigma_um=sigma_um)
            step, k1_sigma = _k1_step(image, fit, sigma_um)
            k1 += step
            if abs(step) < 1e-4 * max(k1_sigma, 1e-30):
                break
        fit = fit_affine(undistorted(image, k1), machine_um, sigma_um=sigma_um)
    return CameraFit(
        fit.matrix, fit.offset_um, k1, k1_sigma, fit.covariance, fit.residual_um, fit.rms_um, int(fit.used.sum())
    )


def _k1_step(image: FloatArray, fit: AffineFit, sigma_um: float | FloatArray | None) -> tuple[float, float]:
    """How far k1 must move, with what the affine part can absorb taken out of its effect; and its sigma."""
    effect = (image * (image**2).sum(axis=1, keepdims=True)) @ fit.matrix.T
    design = np.column_stack([image, np.ones(len(image))])[fit.used]
    effect = effect[fit.used]
    rest = effect - design @ np.linalg.lstsq(design, effect, rcond=None)[0]
    power = float((rest**2).sum())
    if power <= 0:
        raise TooFewPoints("distortion needs points at different distances from the image centre")
    step = float((rest * fit.residual_um[fit.used]).sum()) / power
    sigma = fit.rms_um if sigma_um is None else float(np.sqrt(np.mean(np.square(sigma_um))))
    return step, sigma / math.sqrt(power)


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
