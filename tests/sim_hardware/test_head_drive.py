"""The drive of the head: homing, stops, dead-man, limits, force zero, curve and status line."""

from __future__ import annotations

import asyncio
import statistics

import pytest

from drivers.wire import head as wire
from drivers.wire.handshake import ChannelState, Result, Stop
from drivers.wire.serial_frames import SerialFrame, decode
from sim_hardware.faults import FaultSpec
from sim_hardware.world.machine import Fidelity
from tests.sim_hardware.head_bench import SESSION, Bench, ready
from tests.support import virtual


@virtual
async def test_nothing_moves_before_z_is_homed() -> None:
    bench = Bench()
    assert (await bench.head(wire.MOVE_Z, z_um=1_000, speed_um_per_s=100_000))[0] is Result.NOT_HOMED
    assert (await bench.press(20_000))[0] is Result.NOT_HOMED
    assert (await bench.head(wire.HOME_Z)) == (Result.DONE, {"z_um": 0.0})
    result, evidence = await bench.head(wire.MOVE_Z, z_um=1_000, speed_um_per_s=100_000)
    assert (result, evidence["z_um"]) == (Result.DONE, 1_000.0)


@virtual
async def test_a_fast_move_into_the_board_stops_and_is_a_crash() -> None:
    bench = await ready()
    bench.over_site(0)
    result, _ = await bench.head(wire.MOVE_Z, z_um=30_000, speed_um_per_s=400_000)
    assert result is Result.EARLY_CONTACT
    assert len(bench.events("crash")) == 1
    assert bench.plant.head.z_um_at(bench.now) < bench.machine.board_z_um


@virtual
async def test_force_over_trips_the_limit_of_the_drive() -> None:
    bench = await ready(faults=(FaultSpec("force_over", nth=2, value=5.0),))
    await bench.pick()
    bench.over_site(0)
    result, press = await bench.press(bench.site_touch_um, hold_force_n=2.0, force_limit_n=8.0)
    assert result is Result.FORCE_LIMIT
    assert press["peak_force_n"] > 8.0


@virtual
async def test_a_silent_host_stops_a_press_after_half_a_second() -> None:
    bench = await ready()
    bench.over_site(0)
    bench.begin(
        bench.plant.head.channel,
        wire.PRESS,
        z_fast_um=1_000,
        z_early_um=1_000,
        z_limit_um=20_000,
        approach_um_per_s=1_000,
        contact_force_n=0.3,
        hold_force_n=1,
        hold_s=0,
        force_limit_n=5,
    )
    await asyncio.sleep(3.0)
    state = bench.plant.head.channel.state()
    assert state.result is Result.WATCHDOG
    z_um = bench.plant.head.z_um_at(bench.now)
    assert 1_300 < z_um < 1_600
    assert wire.PRESS.unpack_evidence(state.evidence)["end_z_um"] == pytest.approx(z_um, abs=0.1)


@virtual
async def test_a_stop_in_the_fast_part_brakes_and_stands() -> None:
    bench = await ready()
    bench.begin(bench.plant.head.channel, wire.MOVE_Z, z_um=20_000, speed_um_per_s=400_000)
    await asyncio.sleep(0.03)
    bench.plant.head.core.beat(SESSION, 9_999, int(Stop.CONTROLLED))
    await asyncio.sleep(0.2)
    state = bench.plant.head.channel.state()
    assert state.result is Result.STOPPED
    z_um = bench.plant.head.z_um_at(bench.now)
    assert 2_000 < z_um < 19_000
    await asyncio.sleep(1.0)
    assert bench.plant.head.z_um_at(bench.now) == z_um


