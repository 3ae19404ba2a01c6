"""Force between the nozzle and what it presses on, as a function of Z: pre-tensioned spring, stiff parts, wet film.

Nothing here moves or schedules; the head asks where a force is reached and how large it is somewhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from sim_hardware.world.dipping import SQUEEZE_GAP_UM
from sim_hardware.world.machine import MachineTruth

SPRING_TRAVEL_UM = 0.0
"""Way of the spring beyond its preload that Z shows, `extras["spring_travel_um"]`. None as a rule: Z is read on the
nozzle slide, below the spring, so the spring only keeps the mass of the drive out of the impact."""
BISECTIONS = 30
"""Halves the whole way of Z, 40 mm, to less than 0.0001 um."""


@dataclass(frozen=True, slots=True)
class Spring:
    """Contact through a pre-tensioned spring: rigid up to the preload, soft over its travel, then rigid again.

    source   pre-tensioned spring between gripper and drive: EP2007186
    """

    preload_n: float
    soft_n_per_um: float
    travel_um: float
    hard_n_per_um: float

    def force_n(self, pressed_um: float) -> float:
        """Force after the drive went `pressed_um` beyond the first touch."""
        if pressed_um <= 0.0:
            return 0.0
        knee_um = self.preload_n / self.hard_n_per_um
        if pressed_um <= knee_um:
            return pressed_um * self.hard_n_per_um
        beyond = pressed_um - knee_um
        if beyond <= self.travel_um:
            return self.preload_n + beyond * self.soft_n_per_um
        return self.preload_n + self.travel_um * self.soft_n_per_um + (beyond - self.travel_um) * self.hard_n_per_um

    def pressed_um(self, force_n: float) -> float:
        """Way beyond the first touch at which this force stands; inverse of `force_n`."""
        if force_n <= self.preload_n:
            return max(0.0, force_n) / self.hard_n_per_um
        knee_um = self.preload_n / self.hard_n_per_um
        soft_n = self.travel_um * self.soft_n_per_um
        if force_n <= self.preload_n + soft_n:
            return knee_um + (force_n - self.preload_n) / self.soft_n_per_um
        return knee_um + self.travel_um + (force_n - self.preload_n - soft_n) / self.hard_n_per_um


def in_series_n_per_um(*stiffness_n_per_um: float) -> float:
    """1 / (1/k1 + 1/k2 + ...)."""
    return 1.0 / sum(1.0 / stiffness for stiffness in stiffness_n_per_um)


def spring_of(machine: MachineTruth, floor_n_per_um: float, *, with_part: bool, stiffer_ratio: float = 1.0) -> Spring:
    """The contact of a nozzle, with or without a part between, on a floor of this stiffness."""
    parts = (machine.stiffness_package_n_per_mm * 1e-3,) if with_part else ()
    frame_n_per_um = machine.stiffness_machine_n_per_mm * 1e-3
    return Spring(
        preload_n=machine.spring_preload_n,
        soft_n_per_um=machine.spring_n_per_mm * 1e-3,
        travel_um=machine.extras.get("spring_travel_um", SPRING_TRAVEL_UM),
        hard_n_per_um=in_series_n_per_um(floor_n_per_um, frame_n_per_um, *parts) * stiffer_ratio,
    )


ASKEW_PRELOAD_N = 0.6
"""a package that hangs askew begins to turn flat at this force; estimate for a cup of 5 mm"""
ASKEW_N_PER_UM = 0.004
"""and resists with this until it lies flat; estimate"""


def askew(spring: Spring, travel_um: float) -> Spring:
    """The contact through a package that must be pressed flat first: `travel_um` from low edge to middle."""
    return Spring(ASKEW_PRELOAD_N, ASKEW_N_PER_UM, travel_um, spring.hard_n_per_um)


@dataclass(frozen=True, slots=True)
class Wet:
    """The film as the nozzle drive feels it through a package."""

    squeeze_n_s: float
    """6 pi eta sum R^2, see `dipping.squeeze_n_s`"""
    tack_n: float
    film_um: float
    """the film begins this far above the touch"""
    mean_lift_um: float
    """mean gap of the ball tips when the lowest one touches"""

    def gap_um(self, above_um: float) -> float:
        return max(SQUEEZE_GAP_UM, above_um + self.mean_lift_um)

    def suction_n(self, above_um: float, speed_um_per_s: float) -> float:
        """Against the motion, at `above_um` over the touch; 0 outside the film."""
        if above_um > self.film_um:
            return 0.0
        return self.squeeze_n_s * abs(speed_um_per_s) / self.gap_um(max(0.0, above_um))

    def squeezed_out_s(self, above_um: float, force_n: float) -> float:
        """How long a steady force needs to press the tips from `above_um` down to the plate."""
        if above_um <= 0.0 or force_n <= 0.0:
            return 0.0
        start, end = self.gap_um(above_um), self.gap_um(0.0)
        return self.squeeze_n_s / force_n * (math.log(start / end) + min(above_um, SQUEEZE_GAP_UM) / SQUEEZE_GAP_UM)


@dataclass(frozen=True, slots=True)
class Contact:
    """What lies below the nozzle now, for whatever hangs on it."""

    touch_z_um: float
    """Z of the first mechanical touch"""
    spring: Spring
    wet: Wet | None = None

    def force_n(self, z_um: float, speed_um_per_s: float) -> float:
        """Force on the nozzle at Z while moving; down is positive for Z and speed, pressing positive for force."""
        force = self.spring.force_n(z_um - self.touch_z_um)
        if self.wet is not None and speed_um_per_s:
            above_um = self.touch_z_um - z_um
            suction = self.wet.suction_n(above_um, speed_um_per_s)
            if speed_um_per_s > 0.0:
                force += suction
            elif 0.0 <= above_um <= self.wet.film_um:
                force -= suction + self.wet.tack_n
        return force

    def find_z_um(self, force_n: float, speed_um_per_s: float, from_z_um: float, to_z_um: float) -> float | None:
        """First Z on the way down where the force is reached at this speed; None when it is not."""
        if self.force_n(to_z_um, speed_um_per_s) < force_n:
            return None
        low, high = from_z_um, to_z_um
        if self.force_n(low, speed_um_per_s) >= force_n:
            return low
        for _ in range(BISECTIONS):
            middle = (low + high) / 2.0
            if self.force_n(middle, speed_um_per_s) >= force_n:
                high = middle
            else:
                low = middle
        return high

    def impact_n(self, speed_um_per_s: float, mass_g: float) -> float:
        """Extra force of the moving nozzle mass at the touch: v sqrt(m k)."""
        return speed_um_per_s * 1e-6 * math.sqrt(mass_g * 1e-3 * self.spring.hard_n_per_um * 1e6)


def nowhere(machine: MachineTruth) -> Contact:
    """Nothing below the nozzle within the reach of Z."""
    return Contact(math.inf, spring_of(machine, machine.stiffness_board_n_per_mm * 1e-3, with_part=False))
