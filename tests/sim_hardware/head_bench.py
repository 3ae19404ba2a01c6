"""A bench for stories about the head: gives commands as a host would, and puts the gantry where a story needs it."""

from __future__ import annotations

import asyncio
import itertools
import struct
from dataclasses import replace
from typing import Any

from drivers.wire import dip_unit as dip_wire
from drivers.wire import film_gauge as gauge_wire
from drivers.wire import head as head_wire
from drivers.wire.handshake import CommandSpec, Result
from sim_hardware.plant import Plant
from sim_hardware.scenario import Scenario
from sim_hardware.world.boards import bottom_pose
from sim_hardware.world.machine import Fidelity, MachineTruth
from sim_hardware.world.motion import straight_path
from sim_hardware.world.things import BallSite, PackageTruth, PackageType

SESSION = 77


def grid_package(n: int, rows: int, pitch_um: float, ball_um: float, high_um: float, body_um: float) -> PackageType:
    """n x n balls, `rows` perimeter rows, seen from below; the corner of the first row and column is left out."""
    balls = []
    for row, column in itertools.product(range(n), repeat=2):
        if min(row, column, n - 1 - row, n - 1 - column) < rows:
            x, y = ((index - (n - 1) / 2) * pitch_um for index in (column, row))
            balls.append(BallSite(f"R{row}C{column}", x, y, ball_um, high_um))
    return PackageType(f"grid {n} {rows} {pitch_um}", body_um, body_um, 600.0, 0.3, tuple(balls))


POP_168 = grid_package(23, 2, 500.0, 320.0, 240.0, 12_000.0)


