"""The placement head behind its serial line: Z, force, contact stop, press profile, force-Z curve, nozzle vacuum.

What a press does to parts and film is `world.grip`; how Z and force run is `world.z_path`. No host loop is closed here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from drivers.wire.encoding import Number
from drivers.wire.handshake import CommandSpec, Result, Stop
from drivers.wire.head import (
    CHANNEL,
    COMMANDS,
    DEVICE_KIND,
    HOME_Z,
    JOG_Z,
    KPA,
    LIFT,
    MOVE_Z,
    NEWTON,
    PRESS,
    TARE,
    UM,
    VACUUM_OFF,
    VACUUM_ON,
    Flags,
)
from sim_hardware.devices.handshake import CommandChannel
from sim_hardware.devices.head_force import ForceCell
from sim_hardware.devices.head_valve import NozzleValve
from sim_hardware.devices.lines import LineDevice
from sim_hardware.faults import Phase
from sim_hardware.world.grip import Below, Grip
from sim_hardware.world.machine import Fidelity
from sim_hardware.world.surfaces import Floor
from sim_hardware.world.z_path import (
    Chances,
    Creep,
    Leg,
    PressOrder,
    PressPlan,
    Stand,
    Travel,
    crash,
    leg_at,
    plan_press,
)

if TYPE_CHECKING:
    from sim_hardware.plant import Plant

SERIAL_NUMBER = 3001
NOZZLE_ID = 12
HOME_UM_PER_S = 100_000.0
HOME_SEARCH_S = 0.200
TARE_S = 0.050
FILM_ZONE_UM = 2_000.0
FORCE_ERROR_RATIO = {Fidelity.IDEAL: 0.0, Fidelity.CALIBRATED: 0.003, Fidelity.REAL: 0.01}
COLLISION_CLEARANCE_UM = 200.0


class Head(LineDevice):
    """One channel with eight commands; everything between their start and their end is solved at the start."""

    def __init__(self, plant: Plant) -> None:
        super().__init__(plant, "head", DEVICE_KIND, SERIAL_NUMBER)
        self.channel: CommandChannel = CommandChannel(self.core, CHANNEL, COMMANDS[CHANNEL], self._start, self._stop)
        self.core.interlock = lambda: None if plant.safety.may_move else Result.INTERLOCK
        self.core.on_reboot = self._power_lost
        self.grip = Grip(plant)
        self.cell = ForceCell(plant)
        self._rng = plant.rng("head")
        self._legs: tuple[Leg, ...] = (Stand(0.0, 0.0, 0.0),)
        self._below: Below | None = None
        self._plan: PressPlan | None = None
        self.valve = NozzleValve(plant, self.grip, self.channel, lambda t_s: (self._below, self.z_um_at(t_s)))
        self.valve.on_release = self._released
        self.is_homed = False
        self._run = {
            HOME_Z: self._home,
            MOVE_Z: self._move,
            JOG_Z: self._move,
            PRESS: self._press,
            LIFT: self._lift,
            VACUUM_ON: self.valve.open,
            VACUUM_OFF: self.valve.close,
            TARE: self._tare,
        }
        """what starts each command"""

    # -- truth for others -----------------------------------------------------------------------------------------

    def z_um_at(self, t_s: float) -> float:
        """True Z of the tip at or after the start of the present move."""
        return leg_at(self._legs, t_s).z_um(t_s)

    def force_n_at(self, t_s: float) -> float:
        """True force, pressing positive."""
        return leg_at(self._legs, t_s).force_n(t_s)

    def is_in_film_zone(self) -> bool:
        """Nozzle or part hang so low over the plate that blade and gauge must stay away."""
        now_s = self.plant.now()
        return self.grip.is_in_film_zone(self.z_um_at(now_s), now_s, FILM_ZONE_UM)

    def part_gone(self) -> None:
        """The part has left the nozzle, for whatever reason."""
        now_s = self.plant.now()
        self.grip.vacuum.set_seal(self.grip.seal_on(None, 0.0), now_s)

    def gantry_moves(self, now_s: float) -> None:
        """The gantry begins to move: with Z down it runs into what stands in the cell. A fact for the truth only."""
        low_um = self.z_um_at(now_s) + self.plant.held_height_um()
        clear_um = self.grip.highest_z_um() - COLLISION_CLEARANCE_UM
        if low_um > clear_um:
            self.plant.record("collision", low_um=low_um, clear_um=clear_um)

    # -- commands ---------------------------------------------------------------------------------------------------

    def _start(self, spec: CommandSpec, args: dict[str, Number]) -> None:
        if spec in (MOVE_Z, JOG_Z, PRESS, LIFT) and not self.is_homed:
            self.channel.finish(Result.NOT_HOMED)
            return
        self._run[spec](args, self.plant.now())

    def _home(self, args: dict[str, Number], now_s: float) -> None:
        self._rise(now_s, (HOME_UM_PER_S, 0.0), HOME_UM_PER_S)
        fast = Travel.make(now_s, self.z_um_at(now_s), 0.0, self.plant.machine, HOME_UM_PER_S)
        self._go(fast)
        self.channel.at(fast.end_s + HOME_SEARCH_S, self._homed)

    def _homed(self) -> None:
        self.is_homed = True
        self.channel.finish(Result.DONE, {"z_um": 0.0})

    def _move(self, args: dict[str, Number], now_s: float) -> None:
        from_um, to_um, speed = self.z_um_at(now_s), float(args["z_um"]), float(args["speed_um_per_s"])
        if to_um <= from_um:
            self._rise(now_s, (speed, to_um), speed)
        fast = Travel.make(now_s, from_um, to_um, self.plant.machine, speed)
        done_s = fast.end_s + self.plant.machine.z.settle_s
        if to_um > from_um:
            below = self._look(fast.end_s, to_um)
            if below.contact.touch_z_um < to_um and from_um < below.contact.touch_z_um:
                self._crash(crash(fast, below.contact, self.plant.machine, float("inf")))
                return
        self._go(fast)
        self.channel.at(done_s, self._moved, Result.DONE)

    def _moved(self, result: Result) -> None:
        now_s = self.plant.now()
        self._settle(now_s)
        self.channel.finish(result, self._here(now_s))

    def _crash(self, plan: PressPlan) -> None:
        self.plant.record("crash", peak_force_n=plan.peak_force_n)
        self._legs = plan.legs
        self.channel.at(plan.end_s, self._moved, Result.EARLY_CONTACT)

    def _press(self, args: dict[str, Number], now_s: float) -> None:
        plant, machine = self.plant, self.plant.machine
        order = PressOrder(**{name: float(value) for name, value in args.items()})
        wrong = plant.faults.strikes("dwell_wrong", now_s)
        if wrong is not None:
            order = replace(order, hold_s=max(0.0, order.hold_s + wrong.value))
        from_um = self.z_um_at(now_s)
        if order.z_fast_um < from_um:
            self._rise(now_s, (order.approach_um_per_s, order.z_fast_um), machine.z.speed)
        arrives_s = Travel.make(now_s, from_um, order.z_fast_um, machine, machine.z.speed).end_s
        fault = plant.faults.strikes("force_over", now_s)
        stiffer = max(1.0, fault.value) if fault is not None else 1.0
        below = self._look(arrives_s, order.z_limit_um, stiffer)
        higher = plant.faults.strikes("surface_higher", now_s)
        if higher is not None:
            touch_z_um = below.contact.touch_z_um - higher.value
            below.contact = replace(below.contact, touch_z_um=touch_z_um)
        if plant.held is None and below.surface.lying is not None:
            self.grip.is_pick_spoiled = plant.faults.strikes("pick_fail", now_s) is not None
        plan = plan_press(order, from_um, now_s, below.contact, machine, self._chances(now_s, stiffer))
        if plan.crashed:
            plant.record("crash", peak_force_n=plan.peak_force_n)
        self._legs, self._plan = plan.legs, plan
        self.cell.begin_curve(plan.legs, min(arrives_s, plan.end_s), plan.end_s)
        if plan.contact_s is not None and plan.contact_s < plan.end_s:
            self.channel.at(plan.contact_s, self._touched, plan)
        self.channel.at(plan.end_s, self._pressed, plan)

    def _chances(self, now_s: float, overshoot_ratio: float) -> Chances:
        error = FORCE_ERROR_RATIO[self.plant.fidelity]
        return Chances(
            sample_share=float(self._rng.random()) if error else 0.0,
            force_error_ratio=error * float(self._rng.standard_normal()) if error else 0.0,
            zero_n=self.cell.zero_at(now_s),
            overshoot_ratio=overshoot_ratio,
            armed=self._is_armed(now_s),
        )

    def _is_armed(self, now_s: float) -> bool:
        return self.is_homed and self.plant.faults.active("contact_stop_off", now_s) is None

    def _touched(self, plan: PressPlan) -> None:
        if self._below is not None and plan.contact_s is not None:
            faults = self.plant.faults
            if faults.are_waited_for:
                faults.reached("head.press", Phase.CONTACT, plan.contact_s)
            touch_z = self._below.contact.touch_z_um
            self.grip.vacuum.set_seal(self.grip.seal_on(self._below, touch_z), plan.contact_s)

    def _pressed(self, plan: PressPlan) -> None:
        self.grip.last_press = plan
        self._plan = None
        self._settle(plan.end_s)
        held_n = self.cell.held_n(plan.hold_force_n, plan.end_s)
        self.channel.finish(
            plan.result,
            {
                "contact_z_um": plan.contact_z_um,
                "end_z_um": plan.end_z_um,
                "peak_force_n": self.cell.largest_n(plan.peak_force_n, plan.end_s - plan.legs[0].start_s),
                "hold_force_n": held_n,
                "hold_s": plan.hold_s,
            },
        )

    def _lift(self, args: dict[str, Number], now_s: float) -> None:
        machine, from_um = self.plant.machine, self.z_um_at(now_s)
        slow_z, slow, end_z = float(args["z_slow_um"]), float(args["slow_um_per_s"]), float(args["z_end_um"])
        speed = float(args["speed_um_per_s"])
        if end_z > from_um:
            self.channel.finish(Result.LIMIT, self._here(now_s))
            return
        slow_z = min(max(slow_z, end_z), from_um)
        contact = self._below.contact if self._below is not None else self.grip.look_below(now_s).contact
        pull_n = self._rise(now_s, (slow, slow_z), speed)
        slow_s = now_s + (from_um - slow_z) / slow
        fast = Travel.make(slow_s, slow_z, end_z, machine, speed)
        self._legs = (Creep(now_s, slow_s, from_um, -slow, contact), fast)
        if self.plant.held is None:
            # Nothing hangs in the film any more: after the spring is free the nozzle feels no pull.
            self._legs = (Creep(now_s, slow_s, from_um, -slow, self.cell.dry(contact)), fast)
        end_s = fast.end_s + machine.z.settle_s
        self.cell.add_to_curve(self._legs, now_s, slow_s)
        self.channel.at(end_s, self._lifted, pull_n)

    def _lifted(self, pull_n: float) -> None:
        now_s = self.plant.now()
        self.channel.finish(
            Result.DONE,
            {
                "z_um": self.z_um_at(now_s),
                "pull_force_n": self.cell.largest_n(pull_n, 0.0) if pull_n else 0.0,
                "vacuum_kpa": self.valve.read_kpa(now_s),
            },
        )

    # -- between commands and the world -----------------------------------------------------------------------------

    def _look(self, arrives_s: float, to_um: float, stiffer_ratio: float = 1.0) -> Below:
        """Look below where the gantry will stand when Z arrives; moving on by then is a collision."""
        plant = self.plant
        if plant.gantry.is_moving(arrives_s) and to_um + plant.held_height_um() > self.grip.highest_z_um():
            plant.record("collision", low_um=to_um + plant.held_height_um(), clear_um=self.grip.highest_z_um())
        self._below = self.grip.look_below(arrives_s, stiffer_ratio)
        return self._below

    def _go(self, fast: Travel) -> None:
        self._legs = (fast,)

    def _settle(self, now_s: float) -> None:
        """Z stands: what is in the film is wet now, what is touched seals."""
        below, z_um = self._below, self.z_um_at(now_s)
        if below is None:
            return
        if below.surface.floor is Floor.PLATE:
            if self.plant.film.wiping_until_s > now_s and self.is_in_film_zone():
                self.plant.record("collision", low_um=z_um + self.plant.held_height_um(), clear_um=z_um)
            self.grip.dip_to(below, z_um, now_s)
        self.grip.vacuum.set_seal(self.grip.seal_on(below, z_um), now_s)

    def _released(self, t_s: float) -> None:
        if self._below is not None:
            # The part that hung on the nozzle is now below it.
            self._below = self.grip.look_below(t_s)

    def _rise(self, now_s: float, slow: tuple[float, float], fast_um_per_s: float) -> float:
        """Z is about to rise at a speed to a Z, then fast. Returns the pull felt."""
        below, z_um, grip = self._below, self.z_um_at(now_s), self.grip
        self._below = None
        if below is None:
            return 0.0
        wet = below.is_wet(z_um)
        pull_n = grip.part_up(below, z_um, grip.pull_n(below, z_um, slow, fast_um_per_s), now_s)
        if wet and self.plant.held is not None and below.contact.wet is not None:
            # Leaving is written into the world at once: a stop in the middle only delays the way out.
            leaves_z = below.contact.touch_z_um - below.contact.wet.film_um
            grip.out_of_film(below, z_um, slow[0] if slow[1] <= leaves_z else fast_um_per_s, now_s)
        grip.is_pick_spoiled = False
        grip.vacuum.set_seal(grip.seal_on(None, z_um), now_s)
        return pull_n

    # -- force zero ---------------------------------------------------------------------------------------------------

    def _tare(self, args: dict[str, Number], now_s: float) -> None:
        self.channel.at(now_s + TARE_S, self._tared)

    def _tared(self) -> None:
        offset_n, noise_n = self.cell.tare(self.force_n_at(self.plant.now()), self.plant.now())
        self.channel.finish(Result.DONE, {"offset_n": offset_n, "noise_n": noise_n})

    # -- stopping -----------------------------------------------------------------------------------------------------

    def _stop(self, result: Result, urgency: Stop) -> None:
        now_s = self.plant.now()
        leg = leg_at(self._legs, now_s)
        moving = bool(leg.speed_um_per_s(now_s)) or now_s < self._legs[-1].end_s
        if not moving:
            self.channel.finish(result, self._stopped_evidence(now_s))
            return
        if isinstance(leg, Travel):
            path = leg.path.stopped(now_s - leg.start_s, 2.0 if urgency is Stop.QUICK else 1.0)
            self._legs = (Travel(now_s, path, now_s + path.duration_s),)
            stands_s = now_s + path.duration_s
        else:
            # A slow leg stands within micrometres.
            self._legs = (Stand(now_s, now_s, leg.z_um(now_s), leg.force_n(now_s)),)
            stands_s = now_s
        self.cell.end_curve(now_s)
        self.channel.at(stands_s, self._stopped, result)

    def _stopped(self, result: Result) -> None:
        now_s = self.plant.now()
        self._settle(now_s)
        self.channel.finish(result, self._stopped_evidence(now_s))

    def _stopped_evidence(self, now_s: float) -> dict[str, Number] | None:
        spec, z_um, force_n = self.channel.running, self.z_um_at(now_s), self.force_n_at(now_s)
        if spec is PRESS:
            plan, self._plan = self._plan, None
            touched = plan is not None and plan.contact_s is not None and now_s >= plan.contact_s
            return {
                "contact_z_um": plan.contact_z_um if plan is not None and touched else z_um,
                "end_z_um": z_um,
                "peak_force_n": max(0.0, force_n),
                "hold_force_n": force_n,
                "hold_s": 0.0,
            }
        if spec is LIFT:
            return {"z_um": z_um, "pull_force_n": 0.0, "vacuum_kpa": self.valve.read_kpa(now_s)}
        if spec in (MOVE_Z, JOG_Z):
            return self._here(now_s)
        return None

    def _here(self, now_s: float) -> dict[str, Number]:
        return {"z_um": self.z_um_at(now_s), "force_n": self.cell.read_n(self.force_n_at(now_s), now_s)}

    def sag(self, by_um: float) -> None:
        """Z sinks under its own weight: drive or brake do not hold it."""
        now_s = self.plant.now()
        z_um = self.z_um_at(now_s) + by_um
        self._legs = (Stand(now_s, now_s, z_um, self.force_n_at(now_s)),)
        self.plant.record("z sagged", z_um=z_um)

    def _power_lost(self) -> None:
        """The head restarts: Z stands where it is and is not trusted; the valve stays as it was."""
        now_s = self.plant.now()
        z_um, force_n = self.z_um_at(now_s), self.force_n_at(now_s)
        self._legs = (Stand(now_s, now_s, z_um, force_n),)
        self.is_homed = False
        self.cell.forget()

    # -- status -------------------------------------------------------------------------------------------------------

    def measured(self) -> tuple[str, ...]:
        now_s = self.plant.now()
        leg = leg_at(self._legs, now_s)
        z_um = leg.z_um(now_s)
        flags = Flags.HOMED.value if self.is_homed else 0
        if self._is_armed(now_s):
            flags |= Flags.CONTACT_STOP_ARMED.value
        if self.grip.vacuum.is_on:
            flags |= Flags.VACUUM_ON.value
        if self._below is not None and self._below.is_touched(z_um):
            flags |= Flags.IN_CONTACT.value
        if self.cell.is_tared:
            flags |= Flags.TARED.value
        return (
            str(flags),
            str(round(z_um / UM)),
            str(round(self.cell.read_n(leg.force_n(now_s), now_s) / NEWTON)),
            str(round(self.valve.read_kpa(now_s) / KPA)),
            str(NOZZLE_ID),
            str(self.cell.curve_count(now_s)),
        )

    def other(self, verb: str, fields: tuple[str, ...]) -> tuple[str, ...] | None:
        if verb != "CRV":
            return None
        return self.cell.answer_curve(fields, self.plant.now())
