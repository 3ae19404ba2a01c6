"""Fits of one set of points to another: rigid, similarity, affine, each with its covariance.

It does not look at pixels; the station uses the same fits for boards and for calibration.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from vision.arithmetic import median
from vision.compiled import is_compiled, kernels
from vision.errors import TooFewPoints
from vision.frame import FloatArray
from vision.results import Matrix3, Pose

REJECT_RATIO = 6.0
"""Points farther off than this many median residuals are left out entirely: soft weights would move the frame."""
ROUNDS_MAX = 10
"""The most fits of one set of points: a rejection that swings to and fro ends there."""

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class RigidFit:
    """seen = turn(theta) * held_scale * model + (x, y).

    covariance   3 x 3 of (x_um, y_um, theta_deg)
    residual_um  (n, 2) seen minus fitted, for all points
    used         (n,) False where rejected
    scale_ratio  measured scale; the fit itself keeps `held_scale`
    """

    x_um: float
    y_um: float
    theta_deg: float
    scale_ratio: float
    covariance: FloatArray
    residual_um: FloatArray
    used: NDArray[np.bool_]
    rms_um: float
    held_scale: float = 1.0

    @property
    def pose(self) -> Pose:
        return Pose(self.x_um, self.y_um, self.theta_deg)

    def apply(self, model_um: FloatArray) -> FloatArray:
        return apply_pose(self.pose, self.held_scale * model_um)


@dataclass(frozen=True, eq=False)
class AffineFit:
    """seen = matrix @ model + offset_um; covariance 6 x 6 of (m00, m01, offset_x, m10, m11, offset_y)."""

    matrix: FloatArray
    offset_um: FloatArray
    covariance: FloatArray
    residual_um: FloatArray
    used: NDArray[np.bool_]
    rms_um: float

    def apply(self, model_um: FloatArray) -> FloatArray:
        """(n, 2) model points in the seen frame."""
        return np.asarray(model_um @ self.matrix.T + self.offset_um)

    def invert(self, seen_um: FloatArray) -> FloatArray:
        """(n, 2) seen points in the model frame."""
        return np.asarray(np.linalg.solve(self.matrix, (seen_um - self.offset_um).T).T)

    @property
    def is_mirrored(self) -> bool:
        return bool(np.linalg.det(self.matrix) < 0)


def turn_matrix(theta_deg: float) -> FloatArray:
    theta_rad = math.radians(theta_deg)
    cos, sin = math.cos(theta_rad), math.sin(theta_rad)
    return np.array([[cos, -sin], [sin, cos]])


def apply_pose(pose: Pose, model_um: FloatArray) -> FloatArray:
    """(n, 2) model points turned by theta and shifted."""
    return np.asarray(model_um @ turn_matrix(pose.theta_deg).T + (pose.x_um, pose.y_um))


def wrapped_deg(theta_deg: float) -> float:
    """The same angle in (-180, 180]."""
    return 180.0 - (180.0 - theta_deg) % 360.0


def as_matrix3(covariance: FloatArray) -> Matrix3:
    rows = [tuple(float(value) for value in row) for row in covariance]
    return ((rows[0][0], rows[0][1], rows[0][2]), (rows[1][0], rows[1][1], rows[1][2]),
            (rows[2][0], rows[2][1], rows[2][2]))  # fmt: skip


def fit_rigid(
    model_um: FloatArray,
    seen_um: FloatArray,
    *,
    sigma_um: float | FloatArray | None = None,
    weights: FloatArray | None = None,
    reject_ratio: float = REJECT_RATIO,
    held_scale: float = 1.0,
) -> RigidFit:
    """Weighted rigid least squares with hard rejection.

    model_um, seen_um   (n, 2)
    sigma_um     measurement sigma per axis, one or one per point; None: taken from the residuals
    weights      (n,) of the points in the fit, all equal by default: equal weights define the frame of an array
    held_scale   size of the seen thing against the model, known beforehand
    returns      pose, covariance propagated from sigma_um through the fit as it was weighted
    raises       TooFewPoints
    source       closed-form orthogonal fit in the plane; rejection at 6 median residuals
    """
    model, seen, weight = _checked(held_scale * np.asarray(model_um), seen_um, weights, 2, "rigid")
    if float(np.ptp(model, axis=0).max()) <= 0:
        raise TooFewPoints("a rigid fit needs points in at least two places")
    if is_compiled():
        return _compiled_rigid(model, seen, weight, sigma_um, reject_ratio, held_scale)

    def solve(used: NDArray[np.bool_]) -> tuple[tuple[Pose, float], FloatArray]:
        pose, scale = _rigid(model[used], seen[used], weight[used])
        return (pose, scale), seen - apply_pose(pose, model)

    (pose, scale), residual, used = _rejecting(solve, len(model), reject_ratio, 3)
    jacobian = rigid_jacobian(pose, model)
    per_axis = np.repeat(weight * used, 2)
    dof = 2 * int(used.sum()) - 3
    rms = math.sqrt(float((residual[used] ** 2).sum()) / max(dof, 1))
    sigma = _sigmas(sigma_um, len(model), residual, weight, used, dof)
    covariance = _propagated(jacobian, per_axis, np.repeat(sigma, 2))
    return RigidFit(
        pose.x_um, pose.y_um, pose.theta_deg, held_scale * scale, covariance, residual, used, rms, held_scale
    )


def _compiled_rigid(
    model: FloatArray, seen: FloatArray, weight: FloatArray, sigma_um: float | FloatArray | None, reject_ratio: float,
    held_scale: float,
) -> RigidFit:  # fmt: skip
    count = len(model)
    sigma = np.empty(0) if sigma_um is None else np.broadcast_to(np.asarray(sigma_um, np.float64), (count,)).copy()
    used, residual, figures, covariance = np.empty(count, bool), np.empty((count, 2)), np.empty(5), np.empty((3, 3))
    kernels.rigid_fit(
        np.ascontiguousarray(model), np.ascontiguousarray(seen), np.ascontiguousarray(weight), sigma, reject_ratio, 3,
        ROUNDS_MAX, used, residual, figures, covariance,
    )  # fmt: skip
    x_um, y_um, theta_rad, scale, rms_um = figures.tolist()
    theta_deg = math.degrees(theta_rad)
    return RigidFit(x_um, y_um, theta_deg, held_scale * scale, covariance, residual, used, rms_um, held_scale)


def fit_affine(
    model_um: FloatArray,
    seen_um: FloatArray,
    *,
    sigma_um: float | FloatArray | None = None,
    weights: FloatArray | None = None,
    reject_ratio: float = REJECT_RATIO,
) -> AffineFit:
    """Weighted affine least squares (scale, squareness, mirror) with hard rejection; arguments as `fit_rigid`."""
    model, seen, weight = _checked(model_um, seen_um, weights, 3, "affine")
    design = np.column_stack([model, np.ones(len(model))])
    centred = model - model.mean(axis=0)
    singular = np.linalg.svd(centred, compute_uv=False)
    if singular[-1] <= 1e-9 * max(singular[0], 1e-9):
        raise TooFewPoints("an affine fit needs three points that are not on one line")

    def solve(used: NDArray[np.bool_]) -> tuple[FloatArray, FloatArray]:
        root = np.sqrt(weight * used)[:, None]
        solution = np.linalg.lstsq(design * root, seen * root, rcond=None)[0]
        return solution, seen - design @ solution

    solution, residual, used = _rejecting(solve, len(model), reject_ratio, 4)
    dof = 2 * int(used.sum()) - 6
    rms = math.sqrt(float((residual[used] ** 2).sum()) / max(dof, 1))
    sigma = _sigmas(sigma_um, len(model), residual, weight, used, dof)
    block = _propagated(design, weight * used, sigma)
    covariance = np.zeros((6, 6))
    covariance[:3, :3] = block
    covariance[3:, 3:] = block
    return AffineFit(solution[:2].T, solution[2], covariance, residual, used, rms)


def fit_similarity(
    model_um: FloatArray,
    seen_um: FloatArray,
    *,
    sigma_um: float | FloatArray | None = None,
    weights: FloatArray | None = None,
    reject_ratio: float = REJECT_RATIO,
) -> AffineFit:
    """As `fit_affine` with one scale and no shear: turn, scale, shift. Covariance of the same six numbers."""
    model, seen, weight = _checked(model_um, seen_um, weights, 2, "similarity")
    if float(np.ptp(model, axis=0).max()) <= 0:
        raise TooFewPoints("a similarity fit needs points in at least two places")
    count = len(model)
    design = np.zeros((2 * count, 4))  # unknowns: a, b, offset_x, offset_y; matrix [[a, -b], [b, a]]
    design[0::2] = np.column_stack([model[:, 0], -model[:, 1], np.ones(count), np.zeros(count)])
    design[1::2] = np.column_stack([model[:, 1], model[:, 0], np.zeros(count), np.ones(count)])

    def solve(used: NDArray[np.bool_]) -> tuple[tuple[FloatArray, FloatArray], FloatArray]:
        root = np.sqrt(np.repeat(weight * used, 2))
        a, b, x_um, y_um = np.linalg.lstsq(design * root[:, None], seen.ravel() * root, rcond=None)[0]
        matrix, offset = np.array([[a, -b], [b, a]]), np.array([x_um, y_um])
        return (matrix, offset), seen - (model @ matrix.T + offset)

    (matrix, offset), residual, used = _rejecting(solve, count, reject_ratio, 3)
    dof = 2 * int(used.sum()) - 4
    rms = math.sqrt(float((residual[used] ** 2).sum()) / max(dof, 1))
    sigma = _sigmas(sigma_um, count, residual, weight, used, dof)
    inner = _propagated(design, np.repeat(weight * used, 2), np.repeat(sigma, 2))
    spread = np.zeros((6, 4))
    spread[[0, 2, 3, 4, 5], [0, 2, 1, 0, 3]] = 1.0
    spread[1, 1] = -1.0
    return AffineFit(matrix, offset, spread @ inner @ spread.T, residual, used, rms)


def _checked(
    model_um: FloatArray, seen_um: FloatArray, weights: FloatArray | None, minimum: int, name: str
) -> tuple[FloatArray, FloatArray, FloatArray]:
    model = np.asarray(model_um, dtype=np.float64).reshape(-1, 2)
    seen = np.asarray(seen_um, dtype=np.float64).reshape(-1, 2)
    weight = np.ones(len(model)) if weights is None else np.asarray(weights, dtype=np.float64).reshape(-1)
    if len(model) != len(seen) or len(weight) != len(model):
        raise TooFewPoints(f"{len(model)} model points, {len(seen)} seen points, {len(weight)} weights: pairs wanted")
    if len(model) < minimum:
        raise TooFewPoints(f"a {name} fit needs {minimum} points, got {len(model)}")
    finite = np.isfinite(model).all() and np.isfinite(seen).all() and np.isfinite(weight).all()
    if not finite or (weight < 0).any() or int((weight > 0).sum()) < minimum:
        raise TooFewPoints(f"a {name} fit needs {minimum} finite points with positive weight")
    return model, seen, weight


def _rigid(model: FloatArray, seen: FloatArray, weight: FloatArray) -> tuple[Pose, float]:
    total = weight.sum()
    model_mean, seen_mean = weight @ model / total, weight @ seen / total
    m, s = model - model_mean, seen - seen_mean
    dot = float(weight @ (m[:, 0] * s[:, 0] + m[:, 1] * s[:, 1]))
    cross = float(weight @ (m[:, 0] * s[:, 1] - m[:, 1] * s[:, 0]))
    theta_deg = math.degrees(math.atan2(cross, dot))
    offset = seen_mean - turn_matrix(theta_deg) @ model_mean
    scale = math.hypot(dot, cross) / max(float(weight @ (m**2).sum(axis=1)), 1e-12)
    return Pose(float(offset[0]), float(offset[1]), theta_deg), scale


def rigid_jacobian(pose: Pose, model: FloatArray) -> FloatArray:
    """Change of every point's x, y (rows 2i, 2i + 1) with x_um, y_um, theta_deg of the pose, (2n, 3)."""
    turned = model @ turn_matrix(pose.theta_deg).T
    jacobian = np.zeros((2 * len(model), 3))
    jacobian[0::2, 0] = 1.0
    jacobian[1::2, 1] = 1.0
    jacobian[0::2, 2] = -turned[:, 1] * (math.pi / 180.0)
    jacobian[1::2, 2] = turned[:, 0] * (math.pi / 180.0)
    return jacobian


