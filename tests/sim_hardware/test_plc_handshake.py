"""Never execute twice: the device side of the command handshake, told on the wire of the PLC."""

from __future__ import annotations

import asyncio

import pytest

from drivers.wire.handshake import Reject, Result
from drivers.wire.motion_plc import CHANGE_TRAY, CLAMP, EJECT_BOARD, HOME, LOAD_BOARD, MOVE, UNCLAMP, Inputs
from sim_hardware.faults import FaultSpec
from sim_hardware.plant import Plant
from sim_hardware.scenario import Scenario
from sim_hardware.world.machine import Fidelity
from tests.sim_hardware.raw import MOVE_ALONG, PlcHost, cell
from tests.support import virtual

SLOWLY = {"speed_um_per_s": 100_000, "accel_um_per_s2": 1_000_000}


async def homed(port: int) -> PlcHost:
    host = await PlcHost.open(port)
    assert (await host.run("gantry", HOME, 1)).result == Result.DONE
    return host


@virtual
async def test_the_same_number_again_has_no_effect_and_the_next_one_runs() -> None:
    async with cell() as (plant, ports):
        host = await PlcHost.open(ports.plc)
        for _ in range(3):
            assert (await host.run("feeder", CHANGE_TRAY, 1)).done_seq == 1
        assert plant.plc.tray_count == 1
        assert (await host.run("feeder", CHANGE_TRAY, 2)).done_seq == 2
        assert plant.plc.tray_count == 2
        await host.close()


@virtual
async def test_a_number_that_is_not_the_next_is_rejected_and_nothing_moves() -> None:
    async with cell() as (plant, ports):
        host = await PlcHost.open(ports.plc)
        for wrong in (0, 2, 7, 0xFFFFFFFF):
            state = await host.run("feeder", CHANGE_TRAY, wrong)
            assert (state.reject_seq, state.reject_reason) == (wrong, Reject.WRONG_SEQUENCE)
        await host.run("feeder", CHANGE_TRAY, 1)
        await host.run("feeder", CHANGE_TRAY, 3)
        assert plant.plc.tray_count == 1
        await host.close()


@virtual
async def test_bad_crc_bad_argument_unknown_session_and_busy_are_rejected_with_their_reason() -> None:
    async with cell() as (plant, ports):
        host = await PlcHost.open(ports.plc)
        await host.command("feeder", CHANGE_TRAY, 1)
        assert (await host.channel("feeder")).reject_reason == Reject.WRONG_SESSION
        await host.beat()
        await host.command("feeder", CHANGE_TRAY, 1, flip=1)
        assert (await host.channel("feeder")).reject_reason == Reject.BAD_CRC
        await host.command("feeder", MOVE, 1, x_um=1, y_um=1, theta_deg=0, **MOVE_ALONG)
        assert (await host.channel("feeder")).reject_reason == Reject.UNKNOWN_CODE
        await host.command("feeder", CHANGE_TRAY, 1)
        await host.command("feeder", CHANGE_TRAY, 2)
        assert (await host.channel("feeder")).reject_reason == Reject.BUSY
        assert plant.plc.tray_count == 0
        await host.close()


@virtual
async def test_a_new_session_starts_at_one_and_the_old_one_is_never_obeyed_again() -> None:
    async with cell() as (plant, ports):
        host = await PlcHost.open(ports.plc)
        await host.run("feeder", CHANGE_TRAY, 1)
        old, host.session = host.session, 77
        assert (await host.run("feeder", CHANGE_TRAY, 2)).reject_reason == Reject.WRONG_SEQUENCE
        assert (await host.run("feeder", CHANGE_TRAY, 1)).result == Result.DONE
        host.session = old
        assert (await host.run("feeder", CHANGE_TRAY, 1)).reject_reason == Reject.WRONG_SESSION
        assert plant.plc.core.session == 77
        assert plant.plc.tray_count == 2
        await host.close()


