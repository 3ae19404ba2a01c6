"""Pressure in the nozzle: an exponential towards the end level of the present state, solved instead of stepped.

Nothing here decides what the nozzle touches; the head says so.
"""

from __future__ import annotations

import math
from enum import Enum

AMBIENT_KPA = 0.0
SEALED_KPA = -78.0  # estimate: nozzle sealed by a part, -70 to -85
LEAK_KPA = -58.0  # estimate: part with a leak, -50 to -65
OPEN_KPA = -15.0  # estimate: nothing on the nozzle, -5 to -25
RELEASE_KPA = -3.0
"""A part lets go of the nozzle above this."""
BLOW_OFF_RATIO = 0.25  # estimate: a puff empties the line this much faster than the closed valve alone


class Seal(Enum):
    """What closes the nozzle opening; the value is the end level with the valve open, kPa."""

    OPEN = OPEN_KPA
    LEAK = LEAK_KPA
    SEALED = SEALED_KPA


class Vacuum:
    """Gauge pressure as a function of time: P = end + (start - end) exp(-(t - t0) / tau)."""

    def __init__(self, tau_s: float) -> None:
        self.nominal_tau_s = tau_s
        self.is_on = False
        self.seal = Seal.OPEN
        self.supply_ratio = 1.0
        """share of its vacuum that the supply delivers"""
        self.open_kpa = OPEN_KPA
        """end level with nothing on the nozzle; lower where it is clogged"""
        self._leak_kpa: float | None = None
        self._tau_s = tau_s
        self._t0_s = 0.0
        self._start_kpa = self._end_kpa = AMBIENT_KPA

    def pressure_kpa(self, t_s: float) -> float:
        decay = math.exp(-max(0.0, t_s - self._t0_s) / self._tau_s)
        return self._end_kpa + (self._start_kpa - self._end_kpa) * decay

    def _turn(self, end_kpa: float, tau_s: float, t_s: float) -> None:
        self._start_kpa = self.pressure_kpa(t_s)
        self._end_kpa, self._tau_s, self._t0_s = end_kpa, tau_s, t_s

    def open_valve(self, t_s: float) -> None:
        self.is_on = True
        self._leak_kpa = None
        self._turn(self._level_kpa(), self.nominal_tau_s, t_s)

    def leak_to(self, level_kpa: float, t_s: float) -> None:
        """The part seals worse from now on, until the valve is opened anew."""
        self._leak_kpa = level_kpa
        self.set_seal(self.seal, t_s)

    def _level_kpa(self) -> float:
        level_kpa: float = self.open_kpa if self.seal is Seal.OPEN else self.seal.value
        if self._leak_kpa is not None and self.seal is not Seal.OPEN:
            level_kpa = max(level_kpa, self._leak_kpa)
        return level_kpa * self.supply_ratio

    def close_valve(self, t_s: float, *, blow_off: bool = False) -> None:
        self.is_on = False
        self._turn(AMBIENT_KPA, self.nominal_tau_s * (BLOW_OFF_RATIO if blow_off else 1.0), t_s)

    def set_seal(self, seal: Seal, t_s: float) -> None:
        """The nozzle opening is closed by something else from now on."""
        self.seal = seal
        if self.is_on:
            self._turn(self._level_kpa(), self.nominal_tau_s, t_s)

    def time_to_level_s(self, level_kpa: float, t_s: float) -> float | None:
        """Seconds from `t_s` until the pressure has fallen to `level_kpa`; None when it never will."""
        return self._time_to(level_kpa, t_s, falling=True)

    def time_to_rise_s(self, level_kpa: float, t_s: float) -> float | None:
        """Seconds from `t_s` until the pressure has risen to `level_kpa`; None when it never will."""
        return self._time_to(level_kpa, t_s, falling=False)

    def _time_to(self, level_kpa: float, t_s: float, *, falling: bool) -> float | None:
        now_kpa = self.pressure_kpa(t_s)
        if (now_kpa <= level_kpa) if falling else (now_kpa >= level_kpa):
            return 0.0
        reaches = self._end_kpa < level_kpa if falling else self._end_kpa > level_kpa
        if not reaches:
            return None
        return self._tau_s * math.log((now_kpa - self._end_kpa) / (level_kpa - self._end_kpa))


def hold_force_n(pressure_kpa: float, nozzle_diameter_um: float) -> float:
    """Force that holds a sealing part: vacuum x opening. 60 kPa on 8 mm hold 3.02 N."""
    return max(0.0, -pressure_kpa) * 1e3 * math.pi / 4 * (nozzle_diameter_um * 1e-6) ** 2
