"""How an axis gets from rest to rest: a jerk-limited profile in closed form, several axes on one path, controlled stop.

Nothing here ticks, schedules or knows which axis it moves; times are seconds since the start of the profile.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sim_hardware.world.machine import AxisTruth


@dataclass(frozen=True, slots=True)
class Limits:
    """Largest speed, acceleration and jerk of one profile, in its own unit of length."""

    speed: float
    accel: float
    jerk: float


class MotionState(NamedTuple):
    """Where a profile is at one instant."""

    position: float
    speed: float
    accel: float


class Profile:
    """A motion made of phases of constant jerk; before its start it stands, after its end it stands."""

    __slots__ = ("_phases", "_starts", "duration_s", "end")

    def __init__(self, start: MotionState, phases: Sequence[tuple[float, float]], end: float | None = None) -> None:
        """`phases` are (duration_s, jerk) pairs; `end` overrides the sum of rounding errors at rest."""
        self._starts: list[float] = []
        self._phases: list[tuple[float, float, float, float]] = []
        at, p, v, a = 0.0, start.position, start.speed, start.accel
        for length, jerk in phases:
            if length <= 0.0:
                continue
            self._starts.append(at)
            self._phases.append((p, v, a, jerk))
            p += length * (v + length * (a / 2 + length * jerk / 6))
            v += length * (a + length * jerk / 2)
            a += length * jerk
            at += length
        self.duration_s = at
        self.end = p if end is None else end

    def at(self, t_s: float) -> MotionState:
        """Position, speed and acceleration `t_s` after the start."""
        if t_s >= self.duration_s or not self._starts:
            return MotionState(self.end, 0.0, 0.0)
        index = max(0, bisect_right(self._starts, t_s) - 1)
        t = max(0.0, t_s - self._starts[index])
        p, v, a, j = self._phases[index]
        return MotionState(p + t * (v + t * (a / 2 + t * j / 6)), v + t * (a + t * j / 2), a + t * j)


def point_to_point(distance: float, limits: Limits) -> Profile:
    """Rest to rest over `distance` >= 0: up to seven phases, fewer where the way is short.

    The duration is distance/speed + speed/accel + accel/jerk where full speed and acceleration are reached.
    """
    v, a, j = limits.speed, limits.accel, limits.jerk
    if distance <= 0.0:
        return Profile(MotionState(0.0, 0.0, 0.0), (), 0.0)
    if v < a * a / j:
        a = (v * j) ** 0.5  # full speed comes before full acceleration
    if v * (v / a + a / j) > distance:
        # No room for full speed: the peak speed at which speeding up and slowing down just fill the way.
        ramp = a * a / j
        v = (-ramp + (ramp * ramp + 4.0 * a * distance) ** 0.5) / 2.0
        if v < ramp:
            a = (distance * j * j / 2.0) ** (1.0 / 3.0)
            v = a * a / j
    t_jerk = a / j
    t_const = max(0.0, v / a - t_jerk)
    t_cruise = max(0.0, distance / v - v / a - t_jerk)
    phases = (
        (t_jerk, j),
        (t_const, 0.0),
        (t_jerk, -j),
        (t_cruise, 0.0),
        (t_jerk, -j),
        (t_const, 0.0),
        (t_jerk, j),
    )
    return Profile(MotionState(0.0, 0.0, 0.0), phases, distance)


def stop_from(state: MotionState, limits: Limits) -> Profile:
    """Come to rest from a forward motion, as fast as acceleration and jerk allow, without going back."""
    j = limits.jerk
    to_lose = max(0.0, state.speed + state.accel * abs(state.accel) / (2.0 * j))
    a0 = state.accel
    if a0 >= 0.0:
        # The braking ramp begins after the present acceleration has been taken away.
        peak = min(limits.accel, (to_lose * j) ** 0.5)
        lead = (a0 + peak) / j
    else:
        to_lose = max(0.0, state.speed + a0 * a0 / (2.0 * j))
        peak = min(max(limits.accel, -a0), max(-a0, (to_lose * j) ** 0.5))
        lead = (a0 + peak) / j
    if peak <= 0.0:
        return Profile(state, (), state.position)
    hold = max(0.0, (to_lose - peak * peak / j) / peak)
    return Profile(state, ((lead, -j), (hold, 0.0), (peak / j, j)))


@dataclass(frozen=True, slots=True)
class Path:
    """A straight line through several axes, covered by one profile of the share 0 to 1: the slowest axis decides."""

    start: tuple[float, ...]
    way: tuple[float, ...]
    profile: Profile
    limits: Limits

    @property
    def duration_s(self) -> float:
        return self.profile.duration_s

    def at(self, t_s: float) -> tuple[float, ...]:
        share = self.profile.at(t_s).position
        return tuple(start + way * share for start, way in zip(self.start, self.way, strict=True))

    def is_moving(self, t_s: float) -> bool:
        return 0.0 <= t_s < self.profile.duration_s

    def stopped(self, t_s: float, boldness: float = 1.0) -> Path:
        """The path that brakes on the same line from `t_s` on; its own time starts there.

        boldness  how much harder than in normal motion the drive may brake
        """
        state = self.profile.at(t_s)
        hard = Limits(self.limits.speed, self.limits.accel * boldness, self.limits.jerk * boldness * boldness)
        return Path(self.start, self.way, stop_from(state, hard), hard)


def straight_path(
    start: Sequence[float],
    target: Sequence[float],
    axes: Sequence[AxisTruth],
    *,
    speed: float | None = None,
    accel: float | None = None,
    path_axes: int = 2,
) -> Path:
    """Plan a coordinated move. `speed` and `accel` bound the motion along the first `path_axes` axes together."""
    way = tuple(t - s for s, t in zip(start, target, strict=True))
    v = a = j = float("inf")
    for length, axis in zip(way, axes, strict=True):
        if length != 0.0:
            v = min(v, axis.speed / abs(length))
            a = min(a, axis.accel / abs(length))
            j = min(j, axis.jerk / abs(length))
    if v == float("inf"):
        idle = Limits(1.0, 1.0, 1.0)
        return Path(tuple(start), way, point_to_point(0.0, idle), idle)
    length = sum(part * part for part in way[:path_axes]) ** 0.5
    if length > 0.0:
        v = v if speed is None else min(v, speed / length)
        a = a if accel is None else min(a, accel / length)
    limits = Limits(v, a, j)
    return Path(tuple(start), way, point_to_point(1.0, limits), limits)
