"""The Cramer-Rao bound of a scene: the best any unbiased method could do, from rendered derivatives.

Balls only; radial profile, light and background are taken as known, so no texture and no unknown tilt is in it: real
methods cannot quite reach it. Every covariance is in um and deg of the image frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType

import numpy as np

from tests.benchmarks.vision import renderer
from tests.benchmarks.vision.scene import Scene
from tests.benchmarks.vision.truth import balls_of

STEP_PX = 0.05


@dataclass(frozen=True)
class Bound:
    """One standard deviation: of x and y (mean of both) and theta of the array; of one ball per axis (median)."""

    xy_um: float
    theta_deg: float
    ball_um: float


def information(scene: Scene, optics: ModuleType = renderer) -> tuple[np.ndarray, np.ndarray]:
    """Fisher information of every ball present, 1 / um^2: (n, 2, 2), and its true centres (n, 2), image frame.

    optics   the renderer whose `patches` and `illumination` draw the balls
    """
    balls, sensor = balls_of(scene), scene.sensor
    shown = np.flatnonzero(balls.present & ~balls.is_extra)
    light = optics.illumination(scene)
    ground = scene.substrate.level_dn

    def drawn(shift_px: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
        corner, level, cover = optics.patches(balls, shown, sensor, shift_px)
        return corner, level + ground * (1 - cover)

    corner, centre = drawn((0.0, 0.0))
    right, left = drawn((STEP_PX, 0.0))[1], drawn((-STEP_PX, 0.0))[1]
    low, high = drawn((0.0, STEP_PX))[1], drawn((0.0, -STEP_PX))[1]  # rows point down, y up
    slope = np.stack([right - left, high - low], axis=-1) / (2 * STEP_PX * sensor.um_per_px)
    found = np.empty((len(shown), 2, 2))
    side = centre.shape[1]
    for i, (column, row) in enumerate(corner.tolist()):
        gain, cut = renderer.clipped(light, column, row, side)
        variance = sensor.noise_factor * (gain * centre[i][cut] / sensor.electrons_per_dn + sensor.read_noise_dn**2)
        weighted = slope[i][cut] * (gain / np.sqrt(variance))[..., None]
        flat = weighted.reshape(-1, 2).astype(np.float64)
        found[i] = flat.T @ flat
    return found, balls.centres_um[shown]


def bound_of(scene: Scene, optics: ModuleType = renderer) -> Bound:
    """The bound of a scene; expensive (some renderings), so callers compute it once per case."""
    per_ball, centres = information(scene, optics)
    lever = np.deg2rad(1.0) * np.column_stack([-(centres[:, 1] - scene.pose.y_um), centres[:, 0] - scene.pose.x_um])
    jacobian = np.concatenate([np.broadcast_to(np.eye(2), (len(centres), 2, 2)), lever[:, :, None]], axis=2)
    total = np.einsum("nai,nab,nbj->ij", jacobian, per_ball, jacobian)
    covariance = np.linalg.inv(total)
    one = np.linalg.inv(per_ball)
    return Bound(
        xy_um=float(np.sqrt(0.5 * (covariance[0, 0] + covariance[1, 1]))),
        theta_deg=float(np.sqrt(covariance[2, 2])),
        ball_um=float(np.median(np.sqrt(0.5 * (one[:, 0, 0] + one[:, 1, 1])))),
    )
