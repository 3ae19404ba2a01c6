"""Where the balls of a scene really are, and the frame they define.

Truth = the rigid least-squares fit of the true centres of the balls that are present: with balls scattered by 8 um the
drawing's own frame lies 0.5 um elsewhere. No optics here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.benchmarks.vision.scene import Pose, Scene, Sensor


@dataclass(frozen=True, eq=False)
class Balls:
    """Every ball to draw: the sites of the map in its order, then the extra ones.

    centres_um    (n, 2) image frame, in um of the nominal scale; centres_px (column, row), pixel centres at integers
    radius_um     (n,) as seen; reflectivity (n,) 1 = nominal
    tilt          (n, 2) the ring is brighter towards this direction of the image frame, by this ratio
    axis_ratio, axis_rad  (n,) shortest over longest diameter and direction of the longest, image frame
    present       (n,) False: only a bare land; is_extra (n,)
    """

    centres_um: np.ndarray
    centres_px: np.ndarray
    radius_um: np.ndarray
    reflectivity: np.ndarray
    tilt: np.ndarray
    axis_ratio: np.ndarray
    axis_rad: np.ndarray
    present: np.ndarray
    is_extra: np.ndarray


@dataclass(frozen=True, eq=False)
class Truth:
    """pose: of the drawing on the balls present; sites_px (count, 2) and present (count,) in the order of the map."""

    pose: Pose
    sites_px: np.ndarray
    present: np.ndarray
    extra_px: np.ndarray


def turned(points_um: np.ndarray, pose: Pose) -> np.ndarray:
    """(n, 2) package frame -> image frame."""
    theta = np.deg2rad(pose.theta_deg)
    cos, sin = np.cos(theta), np.sin(theta)
    return np.asarray(points_um @ np.array([[cos, sin], [-sin, cos]]) + (pose.x_um, pose.y_um))


def to_px(points_um: np.ndarray, sensor: Sensor) -> np.ndarray:
    """(n, 2) image frame, um -> column, row."""
    return np.column_stack([
        points_um[:, 0] / sensor.um_per_px + (sensor.columns - 1) / 2,
        (sensor.rows - 1) / 2 - points_um[:, 1] / sensor.um_per_px,
    ])  # fmt: skip


def to_um(points_px: np.ndarray, sensor: Sensor) -> np.ndarray:
    """(n, 2) column, row -> image frame, um; the inverse of `to_px`."""
    return np.column_stack([
        (points_px[:, 0] - (sensor.columns - 1) / 2) * sensor.um_per_px,
        ((sensor.rows - 1) / 2 - points_px[:, 1]) * sensor.um_per_px,
    ])  # fmt: skip


def balls_of(scene: Scene) -> Balls:
    """The balls of a scene, from its seed: the same for every renderer."""
    rng, spread, package = scene.stream("balls"), scene.spread, scene.package
    sites = np.concatenate([package.xy_um, np.reshape(scene.faults.extra_um, (-1, 2))])
    count, mapped = len(sites), package.count
    local_um = (sites + rng.normal(0, spread.placement_um, (count, 2))) * scene.scale_ratio
    size = 1 + rng.normal(0, spread.diameter_ratio, count)
    reflectivity = scene.reflectivity_ratio * np.clip(1 + rng.normal(0, spread.reflectivity_ratio, count), 0.2, None)
    axis_ratio = 1 - np.abs(rng.normal(0, spread.ellipticity_ratio, count))
    axis_rad = rng.uniform(0, np.pi, count)
    strength, towards = np.abs(rng.normal(0, 1, count)), rng.uniform(0, 2 * np.pi, count)
    tilt = scene.light.tilt_sigma_ratio * strength[:, None] * np.column_stack([np.cos(towards), np.sin(towards)])
    common = np.deg2rad(scene.light.common_tilt_deg)
    tilt += scene.light.common_tilt_ratio * np.array([np.cos(common), np.sin(common)])
    row = {name: i for i, name in enumerate(package.ball_names)}
    for fault in scene.faults.deformed:
        at = row[fault.name]
        axis_ratio[at], size[at] = fault.axis_ratio, fault.size_ratio
        axis_rad[at] = np.deg2rad(fault.direction_deg + scene.pose.theta_deg)
    present = np.ones(count, dtype=bool)
    present[[row[name] for name in scene.faults.missing]] = False
    centres_um = turned(local_um, scene.pose)
    radius_um = 0.5 * package.diameter_um * size * scene.scale_ratio
    return Balls(centres_um, to_px(centres_um, scene.sensor), radius_um, reflectivity, tilt, axis_ratio, axis_rad,
                 present, np.arange(count) >= mapped)  # fmt: skip


def rigid_fit(model_um: np.ndarray, seen_um: np.ndarray) -> Pose:
    """Least squares over turn and shift, scale held at 1: seen = turn(theta) model + (x, y)."""
    middle, seen_middle = model_um.mean(axis=0), seen_um.mean(axis=0)
    m, s = model_um - middle, seen_um - seen_middle
    theta = np.arctan2((m[:, 0] * s[:, 1] - m[:, 1] * s[:, 0]).sum(), (m * s).sum())
    shift = seen_middle - turned(middle[None], Pose(theta_deg=float(np.rad2deg(theta))))[0]
    return Pose(float(shift[0]), float(shift[1]), float(np.rad2deg(theta)))


def truth_of(scene: Scene, balls: Balls | None = None) -> Truth:
    """The true answer to a scene; the drawing is first brought to the size that is seen."""
    balls = balls or balls_of(scene)
    count = scene.package.count
    present = balls.present[:count]
    pose = rigid_fit(scene.scale_ratio * scene.package.xy_um[present], balls.centres_um[:count][present])
    return Truth(pose, balls.centres_px[:count], present, balls.centres_px[balls.is_extra])