@virtual
async def test_a_silent_host_stops_a_moving_gantry_half_a_second_after_its_last_heartbeat() -> None:
    async with cell() as (plant, ports):
        host = await homed(ports.plc)
        await host.beat()
        last_beat_s = plant.now()
        await host.command("gantry", MOVE, 2, x_um=500_000, y_um=0, theta_deg=0, **SLOWLY)
        await asyncio.sleep(0.499)
        assert plant.gantry.is_moving(plant.now())
        for _ in range(20):  # reading is no sign of life
            await asyncio.sleep(0.01)
            await host.status()
        state = await host.channel("gantry")
        assert state.result == Result.WATCHDOG
        brake_s = 100_000 / 1e6 + 1e6 / plant.machine.x.jerk
        assert plant.gantry.stands_from_s == pytest.approx(last_beat_s + 0.5 + brake_s, abs=1e-3)
        reached = MOVE.unpack_evidence(state.evidence)
        assert reached["x_um"] == pytest.approx(plant.gantry.measured_at(plant.now())[0], abs=0.1)
        assert 0 < reached["x_um"] < 100_000
        await host.command("gantry", MOVE, 3, x_um=0, y_um=0, theta_deg=0, **MOVE_ALONG)
        assert (await host.channel("gantry")).result == Result.WATCHDOG  # still silent: accepted, not begun
        await host.close()


@virtual
async def test_a_stop_request_is_a_level_it_ends_the_move_and_holds_back_the_next() -> None:
    async with cell() as (plant, ports):
        host = await homed(ports.plc)
        await host.command("gantry", MOVE, 2, x_um=400_000, y_um=0, theta_deg=0, **MOVE_ALONG)
        await asyncio.sleep(0.1)
        await host.beat(stop=1)
        await asyncio.sleep(0.2)
        state = await host.channel("gantry")
        assert state.result == Result.STOPPED
        assert not plant.gantry.is_moving(plant.now())
        await host.command("gantry", MOVE, 3, x_um=0, y_um=0, theta_deg=0, **MOVE_ALONG)
        assert (await host.channel("gantry")).result == Result.STOPPED
        await host.beat(stop=0)
        assert (await host.run("gantry", MOVE, 4, x_um=0, y_um=0, theta_deg=0, **MOVE_ALONG)).result == Result.DONE
        await host.close()


@virtual
async def test_a_quick_stop_stands_sooner_than_a_controlled_one() -> None:
    stands_after_s = []
    for level in (1, 2):
        async with cell() as (plant, ports):
            host = await homed(ports.plc)
            await host.command("gantry", MOVE, 2, x_um=400_000, y_um=0, theta_deg=0, **MOVE_ALONG)
            await asyncio.sleep(0.1)
            await host.beat(stop=level)
            stands_after_s.append(plant.gantry.stands_from_s - plant.now())
            await host.close()
    assert stands_after_s[1] < 0.7 * stands_after_s[0]


@virtual
async def test_without_homing_nothing_moves_and_a_target_outside_the_limits_is_refused() -> None:
    async with cell() as (plant, ports):
        host = await PlcHost.open(ports.plc)
        state = await host.run("gantry", MOVE, 1, x_um=10, y_um=10, theta_deg=0, **MOVE_ALONG)
        assert state.result == Result.NOT_HOMED
        assert (await host.run("gantry", HOME, 2)).result == Result.DONE
        state = await host.run("gantry", MOVE, 3, x_um=100_000, y_um=200_000, theta_deg=90, **MOVE_ALONG)
        assert MOVE.unpack_evidence(state.evidence) == pytest.approx(
            {"x_um": 100_000, "y_um": 200_000, "theta_deg": 90}
        )
        tip = plant.tip()
        assert (tip.x_um, tip.y_um, tip.theta_deg) == pytest.approx((100_000, 200_000, 90))
        await host.close()


