"""The dip unit behind its registers: blade gap, wipes over the plate, reservoir, plate climate.

The film itself lives in `world.film`; the head decides what is dipped into it.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from drivers.wire.dip_unit import (
    BLADE_COMMAND,
    CHANNEL,
    COMMANDS,
    DEVICE_KIND,
    HOME_BLADE,
    STATUS,
    UM,
    UNIT,
    Inputs,
)
from drivers.wire.encoding import Number
from drivers.wire.handshake import CommandSpec, Result, Stop
from sim_hardware.devices.handshake import CommandChannel
from sim_hardware.devices.registers import RegisterDevice
from sim_hardware.world.film import NOT_WIPING
from sim_hardware.world.machine import Fidelity

if TYPE_CHECKING:
    from sim_hardware.plant import Plant

SERIAL_NUMBER = 2001
PLATE_ID = 7
HOME_S = 1.0
GAP_SPEED_UM_PER_S = 1_000.0
GAP_SETTLE_S = 0.100
OVERRUN_UM = 10_000.0
"""The blade starts and ends this far beside the film, both sides together."""
STOP_S = 0.050
GAP_SIGMA_UM = 0.3
HUMIDITY_RATIO = 0.45

# Plain numbers: the status is asked for several times a second.
_PLATE_LOCKED, _COVER_OPEN, _HOMED = int(Inputs.PLATE_LOCKED), int(Inputs.COVER_OPEN), int(Inputs.HOMED)
_MEASURED = struct.Struct(">HHHhHiI")


class DipUnit(RegisterDevice):
    """One channel: home the blade, level the film. The film is new when the last stroke has ended, not before."""

    def __init__(self, plant: Plant) -> None:
        super().__init__(plant, "dip_unit", UNIT, DEVICE_KIND, SERIAL_NUMBER, STATUS)
        self.channel = CommandChannel(self.core, CHANNEL, COMMANDS[CHANNEL], self._start, self._stop)
        self.add_channel(self.channel, BLADE_COMMAND)
        self.core.interlock = self._interlock
        self.core.on_reboot = self._forget
        self._rng = plant.rng("dip unit")
        self.is_homed = False
        self.gap_um = 0.0
        self._stroke_s: tuple[float, float] = (0.0, 0.0)
        """start and end of the strokes under way"""

    def _forget(self) -> None:
        self.is_homed = False

    @property
    def is_plate_locked(self) -> bool:
        return self.plant.faults.active("plate_unlocked", self.plant.now()) is None

    @property
    def is_cover_open(self) -> bool:
        return self.plant.faults.active("plate_covered", self.plant.now()) is not None

    def _interlock(self) -> Result | None:
        free = self.plant.safety.may_move and self.is_plate_locked and not self.is_cover_open
        # A switch on the head slide, wired to the blade drive: the blade never runs into a dipping package.
        return None if free and not self.plant.head.is_in_film_zone() else Result.INTERLOCK

    def _start(self, spec: CommandSpec, args: dict[str, Number]) -> None:
        now_s = self.plant.now()
        if spec is HOME_BLADE:
            self.channel.at(now_s + HOME_S, self._homed)
            return
        if not self.is_homed:
            self.channel.finish(Result.NOT_HOMED)
            return
        gap_um, wipe_speed_um_per_s = float(args["gap_um"]), float(args["wipe_speed_um_per_s"])
        strokes = int(args["strokes"])
        set_s = abs(gap_um - self.gap_um) / GAP_SPEED_UM_PER_S + GAP_SETTLE_S
        stroke_s = (self.plant.machine.plate_size_um + OVERRUN_UM) / wipe_speed_um_per_s
        end_s = now_s + set_s + strokes * stroke_s
        self.gap_um = gap_um
        self._stroke_s = (now_s + set_s, end_s)
        self.plant.film.wiping_until_s = end_s
        if self.plant.faults.strikes("wipe_stuck", now_s) is not None:
            self.channel.at((now_s + set_s + end_s) / 2.0, self._stop, Result.TIMED_OUT, Stop.CONTROLLED)
            return
        self.channel.at(end_s, self._levelled, gap_um, wipe_speed_um_per_s, strokes, stroke_s, end_s)

    def _homed(self) -> None:
        self.is_homed = True
        self.gap_um = 0.0
        self.channel.finish(Result.DONE)

    def _levelled(self, gap_um: float, wipe_speed_um_per_s: float, strokes: int, stroke_s: float, end_s: float) -> None:
        film = self.plant.film
        if self.plant.faults.strikes("wipe_skipped", end_s) is not None:
            film.wiping_until_s = NOT_WIPING
        elif self.plant.faults.strikes("wipe_lost", end_s) is not None:
            film.wipe_for_nothing()
        else:
            film.wipe(gap_um, wipe_speed_um_per_s, strokes, end_s)
            self.plant.record("film laid", generation=film.generation, height_um=film.height_um)
        error_um = 0.0
        if self.plant.fidelity is not Fidelity.IDEAL:
            error_um = GAP_SIGMA_UM * float(self._rng.standard_normal())
        evidence: dict[str, Number] = {
            "gap_um": gap_um + error_um,
            "film_generation": film.generation,
            "stroke_time_s": stroke_s,
        }
        self.channel.finish(Result.DONE, evidence)

    def _stop(self, result: Result, urgency: Stop) -> None:
        now_s = self.plant.now()
        start_s, end_s = self._stroke_s
        self.plant.film.wiping_until_s = NOT_WIPING
        if start_s < now_s < end_s:
            self.plant.film.stop_wipe(now_s)
            self.plant.record("wipe broken off")
        self.channel.at(now_s + STOP_S, self.channel.finish, result)

    def measured(self) -> bytes:
        plant, now_s = self.plant, self.plant.now()
        return _MEASURED.pack(
            (self.is_plate_locked and _PLATE_LOCKED)
            | (self.is_cover_open and _COVER_OPEN)
            | (self.is_homed and _HOMED),
            plant.film.reservoir_state(now_s),
            PLATE_ID,
            round((plant.film.temperature_degc(now_s) + plant.faults.value("plate_temperature", now_s)) * 10),
            round(HUMIDITY_RATIO * 1000),
            round(self.gap_um / UM),
            plant.film.generation,
        )
