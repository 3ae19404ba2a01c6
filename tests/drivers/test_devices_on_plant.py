"""Head, dip unit, film gauge, lights, reader and cameras through the real wires of a simulated plant."""

from __future__ import annotations

import asyncio
import json

import pytest

from drivers import errors
from drivers.devices.head import LiftProfile, PressProfile
from drivers.wire.camera_frame import DOWN, UP, PixelFormat
from drivers.wire.dip_unit import Reservoir
from drivers.wire.head import Flags
from sim_hardware.faults import FaultSpec
from tests.drivers.cell import Bench, bench
from tests.support import virtual

POCKET_UM = (30_000, 40_000)
PART_TOP_Z_UM = 22_000 - 720  # floor of the pocket less body 500 um and balls 220 um
PICK = PressProfile(
    z_fast_um=PART_TOP_Z_UM - 300,
    z_early_um=PART_TOP_Z_UM - 150,
    z_limit_um=PART_TOP_Z_UM + 200,
    approach_um_per_s=5_000,
    contact_force_n=0.3,
    hold_force_n=1.0,
    hold_s=0.05,
    force_limit_n=5.0,
)
LIFT = LiftProfile(z_slow_um=PART_TOP_Z_UM - 500, slow_um_per_s=5_000, z_end_um=9_000, speed_um_per_s=500_000)


def now_s() -> float:
    return asyncio.get_running_loop().time()


async def over_a_part(cell: Bench) -> None:
    await asyncio.gather(cell.gantry.home(), cell.head.home(), cell.feeder.change_tray())
    await cell.head.tare()
    await cell.gantry.move_to(*POCKET_UM, 0)


@virtual
async def test_a_part_is_picked_and_the_evidence_is_what_the_plant_knows():
    async with bench() as cell:
        await over_a_part(cell)
        press = await cell.head.press(PICK)
        assert press.contact_z_um == pytest.approx(PART_TOP_Z_UM, abs=30)
        assert press.hold_force_n == pytest.approx(1.0, abs=0.1)
        vacuum = await cell.head.vacuum_on(-60.0, 0.5)
        assert vacuum.vacuum_kpa <= -59.0
        lift = await cell.head.lift(LIFT)
        assert lift.z_um == pytest.approx(9_000)
        assert lift.vacuum_kpa <= vacuum.vacuum_kpa
        assert cell.plant.held is not None
        status = await cell.head.refresh()
        assert Flags.VACUUM_ON in status.flags
        assert status.vacuum_kpa < -50
        assert status.z_um == pytest.approx(cell.plant.head.z_um_at(now_s()), abs=0.1)