@virtual
async def test_an_open_door_stops_the_gantry_and_keeps_it_standing() -> None:
    async with cell() as (plant, ports):
        host = await homed(ports.plc)
        await host.command("gantry", MOVE, 2, x_um=400_000, y_um=0, theta_deg=0, **MOVE_ALONG)
        await asyncio.sleep(0.1)
        plant.set_safety(door_closed=False)
        await asyncio.sleep(0.2)
        await host.beat()
        status = await host.status()
        assert not int(status["inputs"]) & Inputs.DOOR_CLOSED
        assert (await host.channel("gantry")).result == Result.INTERLOCK
        state = await host.run("gantry", MOVE, 3, x_um=0, y_um=0, theta_deg=0, **MOVE_ALONG)
        assert state.result == Result.INTERLOCK
        plant.set_safety(door_closed=True, drives_enabled=False)
        plant.set_safety(drives_enabled=True)
        state = await host.run("gantry", MOVE, 4, x_um=0, y_um=0, theta_deg=0, **MOVE_ALONG)
        assert state.result == Result.NOT_HOMED  # drive power was gone: no trusted position
        await host.close()


@virtual
async def test_a_reboot_changes_the_boot_id_forgets_the_session_and_the_home() -> None:
    async with cell() as (plant, ports):
        host = await homed(ports.plc)
        before = await host.status()
        await host.command("gantry", MOVE, 2, x_um=400_000, y_um=0, theta_deg=0, **MOVE_ALONG)
        await asyncio.sleep(0.1)
        plant.reboot("plc")
        await asyncio.sleep(0.3)
        assert not plant.gantry.is_moving(plant.now())
        await host.close()
        host = await PlcHost.open(ports.plc)
        after = await host.status()
        assert after["boot_id"] != before["boot_id"]
        assert after["gantry_ack_seq"] == 0
        state = await host.run("gantry", MOVE, 1, x_um=0, y_um=0, theta_deg=0, **MOVE_ALONG)
        assert state.result == Result.NOT_HOMED
        await host.close()


@virtual
async def test_a_board_comes_in_is_clamped_cannot_leave_clamped_and_goes_out() -> None:
    async with cell(Scenario(board_count=1)) as (plant, ports):
        host = await PlcHost.open(ports.plc)
        start_s = plant.now()
        assert (await host.run("transport", CLAMP, 1)).result == Result.NOTHING_THERE
        assert (await host.run("transport", LOAD_BOARD, 2)).result == Result.DONE
        assert plant.now() - start_s == pytest.approx(2.2, abs=0.2)
        assert (await host.run("transport", LOAD_BOARD, 3)).result == Result.DONE  # already there
        assert (await host.run("transport", CLAMP, 4)).result == Result.DONE
        assert int((await host.status())["inputs"]) & (Inputs.BOARD_AT_STOP | Inputs.CLAMPED) == 192
        assert (await host.run("transport", EJECT_BOARD, 5)).result == Result.INTERLOCK
        assert (await host.run("transport", UNCLAMP, 6)).result == Result.DONE
        assert (await host.run("transport", EJECT_BOARD, 7)).result == Result.DONE
        assert (await host.run("transport", LOAD_BOARD, 8)).result == Result.NOTHING_THERE
        assert [board.serial for board in plant.boards] == ["B0001"]
        await host.close()


@virtual
async def test_a_changed_tray_brings_new_parts_in_every_pocket() -> None:
    async with cell() as (plant, ports):
        host = await PlcHost.open(ports.plc)
        await host.run("feeder", CHANGE_TRAY, 1)
        assert plant.tray is not None
        first = [pocket.package.serial for pocket in plant.tray.pockets if pocket.package]
        await host.run("feeder", CHANGE_TRAY, 2)
        second = [pocket.package.serial for pocket in plant.tray.pockets if pocket.package]
        assert len(first) == len(second) == 66
        assert not set(first) & set(second)
        await host.close()


@virtual
async def test_the_link_dropped_in_mid_move_is_reset_and_refuses_for_a_while_and_the_move_stops_by_itself() -> None:
    async with cell() as (plant, ports):
        host = await homed(ports.plc)
        plant.faults.inject(FaultSpec("link_drop", nth=1, duration_s=2.0, target="plc"), plant.now())
        await host.command("gantry", MOVE, 2, x_um=500_000, y_um=0, theta_deg=0, **SLOWLY)
        cut_s = None
        while cut_s is None:
            await asyncio.sleep(0.1)
            try:
                await host.beat()
            except (ConnectionError, asyncio.IncompleteReadError):
                cut_s = plant.now()
        other = await PlcHost.open(ports.plc)
        with pytest.raises(ConnectionResetError):
            await other.reader.read()
        await asyncio.sleep(2.5)
        other = await PlcHost.open(ports.plc)
        other.heartbeat = 1000
        await other.beat()
        assert (await other.channel("gantry")).result == Result.WATCHDOG
        await other.close()


