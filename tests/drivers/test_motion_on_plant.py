"""Gantry, conveyor, feeder and safety through the real wires of a simulated plant; the truth comes from the plant."""

from __future__ import annotations

import asyncio

import pytest

from drivers import errors
from drivers.devices.gantry import GantryPosition
from drivers.wire.handshake import Stop
from sim_hardware.faults import FaultSpec
from sim_hardware.scenario import Scenario
from tests.drivers.cell import bench
from tests.support import real, virtual


def now_s() -> float:
    return asyncio.get_running_loop().time()


@virtual
async def test_the_gantry_goes_where_it_was_told_and_says_so():
    async with bench() as cell:
        await cell.gantry.home()
        reached = await cell.gantry.move_to(300_000, 120_000.5, -90)
        x_um, y_um, theta_deg = cell.plant.gantry.measured_at(now_s())
        assert (reached.x_um, reached.y_um, reached.theta_deg) == pytest.approx((x_um, y_um, theta_deg), abs=0.05)
        assert (x_um, y_um, theta_deg) == pytest.approx((300_000, 120_000.5, -90))


@virtual
async def test_the_expected_time_of_a_move_is_the_time_it_takes():
    async with bench() as cell:
        await cell.gantry.home()
        here = cell.gantry.position
        for target in ((400_000, 300_000, 90), (400_010, 300_000, 90), (399_000, 310_000, -90), (0, 0, 0)):
            expected_s = cell.gantry.travel_time_s(here, GantryPosition(*target))
            began_s = now_s()
            here = await cell.gantry.move_to(*target)
            assert now_s() - began_s == pytest.approx(expected_s, abs=0.006)


@virtual
async def test_nothing_moves_before_homing_or_outside_the_limits_or_with_an_open_door():
    async with bench() as cell:
        with pytest.raises(errors.NotHomed, match="Home first"):
            await cell.gantry.move_to(1000, 1000, 0)
        await cell.gantry.home()
        with pytest.raises(errors.LimitExceeded, match="allowed 0 to 500000"):
            await cell.gantry.move_to(500_001, 0, 0)
        cell.plant.set_safety(door_closed=False)
        with pytest.raises(errors.InterlockOpen):
            await cell.gantry.move_to(1000, 1000, 0)
        assert cell.plant.gantry.measured_at(now_s())[:2] == pytest.approx((0, 0))


@virtual
async def test_an_emergency_stop_in_mid_move_ends_the_command_and_is_shown():
    async with bench() as cell:
        await cell.gantry.home()
        asyncio.get_running_loop().call_later(0.1, lambda: cell.plant.set_safety(estop_ok=False))
        began_s = now_s()
        with pytest.raises(errors.InterlockOpen):
            await cell.gantry.move_to(500_000, 400_000, 0)
        assert now_s() - began_s < 0.35, "known by heartbeat, not at the expected end"
        assert not cell.safety.inputs.estop_ok


@virtual
async def test_a_requested_stop_ends_the_move_and_holds_until_released():
    async with bench() as cell:
        await cell.gantry.home()
        moving = asyncio.ensure_future(cell.gantry.move_to(500_000, 400_000, 0))
        await asyncio.sleep(0.2)
        await cell.safety.request_stop(Stop.QUICK)
        with pytest.raises(errors.DeviceStopped) as caught:
            await moving
        assert 0 < caught.value.details["x_um"] < 500_000
        with pytest.raises(errors.DeviceStopped):
            await cell.gantry.move_to(0, 0, 0)
        await cell.safety.release_stop()
        await cell.gantry.move_to(0, 0, 0)


@virtual
async def test_a_board_is_loaded_clamped_and_sent_out():
    async with bench(Scenario(board_count=1)) as cell:
        assert not cell.conveyor.is_board_present
        with pytest.raises(errors.NothingThere):
            await cell.conveyor.clamp()
        await cell.conveyor.load_board()
        await cell.conveyor.clamp()
        await asyncio.sleep(0.11)
        assert cell.conveyor.is_board_present
        assert cell.conveyor.is_clamped
        assert cell.plant.board_clamped
        with pytest.raises(errors.InterlockOpen):
            await cell.conveyor.eject_board()
        await cell.conveyor.unclamp()
        await cell.conveyor.eject_board()
        assert cell.plant.board_in_nest is None
        with pytest.raises(errors.NothingThere):
            await cell.conveyor.load_board()