class Bench:
    """A plant with a homed head and blade. `at` jumps the gantry; `head`, `blade`, `gauge` carry out one command."""

    def __init__(self, fidelity: Fidelity = Fidelity.IDEAL, seed: int = 1, **changes: Any) -> None:
        scenario = Scenario(seed=seed, fidelity=fidelity, top=POP_168)
        machine_changes = changes.pop("machine", {})
        scenario = replace(scenario, machine=replace(MachineTruth(), **machine_changes), **changes)
        self.plant = Plant(scenario)
        self._seq: dict[str, int] = {}
        self._beats = itertools.count(1)

    @property
    def machine(self) -> MachineTruth:
        return self.plant.machine

    @property
    def now(self) -> float:
        return self.plant.now()

    async def ready(self) -> Bench:
        await self.head(head_wire.HOME_Z)
        await self.blade(dip_wire.HOME_BLADE)
        self.plant.bring_board()
        self.plant.plc.tray_count = 1
        self.plant.bring_tray()
        return self

    def at(self, x_um: float, y_um: float, theta_deg: float = 0.0) -> None:
        """The gantry stands there (encoder), settled."""
        machine = self.plant.machine
        here = (x_um, y_um, theta_deg)
        self.plant.gantry.follow(straight_path(here, here, (machine.x, machine.y, machine.theta)), self.now - 1.0)

    def over_pocket(self, index: int = 0) -> None:
        assert self.plant.tray is not None
        pocket = self.plant.tray.pockets[index]
        x, y = self.plant.tray.centre_um(pocket)
        self.at(x + pocket.dx_um, y + pocket.dy_um)

    def over_plate(self, dx_um: float = 0.0, dy_um: float = 0.0) -> None:
        x, y = self.plant.plate_centre_um()
        self.at(x + dx_um, y + dy_um)

    def over_site(self, index: int = 0, dx_um: float = 0.0, dy_um: float = 0.0, turn_deg: float = 0.0) -> None:
        board = self.plant.board_in_nest
        assert board is not None
        x, y, theta = bottom_pose(self.machine, board, board.sites[index])
        self.at(x + dx_um, y + dy_um, theta + turn_deg)

    def over_bin(self) -> None:
        self.at(self.machine.bin_x_um, self.machine.bin_y_um)

    def over_holder(self) -> None:
        self.at(*self.plant.holder_centre_um())

    def begin(self, channel: Any, spec: CommandSpec, **args: float) -> None:
        channel.core.beat(SESSION, next(self._beats) & 0xFFFF, 0)
        seq = self._seq[channel.name] = self._seq.get(channel.name, 0) + 1
        assert channel.offer(SESSION, seq, spec.code, spec.pack_args(args)), channel.state()

    async def end(self, channel: Any, spec: CommandSpec) -> tuple[Result, dict[str, float]]:
        while channel.busy:
            channel.core.beat(SESSION, next(self._beats) & 0xFFFF, 0)
            await asyncio.sleep(0.05)
        state = channel.state()
        return state.result, {k: float(v) for k, v in spec.unpack_evidence(state.evidence).items()}

    async def head(self, spec: CommandSpec, **args: float) -> tuple[Result, dict[str, float]]:
        self.begin(self.plant.head.channel, spec, **args)
        return await self.end(self.plant.head.channel, spec)

    async def blade(self, spec: CommandSpec, **args: float) -> tuple[Result, dict[str, float]]:
        self.begin(self.plant.dip_unit.channel, spec, **args)
        return await self.end(self.plant.dip_unit.channel, spec)

    async def gauge(self, spec: CommandSpec, **args: float) -> tuple[Result, dict[str, float]]:
        self.begin(self.plant.film_gauge.channel, spec, **args)
        return await self.end(self.plant.film_gauge.channel, spec)

    async def level(self, gap_um: float = 200.0, speed: float = 20_000.0, strokes: int = 1) -> dict[str, float]:
        result, evidence = await self.blade(dip_wire.LEVEL, gap_um=gap_um, wipe_speed_um_per_s=speed, strokes=strokes)
        assert result is Result.DONE
        return evidence

    async def height(self, x_um: float, y_um: float) -> float:
        result, evidence = await self.gauge(gauge_wire.MEASURE, x_um=x_um, y_um=y_um)
        assert result is Result.DONE
        return evidence["height_um"]

    async def press(self, surface_z_um: float, **changes: float) -> tuple[Result, dict[str, float]]:
        """A press that expects contact at `surface_z_um`."""
        args: dict[str, float] = {
            "z_fast_um": surface_z_um - 500,
            "z_early_um": surface_z_um - 150,
            "z_limit_um": surface_z_um + 300,
            "approach_um_per_s": 2_000,
            "contact_force_n": 0.3,
            "hold_force_n": 1.5,
            "hold_s": 0.2,
            "force_limit_n": 8.0,
        }
        return await self.head(head_wire.PRESS, **{**args, **changes})

    async def lift(self, slow_um: float = 1_000, slow: float = 2_000, to_um: float = 5_000) -> dict[str, float]:
        z_um = self.plant.head.z_um_at(self.now)
        result, evidence = await self.head(
            head_wire.LIFT,
            z_slow_um=max(to_um, z_um - slow_um),
            slow_um_per_s=slow,
            z_end_um=to_um,
            speed_um_per_s=400_000,
        )
        assert result is Result.DONE
        return evidence

    async def vacuum(self, on: bool) -> dict[str, float]:
        if on:
            return (await self.head(head_wire.VACUUM_ON, level_kpa=-60, within_s=0.5))[1]
        return (await self.head(head_wire.VACUUM_OFF, blow_off_s=0.02, within_s=0.5))[1]

    @property
    def part_um(self) -> float:
        kind = self.plant.scenario.top
        return kind.body_height_um + kind.balls[0].height_um

    @property
    def plate_touch_um(self) -> float:
        """Z at which an ideal package on the nozzle touches the plate."""
        return self.machine.plate_z_um - self.part_um

    @property
    def site_touch_um(self) -> float:
        """Z at which an ideal package on the nozzle touches a bottom package."""
        board = self.plant.board_in_nest
        assert board is not None
        return self.machine.board_z_um - board.height_um - self.plant.scenario.bottom.body_height_um - self.part_um

    @property
    def held_package(self) -> PackageTruth:
        assert self.plant.held is not None
        assert isinstance(self.plant.held.part, PackageTruth)
        return self.plant.held.part

    async def pick(self, index: int = 0) -> dict[str, float]:
        """Pick the part of a pocket; returns the evidence of the lift."""
        self.over_pocket(index)
        await self.press(self.machine.tray_z_um - self.part_um, hold_force_n=1.0)
        await self.vacuum(True)
        return await self.lift()

    def events(self, kind: str) -> list[dict[str, Any]]:
        return [data for _, name, data in self.plant.events if name == kind]


async def ready(fidelity: Fidelity = Fidelity.IDEAL, seed: int = 1, **changes: Any) -> Bench:
    return await Bench(fidelity, seed, **changes).ready()


def unpack_words(data: bytes) -> list[int]:
    return list(struct.unpack(f">{len(data) // 2}H", data))