def _rejecting(
    solve: Callable[[NDArray[np.bool_]], tuple[T, FloatArray]], count: int, ratio: float, minimum: int
) -> tuple[T, FloatArray, NDArray[np.bool_]]:
    """Solve, drop the points far off, again until none changes -> solution, residuals, points in use."""
    used = np.ones(count, dtype=bool)
    for _ in range(ROUNDS_MAX):
        solution, residual = solve(used)
        keep = _keep(residual, used, ratio, minimum)
        if (keep == used).all():
            break
        used = keep
    return solution, residual, used


def _keep(residual: FloatArray, used: NDArray[np.bool_], ratio: float, minimum: int) -> NDArray[np.bool_]:
    length = np.hypot(residual[:, 0], residual[:, 1])
    if int(used.sum()) <= minimum + 1:
        return used
    keep = np.asarray(length <= max(ratio * median(length[used]), 1e-6))
    return keep if int(keep.sum()) >= minimum else used


def _sigmas(
    sigma_um: float | FloatArray | None,
    count: int,
    residual: FloatArray,
    weight: FloatArray,
    used: NDArray[np.bool_],
    dof: int,
) -> FloatArray:
    if sigma_um is not None:
        return np.broadcast_to(np.asarray(sigma_um, dtype=np.float64), (count,)).copy()
    if dof <= 0:
        return np.full(count, np.nan)
    unit = float((weight[used, None] * residual[used] ** 2).sum()) / dof
    return np.sqrt(unit / np.maximum(weight, 1e-300))


def _propagated(jacobian: FloatArray, weight: FloatArray, sigma: FloatArray) -> FloatArray:
    weighted = jacobian * weight[:, None]
    inverse = np.linalg.inv(jacobian.T @ weighted)
    spread = weighted * np.where(weight > 0, sigma, 0.0)[:, None]
    return np.asarray(inverse @ (spread.T @ spread) @ inverse)
