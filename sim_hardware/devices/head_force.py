"""The force sensor of the head: noise, zero, and the buffer that keeps the force-Z curve of a press and its lift.

Nothing here moves Z. Noise is a function of time, so it does not matter who reads it how often.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from drivers.wire.encoding import WireError
from drivers.wire.head import CURVE_CAPACITY, CURVE_REQUEST, CURVE_SAMPLE_RATE_HZ, NEWTON, encode_curve
from sim_hardware.world.contact import Contact
from sim_hardware.world.machine import Fidelity
from sim_hardware.world.z_path import Leg, leg_at

if TYPE_CHECKING:
    from sim_hardware.plant import Plant

NOISE_LENGTH = 4_093
"""Prime, so that no reading period falls in step with it."""
PULL_WAY_UM = 400_000.0
CURVE_ASKED_MAX = 64
"""samples in one answer"""
ZERO_SIGMA_N = {Fidelity.IDEAL: 0.0, Fidelity.CALIBRATED: 0.02, Fidelity.REAL: 0.05}
"""Zero of the sensor at power-on; estimate."""


class ForceCell:
    """What the head reads where `true` force stands."""

    def __init__(self, plant: Plant) -> None:
        rng = plant.rng("force cell")
        noise_n = plant.machine.force_noise_n * rng.standard_normal(NOISE_LENGTH)
        self._noise_n: list[float] = noise_n.tolist()
        self._faults = plant.faults
        self._plant = plant
        self._sigma_n = plant.machine.force_noise_n
        self._power_on_zero_n = ZERO_SIGMA_N[plant.fidelity] * float(rng.standard_normal())
        self.zero_n = self._power_on_zero_n
        """read force minus true force"""
        self.is_tared = False
        self.touched = (0.0, 0.0)
        """(N, until when): something touches the nozzle from the side"""
        self._kept: list[tuple[float, float, tuple[Leg, ...]]] = []
        """(start, end, legs) of what is in the buffer, in order"""

    def forget(self) -> None:
        self.zero_n = self._power_on_zero_n
        self.is_tared = False
        self._kept = []

    def zero_at(self, t_s: float) -> float:
        """Read force minus true force, here and now: hose and chain may pull differently at another place."""
        if self._faults.are_none:
            return self.zero_n
        pull_n = self._faults.value("force_by_place", t_s)
        return self.zero_n + (pull_n * self._plant.gantry.head_at(t_s).x_um / PULL_WAY_UM if pull_n else 0.0)

    def read_n(self, true_n: float, t_s: float) -> float:
        dead = self._faults.active("force_sensor", t_s)
        if dead is not None:
            return dead.value
        touch_n, until_s = self.touched
        true_n += touch_n if t_s < until_s else 0.0
        return true_n + self.zero_at(t_s) + self._noise_n[int(t_s * CURVE_SAMPLE_RATE_HZ) % NOISE_LENGTH]

    def largest_n(self, true_n: float, over_s: float) -> float:
        """Largest reading of a peak within a time: noise adds about sigma sqrt(2 ln n) over n samples."""
        samples = max(2.0, over_s * CURVE_SAMPLE_RATE_HZ)
        return true_n + self.zero_at(self._plant.now()) + self._sigma_n * math.sqrt(2.0 * math.log(samples))

    def held_n(self, true_n: float, t_s: float) -> float:
        """What the drive reports as the force it held."""
        collapsed = self._faults.strikes("force_collapses", t_s)
        dead = self._faults.active("force_sensor", t_s)
        if dead is not None:
            return dead.value
        return (true_n if collapsed is None else true_n * collapsed.value) + self.zero_at(t_s)

    def tare(self, true_n: float, t_s: float) -> tuple[float, float]:
        """Take the present reading as zero. Returns the offset removed and the noise, with that of the digits."""
        offset_n = true_n + self.zero_at(t_s)
        self.zero_n -= offset_n
        self.is_tared = True
        dead = self._faults.active("force_sensor", t_s)
        if dead is not None:
            return dead.value, 0.0
        return offset_n, math.hypot(self._sigma_n, NEWTON / math.sqrt(12.0))

    @staticmethod
    def dry(contact: Contact) -> Contact:
        """The same contact when nothing hangs in the film."""
        return replace(contact, wet=None)

    # -- curve ----------------------------------------------------------------------------------------------------

    def begin_curve(self, legs: tuple[Leg, ...], start_s: float, end_s: float) -> None:
        """A press: the buffer starts anew at the slow part of its way."""
        self._kept = [(start_s, end_s, legs)]

    def add_to_curve(self, legs: tuple[Leg, ...], start_s: float, end_s: float) -> None:
        """The slow part of the lift that follows."""
        self._kept.append((start_s, end_s, legs))

    def end_curve(self, t_s: float) -> None:
        self._kept = [(start_s, min(end_s, t_s), legs) for start_s, end_s, legs in self._kept if start_s < t_s]

    def curve_count(self, t_s: float) -> int:
        """Samples in the buffer; it takes no more when it is full."""
        return min(CURVE_CAPACITY, self._taken(t_s))

    def _taken(self, t_s: float) -> int:
        return sum(self._samples_of(start_s, end_s, t_s) for start_s, end_s, _ in self._kept)

    @staticmethod
    def _samples_of(start_s: float, end_s: float, t_s: float) -> int:
        until_s = min(t_s, end_s)
        return int((until_s - start_s) * CURVE_SAMPLE_RATE_HZ + 1e-6) + 1 if until_s >= start_s else 0

    def answer_curve(self, fields: tuple[str, ...], t_s: float) -> tuple[str, ...]:
        """The answer to a request for samples of the buffer. Raises WireError."""
        request = CURVE_REQUEST.unpack(fields)
        first, step, count = int(request["first"]), int(request["step"]), int(request["count"])
        if step < 1 or not 1 <= count <= CURVE_ASKED_MAX:
            raise WireError("curve request")
        samples = self.curve(first, step, count, t_s)
        return (encode_curve(samples),) if samples else ()

    def curve(self, first: int, step: int, count: int, t_s: float) -> list[tuple[int, float, float]]:
        """(index, z_um, force_n), every `step`-th sample from `first`, as many as there are up to `count`."""
        parts = iter(self._kept)
        samples: list[tuple[int, float, float]] = []
        before = held = 0
        start_s, legs = 0.0, tuple[Leg, ...]()
        is_ring = self._faults.active("curve_wraps", t_s) is not None
        overwritten = max(0, self._taken(t_s) - CURVE_CAPACITY) if is_ring else 0
        for index in range(first, min(self.curve_count(t_s), first + step * count), step):
            at = index + overwritten
            while at >= before + held:
                before += held
                start_s, end_s, legs = next(parts)
                held = self._samples_of(start_s, end_s, t_s)
            at_s = start_s + (at - before) / CURVE_SAMPLE_RATE_HZ
            leg = leg_at(legs, at_s)
            samples.append((index, leg.z_um(at_s), self.read_n(leg.force_n(at_s), at_s)))
        return samples
