"""How long a motion takes: the time from rest to rest under limits of speed, acceleration and jerk.

Only durations, for the moment to look at a device and for its deadline; where an axis is, only the device knows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AxisLimits:
    """Largest speed, acceleration and jerk of one axis, in um or deg."""

    speed_per_s: float
    accel_per_s2: float
    jerk_per_s3: float


def travel_time_s(distance: float, limits: AxisLimits) -> float:
    """Duration of a jerk-limited motion over `distance` >= 0.

    Full profile: distance/speed + speed/accel + accel/jerk. Where full acceleration or full speed is not reached the
    phases shrink to what fits.
    """
    speed, accel, jerk = limits.speed_per_s, limits.accel_per_s2, limits.jerk_per_s3
    if distance <= 0.0:
        return 0.0
    if speed < accel * accel / jerk:
        accel = math.sqrt(speed * jerk)  # full speed comes before full acceleration
    if distance >= speed * (speed / accel + accel / jerk):
        return distance / speed + speed / accel + accel / jerk
    if distance <= 2.0 * accel**3 / jerk**2:
        return 4.0 * math.cbrt(distance / (2.0 * jerk))
    ramp = accel * accel / jerk
    peak = (-ramp + math.sqrt(ramp * ramp + 4.0 * accel * distance)) / 2.0
    return 2.0 * (peak / accel + accel / jerk)


def path_time_s(
    way: Sequence[float],
    axes: Sequence[AxisLimits],
    *,
    path_axes: int = 2,
    speed_per_s: float = float("inf"),
    accel_per_s2: float = float("inf"),
) -> float:
    """Duration of a straight path through several axes; the slowest axis decides.

    way          distance of every axis, signed
    path_axes    the first axes, whose common path is bound by `speed_per_s` and `accel_per_s2`
    """
    length = sum(part * part for part in way[:path_axes]) ** 0.5
    speed = speed_per_s / length if length > 0.0 else float("inf")
    accel = accel_per_s2 / length if length > 0.0 else float("inf")
    jerk = float("inf")
    for part, axis in zip(way, axes, strict=True):
        if part:
            speed = min(speed, axis.speed_per_s / abs(part))
            accel = min(accel, axis.accel_per_s2 / abs(part))
            jerk = min(jerk, axis.jerk_per_s3 / abs(part))
    if jerk == float("inf"):
        return 0.0
    return travel_time_s(1.0, AxisLimits(speed, accel, jerk))
