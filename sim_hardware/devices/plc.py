"""The motion PLC behind its registers: gantry, board transport, tray feeder, safety inputs, tower light.

It does not know Z and cannot see what hangs on the nozzle; the motion itself is closed form and lives in `world`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drivers.wire.encoding import Number
from drivers.wire.handshake import CommandSpec, Result, Stop
from drivers.wire.motion_plc import (
    CHANGE_TRAY,
    CLAMP,
    COMMAND_BLOCKS,
    COMMANDS,
    DEG,
    DEVICE_KIND,
    EJECT_BOARD,
    HOME,
    HOMED_ALL,
    JOG_FRAME,
    LOAD_BOARD,
    STATUS,
    UM,
    UNCLAMP,
    UNIT,
    AxisFlags,
    Inputs,
)
from sim_hardware.devices.handshake import CommandChannel
from sim_hardware.devices.registers import ILLEGAL_VALUE, ModbusFault, RegisterDevice
from sim_hardware.world.motion import Path
from sim_hardware.world.tacked import shake

if TYPE_CHECKING:
    from sim_hardware.plant import Plant

SERIAL_NUMBER = 1001
# Plain numbers: the status is the most asked-for answer of the cell.
_HOMED, _IN_POSITION, _FAULT = int(HOMED_ALL), int(AxisFlags.IN_POSITION), int(AxisFlags.FAULT)
_MEASURED = struct.Struct(">HHiiiH")
_JOG_FRAME = struct.Struct(">IIH")
JERK_SHARE = 0.33
"""of its time: a clamp whose damper is worn opens with a jerk; estimate"""


@dataclass(frozen=True, slots=True)
class PlcTimes:
    """How long the slow parts of the cell take; estimates for a machine of this class."""

    load_board_s: float = 2.0
    load_gives_up_s: float = 6.0
    """no board reached the stop pins"""
    clamp_s: float = 0.15
    eject_board_s: float = 1.5
    change_tray_s: float = 4.0
    home_search_s: float = 0.8
    """slow search of the switches, after the way to them"""
    home_speed_um_per_s: float = 250_000.0


class MotionPlc(RegisterDevice):
    """Three channels: gantry, transport, feeder. All stand still while a safety input is missing."""

    def __init__(self, plant: Plant, times: PlcTimes | None = None) -> None:
        super().__init__(plant, "plc", UNIT, DEVICE_KIND, SERIAL_NUMBER, STATUS)
        self.times = PlcTimes() if times is None else times
        self.gantry = CommandChannel(self.core, "gantry", COMMANDS["gantry"], self._start_gantry, self._stop_gantry)
        self.transport = CommandChannel(
            self.core, "transport", COMMANDS["transport"], self._start_transport, self._stop_transport
        )
        self.feeder = CommandChannel(self.core, "feeder", COMMANDS["feeder"], self._start_feeder, None)
        for channel in (self.gantry, self.transport, self.feeder):
            self.add_channel(channel, COMMAND_BLOCKS[channel.name])
        self.core.interlock = lambda: None if plant.safety.may_move else Result.INTERLOCK
        self.core.on_reboot = self._power_lost
        self.is_homed = False
        self.has_fault = False
        self.tray_count = 0

    def write(self, address: int, data: bytes) -> None:
        if address != JOG_FRAME.address:
            super().write(address, data)
            return
        if len(data) != _JOG_FRAME.size:
            raise ModbusFault(ILLEGAL_VALUE)
        session, number, held = _JOG_FRAME.unpack(data)
        self.core.jog_frame(session, number, held == 1)

    # -- safety -------------------------------------------------------------------------------------------------

    def safety_changed(self) -> None:
        """A hard-wired input changed: without the chain everything brakes; without drive power positions are lost."""
        safety = self.plant.safety
        if not safety.may_move:
            self.core.stop_all(Result.INTERLOCK, Stop.QUICK)
        if not safety.drives_enabled:
            self.is_homed = False

    def _power_lost(self) -> None:
        self.is_homed = self.has_fault = False
        self.tray_count = 0
        self.plant.gantry.stop(self.plant.now(), Stop.QUICK)

    # -- gantry -------------------------------------------------------------------------------------------------

    def _start_gantry(self, spec: CommandSpec, args: dict[str, Number]) -> None:
        plant, now_s = self.plant, self.plant.now()
        if spec is HOME:
            self.is_homed = self.has_fault = False
            path = plant.gantry.plan(0.0, 0.0, 0.0, now_s, self.times.home_speed_um_per_s, None)
            if plant.faults.strikes("home_stuck", now_s) is not None:
                self.gantry.after(path.duration_s + self.times.home_search_s, self._stopped, Result.TIMED_OUT)
                return
            self._run(path, now_s, now_s + path.duration_s + self.times.home_search_s)
            return
        if self.has_fault:
            self.gantry.finish(Result.AXIS_FAULT, self._reached())
            return
        if not self.is_homed:
            self.gantry.finish(Result.NOT_HOMED, self._reached())
            return
        at_um = plant.gantry.measured_at(now_s)
        x_um, y_um, theta_deg = (
            float(args.get(name, at)) for name, at in zip(("x_um", "y_um", "theta_deg"), at_um, strict=True)
        )
        if not self._within_limits(x_um, y_um, theta_deg):
            self.gantry.finish(Result.LIMIT, self._reached())
            return
        if spec.is_jog:
            speed = float(args.get("speed_um_per_s") or args["speed_deg_per_s"])
            self._run(plant.gantry.plan_slow(x_um, y_um, theta_deg, now_s, speed), now_s, None)
            return
        speed, accel = float(args["speed_um_per_s"]), float(args["accel_um_per_s2"])
        wild = None if plant.faults.are_none else plant.faults.strikes("axis_overspeed", now_s)
        if wild is None:
            path = plant.gantry.plan(x_um, y_um, theta_deg, now_s, speed, accel)
        else:
            path = plant.gantry.plan_too_fast(x_um, y_um, theta_deg, now_s, wild.value)
        if plant.faults.strikes("axis_stalls", now_s) is not None:
            return
        self._run(path, now_s, None)
        too_fast_s = None if wild is None else plant.gantry.too_fast_from_s(path)
        if too_fast_s is not None:
            self.gantry.at(now_s + too_fast_s, self._trip)
        self._meet_faults(path, now_s)

    def _run(self, path: Path, now_s: float, until_s: float | None) -> None:
        gantry = self.plant.gantry
        self.plant.head.gantry_moves(now_s)
        self.plant.head.grip.clinging.jolted(now_s)
        gantry.follow(path, now_s)
        done_s = gantry.settled_from_s if until_s is None else until_s
        faults = self.plant.faults
        if until_s is None and not faults.are_none:
            rings = faults.strikes("axis_rings", now_s)
            if rings is not None:
                gantry.settled_from_s += rings.value
                done_s = gantry.settled_from_s
            if faults.strikes("done_never", now_s) is not None:
                return
            if faults.strikes("done_early", now_s) is not None:
                done_s = now_s + path.duration_s / 2.0
        self.gantry.at(done_s, self._arrived, until_s is not None)

    def _arrived(self, homing: bool) -> None:
        if homing:
            self.is_homed = True
        self.gantry.finish(Result.DONE, self._reached())

    def _within_limits(self, x_um: float, y_um: float, theta_deg: float) -> bool:
        machine = self.plant.machine
        return (
            machine.x.lower <= x_um <= machine.x.upper
            and machine.y.lower <= y_um <= machine.y.upper
            and machine.theta.lower <= theta_deg <= machine.theta.upper
        )

    def _reached(self) -> dict[str, Number]:
        x_um, y_um, theta_deg = self._read_at(self.plant.now())
        return {"x_um": x_um, "y_um": y_um, "theta_deg": theta_deg}

    def _read_at(self, now_s: float) -> tuple[float, float, float]:
        """What the encoders say."""
        x_um, y_um, theta_deg = self.plant.gantry.measured_at(now_s)
        faults = self.plant.faults
        stuck = None if faults.are_none else faults.active("axis_reading", now_s)
        return (x_um if stuck is None else stuck.value), y_um, theta_deg

    def _stop_gantry(self, result: Result, urgency: Stop) -> None:
        now_s = self.plant.now()
        stands_s = self.plant.gantry.stop(now_s, urgency)
        self.gantry.at(stands_s, self._stopped, result)

    def _stopped(self, result: Result) -> None:
        self.gantry.finish(result, self._reached())

    def _meet_faults(self, path: Path, now_s: float) -> None:
        """What is due to go wrong with this move goes wrong half way."""
        plant, faults = self.plant, self.plant.faults
        if faults.are_none:
            return
        half_s = now_s + path.duration_s / 2.0
        if faults.strikes("axis_fault", now_s) is not None:
            self.gantry.at(half_s, self._trip)
        link = faults.strikes("link_drop", now_s)
        if link is not None:
            plant.call_at(half_s, plant.cut_link, link.target or self.name, link.duration_s or 0.0)
        if plant.held is not None and faults.strikes("part_lost", now_s) is not None:
            plant.call_at(half_s, plant.lose_part)

    def _trip(self) -> None:
        self.has_fault = True
        self.is_homed = False
        self.gantry.stop(Result.AXIS_FAULT, Stop.QUICK)

    # -- transport ----------------------------------------------------------------------------------------------

    def _start_transport(self, spec: CommandSpec, args: dict[str, Number]) -> None:
        plant, times, channel = self.plant, self.times, self.transport
        if spec is LOAD_BOARD:
            if plant.board_in_nest is not None:
                channel.finish(Result.DONE)
            elif plant.is_magazine_empty:
                channel.after(times.load_gives_up_s, channel.finish, Result.NOTHING_THERE)
            else:
                channel.after(times.load_board_s, self._loaded)
        elif spec in (CLAMP, UNCLAMP):
            if not plant.safety.air_ok:
                channel.finish(Result.INTERLOCK)
            else:
                jolt = plant.faults.strikes("board_jolts", plant.now()) if spec is UNCLAMP else None
                if jolt is not None:
                    shake(plant.board_in_nest, jolt.value)
                share = 1.0 if jolt is None else JERK_SHARE
                channel.after(share * times.clamp_s, self._clamped, spec is CLAMP)
        elif spec is EJECT_BOARD:
            if plant.board_clamped:
                channel.finish(Result.INTERLOCK)
            else:
                channel.after(times.eject_board_s, self._ejected)

    def _loaded(self) -> None:
        self.plant.bring_board()
        self.transport.finish(Result.DONE)

    def _clamped(self, closed: bool) -> None:
        plant = self.plant
        if closed and plant.board_in_nest is None:
            self.transport.finish(Result.NOTHING_THERE)
            return
        plant.board_clamped = closed
        self.transport.finish(Result.DONE)

    def _ejected(self) -> None:
        self.plant.take_board_out()
        self.transport.finish(Result.DONE)

    def _stop_transport(self, result: Result, urgency: Stop) -> None:
        # A belt stands at once; a board on its way waits there for the next command.
        self.transport.finish(result)

    # -- feeder -------------------------------------------------------------------------------------------------

    def _start_feeder(self, spec: CommandSpec, args: dict[str, Number]) -> None:
        if spec is CHANGE_TRAY:
            self.plant.tray = None
            self.feeder.after(self.times.change_tray_s, self._tray_changed)

    def _tray_changed(self) -> None:
        self.tray_count += 1
        self.plant.bring_tray()
        self.feeder.finish(Result.DONE)

    # -- status -------------------------------------------------------------------------------------------------

    def inputs(self) -> Inputs:
        """All bits of the input word."""
        return Inputs(self._input_bits())

    def _input_bits(self) -> int:
        plant, safety = self.plant, self.plant.safety
        return (
            safety.estop_ok
            | safety.door_closed << 1
            | safety.drives_enabled << 2
            | safety.air_ok << 3
            | safety.vacuum_supply_ok << 4
            | safety.key_manual << 5
            | (plant.board_in_nest is not None) << 6
            | plant.board_clamped << 7
            | (plant.tray is not None) << 8
            | safety.bin_in_place << 9
            | safety.bin_full << 10
            | safety.on_battery << 11
        )

    def measured(self) -> bytes:
        plant = self.plant
        now_s = self.core.loop.time()
        gantry = plant.gantry
        x_um, y_um, theta_deg = self._read_at(now_s)
        flags = _HOMED if self.is_homed else 0
        if now_s >= gantry.settled_from_s:
            flags |= _IN_POSITION
        if self.has_fault:
            flags |= _FAULT
        return _MEASURED.pack(
            self._input_bits(), flags, round(x_um / UM), round(y_um / UM), round(theta_deg / DEG), self.tray_count
        )
