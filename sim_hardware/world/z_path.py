"""The way of Z and the force on the nozzle as functions of time: legs, and the plan of a whole press.

Nothing here schedules or changes the world; the head carries a plan out and applies what follows from it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from drivers.wire.handshake import Result
from drivers.wire.head import CURVE_SAMPLE_RATE_HZ
from sim_hardware.world.contact import Contact
from sim_hardware.world.machine import MachineTruth
from sim_hardware.world.motion import Path, straight_path

REACTION_S = 0.0005
"""Time of the drive from the sample that shows contact to full braking; with the sample itself at most 1 ms."""
REGULATE_S = 0.020
"""Time of the force loop to come from contact to the set force."""
CRASH_UM = 200.0
"""Way at most that a crash goes into the thing hit."""
BISECTIONS = 40


class Leg(Protocol):
    """One part of the way; after its end it stands at its end."""

    @property
    def start_s(self) -> float: ...

    @property
    def end_s(self) -> float: ...

    def z_um(self, t_s: float) -> float: ...

    def speed_um_per_s(self, t_s: float) -> float: ...

    def force_n(self, t_s: float) -> float: ...


@dataclass(frozen=True, slots=True)
class Travel:
    """A fast move in free air."""

    start_s: float
    path: Path
    end_s: float

    @classmethod
    def make(cls, start_s: float, from_um: float, to_um: float, machine: MachineTruth, speed_um_per_s: float) -> Travel:
        path = straight_path((from_um,), (to_um,), (machine.z,), speed=speed_um_per_s, path_axes=1)
        return cls(start_s, path, start_s + path.duration_s)

    def z_um(self, t_s: float) -> float:
        return self.path.at(min(t_s, self.end_s) - self.start_s)[0]

    def speed_um_per_s(self, t_s: float) -> float:
        return self.path.profile.at(t_s - self.start_s).speed * self.path.way[0]

    def force_n(self, t_s: float) -> float:
        return 0.0

    def time_at_s(self, z_um: float) -> float:
        """When it passes `z_um`, which lies on its way."""
        low, high = self.start_s, self.start_s + self.path.duration_s
        down = self.path.way[0] > 0
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            if (self.z_um(middle) >= z_um) == down:
                high = middle
            else:
                low = middle
        return high


@dataclass(frozen=True, slots=True)
class Creep:
    """A slow even move at or in something; `even_um_per_s` is signed, down is positive."""

    start_s: float
    end_s: float
    from_um: float
    even_um_per_s: float
    contact: Contact

    def z_um(self, t_s: float) -> float:
        return self.from_um + self.even_um_per_s * (min(t_s, self.end_s) - self.start_s)

    def speed_um_per_s(self, t_s: float) -> float:
        return self.even_um_per_s if t_s < self.end_s else 0.0

    def force_n(self, t_s: float) -> float:
        return self.contact.force_n(self.z_um(t_s), self.even_um_per_s)


@dataclass(frozen=True, slots=True)
class Relax:
    """Z and force run from one state to another with one time constant."""

    start_s: float
    end_s: float
    from_um: float
    to_um: float
    from_n: float
    to_n: float

    def _left(self, t_s: float) -> float:
        whole_s = self.end_s - self.start_s
        return math.exp(-6.0 * (t_s - self.start_s) / whole_s) if t_s < self.end_s and whole_s > 0.0 else 0.0

    def z_um(self, t_s: float) -> float:
        return self.to_um + (self.from_um - self.to_um) * self._left(t_s)

    def speed_um_per_s(self, t_s: float) -> float:
        return 0.0

    def force_n(self, t_s: float) -> float:
        return self.to_n + (self.from_n - self.to_n) * self._left(t_s)


@dataclass(frozen=True, slots=True)
class Stand:
    """Z stands and the force stays."""

    start_s: float
    end_s: float
    at_um: float
    constant_n: float = 0.0

    def z_um(self, t_s: float) -> float:
        return self.at_um

    def speed_um_per_s(self, t_s: float) -> float:
        return 0.0

    def force_n(self, t_s: float) -> float:
        return self.constant_n


def leg_at(legs: Sequence[Leg], t_s: float) -> Leg:
    """The leg that holds at a time; the last one for ever after."""
    for leg in legs:
        if t_s < leg.end_s:
            return leg
    return legs[-1]


@dataclass(frozen=True, slots=True)
class PressOrder:
    """What the host asked for, see the PRESS command of the head."""

    z_fast_um: float
    z_early_um: float
    z_limit_um: float
    approach_um_per_s: float
    contact_force_n: float
    hold_force_n: float
    hold_s: float
    force_limit_n: float


@dataclass(frozen=True, slots=True)
class PressPlan:
    """A whole press from start to end, as it will be if nothing interferes."""

    legs: tuple[Leg, ...]
    result: Result
    end_s: float
    contact_s: float | None
    """when the nozzle or its part mechanically touches; None when it never does"""
    contact_z_um: float
    end_z_um: float
    peak_force_n: float
    hold_force_n: float
    hold_s: float
    crashed: bool = False


@dataclass(frozen=True, slots=True)
class Chances:
    """What differs from press to press; all 0 for an ideal drive."""

    sample_share: float = 0.0
    """where in its sampling period the drive meets the contact, 0 to 1"""
    force_error_ratio: float = 0.0
    zero_n: float = 0.0
    """error of the force zero: read force minus true force"""
    overshoot_ratio: float = 1.0
    """peak of the force loop against the force to hold; 1 = none"""
    armed: bool = True
    """the contact stop of the drive works"""


def plan_press(
    order: PressOrder, from_um: float, start_s: float, contact: Contact, machine: MachineTruth, chances: Chances
) -> PressPlan:
    """Fast to z_fast, slowly on until the drive sees contact, then the force loop. Everything is solved now."""
    fast = Travel.make(start_s, from_um, order.z_fast_um, machine, machine.z.speed)
    if from_um < order.z_fast_um and contact.touch_z_um < order.z_fast_um:
        return crash(fast, contact, machine, order.force_limit_n)
    arrived_s = fast.end_s + machine.z.settle_s
    settle = Stand(fast.end_s, arrived_s, order.z_fast_um)
    limit_z, speed = max(order.z_limit_um, order.z_fast_um), order.approach_um_per_s
    by_depth = order.contact_force_n <= 0.0 or not chances.armed
    threshold_n = (order.force_limit_n if by_depth else order.contact_force_n) - chances.zero_n
    found_z = contact.find_z_um(threshold_n, speed, order.z_fast_um, limit_z)
    if found_z is None:
        return _to_depth(order, (fast, settle), arrived_s, limit_z, contact, chances)
    delay_s = chances.sample_share / CURVE_SAMPLE_RATE_HZ + REACTION_S
    braking_s = speed / machine.z.accel
    stop_z = found_z + speed * (delay_s + braking_s / 2)
    stop_s = arrived_s + (found_z - order.z_fast_um) / speed + delay_s + braking_s
    creep = Creep(arrived_s, stop_s, order.z_fast_um, (stop_z - order.z_fast_um) / (stop_s - arrived_s), contact)
    touches = stop_z >= contact.touch_z_um
    peak_n = contact.force_n(stop_z, speed) + (contact.impact_n(speed, machine.nozzle_mass_g) if touches else 0.0)
    stop_n = contact.force_n(stop_z, 0.0)
    legs: tuple[Leg, ...] = (fast, settle, creep)
    contact_s = stop_s if touches else None
    if by_depth or peak_n > order.force_limit_n:
        legs += (Stand(stop_s, stop_s, stop_z, stop_n),)
        return PressPlan(legs, Result.FORCE_LIMIT, stop_s, contact_s, found_z, stop_z, peak_n, stop_n, 0.0)
    if found_z < order.z_early_um:
        legs += (Stand(stop_s, stop_s, stop_z, stop_n),)
        return PressPlan(legs, Result.EARLY_CONTACT, stop_s, contact_s, found_z, stop_z, peak_n, stop_n, 0.0)
    return _to_force(order, legs, stop_s, stop_z, stop_n, found_z, peak_n, contact, chances)


def _to_force(
    order: PressOrder,
    legs: tuple[Leg, ...],
    stop_s: float,
    stop_z: float,
    stop_n: float,
    found_z: float,
    peak_n: float,
    contact: Contact,
    chances: Chances,
) -> PressPlan:
    hold_n = max(0.0, order.hold_force_n * (1.0 + chances.force_error_ratio) - chances.zero_n)
    over_n = hold_n * chances.overshoot_ratio
    if over_n > order.force_limit_n:
        over_z = contact.touch_z_um + contact.spring.pressed_um(order.force_limit_n)
        tripped_s = stop_s + REGULATE_S / 2
        legs += (Relax(stop_s, tripped_s, stop_z, over_z, stop_n, order.force_limit_n),)
        legs += (Stand(tripped_s, tripped_s, over_z, order.force_limit_n),)
        return PressPlan(
            legs, Result.FORCE_LIMIT, tripped_s, tripped_s, found_z, over_z, over_n, order.force_limit_n, 0.0
        )
    hold_z = contact.touch_z_um + contact.spring.pressed_um(hold_n)
    result = Result.DONE
    if hold_z > order.z_limit_um:
        # The drive may not go deeper: it holds what force it has there and says so.
        hold_z, result = order.z_limit_um, Result.LIMIT
        hold_n = contact.force_n(hold_z, 0.0)
    squeeze_s = contact.wet.squeezed_out_s(contact.touch_z_um - stop_z, hold_n) if contact.wet is not None else 0.0
    held_s = stop_s + REGULATE_S + squeeze_s
    end_s = held_s + order.hold_s
    legs += (Relax(stop_s, held_s, stop_z, hold_z, stop_n, hold_n), Stand(held_s, end_s, hold_z, hold_n))
    contact_s = stop_s if stop_z >= contact.touch_z_um else held_s if hold_z >= contact.touch_z_um else None
    peak_n = max(peak_n, hold_n, over_n)
    return PressPlan(legs, result, end_s, contact_s, found_z, hold_z, peak_n, hold_n, order.hold_s)


def _to_depth(
    order: PressOrder,
    legs: tuple[Leg, ...],
    arrived_s: float,
    limit_z: float,
    contact: Contact,
    chances: Chances,
) -> PressPlan:
    speed = order.approach_um_per_s
    reached_s = arrived_s + (limit_z - order.z_fast_um) / speed
    moving_n, still_n = contact.force_n(limit_z, speed), contact.force_n(limit_z, 0.0)
    asked_for_contact = order.contact_force_n > 0.0
    legs += (Creep(arrived_s, reached_s, order.z_fast_um, speed, contact),)
    touched = limit_z >= contact.touch_z_um
    contact_s = arrived_s + max(0.0, contact.touch_z_um - order.z_fast_um) / speed if touched else None
    if asked_for_contact:
        legs += (Stand(reached_s, reached_s, limit_z, still_n),)
        return PressPlan(legs, Result.NO_CONTACT, reached_s, contact_s, limit_z, limit_z, moving_n, still_n, 0.0)
    end_s = reached_s + order.hold_s
    legs += (Stand(reached_s, end_s, limit_z, still_n),)
    return PressPlan(legs, Result.DONE, end_s, contact_s, limit_z, limit_z, moving_n, still_n, order.hold_s)


def crash(fast: Travel, contact: Contact, machine: MachineTruth, force_limit_n: float) -> PressPlan:
    """The fast move runs into something: the drive stops itself, too late to be gentle."""
    hit_s = fast.time_at_s(contact.touch_z_um)
    speed = fast.speed_um_per_s(hit_s)
    way_um = min(CRASH_UM, speed * REACTION_S + speed * speed / (2.0 * machine.z.accel))
    end_z = contact.touch_z_um + way_um
    end_s = hit_s + REACTION_S + speed / machine.z.accel
    force_n = contact.force_n(end_z, 0.0)
    peak_n = force_n + contact.impact_n(speed, machine.nozzle_mass_g)
    result = Result.FORCE_LIMIT if peak_n > force_limit_n else Result.EARLY_CONTACT
    legs = (Travel(fast.start_s, fast.path, hit_s), Stand(hit_s, end_s, end_z, force_n))
    return PressPlan(legs, result, end_s, hit_s, contact.touch_z_um, end_z, peak_n, force_n, 0.0, crashed=True)
