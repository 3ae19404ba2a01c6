"""One rigid fit over several shots, each free to lie a little off where the machine says that it was taken.

A picture knows how its own discs lie to each other far better than the machine knows where the camera stood: the turn
comes from inside the shots, the place from the mean of all. Two things part shots from their places: each settles
somewhere, and the camera is turned a little against the axes that laid them all out.
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
    centres_um: FloatArray,
    position_sigma_um: float,
    layout_sigma_deg: float,
) -> RigidFit:
    """The fit with a shift of every shot and one turn of their layout as further unknowns, both about 0 beforehand.

    fit                  a rigid fit of the same points; those that it rejected stay out
    model_um, seen_um    (n, 2), common frame
    sigma_um             (n,) per axis, inside a picture
    shot                 (n,) number of the shot of every point, from 0
    centres_um           (shots, 2) where the shots were taken, common frame
    position_sigma_um    per axis: where the axes come to rest
    layout_sigma_deg     turn of the camera against the axes
    returns              pose and covariance; residuals are those after the shifts
    """
    used = fit.used
    model, seen, number = fit.held_scale * model_um[used], seen_um[used], shot[used]
    count = len(centres_um)
    weight = np.repeat(1.0 / sigma_um[used], 2)
    from_middle = centres_um - centres_um.mean(axis=0)
    turned_um = np.radians(1.0) * np.column_stack([-from_middle[:, 1], from_middle[:, 0]])  # per deg
    loose = np.zeros((2 * len(model), 2 * count + 1))
    rows = np.arange(len(model))
    loose[2 * rows, 2 * number] = loose[2 * rows + 1, 2 * number + 1] = 1.0
    loose[:, -1] = turned_um[number].ravel()
    beforehand = np.diag([1.0 / position_sigma_um] * (2 * count) + [1.0 / layout_sigma_deg])
    known = np.column_stack([np.zeros((2 * count + 1, 3)), beforehand])
    answer, normal = np.zeros(3 + len(known)), np.eye(3 + len(known))
    for _ in range(ROUNDS):
        rest = (seen - fit.apply(model / fit.held_scale)).ravel()
        design = np.column_stack([rigid_jacobian(fit.pose, model), loose])
        weighted = np.vstack([design * weight[:, None], known])
        normal = weighted.T @ weighted
        answer = np.linalg.solve(normal, weighted.T @ np.concatenate([rest * weight, np.zeros(len(known))]))
        fit = replace(
            fit,
            x_um=fit.x_um + float(answer[0]),
            y_um=fit.y_um + float(answer[1]),
            theta_deg=wrapped(fit.theta_deg + float(answer[2])),
        )
    shift_um = answer[3:-1].reshape(-1, 2) + answer[-1] * turned_um
    residual_um = seen_um - fit.apply(model_um) - shift_um[shot]
    rms_um = float(np.sqrt((residual_um[used] ** 2).sum() / max(2 * len(model) - 3, 1)))
    covariance = np.asarray(np.linalg.inv(normal)[:3, :3], dtype=np.float64)
    return replace(fit, covariance=covariance, residual_um=residual_um, rms_um=rms_um)