@virtual
async def test_a_tray_is_changed_while_the_gantry_moves():
    async with bench() as cell:
        await cell.gantry.home()
        await asyncio.gather(cell.feeder.change_tray(), cell.gantry.move_to(300_000, 300_000, 0))
        assert (cell.feeder.tray_count, cell.feeder.is_tray_in_place) == (1, True)
        assert cell.plant.plc.tray_count == 1


@virtual
async def test_the_tower_light_follows_within_a_heartbeat():
    async with bench() as cell:
        cell.safety.tower_light(green=True, buzzer=True)
        await asyncio.sleep(0.11)
        assert cell.plant.plc.tower_light == 0b1100


@pytest.mark.parametrize("kind", ["reply_lost", "reply_cut"])
@pytest.mark.parametrize("nth", [1, 2, 3])
def test_a_lost_or_cut_reply_never_changes_a_tray_twice(kind, nth):
    @virtual
    async def story():
        async with bench() as cell:
            cell.plant.faults.inject(FaultSpec(kind, nth=nth, target="plc"), now_s())
            await cell.feeder.change_tray()
            await cell.feeder.change_tray()
            assert cell.plant.plc.tray_count == 2
            assert [fault for _, fault in cell.plant.faults.struck] == [kind]

    story()


@virtual
async def test_a_link_that_drops_in_mid_move_and_returns_tells_how_the_move_ended():
    async with bench() as cell:
        await cell.gantry.home()
        cell.plant.faults.inject(FaultSpec("link_drop", nth=1, duration_s=0.3, target="plc"), now_s())
        reached = await cell.gantry.move_to(400_000, 300_000, 0)
        assert reached.x_um == pytest.approx(400_000)
        assert isinstance(cell.lost[0], errors.LinkLost)
        await cell.gantry.move_to(0, 0, 0)


@virtual
async def test_a_link_that_stays_away_leaves_the_outcome_unknown_and_a_new_connection_starts_a_new_session():
    async with bench() as cell:
        await cell.gantry.home()
        cell.plant.faults.inject(FaultSpec("link_drop", nth=1, duration_s=5.0, target="plc"), now_s())
        with pytest.raises(errors.OutcomeUnknown):
            await cell.gantry.move_to(400_000, 300_000, 0)
        assert not cell.plc.is_connected
        with pytest.raises(errors.LinkRefused):
            await cell.plc.connect()
        await asyncio.sleep(5.0)
        session = cell.plc.session
        await cell.plc.connect()
        assert cell.plc.session == session + 1
        await cell.gantry.move_to(100_000, 100_000, 0)
        assert cell.plant.gantry.measured_at(now_s())[0] == pytest.approx(100_000)


@virtual
async def test_a_restarted_plc_is_noticed_and_must_be_connected_again():
    async with bench() as cell:
        await cell.gantry.home()
        asyncio.get_running_loop().call_later(0.1, cell.plant.reboot, "plc")
        with pytest.raises(errors.OutcomeUnknown):
            await cell.gantry.move_to(400_000, 300_000, 0)
        await cell.plc.connect()
        with pytest.raises(errors.NotHomed):
            await cell.gantry.move_to(0, 0, 0)


@virtual
async def test_a_frozen_status_is_noticed_within_half_a_second():
    async with bench() as cell:
        await asyncio.sleep(1.0)
        cell.plant.faults.inject(FaultSpec("status_frozen", target="plc"), now_s())
        await asyncio.sleep(0.7)
        assert not cell.plc.is_connected
        assert "no sign of life" in str(cell.lost[0])
        with pytest.raises(errors.StaleReading):
            _ = cell.safety.inputs


@virtual
async def test_a_device_whose_dead_man_is_off_is_not_accepted():
    async with bench() as cell:
        cell.plant.faults.inject(FaultSpec("watchdog_off", target="plc"), now_s())
        with pytest.raises(errors.WatchdogNotArmed, match="action 0"):
            await cell.plc.connect()
        assert not cell.plc.is_connected


