"""The simulated cell as one composed world: machine, parts, devices, faults, all on the loop's clock.

No physics and no bytes here: parts of the world live in `world`, devices in `devices`, ports in `cabling`.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np

from drivers.wire.handshake import Result, Stop
from sim_hardware import mishaps
from sim_hardware.cabling import Cabling, Ports
from sim_hardware.devices.board_reader import BoardReader
from sim_hardware.devices.camera import DownCamera, UpCamera
from sim_hardware.devices.dip_unit import DipUnit
from sim_hardware.devices.film_gauge import FilmGauge
from sim_hardware.devices.head import Head
from sim_hardware.devices.lights import Lights
from sim_hardware.devices.plc import MotionPlc
from sim_hardware.faults import Faults
from sim_hardware.scenario import Scenario
from sim_hardware.world.boards import make_board
from sim_hardware.world.errors_drawn import with_errors
from sim_hardware.world.film import Film
from sim_hardware.world.gantry import GantryTruth, TruePose
from sim_hardware.world.machine import Fidelity, MachineTruth
from sim_hardware.world.places import GlassPart, HeldPart, Holder, SafetyInputs, Tray
from sim_hardware.world.spoilt_boards import spoil
from sim_hardware.world.things import BoardTruth, PackageTruth
from sim_hardware.world.tray import full_tray

PART_FALLS_KPA = -3.0
"""A part without support falls off the nozzle above this."""
FULL_TRUTH_BOARDS = 20
"""Balls of placed packages are forgotten this many boards later; a shift has thousands of packages."""


class Plant:
    """The world and everything in it. Create it inside a running loop, or give the loop.

    machine         as it really is, hidden errors included
    gantry          X, Y, theta truth: `position_at(t)` true nozzle tip, `head_at(t)`, `measured_at(t)`, `is_moving(t)`
    held            the part on the nozzle and how it hangs there, None = empty; the head takes and releases it
    tray            pockets with parts; None while no tray is in place
    boards          all boards that ever came in; `board_in_nest` the one at the stop pins
    rejected, lost  parts in the bin, parts that fell somewhere
    safety          hard-wired inputs, set by the harness
    plc, head, dip_unit, film_gauge, lights, board_reader, up_camera, down_camera    the devices
    cabling         ports and what can happen to their cables
    events          truth history for the harness: (time, kind, data)
    """

    def __init__(self, scenario: Scenario, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self.scenario = scenario
        self.loop = asyncio.get_running_loop() if loop is None else loop
        self._streams: dict[str, np.random.Generator] = {}
        self.faults = Faults(scenario.faults)
        self.events: list[tuple[float, str, dict[str, Any]]] = []
        self.machine: MachineTruth = with_errors(scenario.machine, scenario.fidelity, self.rng("machine errors"))
        extras = self.machine.extras
        self.safety = SafetyInputs()
        self.gantry = GantryTruth(self.machine, self.rng("gantry"))
        self.held: HeldPart | None = None
        self.tray: Tray | None = None
        self.holder = Holder(
            GlassPart(dots_dx_um=extras.get("glass_dots_dx_um", 0.0), dots_dy_um=extras.get("glass_dots_dy_um", 0.0))
        )
        self.boards: list[BoardTruth] = []
        self.board_in_nest: BoardTruth | None = None
        self.board_clamped = False
        self.rejected: list[PackageTruth] = []
        self.lost: list[PackageTruth] = []
        self.film = Film(self.machine, scenario.material, scenario.fidelity, self.rng("film"), self.faults)
        self.plc = MotionPlc(self)
        self.head = Head(self)
        self.dip_unit = DipUnit(self)
        self.film_gauge = FilmGauge(self)
        self.lights = Lights(self)
        self.board_reader = BoardReader(self)
        self.up_camera = UpCamera(self)
        self.down_camera = DownCamera(self)
        self.cabling = Cabling(self)
        self.drawing_room = ThreadPoolExecutor(1, "drawing")
        """draws pictures beside a real loop; the virtual loop draws at once"""
        self.faults.bind(lambda spec, when_s: mishaps.happen(self, spec, when_s), self.rng("faults").random)

    # -- time, chance, history ----------------------------------------------------------------------------------

    def now(self) -> float:
        """Simulated time, s."""
        return self.loop.time()

    def call_at(self, when_s: float, callback: Callable[..., None], *args: Any) -> asyncio.TimerHandle:
        return self.loop.call_at(when_s, callback, *args)

    def rng(self, name: str) -> np.random.Generator:
        """The stream of chance for one purpose; adding a purpose never shifts another."""
        stream = self._streams.get(name)
        if stream is None:
            seed = np.random.SeedSequence((self.scenario.seed, zlib.crc32(name.encode())))
            stream = self._streams[name] = np.random.default_rng(seed)
        return stream

    def boot_ids(self, device: str) -> Callable[[], int]:
        """A source of boot numbers for one device, never 0."""
        stream = self.rng(f"boot {device}")
        return lambda: int(stream.integers(1, 2**32))

    def record(self, kind: str, **data: Any) -> None:
        """Keep a fact of the true history."""
        self.events.append((self.loop.time(), kind, data))

    # -- ports --------------------------------------------------------------------------------------------------

    async def start(self, host: str = "127.0.0.1", port_base: int = 0) -> Ports:
        """Open all ports: `port_base` and the next ones, or free ones where it is 0. Raises OSError when taken."""
        return await self.cabling.start(host, port_base)

    async def stop(self) -> None:
        """Close all ports and connections."""
        await self.cabling.stop()
        self.drawing_room.shutdown(wait=True, cancel_futures=True)

    def cut_link(self, name: str, refuse_s: float = 0.0) -> None:
        """Reset all connections of one port; it refuses new ones for a while."""
        self.record("link cut", port=name)
        self.cabling.cables[name].cut(refuse_s)

    # -- what comes and goes ------------------------------------------------------------------------------------

    @property
    def is_magazine_empty(self) -> bool:
        return 0 < self.scenario.board_count <= len(self.boards)

    def bring_board(self) -> None:
        """The conveyor has brought the next board to the stop pins."""
        number = len(self.boards) + 1
        board = make_board(
            self.scenario.board, number, self.rng("boards"), self.fidelity, self.faults, self.loop.time()
        )
        spoil(self, board)
        self.boards.append(board)
        self.board_in_nest = board
        self.record("board in", serial=board.serial)

    def take_board_out(self) -> None:
        """The board at the pins leaves the cell."""
        board, self.board_in_nest = self.board_in_nest, None
        if board is None:
            return
        self.record("board out", serial=board.serial)
        if len(self.boards) > FULL_TRUTH_BOARDS:
            for site in self.boards[-FULL_TRUTH_BOARDS - 1].sites:
                for placed in site.placed:
                    placed.package.balls.clear()

    def bring_tray(self) -> None:
        """The feeder has brought a full tray."""
        number = self.plc.tray_count
        tray = full_tray(
            self.machine, self.scenario.top, number, self.rng("tray"), self.fidelity, self.faults, self.loop.time()
        )
        tray.x_um += self.machine.extras.get("tray_dx_um", 0.0)
        tray.y_um += self.machine.extras.get("tray_dy_um", 0.0)
        self.tray = tray
        self.record("tray in", lot=tray.lot)

    def lose_part(self) -> None:
        """The part falls off the nozzle: vacuum gone for a moment."""
        held = self.held
        if held is None:
            return
        self.record("part lost", serial=held.part.serial)
        if isinstance(held.part, PackageTruth):
            self.lost.append(held.part)
        self.release_part()

    def release_part(self) -> None:
        """The nozzle is empty from now on, whatever became of the part."""
        self.held = None
        self.head.grip.clinging.ends()
        self.head.part_gone()

    def held_height_um(self) -> float:
        """From the nozzle tip down to the lowest nominal point of the part; 0 without a part."""
        held = self.held
        if held is None:
            return 0.0
        if isinstance(held.part, GlassPart):
            return held.part.height_um
        balls = held.part.type.balls
        return held.part.type.body_height_um + (balls[0].height_um if balls else 0.0)

    def set_safety(self, **inputs: bool) -> None:
        """Change hard-wired inputs, for instance `set_safety(estop_ok=False)`; the devices react at once."""
        self.safety = replace(self.safety, **inputs)
        self.record("safety inputs", **inputs)
        self.plc.safety_changed()
        for device in (self.head, self.dip_unit, self.film_gauge):
            if not self.safety.may_move:
                device.core.stop_all(Result.INTERLOCK, Stop.QUICK)
        if "vacuum_supply_ok" in inputs:
            self._supply_changed()

    def _supply_changed(self) -> None:
        """With the pump dead the nozzle leaks to ambient, and what hangs there falls."""
        now_s, vacuum = self.loop.time(), self.head.grip.vacuum
        vacuum.supply_ratio = 1.0 if self.safety.vacuum_supply_ok else 0.0
        vacuum.set_seal(vacuum.seal, now_s)
        falls_in_s = vacuum.time_to_rise_s(PART_FALLS_KPA, now_s)
        if falls_in_s is not None and not self.safety.vacuum_supply_ok:
            self.call_at(now_s + falls_in_s, self._supply_was_dead)

    def _supply_was_dead(self) -> None:
        if not self.safety.vacuum_supply_ok:
            self.lose_part()

    def reboot(self, device: str) -> None:
        """Power one device off and on: its memory is gone and its connections with it."""
        found = self.cabling.devices().get(device)
        if found is None:
            raise KeyError(f"no device {device!r} to reboot; known: {', '.join(self.cabling.devices())}")
        self.record("reboot", device=device)
        found.reboot()
        self.cabling.cables[device].cut()

    @property
    def fidelity(self) -> Fidelity:
        return self.scenario.fidelity

    # -- true places of what stands in the cell -----------------------------------------------------------------

    def tip(self) -> TruePose:
        """True pose of the nozzle tip now."""
        return self.gantry.position_at(self.loop.time())

    def plate_centre_um(self) -> tuple[float, float]:
        """True centre of the dip plate."""
        extras = self.machine.extras
        return (
            self.machine.plate_x_um + extras.get("plate_dx_um", 0.0),
            self.machine.plate_y_um + extras.get("plate_dy_um", 0.0),
        )

    def holder_centre_um(self) -> tuple[float, float]:
        """True centre of the upper seat of the glass part."""
        return self.seat_um(is_lower=False)[:2]

    def seat_um(self, is_lower: bool) -> tuple[float, float, float]:
        """True centre of a seat of the glass part, and Z at which a bare tip touches it; both are cut in one block."""
        machine, extras = self.machine, self.machine.extras
        dx_um, dy_um = extras.get("holder_dx_um", 0.0), extras.get("holder_dy_um", 0.0)
        if is_lower:
            return machine.lower_seat_x_um + dx_um, machine.lower_seat_y_um + dy_um, machine.lower_seat_z_um
        return machine.holder_x_um + dx_um, machine.holder_y_um + dy_um, machine.holder_z_um

    def datum_centre_um(self) -> tuple[float, float]:
        """True centre of the datum mark."""
        extras = self.machine.extras
        return (
            self.machine.datum_x_um + extras.get("datum_dx_um", 0.0),
            self.machine.datum_y_um + extras.get("datum_dy_um", 0.0),
        )
