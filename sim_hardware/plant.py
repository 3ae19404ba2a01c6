"""The simulated cell as one composed world: machine, parts, devices, servers, faults, all on the loop's clock.

No physics here: each part of the world lives in `world`, each device in `devices`; this module makes and joins them.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from sim_hardware.faults import Faults
from sim_hardware.scenario import Scenario
from sim_hardware.world.errors_drawn import with_errors
from sim_hardware.world.gantry import GantryTruth, TruePose
from sim_hardware.world.machine import Fidelity, MachineTruth
from sim_hardware.world.places import GlassPart, HeldPart, Holder, SafetyInputs, Tray
from sim_hardware.world.things import BoardTruth, PackageTruth


class Plant:
    """The world and everything in it. Create it inside a running loop, or give the loop.

    machine         as it really is, hidden errors included
    gantry          X, Y, theta truth: `position_at(t)` true nozzle tip, `head_at(t)`, `measured_at(t)`, `is_moving(t)`
    held            the part on the nozzle and how it hangs there, None = empty; the head takes and releases it
    tray            pockets with parts; None while no tray is in place
    boards          all boards that ever came in; `board_in_nest` the one at the stop pins
    rejected, lost  parts in the bin, parts that fell somewhere
    safety          hard-wired inputs, set by the harness
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
        self.boards_delivered = 0
        self.before_gantry_move: list[Callable[[], None]] = []
        """called by the PLC when a gantry move begins; part_lost hooks in here"""

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
        """True centre of the holder of the glass part."""
        extras = self.machine.extras
        return (
            self.machine.holder_x_um + extras.get("holder_dx_um", 0.0),
            self.machine.holder_y_um + extras.get("holder_dy_um", 0.0),
        )

    def datum_centre_um(self) -> tuple[float, float]:
        """True centre of the datum mark."""
        extras = self.machine.extras
        return (
            self.machine.datum_x_um + extras.get("datum_dx_um", 0.0),
            self.machine.datum_y_um + extras.get("datum_dy_um", 0.0),
        )
