"""What a method says about a picture, and the one lattice labelling and robust fit that every baseline is handed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from tests.benchmarks.vision.scene import Package, Pose, Scene, Sensor
from tests.benchmarks.vision.truth import rigid_fit, to_px, to_um, turned

REJECT_RATIO = 6.0
LABEL_RATIO = 0.4
"""A spot belongs to a site when nearer than this share of the smallest distance between two sites."""


@dataclass(frozen=True, eq=False)
class Answer:
    """pose       of the ball map in the image frame; NaN when refused
    sites_px      (count, 2) column, row per site of the map, NaN where no ball was seen
    extra_px      (n, 2) balls reported where none belong
    states        name of every ball that is not "ok" -> missing, bridged, deformed
    covariance    (3, 3) of x um, y um, theta deg; None when the method claims none
    """

    status: Literal["found", "ambiguous", "refused"]
    pose: Pose
    sites_px: np.ndarray
    extra_px: np.ndarray = field(default_factory=lambda: np.empty((0, 2)))
    states: dict[str, str] = field(default_factory=dict)
    covariance: np.ndarray | None = None


Method = Callable[[np.ndarray, Scene], Answer]
"""Picture and scene -> answer. A method may read package, sensor scale and picture of the scene, nothing else; the
baselines below also read its pose, to name their spots (see `labelled`)."""

NOWHERE = Pose(float("nan"), float("nan"), float("nan"))


def refused(package: Package) -> Answer:
    return Answer("refused", NOWHERE, np.full((package.count, 2), np.nan))


def smallest_gap_um(package: Package) -> float:
    xy = package.xy_um
    return float(min(np.sort(np.hypot(*(xy - site).T))[1] for site in xy[:: max(1, len(xy) // 64)]))


def labelled(spots_px: np.ndarray, scene: Scene) -> np.ndarray:
    """Spot of every site, (count, 2), NaN where none is near: sites are laid out at the true pose of the drawing.

    No baseline has to find the array, its turn or its scale: naming the spots is solved for all of them alike, and
    better than they could do it themselves.
    """
    sites_px = to_px(turned(scene.scale_ratio * scene.package.xy_um, scene.pose), scene.sensor)
    found = np.full(sites_px.shape, np.nan)
    if len(spots_px) == 0:
        return found
    reach_px = LABEL_RATIO * smallest_gap_um(scene.package) / scene.sensor.um_per_px
    for start in range(0, len(sites_px), 256):
        block = sites_px[start : start + 256]
        square = ((block[:, None] - spots_px[None]) ** 2).sum(axis=2)
        nearest = square.argmin(axis=1)
        near = square[np.arange(len(block)), nearest] < reach_px**2
        found[start : start + 256][near] = spots_px[nearest[near]]
    return found


def robust_pose(model_um: np.ndarray, seen_um: np.ndarray) -> tuple[Pose, np.ndarray]:
    """Rigid least squares; what lies farther off than 6 median residuals is left out entirely. Pose, and who was used.

    Soft weights would move the frame that the balls define.
    """
    used = np.ones(len(model_um), dtype=bool)
    pose = rigid_fit(model_um, seen_um)
    for _ in range(10):
        residual = np.hypot(*(seen_um - turned(model_um, pose)).T)
        keep = residual <= REJECT_RATIO * np.median(residual[used])
        if keep.sum() < 3 or (keep == used).all():
            break
        used = keep
        pose = rigid_fit(model_um[used], seen_um[used])
    return pose, used


def answer_from_spots(spots_px: np.ndarray, scene: Scene) -> Answer:
    """Spots as an answer: labelled, fitted; refused below half of the balls."""
    sites_px = labelled(spots_px, scene)
    seen = np.isfinite(sites_px[:, 0])
    if seen.sum() < max(4, scene.package.count // 2):
        return refused(scene.package)
    model_um = scene.scale_ratio * scene.package.xy_um
    pose, _ = robust_pose(model_um[seen], to_um(sites_px[seen], scene.sensor))
    return Answer("found", pose, sites_px)


def nominal_radius_px(package: Package, sensor: Sensor) -> float:
    return 0.5 * package.diameter_um / sensor.um_per_px