def trace(seed: int) -> list[object]:
    """What a host sees and what is true, over two moves, at real fidelity."""
    seen: list[object] = []

    @virtual
    async def story() -> None:
        async with cell(Scenario(seed=seed, fidelity=Fidelity.REAL)) as (plant, ports):
            host = await homed(ports.plc)
            for seq, x_um in ((2, 300_000), (3, 20_000)):
                state = await host.run("gantry", MOVE, seq, x_um=x_um, y_um=x_um / 2, theta_deg=45, **MOVE_ALONG)
                seen.extend((plant.now(), state, plant.tip()))
            await host.run("transport", LOAD_BOARD, 1)
            assert plant.board_in_nest is not None
            seen.extend((plant.board_in_nest.sites, plant.machine, plant.plc.core.boot_id, plant.events))
            await host.close()

    story()
    return seen


def test_the_same_seed_gives_the_same_trace_and_another_seed_another() -> None:
    assert repr(trace(5)) == repr(trace(5))
    assert repr(trace(5)) != repr(trace(6))


@virtual
async def test_how_often_the_host_polls_does_not_change_where_the_gantry_stands() -> None:
    stands = []
    for polls in (1, 50):
        async with cell(Scenario(fidelity=Fidelity.REAL)) as (plant, ports):
            host = await homed(ports.plc)
            await host.command("gantry", MOVE, 2, x_um=300_000, y_um=100_000, theta_deg=10, **MOVE_ALONG)
            for _ in range(polls):
                await asyncio.sleep(0.4 / polls)
                await host.status()
            stands.append(plant.gantry.position_at(10.0))
            await host.close()
    assert stands[0] == stands[1]


@virtual
async def test_a_tripped_drive_ends_the_move_with_a_fault_until_it_is_homed_again() -> None:
    async with cell(Scenario(faults=(FaultSpec("axis_fault", nth=1),))) as (_, ports):
        host = await homed(ports.plc)
        first = await host.run("gantry", MOVE, 2, x_um=400_000, y_um=0, theta_deg=0, **MOVE_ALONG)
        assert first.result == Result.AXIS_FAULT
        again = await host.run("gantry", MOVE, 3, x_um=0, y_um=0, theta_deg=0, **MOVE_ALONG)
        assert again.result == Result.AXIS_FAULT
        assert (await host.run("gantry", HOME, 4)).result == Result.DONE
        assert (await host.run("gantry", MOVE, 5, x_um=0, y_um=0, theta_deg=0, **MOVE_ALONG)).result == Result.DONE
        await host.close()


@virtual
async def test_a_drive_that_runs_too_fast_trips_itself_before_half_of_the_way() -> None:
    async with cell(Scenario(faults=(FaultSpec("axis_overspeed", nth=1, value=2.0),))) as (plant, ports):
        host = await homed(ports.plc)
        first = await host.run("gantry", MOVE, 2, x_um=400_000, y_um=0, theta_deg=0, **MOVE_ALONG)
        assert first.result == Result.AXIS_FAULT
        assert 1_000 < plant.gantry.measured_at(plant.now())[0] < 200_000
        await host.close()


@virtual
async def test_a_way_too_short_for_overspeed_trips_nothing() -> None:
    async with cell(Scenario(faults=(FaultSpec("axis_overspeed", nth=1, value=2.0),))) as (_, ports):
        host = await homed(ports.plc)
        short = await host.run("gantry", MOVE, 2, x_um=3_000, y_um=0, theta_deg=0, **MOVE_ALONG)
        assert short.result == Result.DONE
        await host.close()


@virtual
async def test_boot_numbers_differ_from_device_to_device_and_are_never_zero() -> None:
    plant = Plant(Scenario())
    boots = [device.core.boot_id for device in plant.cabling.devices().values()]
    assert len(set(boots)) == len(boots)
    assert 0 not in boots