@virtual
async def test_the_force_curve_is_read_whole_and_thinned():
    async with bench() as cell:
        await over_a_part(cell)
        press = await cell.head.press(PICK)
        whole = await cell.head.read_curve(4096)
        thin = await cell.head.read_curve(100)
        assert 100 < len(whole.z_um) == len(whole.force_n)
        assert 50 <= len(thin.z_um) <= 100
        assert max(whole.force_n) == pytest.approx(press.peak_force_n, abs=0.1)
        assert max(whole.z_um) == pytest.approx(press.end_z_um, abs=1.0)
        assert thin.z_um == whole.z_um[:: -(-len(whole.z_um) // 100)]


@virtual
async def test_touching_nothing_too_early_or_too_hard_has_an_error_of_its_own():
    async with bench() as cell:
        with pytest.raises(errors.NotHomed):
            await cell.head.press(PICK)
        await over_a_part(cell)
        deep = PressProfile(20_000, 20_500, 21_000, 5_000, 0.3, 1.0, 0.05, 5.0)
        with pytest.raises(errors.NoContact) as caught:
            await cell.head.press(deep)
        assert caught.value.details["end_z_um"] == pytest.approx(21_000, abs=1)
        await cell.head.lift(LiftProfile(20_000, 5_000, 9_000, 500_000))
        early = PressProfile(PART_TOP_Z_UM - 300, PART_TOP_Z_UM + 100, PART_TOP_Z_UM + 200, 5_000, 0.3, 1.0, 0.05, 5.0)
        with pytest.raises(errors.EarlyContact):
            await cell.head.press(early)
        await cell.head.lift(LIFT)
        with pytest.raises(errors.LimitExceeded, match="allowed 0 to 40000"):
            await cell.head.move_z(40_001)


@pytest.mark.parametrize("nth", [1, 2, 3, 4])
def test_a_lost_reply_of_the_head_never_presses_twice(nth):
    @virtual
    async def story():
        async with bench() as cell:
            await over_a_part(cell)
            cell.plant.faults.inject(FaultSpec("reply_lost", nth=nth, target="head"), now_s())
            before = cell.plant.head.channel.ack_seq
            await cell.head.press(PICK)
            await cell.head.lift(LIFT)
            assert cell.plant.head.channel.ack_seq == before + 2
            await asyncio.sleep(1.0)
            assert [kind for _, kind in cell.plant.faults.struck] == ["reply_lost"]
            assert cell.head.is_connected

    story()


@virtual
async def test_the_vacuum_that_is_not_reached_is_evidence_and_no_error():
    async with bench() as cell:
        await cell.head.home()
        evidence = await cell.head.vacuum_on(-60.0, 0.3)
        assert evidence.vacuum_kpa > -60.0
        assert evidence.time_s == pytest.approx(0.3, abs=0.01)
        assert (await cell.head.vacuum_off(0.02, 0.5)).vacuum_kpa == pytest.approx(0.0, abs=3.0)


@virtual
async def test_the_film_is_laid_measured_and_counted():
    async with bench() as cell:
        with pytest.raises(errors.NotHomed):
            await cell.dip_unit.level(100.0, 30_000, 1)
        await cell.dip_unit.home()
        assert cell.dip_unit.status.is_homed
        laid = await cell.dip_unit.level(100.0, 30_000, 2)
        assert laid.gap_um == pytest.approx(100.0)
        assert laid.film_generation == cell.plant.film.generation == 1
        readings = [await cell.film_gauge.measure(x_um, y_um) for x_um, y_um in ((0, 0), (20_000, 0), (-20_000, 5_000))]
        for reading, (x_um, y_um) in zip(readings, ((0, 0), (20_000, 0), (-20_000, 5_000)), strict=True):
            assert reading.height_um == pytest.approx(cell.plant.film.height_at(x_um, y_um, now_s()), abs=1.0)
            assert reading.quality_ratio > 0.5
        assert readings[0].at_s < readings[1].at_s < readings[2].at_s <= now_s()
        assert (await cell.film_gauge.reference()).height_um == pytest.approx(100.0, abs=1.0)
        await cell.film_gauge.beat()
        assert cell.film_gauge.is_film_present


@virtual
async def test_the_dip_unit_tells_plate_climate_and_material():
    async with bench() as cell:
        status = cell.dip_unit.status
        assert status.reservoir is Reservoir.FULL
        assert status.plate_id == 7
        assert status.plate_locked
        assert not status.cover_open
        assert 15 < status.plate_temperature_degc < 35
        assert 0 < status.humidity_ratio < 1
        cell.plant.faults.inject(FaultSpec("reservoir_low"), now_s())
        await asyncio.sleep(0.11)
        assert cell.dip_unit.status.reservoir is Reservoir.LOW


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_a_lost_rtu_reply_never_wipes_twice(nth):
    @virtual
    async def story():
        async with bench() as cell:
            await cell.dip_unit.home()
            cell.plant.faults.inject(FaultSpec("reply_lost", nth=nth, target="dip_unit"), now_s())
            await cell.dip_unit.level(100.0, 30_000, 1)
            assert cell.plant.film.generation == 1
            await cell.dip_unit.level(100.0, 30_000, 1)
            assert cell.plant.film.generation == 2

    story()


@virtual
async def test_a_light_outside_its_range_is_refused_and_a_set_one_is_confirmed():
    async with bench() as cell:
        await cell.lights.set(UP, 0.5, 0.25, 0.002)
        light = cell.plant.lights.flash(UP, 1.0)
        assert (light.ring_ratio, light.coax_ratio, light.exposure_s) == pytest.approx((0.5, 0.25, 0.002))
        with pytest.raises(errors.LimitExceeded, match="ring_ratio"):
            await cell.lights.set(UP, 1.5, 0.0, 0.002)


@virtual
async def test_codes_are_read_and_an_unreadable_one_is_empty():
    async with bench() as cell:
        assert await cell.board_reader.read_board() == ""
        await cell.conveyor.load_board()
        await cell.feeder.change_tray()
        assert await cell.board_reader.read_board() == cell.plant.board_in_nest.serial
        assert await cell.board_reader.read_tray_lot() == cell.plant.tray.lot
        assert await cell.board_reader.read_material_lot() == "FLUX-0001"
        cell.plant.faults.inject(FaultSpec("code_unreadable", nth=1), now_s())
        assert await cell.board_reader.read_board() == ""
        cell.plant.faults.inject(FaultSpec("reply_lost", nth=1, target="board_reader"), now_s())
        assert await cell.board_reader.read_board() != ""


@virtual
async def test_each_camera_delivers_its_own_growing_frames():
    async with bench() as cell:
        await cell.lights.set(DOWN, 0.2, 0.5, 0.002)
        first = await cell.up_camera.expose(0.002)
        second = await cell.up_camera.expose(0.002)
        assert second.header.frame_number == first.header.frame_number + 1
        assert (first.header.width, first.header.height) == (2448, 2048)
        down = await cell.down_camera.expose(0.002)
        assert down.header.pixel_format is PixelFormat.OBSERVATION
        assert isinstance(json.loads(down.payload), dict)
        cell.plant.faults.inject(FaultSpec("frame_lost", nth=1, target="up_camera"), now_s())
        with pytest.raises(errors.ReplyTimeout):
            await cell.up_camera.expose(0.002)
        assert (await cell.up_camera.expose(0.002)).header.trigger_number == 4


@virtual
async def test_a_capture_of_the_whole_cell_names_every_link():
    lines: list[str] = []
    async with bench(write_line=lines.append) as cell:
        await cell.gantry.home()
    links = {json.loads(line)["link"] for line in lines}
    assert links == {"plc", "dip unit", "head", "film gauge", "lights", "board reader"}
