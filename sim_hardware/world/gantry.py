"""Where the gantry truly is: the path it follows, and the hidden errors between its encoders and the nozzle tip.

It knows no commands, homing or interlocks; the PLC gives it paths.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from drivers.wire.handshake import Stop
from sim_hardware.world.machine import MachineTruth
from sim_hardware.world.motion import Path, straight_path
from sim_hardware.world.places import turned

RING_HZ = 45.0  # first bending mode of a light XY gantry, estimate
RING_TAU_S = 0.013  # 20 um after a hard stop are 2 um after 30 ms
WARM_UP_TAU_S = 7_200.0  # thermal time constant of a small machine frame, estimate
QUICK_BOLDNESS = 2.0
ENCODER_UM = 0.1
OVERSPEED_RATIO = 1.1
"""a drive trips itself above this share of its limit; estimate"""
OVERSPEED_LOOK_S = 0.002
"""how often a drive compares its speed with the limit; estimate"""


@dataclass(frozen=True, slots=True)
class TruePose:
    """A true place in the cell: um, and the true turn, deg anticlockwise from above."""

    x_um: float
    y_um: float
    theta_deg: float


class GantryTruth:
    """X, Y and theta as functions of time. Valid from the start of the present move onwards."""

    def __init__(self, machine: MachineTruth, rng: np.random.Generator) -> None:
        self._machine = machine
        self._rng = rng
        self._axes = (machine.x, machine.y, machine.theta)
        self._ring_um = machine.extras.get("ring_um", 0.0)
        self._path = straight_path((10_000.0, 10_000.0, 0.0), (10_000.0, 10_000.0, 0.0), self._axes)
        self._started_s = 0.0
        self._rest_error = (0.0, 0.0, 0.0)
        self._last_error = (0.0, 0.0, 0.0)
        drift_deg = float(rng.uniform(0.0, 360.0))
        self._drift_x, self._drift_y = turned(machine.drift_um_per_h, 0.0, drift_deg)
        self._lost_x_um = 0.0
        self._tip_cache: tuple[float, TruePose] | None = None
        self._note_end()

    # -- motion -------------------------------------------------------------------------------------------------

    def plan(
        self, x_um: float, y_um: float, theta_deg: float, t_s: float, speed: float | None, accel: float | None
    ) -> Path:
        return straight_path(self.measured_at(t_s), (x_um, y_um, theta_deg), self._axes, speed=speed, accel=accel)

    def plan_slow(self, x_um: float, y_um: float, theta_deg: float, t_s: float, speed_per_s: float) -> Path:
        """A jog: no axis is faster than this, um/s or deg/s."""
        slow = [replace(axis, speed=min(axis.speed, speed_per_s)) for axis in self._axes]
        return straight_path(self.measured_at(t_s), (x_um, y_um, theta_deg), slow)

    def plan_too_fast(self, x_um: float, y_um: float, theta_deg: float, t_s: float, ratio: float) -> Path:
        """A move of a drive that has lost its scale: `ratio` times as fast as its axes may be."""
        wild = [
            replace(axis, speed=axis.speed * ratio, accel=axis.accel * ratio**2, jerk=axis.jerk * ratio**3)
            for axis in self._axes
        ]
        return straight_path(self.measured_at(t_s), (x_um, y_um, theta_deg), wild)

    def too_fast_from_s(self, path: Path) -> float | None:
        """Time into the path at which an axis is faster than it may be by `OVERSPEED_RATIO`; None = never."""
        for step in range(1, round(path.duration_s / OVERSPEED_LOOK_S) + 1):
            share_per_s = path.profile.at(step * OVERSPEED_LOOK_S).speed
            if any(
                abs(way) * share_per_s > OVERSPEED_RATIO * axis.speed
                for way, axis in zip(path.way, self._axes, strict=True)
            ):
                return step * OVERSPEED_LOOK_S
        return None

    def follow(self, path: Path, t_s: float) -> None:
        """Begin to move along the path now; where it will rest is drawn now, so that polling cannot change it."""
        self._last_error = self._rest_error
        self._path, self._started_s = path, t_s
        draws = self._rng.standard_normal(3).tolist()
        errors = []
        for axis, way, before, draw in zip(self._axes, path.way, self._rest_error, draws, strict=True):
            lost_motion = math.copysign(axis.backlash / 2.0, way) if way else before
            errors.append(lost_motion + axis.settle_sigma * draw if way else before)
        self._rest_error = (errors[0], errors[1], errors[2])
        self._note_end()

    def stop(self, t_s: float, urgency: Stop) -> float:
        """Brake on the path. Returns when it will stand."""
        since = t_s - self._started_s
        if not self._path.is_moving(since):
            return t_s
        self._path = self._path.stopped(since, QUICK_BOLDNESS if urgency == Stop.QUICK else 1.0)
        self._started_s = t_s
        self._note_end()
        return self.stands_from_s

    def _note_end(self) -> None:
        path = self._path
        moved = [axis.settle_s for axis, way in zip(self._axes, path.way, strict=True) if way]
        x, y, theta = path.at(path.duration_s)
        self._end = (x, y, theta)
        self._tip_cache = None
        self.stands_from_s = self._started_s + path.duration_s
        """when the present path ends"""
        self.settled_from_s = self.stands_from_s + max(moved, default=0.0)
        """when the slowest of the moved axes has settled"""

    def lose_steps(self, x_um: float) -> None:
        """The belt slips: from now on the head truly stands so far beside what the encoders say."""
        self._lost_x_um += x_um
        self._tip_cache = None

    @property
    def came_from_left(self) -> bool:
        """The present or last move went towards +x."""
        return self._path.way[0] > 0.0

    def is_moving(self, t_s: float) -> bool:
        return self._path.is_moving(t_s - self._started_s)

    # -- where it is --------------------------------------------------------------------------------------------

    def measured_at(self, t_s: float) -> tuple[float, float, float]:
        """What the encoders read: x_um, y_um, theta_deg."""
        if t_s >= self.stands_from_s:
            return self._end
        x, y, theta = self._path.at(t_s - self._started_s)
        return x, y, theta

    def head_at(self, t_s: float) -> TruePose:
        """True place of the head: the theta axis, before runout. The down camera hangs here and does not turn."""
        x, y, theta = self.measured_at(t_s)
        ex, ey, et = self._errors_at(t_s)
        machine = self._machine
        x, y = x + ex + self._lost_x_um, y + ey
        warm = (1.0 - math.exp(-max(0.0, t_s) / WARM_UP_TAU_S)) * WARM_UP_TAU_S / 3600.0
        true_y = y * (1.0 + machine.scale_y_ppm * 1e-6)
        true_x = x * (1.0 + machine.scale_x_ppm * 1e-6) + true_y * machine.squareness_urad * 1e-6
        return TruePose(
            true_x + self._drift_x * warm, true_y + self._drift_y * warm, theta + et + machine.theta_zero_deg
        )

    def position_at(self, t_s: float) -> TruePose:
        """True place and turn of the nozzle tip."""
        cached = self._tip_cache
        if cached is not None and cached[0] == t_s:
            return cached[1]
        head = self.head_at(t_s)
        dx, dy = turned(self._machine.runout_x_um, self._machine.runout_y_um, head.theta_deg)
        tip = TruePose(head.x_um + dx, head.y_um + dy, head.theta_deg)
        self._tip_cache = (t_s, tip)
        return tip

    def _errors_at(self, t_s: float) -> tuple[float, float, float]:
        since = t_s - self.stands_from_s
        if since < 0.0:
            # While it moves the resting errors blend over with the way covered.
            whole = self._path.duration_s
            share = 1.0 + since / whole if whole > 0.0 else 1.0
            a, b = self._last_error, self._rest_error
            return (
                a[0] + (b[0] - a[0]) * share,
                a[1] + (b[1] - a[1]) * share,
                a[2] + (b[2] - a[2]) * share,
            )
        ex, ey, et = self._rest_error
        if self._ring_um > 0.0 and since < 10.0 * RING_TAU_S:
            swing = self._ring_um * math.exp(-since / RING_TAU_S) * math.cos(2.0 * math.pi * RING_HZ * since)
            way_x, way_y = self._path.way[0], self._path.way[1]
            length = math.hypot(way_x, way_y)
            if length > 0.0:
                ex, ey = ex + swing * way_x / length, ey + swing * way_y / length
        return ex, ey, et
