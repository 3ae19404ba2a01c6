"""What a lens does, from one flat part with known dots shown to it several times: scale, distortion, scale with height.

All shots are solved together with the pose of the part in each, so that no move of the machine enters: the dots are
known better than any axis. How the camera lies in the machine is for `vision.calibration`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vision.errors import TooFewPoints
from vision.frame import FloatArray
from vision.pose import REJECT_RATIO, fit_rigid, turn_matrix
from vision.results import Pose

ROUNDS = 12
DOTS_LEAST = 12
"""Seen dots of one shot below which it says nothing about a lens."""

SCALE, BEND, RISE, CENTRE_X, CENTRE_Y = range(5)


@dataclass(frozen=True, eq=False)
class DotShot:
    """One picture of the part.

    model_um   (n, 2) dots as drawn, mirrored where the view is mirrored
    seen_um    (n, 2) where they were seen, um about the image centre at the nominal scale, x right, y up
    height_um  distance of the part from the plane of sharp focus, away from the camera positive
    """

    model_um: FloatArray
    seen_um: FloatArray
    height_um: float = 0.0


@dataclass(frozen=True, eq=False)
class LensFit:
    """undistorted(seen) = scale_ratio * (1 + scale_per_um * height) * part + place, all in um at the nominal scale.

    k1_per_um2     undistorted = seen * (1 + k1 * r^2) about `centre_um`, at the nominal scale
    scale_per_um   relative change of scale per um of height: 0 for a telecentric lens, about -1 / working distance else
    centre_um      (2,) where the distortion is centred; the image centre unless it was solved for
    covariance     5 x 5 of (scale_ratio, k1_per_um2, scale_per_um, centre x, centre y); 0 for what was not solved for
    poses          of the part in every shot, true um and deg in the image frame
    residual_um    per shot (n, 2)
    rms_um         per axis, of the dots in use
    """

    scale_ratio: float
    k1_per_um2: float
    scale_per_um: float
    centre_um: FloatArray
    covariance: FloatArray
    poses: tuple[Pose, ...]
    residual_um: tuple[FloatArray, ...]
    rms_um: float
    used_count: int

    @property
    def true_k1_per_um2(self) -> float:
        """For points already measured with the calibrated scale, as `vision.frame.Frame` wants it."""
        return self.k1_per_um2 * self.scale_ratio**2

    def sigma(self, which: int) -> float:
        """Standard deviation of one of SCALE, BEND, RISE, CENTRE_X, CENTRE_Y."""
        return math.sqrt(float(self.covariance[which, which]))


def fit_lens(
    shots: Sequence[DotShot], *, with_distortion: bool = True, with_height: bool = False, with_centre: bool = False
) -> LensFit:
    """Solve the lens and the pose of the part in every shot from all dots of all shots, with hard rejection.

    with_height   wants shots at heights at least 1 um apart
    with_centre   wants a distortion that is seen for sure: without one no place in the picture is its centre
    raises        TooFewPoints
    """
    wanted = [True, with_distortion, with_height, with_centre, with_centre]
    reach = _checked(shots, with_height)
    free = np.flatnonzero(wanted)
    first = [fit_rigid(shot.model_um, shot.seen_um) for shot in shots]
    lens = np.array([np.mean([fit.scale_ratio for fit in first]), 0.0, 0.0, 0.0, 0.0])
    poses = np.array([(fit.x_um, fit.y_um, math.radians(fit.theta_deg)) for fit in first])
    used = [np.ones(len(shot.model_um), dtype=bool) for shot in shots]
    # Unknowns of like size: bend and rise as what they do at the edge of what was seen.
    highest = max(abs(shot.height_um) for shot in shots)
    unit = np.array([1.0, reach**-2, 1.0 / highest if with_height else 1.0, 1.0, 1.0])
    for _ in range(ROUNDS):
        rows = [_linear(shot, lens, pose) for shot, pose in zip(shots, poses, strict=True)]
        design = np.zeros((sum(2 * len(one) for one in used), len(free) + 3 * len(shots)))
        right = np.concatenate([residual.ravel() for residual, _, _ in rows])
        weight = np.concatenate([np.repeat(one, 2) for one in used]).astype(np.float64)
        at = 0
        for number, (residual, of_lens, of_pose) in enumerate(rows):
            end = at + residual.size
            design[at:end, : len(free)] = of_lens[:, free] * unit[free]
            design[at:end, len(free) + 3 * number : len(free) + 3 * number + 3] = of_pose
            at = end
        # Columns of one length: a centre moves dots by 1e-5 of itself, a turn by thousands; a cut-off would drop it.
        length = np.sqrt(np.einsum("ij,ij,i->j", design, design, weight))
        length[length == 0.0] = 1.0
        design /= length
        normal = design.T @ (design * weight[:, None])
        change = np.linalg.lstsq(normal, design.T @ (weight * right), rcond=1e-14)[0] / length
        lens[free] += change[: len(free)] * unit[free]
        poses = poses + change[len(free) :].reshape(-1, 3)
        kept = _kept([residual for residual, _, _ in rows], used)
        settled = float(np.abs(change).max()) < 1e-7 and all((a == b).all() for a, b in zip(kept, used, strict=True))
        used = kept
        if settled:
            break
    residuals = tuple(_linear(shot, lens, pose)[0] for shot, pose in zip(shots, poses, strict=True))
    count = int(sum(one.sum() for one in used))
    power = sum(float((residual[one] ** 2).sum()) for residual, one in zip(residuals, used, strict=True))
    variance = power / max(2 * count - design.shape[1], 1)
    covariance = np.zeros((5, 5))
    inverse = np.asarray(np.linalg.pinv(normal), dtype=np.float64)
    unit[free] /= length[: len(free)]
    inner = inverse[: len(free), : len(free)] * variance
    inner *= _by_shots(inverse[: len(free)], design * weight[:, None], residuals, np.diag(inner))
    covariance[np.ix_(free, free)] = inner * np.outer(unit[free], unit[free])
    scales = [float(lens[SCALE] * (1.0 + lens[RISE] * shot.height_um)) for shot in shots]
    return LensFit(
        float(lens[SCALE]), float(lens[BEND]), float(lens[RISE]), lens[CENTRE_X:].copy(), covariance,
        tuple(Pose(float(x / s), float(y / s), math.degrees(t)) for (x, y, t), s in zip(poses, scales, strict=True)),
        residuals, math.sqrt(variance), count,
    )  # fmt: skip


def _checked(shots: Sequence[DotShot], with_height: bool) -> float:
    """How far from the image centre dots were seen."""
    if len(shots) == 0:
        raise TooFewPoints("a lens needs at least one shot of the dots")
    for number, shot in enumerate(shots, start=1):
        shape = shot.model_um.shape
        if shape != shot.seen_um.shape or len(shape) != 2 or shape[0] < DOTS_LEAST:
            raise TooFewPoints(
                f"shot {number}: {DOTS_LEAST} dots wanted, as pairs, got {shape} and {shot.seen_um.shape}"
            )
        if not (np.isfinite(shot.seen_um).all() and np.isfinite(shot.model_um).all() and math.isfinite(shot.height_um)):
            raise TooFewPoints(f"shot {number}: dots and height must be finite")
    heights = [shot.height_um for shot in shots]
    if with_height and max(heights) - min(heights) < 1.0:
        raise TooFewPoints("scale with height needs shots at two heights at least 1 um apart")
    return max(float(np.hypot(*shot.seen_um.T).max()) for shot in shots)


def _linear(shot: DotShot, lens: FloatArray, pose: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Residual (n, 2): seen, undistorted, less the part; its derivatives by the lens and by the pose, (2n, 5), (2n, 3),
    with the sign that a step along them takes the residual away."""
    arm = shot.seen_um - lens[CENTRE_X:]
    r2 = (arm**2).sum(axis=1, keepdims=True)
    size = float(lens[SCALE] * (1.0 + lens[RISE] * shot.height_um))
    turned = shot.model_um @ turn_matrix(math.degrees(pose[2])).T
    residual = shot.seen_um + lens[BEND] * arm * r2 - size * turned - pose[:2]
    of_lens = np.zeros((*residual.shape, 5))
    of_lens[..., SCALE] = turned * (1.0 + lens[RISE] * shot.height_um)
    of_lens[..., BEND] = -arm * r2
    of_lens[..., RISE] = turned * (lens[SCALE] * shot.height_um)
    for axis, which in ((0, CENTRE_X), (1, CENTRE_Y)):
        of_lens[..., which] = 2.0 * lens[BEND] * arm * arm[:, axis : axis + 1]
        of_lens[:, axis, which] += lens[BEND] * r2[:, 0]
    of_pose = np.zeros((*residual.shape, 3))
    of_pose[:, 0, 0] = of_pose[:, 1, 1] = 1.0
    of_pose[:, 0, 2], of_pose[:, 1, 2] = -size * turned[:, 1], size * turned[:, 0]
    return residual, of_lens.reshape(-1, 5), of_pose.reshape(-1, 3)


def _by_shots(
    inverse: FloatArray, design: FloatArray, residuals: Sequence[FloatArray], variance: FloatArray
) -> FloatArray:
    """By how much the shots differ more among each other than their dots would make them: dots a whole number of pixels
    apart err alike, so the dots of one shot are fewer witnesses than their number."""
    pulls, at = [], 0
    for residual in residuals:
        pulls.append(inverse @ (design[at : at + residual.size].T @ residual.ravel()))
        at += residual.size
    spread = np.sum(np.square(pulls), axis=0) * len(pulls) / max(len(pulls) - 1, 1)
    wider = np.sqrt(np.maximum(spread / np.maximum(variance, 1e-300), 1.0))
    return np.outer(wider, wider)


def _kept(residuals: Sequence[FloatArray], used: Sequence[NDArray[np.bool_]]) -> list[NDArray[np.bool_]]:
    length = [np.hypot(*residual.T) for residual in residuals]
    middle = float(np.median(np.concatenate([one[at] for one, at in zip(length, used, strict=True)])))
    return [np.asarray(one <= max(REJECT_RATIO * middle, 1e-9)) for one in length]
