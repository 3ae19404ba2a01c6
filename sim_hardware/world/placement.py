"""Where a package truly comes to rest: its ball frame against the land frame below, as rigid fits of what is there.

Nothing here judges the result; a second package on top of a first is recorded as such.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from sim_hardware.world.geometry import Array, BallField, array_geometry, rigid_fit
from sim_hardware.world.places import turned
from sim_hardware.world.things import BottomType, PackageTruth, PlacedTruth

HALF_RATIO = 0.25
"""A ball that touched material with less than this share of its height counts as half dipped."""


def ball_frame(package: PackageTruth) -> tuple[float, float, float]:
    """Pose of the balls that are present against the package frame, both seen from above: (x_um, y_um, theta_deg)."""
    geometry, field = array_geometry(package.type), BallField.of(package)
    seen = field.present
    if int(seen.sum()) < 2:
        return 0.0, 0.0, 0.0
    return rigid_fit(geometry.x_um[seen], geometry.y_um[seen], field.x_um[seen], field.y_um[seen])


def offset_between(
    package: PackageTruth,
    package_pose: tuple[float, float, float],
    bottom_pose: tuple[float, float, float],
) -> tuple[float, float, float]:
    """Ball frame against land frame, in the frame of the bottom package seen from above; um, um, deg in (-180, 180].

    Lands are where the drawing of the bottom package says, so its frame is the fit of its lands.
    """
    fx, fy, ftheta = ball_frame(package)
    dx, dy = turned(fx, fy, package_pose[2])
    x, y = package_pose[0] + dx - bottom_pose[0], package_pose[1] + dy - bottom_pose[1]
    ox, oy = turned(x, y, -bottom_pose[2])
    theta = (package_pose[2] + ftheta - bottom_pose[2] + 180.0) % 360.0 - 180.0
    return ox, oy, theta


def balls_on_lands(placed: PlacedTruth, bottom: BottomType) -> int:
    """How many present balls stand with their centre on a land."""
    field = BallField.of(placed.package)
    if not len(field.x_um) or not bottom.lands:
        return 0
    fx, fy, ftheta = ball_frame(placed.package)
    bx, by = field.x_um - fx, field.y_um - fy
    theta = np.radians(placed.offset_theta_deg - ftheta)
    x = placed.offset_x_um + np.cos(theta) * bx - np.sin(theta) * by
    y = placed.offset_y_um + np.sin(theta) * bx + np.cos(theta) * by
    land_x, land_y, radius = _lands(bottom)
    distance = np.hypot(x[:, None] - land_x[None, :], y[:, None] - land_y[None, :])
    return int(((distance <= radius[None, :]).any(axis=1) & field.present).sum())


@functools.lru_cache(maxsize=8)
def _lands(bottom: BottomType) -> tuple[Array, Array, Array]:
    return (
        np.array([land.x_um for land in bottom.lands]),
        np.array([land.y_um for land in bottom.lands]),
        np.array([land.diameter_um / 2 for land in bottom.lands]),
    )


class DipFaults(NamedTuple):
    """What is wrong with the dip of a package, as the world knows it."""

    balls_dry: int
    balls_half: int
    bridges: int

    @property
    def is_good(self) -> bool:
        return not any(self)


def dip_faults(package: PackageTruth) -> DipFaults:
    """Count what the dip left undone. A missing ball is neither dry nor half dipped: it is not there."""
    present = [ball for ball in package.balls if ball.present]
    return DipFaults(
        sum(ball.immersion_um <= 0.0 for ball in present),
        sum(0.0 < ball.immersion_um < HALF_RATIO * ball.height_um for ball in present),
        len(package.bridges),
    )


def placed_truth(
    package: PackageTruth,
    package_pose: tuple[float, float, float],
    bottom_pose: tuple[float, float, float],
    *,
    time_s: float,
    contact_z_um: float,
    seated_z_um: float,
    peak_force_n: float,
    hold_force_n: float,
    film_height_um: float,
) -> PlacedTruth:
    """The record of a package at rest."""
    x, y, theta = offset_between(package, package_pose, bottom_pose)
    dip = dip_faults(package)
    return PlacedTruth(
        serial=package.serial,
        package=package,
        time_s=time_s,
        offset_x_um=x,
        offset_y_um=y,
        offset_theta_deg=theta,
        contact_z_um=contact_z_um,
        seated_z_um=seated_z_um,
        peak_force_n=peak_force_n,
        hold_force_n=hold_force_n,
        film_height_um=film_height_um,
        balls_dry=dip.balls_dry,
        balls_half=dip.balls_half,
        bridges=dip.bridges,
    )
