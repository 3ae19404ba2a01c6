"""One rigid fit over several shots, each free to lie a little off where the machine says that it was taken.

A picture knows how its own discs lie to each other far better than the machine knows where the camera stood: the turn
comes from inside the shots, the place from the mean of all.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vision.frame import FloatArray
from vision.pose import RigidFit, rigid_jacobian
from vision.pose import wrapped_deg as wrapped

ROUNDS = 2
"""Linear about the fit before: the turn changes by some hundredths of a degree, the second round by nothing."""


def with_loose_shots(
    fit: RigidFit,
    model_um: FloatArray,
    seen_um: FloatArray,
    sigma_um: FloatArray,
    shot: NDArray[np.int64],
    position_sigma_um: float,
) -> RigidFit:
    """The fit with a shift of every shot as a further unknown, known beforehand to be 0 +- position_sigma_um.

    fit                  a rigid fit of the same points; those that it rejected stay out
    model_um, seen_um    (n, 2), common frame
    sigma_um             (n,) per axis, inside a picture
    shot                 (n,) number of the shot of every point, from 0
    position_sigma_um    per axis; settling of the axes and the turn of the camera against them
    returns              pose and covariance; residuals are those after the shifts
    """
    used = fit.used
    model, seen, number = fit.held_scale * model_um[used], seen_um[used], shot[used]
    count = int(shot.max()) + 1
    weight = np.repeat(1.0 / sigma_um[used], 2)
    shifts = np.zeros((2 * len(model), 2 * count))
    rows = np.arange(len(model))
    shifts[2 * rows, 2 * number] = shifts[2 * rows + 1, 2 * number + 1] = 1.0
    known = np.column_stack([np.zeros((2 * count, 3)), np.eye(2 * count) / position_sigma_um])
    answer, normal = np.zeros(3 + 2 * count), np.eye(3 + 2 * count)
    for _ in range(ROUNDS):
        rest = (seen - fit.apply(model / fit.held_scale)).ravel()
        design = np.column_stack([rigid_jacobian(fit.pose, model), shifts])
        weighted = np.vstack([design * weight[:, None], known])
        normal = weighted.T @ weighted
        answer = np.linalg.solve(normal, weighted.T @ np.concatenate([rest * weight, np.zeros(2 * count)]))
        fit = replace(
            fit,
            x_um=fit.x_um + float(answer[0]),
            y_um=fit.y_um + float(answer[1]),
            theta_deg=wrapped(fit.theta_deg + float(answer[2])),
        )
    shift_um = answer[3:].reshape(-1, 2)
    residual_um = seen_um - fit.apply(model_um) - shift_um[shot]
    rms_um = float(np.sqrt((residual_um[used] ** 2).sum() / max(2 * len(model) - 3, 1)))
    covariance = np.asarray(np.linalg.inv(normal)[:3, :3], dtype=np.float64)
    return replace(fit, covariance=covariance, residual_um=residual_um, rms_um=rms_um)
