"""The dip unit behind its registers: homing, levelling, interlocks, stops, status."""

from __future__ import annotations

import asyncio

import pytest

from drivers.wire import dip_unit as wire
from drivers.wire.common import STATUS_ADDRESS
from drivers.wire.handshake import Result, Stop
from sim_hardware.faults import FaultSpec
from sim_hardware.world.machine import Fidelity
from tests.sim_hardware.head_bench import SESSION, Bench, unpack_words
from tests.support import virtual


async def ready(fidelity: Fidelity = Fidelity.IDEAL) -> Bench:
    return await Bench(fidelity).ready()


def status(bench: Bench) -> dict[str, float]:
    data = bench.plant.dip_unit.read(STATUS_ADDRESS, wire.STATUS.word_count)
    return {name: float(value) for name, value in wire.STATUS.unpack(unpack_words(data)).items()}


@virtual
async def test_no_wipe_before_homing() -> None:
    bench = Bench()
    result, _ = await bench.blade(wire.LEVEL, gap_um=200, wipe_speed_um_per_s=20_000, strokes=1)
    assert result is Result.NOT_HOMED
    assert bench.plant.film.generation == 0


@virtual
async def test_levelling_lays_a_new_generation_of_exactly_ratio_times_gap() -> None:
    bench = await ready()
    evidence = await bench.level(150.0)
    assert evidence == {"gap_um": 150.0, "film_generation": 1, "stroke_time_s": 3.5}
    assert bench.plant.film.height_um == 90.0
    assert status(bench)["film_generation"] == 1


@virtual
async def test_the_film_is_new_when_the_last_stroke_ends_and_not_before() -> None:
    bench = await ready()
    start = bench.now
    bench.begin(bench.plant.dip_unit.channel, wire.LEVEL, gap_um=200, wipe_speed_um_per_s=70_000, strokes=2)
    while bench.plant.dip_unit.channel.busy:
        assert bench.plant.film.generation == 0
        bench.plant.dip_unit.core.beat(SESSION, int(bench.now * 1000) & 0xFFFF, 0)
        await asyncio.sleep(0.1)
    assert bench.plant.film.generation == 1
    # 0.2 s for the gap, 0.1 s settle, two strokes of 1 s.
    assert bench.plant.film.laid_s - start == pytest.approx(2.3)


@virtual
async def test_a_wipe_that_is_stopped_leaves_no_new_film_and_a_ridge() -> None:
    bench = await ready()
    await bench.level(200.0)
    bench.begin(bench.plant.dip_unit.channel, wire.LEVEL, gap_um=200, wipe_speed_um_per_s=20_000, strokes=1)
    await asyncio.sleep(0.4)
    bench.plant.dip_unit.core.beat(SESSION, 12_345, int(Stop.CONTROLLED))
    await asyncio.sleep(0.2)
    assert bench.plant.dip_unit.channel.state().result is Result.STOPPED
    assert bench.plant.film.generation == 1
    bench.plant.dip_unit.core.beat(SESSION, 12_346, int(Stop.RUN))
    assert await bench.height(0, 0) > 140
    await bench.level(200.0)
    assert await bench.height(0, 0) == 120.0


@virtual
async def test_the_blade_does_not_run_under_a_package_that_hangs_in_the_film() -> None:
    from drivers.wire.head import MOVE_Z

    bench = await ready()
    bench.over_plate()
    await bench.head(MOVE_Z, z_um=24_500, speed_um_per_s=100_000)
    result, _ = await bench.blade(wire.LEVEL, gap_um=200, wipe_speed_um_per_s=20_000, strokes=1)
    assert result is Result.INTERLOCK


@virtual
async def test_an_open_cover_and_a_broken_safety_chain_forbid_the_wipe() -> None:
    bench = await ready()
    bench.plant.faults.inject(FaultSpec("plate_covered"), bench.plant.now())
    assert int(status(bench)["inputs"]) & wire.Inputs.COVER_OPEN
    result, _ = await bench.blade(wire.LEVEL, gap_um=200, wipe_speed_um_per_s=20_000, strokes=1)
    assert result is Result.INTERLOCK


@virtual
async def test_status_shows_reservoir_plate_and_climate() -> None:
    bench = await ready()
    seen = status(bench)
    assert seen["reservoir"] == wire.Reservoir.FULL
    assert seen["plate_temperature_degc"] == pytest.approx(25.0)
    assert seen["humidity_ratio"] == pytest.approx(0.45)
    assert seen["sequence_begin"] == seen["sequence_end"]
    bench.plant.film.set_reservoir(0.0)
    assert status(bench)["reservoir"] == wire.Reservoir.EMPTY


@virtual
async def test_a_real_gap_is_measured_with_a_small_error() -> None:
    bench = await ready(Fidelity.REAL)
    gaps = [(await bench.level(200.0, speed=100_000))["gap_um"] for _ in range(5)]
    assert gaps == pytest.approx([200.0] * 5, abs=1.5)
    assert len(set(gaps)) > 1