@virtual
async def test_the_device_stops_itself_when_the_host_falls_silent():
    async with bench() as cell:
        await cell.gantry.home()
        moving = asyncio.ensure_future(cell.gantry.move_to(500_000, 400_000, 0, speed_um_per_s=50_000))
        await asyncio.sleep(1.0)
        moving.cancel()
        await cell.plc.close()
        await asyncio.sleep(1.0)
        x_um, *_ = cell.plant.gantry.measured_at(now_s())
        assert not cell.plant.gantry.is_moving(now_s())
        assert 50_000 < x_um < 100_000


@virtual
async def test_a_wrong_serial_number_or_kind_is_refused():
    async with bench() as cell:
        cell.dip_unit._serial_number = 9999
        with pytest.raises(errors.WrongDevice, match="serial_number is 2001, expected 9999"):
            await cell.dip_unit.connect()
        cell.head._line, cell.film_gauge._line = cell.film_gauge._line, cell.head._line
        with pytest.raises(errors.WrongDevice, match="device_kind"):
            await cell.head.connect()


@real
async def test_on_real_sockets_and_real_time_the_same_gantry_moves():
    async with bench() as cell:
        await cell.gantry.home()
        reached = await cell.gantry.move_to(50_000, 40_000, 45)
        assert (reached.x_um, reached.y_um, reached.theta_deg) == pytest.approx((50_000, 40_000, 45))
        assert cell.plc.age_s < 0.5


@virtual
async def test_a_torn_or_foreign_reading_is_never_used():
    async with bench() as cell:
        await cell.gantry.home()
        await cell.gantry.move_to(100_000, 50_000, 0)
        scanned = cell.plant.plc._scanned

        def torn() -> bytes:
            data = scanned()
            return data[:14] + b"\x7f\xff" + data[16:-2] + b"\x00\x00"  # new high word of X, old end of the scan

        def of_another_beat() -> bytes:
            data = scanned()
            return data[:8] + b"\xff\xff" + data[10:14] + b"\x7f\xff" + data[16:]

        for spoilt in (torn, of_another_beat):
            cell.plant.plc._scanned = spoilt  # type: ignore[method-assign]
            with pytest.raises(errors.BadReply, match="heartbeat"):
                await cell.plc.beat()
            await asyncio.sleep(0.2)
            assert cell.gantry.position.x_um == pytest.approx(100_000)
            cell.plant.plc._scanned = scanned  # type: ignore[method-assign]
            await cell.plc.beat()
            assert cell.plc.is_connected


def test_heartbeats_do_not_stop_the_clock_when_rounding_lets_timers_fire_a_hair_early(monkeypatch):
    sleep, sleeps = asyncio.sleep, 0

    async def counted(delay_s: float) -> None:
        nonlocal sleeps
        sleeps += 1
        assert sleeps < 10_000, "the heartbeats wait for nothing, again and again"
        await sleep(delay_s)

    @virtual
    async def story():
        monkeypatch.setattr("drivers.devices.commanded_device.asyncio.sleep", counted)
        async with bench() as cell:
            late = FaultSpec("reply_late", at_s=now_s() + 1.0, value=0.1, duration_s=1.0, target="plc")
            cell.plant.faults.inject(late, now_s())
            await cell.gantry.home()
            await cell.head.home()
            await cell.dip_unit.home()
            await cell.feeder.change_tray()
            assert cell.lost == []

    story()


@virtual
async def test_a_link_that_drops_at_rest_is_back_within_a_second_and_the_loss_was_reported():
    async with bench() as cell:
        await cell.gantry.home()
        session = cell.plc.session
        cell.plant.cut_link("plc", 0.4)
        await asyncio.sleep(0.01)
        assert not cell.plc.is_connected
        assert isinstance(cell.lost[0], errors.LinkLost)
        await asyncio.sleep(0.99)
        assert cell.plc.is_connected
        assert cell.plc.session == session
        await cell.gantry.move_to(1_000, 1_000, 0)


@virtual
async def test_a_device_that_restarted_at_rest_stays_away_until_it_is_connected_again():
    async with bench() as cell:
        await cell.head.home()
        cell.plant.reboot("head")
        await asyncio.sleep(2.0)
        assert not cell.head.is_connected
        with pytest.raises(errors.OutcomeUnknown, match="restarted"):
            await cell.head.move_z(1_000)
        await cell.head.connect()
        with pytest.raises(errors.NotHomed):
            await cell.head.move_z(1_000)
