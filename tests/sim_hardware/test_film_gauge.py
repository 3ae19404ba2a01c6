"""The film gauge: what it reads against what is there."""

from __future__ import annotations

import numpy as np
import pytest

from drivers.wire import dip_unit as dip_wire
from drivers.wire import film_gauge as wire
from drivers.wire.handshake import Result
from sim_hardware.world.machine import Fidelity
from tests.sim_hardware.head_bench import Bench
from tests.support import virtual


@virtual
async def test_an_ideal_gauge_reads_the_true_height_and_the_exact_step() -> None:
    bench = await Bench().ready()
    await bench.level(200.0)
    assert await bench.height(5_000, -5_000) == 120.0
    result, evidence = await bench.gauge(wire.REFERENCE)
    assert result is Result.DONE
    assert evidence["height_um"] == 100.0


@virtual
async def test_noise_and_offset_are_those_of_the_machine_and_the_step_shows_the_offset() -> None:
    bench = await Bench(Fidelity.REAL).ready()
    steps = [(await bench.gauge(wire.REFERENCE))[1]["height_um"] for _ in range(200)]
    machine = bench.machine
    assert np.std(steps) == pytest.approx(machine.gauge_noise_um, rel=0.2)
    assert np.mean(steps) - 100 == pytest.approx(machine.gauge_offset_um, abs=0.15)


@virtual
async def test_a_dry_plate_gives_a_poor_signal() -> None:
    bench = await Bench().ready()
    result, evidence = await bench.gauge(wire.MEASURE, x_um=0, y_um=0)
    assert result is Result.DONE
    assert evidence["quality_ratio"] < 0.3
    await bench.level()
    _, evidence = await bench.gauge(wire.MEASURE, x_um=0, y_um=0)
    assert evidence["quality_ratio"] > 0.9


@virtual
async def test_the_gauge_keeps_away_while_the_blade_runs() -> None:
    bench = await Bench().ready()
    bench.begin(bench.plant.dip_unit.channel, dip_wire.LEVEL, gap_um=200, wipe_speed_um_per_s=20_000, strokes=1)
    assert (await bench.gauge(wire.MEASURE, x_um=0, y_um=0))[0] is Result.INTERLOCK
    await bench.end(bench.plant.dip_unit.channel, dip_wire.LEVEL)
    assert (await bench.gauge(wire.MEASURE, x_um=0, y_um=0))[0] is Result.DONE


@virtual
async def test_five_points_take_the_time_of_the_stage() -> None:
    bench = await Bench().ready()
    await bench.level()
    await bench.height(0, 0)
    start = bench.now
    bench.begin(bench.plant.film_gauge.channel, wire.MEASURE, x_um=10_000, y_um=0)
    await bench.end(bench.plant.film_gauge.channel, wire.MEASURE)
    assert bench.now - start == pytest.approx(0.150, abs=0.051)


@virtual
async def test_the_status_says_whether_a_surface_is_in_range() -> None:
    bench = await Bench().ready()
    fields = bench.plant.film_gauge.status()
    assert wire.STATUS.unpack(fields)["film_present"] == 1
