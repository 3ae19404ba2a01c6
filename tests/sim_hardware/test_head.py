"""What the head does to the world: pick, dip, place, drop; told by what the world knows afterwards."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from drivers.wire import head as wire
from drivers.wire.handshake import Result
from sim_hardware import virtual_time
from sim_hardware.faults import FaultSpec
from sim_hardware.mishaps import take_part_away
from sim_hardware.world.machine import Fidelity
from sim_hardware.world.surfaces import Lying, support_ratio
from tests.sim_hardware.head_bench import ready
from tests.support import virtual


@virtual
async def test_a_picked_part_hangs_on_the_nozzle_and_its_pocket_is_empty() -> None:
    bench = await ready()
    lift = await bench.pick()
    assert bench.held_package.serial == "P000001"
    assert bench.plant.tray is not None
    assert bench.plant.tray.pockets[0].package is None
    assert lift["vacuum_kpa"] == pytest.approx(-78, abs=0.5)


@virtual
async def test_a_part_hangs_as_it_lay_against_the_tip() -> None:
    bench = await ready()
    assert bench.plant.tray is not None
    pocket = bench.plant.tray.pockets[0]
    pocket.dx_um, pocket.dy_um, pocket.dtheta_deg = 60.0, -30.0, 0.7
    x, y = bench.plant.tray.centre_um(pocket)
    bench.at(x, y, 90.0)
    await bench.press(bench.machine.tray_z_um - bench.part_um)
    await bench.vacuum(True)
    await bench.lift()
    part = bench.plant.held
    assert part is not None
    # Seen from a tip that is turned by 90 deg, +x of the machine is -y.
    assert (part.x_um, part.y_um, part.theta_deg) == pytest.approx((-30.0, -60.0, 0.7 - 90.0))


@virtual
async def test_an_empty_pocket_gives_no_vacuum_and_no_part() -> None:
    bench = await ready()
    assert bench.plant.tray is not None
    bench.plant.tray.pockets[0].package = None
    bench.over_pocket(0)
    result, _ = await bench.press(bench.machine.tray_z_um - bench.part_um)
    assert result is Result.NO_CONTACT
    evidence = await bench.vacuum(True)
    assert evidence["vacuum_kpa"] == pytest.approx(-15, abs=0.5)
    assert evidence["time_s"] == pytest.approx(0.5)
    await bench.lift()
    assert bench.plant.held is None


@virtual
async def test_beside_the_part_the_nozzle_leaks_or_stays_open() -> None:
    bench = await ready()
    assert bench.plant.tray is not None
    x, y = bench.plant.tray.centre_um(bench.plant.tray.pockets[0])
    levels = []
    for beside_um in (0, 2_900, 4_500):
        bench.at(x + beside_um, y)
        await bench.press(bench.machine.tray_z_um - bench.part_um)
        levels.append((await bench.vacuum(True))["vacuum_kpa"])
        await bench.vacuum(False)
        await bench.lift()
    # Sealing within half a second ends the wait at the level asked for.
    assert levels == pytest.approx([-60, -58, -15], abs=0.6)


@virtual
async def test_the_fault_pick_fail_hits_the_nth_pick_only() -> None:
    bench = await ready(faults=(FaultSpec("pick_fail", nth=2),))
    levels = []
    for index in range(3):
        lift = await bench.pick(index)
        levels.append(lift["vacuum_kpa"] < -50)
        await bench.vacuum(False)
    assert levels == [True, False, True]


@virtual
async def test_bottoming_out_wets_every_ball_to_the_film_and_its_rise() -> None:
    bench = await ready()
    await bench.level(200.0)
    await bench.pick()
    bench.over_plate()
    result, press = await bench.press(bench.plate_touch_um, hold_force_n=1.0, contact_force_n=0.9)
    assert result is Result.DONE
    assert press["hold_force_n"] == 1.0
    assert press["end_z_um"] > bench.plate_touch_um
    lift = await bench.lift()
    package = bench.held_package
    assert [ball.immersion_um for ball in package.balls] == pytest.approx([141.7] * 168, abs=0.2)
    assert bench.plant.film.taken_nl == pytest.approx(sum(ball.coat_volume_nl for ball in package.balls))
    assert len(bench.plant.film.marks) == 168
    # 6 pi eta R^2 U / g for 168 balls at 2 mm/s over 10 um, and tack.
    assert lift["pull_force_n"] == pytest.approx(0.81 + 0.16, abs=0.03)


@virtual
async def test_a_depth_is_kept_without_touching_the_plate() -> None:
    bench = await ready()
    await bench.level(200.0)
    await bench.pick()
    bench.over_plate()
    depth_z = bench.plate_touch_um - 50
    result, press = await bench.press(bench.plate_touch_um, contact_force_n=0, z_limit_um=depth_z)
    assert (result, press["end_z_um"], press["hold_force_n"]) == (Result.DONE, depth_z, 0.0)
    await bench.lift()
    assert bench.held_package.balls[0].immersion_um == pytest.approx(70 + 9, abs=1)


@virtual
async def test_a_film_out_of_reach_wets_nothing() -> None:
    bench = await ready()
    await bench.level(200.0)
    await bench.pick()
    bench.over_plate()
    await bench.press(bench.plate_touch_um, contact_force_n=0, z_limit_um=bench.plate_touch_um - 125)
    await bench.lift()
    assert not any(ball.immersion_um for ball in bench.held_package.balls)
    assert bench.plant.film.marks == []


@virtual
async def test_too_fast_a_lift_leaves_the_part_in_the_film() -> None:
    bench = await ready()
    await bench.level(200.0)
    await bench.pick()
    serial = bench.held_package.serial
    bench.over_plate()
    await bench.press(bench.plate_touch_um, contact_force_n=0.9)
    lift = await bench.lift(slow=20_000)
    assert bench.plant.held is None
    assert [package.serial for package in bench.plant.lost] == [serial]
    assert bench.events("part left in film")[0]["pull_n"] > 4
    assert lift["vacuum_kpa"] == pytest.approx(-15, abs=1)


@virtual
async def test_a_placed_package_lies_where_the_tip_was_and_knows_its_film() -> None:
    bench = await ready()
    await bench.level(200.0)
    await bench.pick()
    bench.over_plate()
    await bench.press(bench.plate_touch_um, contact_force_n=0.9)
    await bench.lift()
    bench.over_site(0, dx_um=25.0, dy_um=-10.0, turn_deg=0.2)
    result, press = await bench.press(bench.site_touch_um, hold_force_n=2.0)
    assert result is Result.DONE
    assert press["hold_force_n"] == 2.0
    await bench.vacuum(False)
    lift = await bench.lift()
    assert bench.plant.held is None
    assert lift["vacuum_kpa"] == pytest.approx(0, abs=0.1)
    assert bench.plant.board_in_nest is not None
    (placed,) = bench.plant.board_in_nest.sites[0].placed
    assert (placed.offset_x_um, placed.offset_y_um) == pytest.approx((25, -10), abs=1e-6)
    assert placed.offset_theta_deg == pytest.approx(0.2)
    assert placed.film_height_um == pytest.approx(120)
    assert (placed.balls_dry, placed.balls_half, placed.bridges) == (0, 0, 0)
    assert placed.contact_z_um == pytest.approx(bench.site_touch_um)
    assert placed.hold_force_n == 2.0


@virtual
async def test_a_second_package_on_a_site_stands_on_the_first_and_is_early() -> None:
    bench = await ready()
    for index in range(2):
        await bench.pick(index)
        bench.over_site(0)
        result, _ = await bench.press(bench.site_touch_um - index * bench.part_um)
        assert result is Result.DONE
        await bench.vacuum(False)
        await bench.lift()
    assert [data["wrong"] for data in bench.events("placed")] == ["", "stacked"]
    await bench.pick(2)
    bench.over_site(0)
    result, _ = await bench.press(bench.site_touch_um, z_fast_um=bench.site_touch_um - 3_000, z_early_um=30_000)
    assert result is Result.EARLY_CONTACT


@virtual
async def test_a_site_without_bottom_package_is_found_late() -> None:
    bench = await ready(faults=(FaultSpec("bottom_missing", nth=1),))
    await bench.pick()
    bench.over_site(0)
    assert (await bench.press(bench.site_touch_um))[0] is Result.NO_CONTACT
    assert bench.plant.held is not None


@virtual
async def test_a_part_lifted_before_the_vacuum_is_gone_comes_along() -> None:
    bench = await ready()
    await bench.pick()
    bench.over_site(0)
    await bench.press(bench.site_touch_um)
    await bench.head(wire.VACUUM_OFF, blow_off_s=0, within_s=0.001)
    await bench.lift(slow=50_000, slow_um=100)
    assert bench.plant.board_in_nest is not None
    assert bench.plant.board_in_nest.sites[0].placed == []


@virtual
async def test_a_part_let_go_over_the_bin_is_rejected_and_elsewhere_lost() -> None:
    bench = await ready()
    for index, over in enumerate((bench.over_bin, bench.over_plate)):
        await bench.pick(index)
        over()
        await bench.head(wire.MOVE_Z, z_um=10_000, speed_um_per_s=400_000)
        await bench.vacuum(False)
        await bench.lift()
    assert [package.serial for package in bench.plant.rejected] == ["P000001"]
    assert [package.serial for package in bench.plant.lost] == ["P000002"]


@virtual
async def test_a_placed_part_can_be_picked_up_again_from_its_site() -> None:
    bench = await ready()
    await bench.pick()
    bench.over_site(3)
    await bench.press(bench.site_touch_um)
    await bench.vacuum(False)
    await bench.lift()
    await bench.press(bench.site_touch_um)
    await bench.vacuum(True)
    await bench.lift()
    assert bench.held_package.serial == "P000001"
    assert bench.plant.board_in_nest is not None
    assert bench.plant.board_in_nest.sites[3].placed == []


@virtual
async def test_the_glass_part_is_taken_from_its_holder_and_remembers_where_it_is_put_back() -> None:
    bench = await ready()
    glass = bench.plant.holder.glass
    assert glass is not None
    top_z = bench.machine.holder_z_um - glass.height_um
    bench.over_holder()
    await bench.press(top_z)
    await bench.vacuum(True)
    await bench.lift()
    assert bench.plant.held is not None
    assert bench.plant.holder.glass is None
    x, y = bench.plant.holder_centre_um()
    bench.at(x + 40, y - 15, 90)
    await bench.press(top_z)
    await bench.vacuum(False)
    await bench.lift()
    holder = bench.plant.holder
    assert holder.glass is glass
    assert (holder.dx_um, holder.dy_um, holder.dtheta_deg) == pytest.approx((40, -15, 90))
    assert not holder.in_lower_seat


@virtual
async def test_the_glass_part_lies_deeper_in_the_lower_seat_and_a_hand_puts_it_back_into_the_upper() -> None:
    bench = await ready()
    glass = bench.plant.holder.glass
    assert glass is not None
    bench.over_holder()
    await bench.press(bench.machine.holder_z_um - glass.height_um)
    await bench.vacuum(True)
    await bench.lift()
    x, y, z = bench.plant.seat_um(is_lower=True)
    assert z == bench.machine.holder_z_um + 3_000.0
    bench.at(x + 40, y - 15, 90)
    await bench.press(z - glass.height_um)
    await bench.vacuum(False)
    await bench.lift()
    holder = bench.plant.holder
    assert holder.glass is glass
    assert holder.in_lower_seat
    assert (holder.dx_um, holder.dy_um, holder.dtheta_deg) == pytest.approx((40, -15, 90))
    await bench.press(z - glass.height_um)
    await bench.vacuum(True)
    await bench.lift()
    take_part_away(bench.plant)
    assert holder.glass is glass
    assert not holder.in_lower_seat


@virtual
async def test_the_nozzle_seals_on_the_true_outline_of_the_body_and_not_on_its_ball_frame() -> None:
    bench = await ready()
    assert bench.plant.tray is not None
    pocket = bench.plant.tray.pockets[0]
    assert pocket.package is not None
    # Seen from below the outline lies at +x, so from above at -x of the balls.
    pocket.package.body_dx_um, pocket.package.body_dy_um = 3_000.0, 3_000.0
    x, y = bench.plant.tray.centre_um(pocket)
    supports = [
        support_ratio(x + dx, y + dy, 8_000.0, Lying(pocket.package, x, y, 0.0))
        for dx, dy in ((-3_000, 3_000), (3_000, 3_000), (-3_000, -3_000))
    ]
    assert supports == pytest.approx([1.5, 0.0, 0.0])


async def _cycle(poll_s: float | None) -> tuple[Any, ...]:
    """A whole pick, dip and place at full fidelity, with somebody reading everything every `poll_s`."""
    bench = await ready(Fidelity.REAL, seed=9)

    async def poll() -> None:
        while poll_s is not None:
            bench.plant.head.status()
            bench.plant.head.cell.curve(0, 7, 64, bench.now)
            bench.plant.dip_unit.measured()
            bench.plant.film.height_at(100, 200, bench.now)
            await asyncio.sleep(poll_s)

    reader = asyncio.create_task(poll())
    await bench.head(wire.TARE)
    await bench.level(200.0, strokes=2)
    height = await bench.height(1_000, 2_000)
    await bench.pick()
    bench.over_plate()
    dip = await bench.press(bench.plate_touch_um, contact_force_n=0.9)
    lift = await bench.lift()
    bench.over_site(1)
    place = await bench.press(bench.site_touch_um, z_early_um=bench.site_touch_um - 200)
    await bench.vacuum(False)
    await bench.lift()
    reader.cancel()
    await asyncio.gather(reader, return_exceptions=True)
    assert bench.plant.board_in_nest is not None
    (placed,) = bench.plant.board_in_nest.sites[1].placed
    balls = [(ball.immersion_um, ball.coat_volume_nl) for ball in placed.package.balls]
    return height, dip, lift, place, placed.offset_x_um, placed.offset_theta_deg, balls


def test_poll_rate_does_not_change_the_result() -> None:
    quiet, curious = (virtual_time.run(_cycle(poll_s)) for poll_s in (None, 0.0037))
    assert quiet == curious
    assert quiet[4] != 0.0
    assert all(depth > 80 for depth, _ in quiet[6])