@virtual
async def test_tare_removes_the_zero_and_shows_noise_that_a_dead_sensor_would_not_have() -> None:
    bench = await ready(Fidelity.REAL)
    result, evidence = await bench.head(wire.TARE)
    assert result is Result.DONE
    assert evidence["noise_n"] == pytest.approx(0.015, abs=0.001)
    assert evidence["offset_n"] != 0.0
    assert bench.plant.head.cell.read_n(0.0, bench.now) == pytest.approx(0.0, abs=0.06)
    ideal = await ready()
    _, evidence = await ideal.head(wire.TARE)
    assert (evidence["offset_n"], evidence["noise_n"]) == (0.0, pytest.approx(0.0003))


@virtual
async def test_noise_is_a_function_of_time_and_not_of_who_reads_it() -> None:
    bench = await ready(Fidelity.REAL)
    await bench.head(wire.TARE)
    cell = bench.plant.head.cell
    readings = [cell.read_n(0.0, 10.0 + index / 2_000) for index in range(2_000)]
    assert statistics.stdev(readings) == pytest.approx(bench.machine.force_noise_n, rel=0.1)
    assert cell.read_n(0.0, 10.0) == readings[0]


@virtual
async def test_the_curve_tells_the_same_press_as_the_evidence() -> None:
    bench = await ready()
    await bench.pick()
    bench.over_site(0)
    _, press = await bench.press(bench.site_touch_um, hold_force_n=2.0)
    head = bench.plant.head
    count = head.cell.curve_count(bench.now)
    assert 600 < count < 1_600
    samples: list[tuple[int, float, float]] = []
    while len(samples) < count:
        fields = head.answer("CRV", (str(len(samples)), "1", "64"))
        assert fields is not None
        samples += wire.decode_curve(fields[0])
    assert [index for index, _, _ in samples] == list(range(count))
    assert samples[-1][1] == pytest.approx(press["end_z_um"], abs=0.2)
    assert max(force for _, _, force in samples) == pytest.approx(2.0, abs=0.05)
    free = [force for _, z, force in samples if z < bench.site_touch_um - 10]
    assert max(map(abs, free)) == 0.0


@virtual
async def test_real_press_holds_the_set_force_within_three_percent_and_noise() -> None:
    bench = await ready(Fidelity.REAL, seed=4)
    await bench.head(wire.TARE)
    await bench.pick()
    bench.over_site(0)
    touch = bench.site_touch_um
    _, press = await bench.press(touch, z_early_um=touch - 200)
    assert press["hold_force_n"] == pytest.approx(1.5, rel=0.03)
    assert press["hold_force_n"] != 1.5


@virtual
async def test_the_gantry_moving_with_z_down_is_a_collision_and_with_z_up_is_none() -> None:
    bench = await ready()
    bench.plant.head.gantry_moves(bench.now)
    assert bench.events("collision") == []
    bench.over_site(0)
    await bench.head(wire.MOVE_Z, z_um=23_000, speed_um_per_s=400_000)
    bench.plant.head.gantry_moves(bench.now)
    assert len(bench.events("collision")) == 1


@virtual
async def test_the_status_line_reads_what_the_head_measures() -> None:
    bench = await ready()
    await bench.pick()
    head = bench.plant.head
    fields = head.answer("BEA", (str(SESSION), "3", "0"))
    assert fields is not None
    line = SerialFrame("@", 1, "BEA", fields).encode()
    assert len(line) < 1024
    status = wire.STATUS.unpack(decode(line).fields)
    flags = wire.Flags(int(status["flags"]))
    assert flags & wire.Flags.HOMED
    assert flags & wire.Flags.VACUUM_ON
    assert flags & wire.Flags.CONTACT_STOP_ARMED
    assert not flags & wire.Flags.IN_CONTACT
    assert status["z_um"] == pytest.approx(5_000)
    assert status["vacuum_kpa"] == pytest.approx(-78, abs=0.1)
    assert ChannelState.from_status("head", status).result is Result.DONE


@virtual
async def test_a_rebooted_head_is_not_homed_and_keeps_its_part() -> None:
    bench = await ready()
    await bench.pick()
    bench.plant.head.reboot()
    assert not bench.plant.head.is_homed
    assert bench.plant.held is not None
