"""The Modbus ends of the cell against frames worked by hand from the public specification."""

from __future__ import annotations

import asyncio
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.wire import dip_unit, motion_plc
from drivers.wire.common import CONTROL_ADDRESS, IDENTITY, IDENTITY_ADDRESS, PATTERN_U16, PATTERN_U32, STATUS_ADDRESS
from drivers.wire.handshake import Result
from drivers.wire.motion_plc import CHANGE_TRAY, HOME
from sim_hardware import virtual_time
from sim_hardware.faults import FaultSpec
from sim_hardware.plant import Plant
from sim_hardware.scenario import Scenario
from tests.sim_hardware.raw import (
    SESSION,
    PlcHost,
    Wire,
    cell,
    command_bytes,
    control_bytes,
    mbap,
    read_pdu,
    rtu,
    write_pdu,
)
from tests.support import virtual


@virtual
async def test_the_identity_is_read_with_the_known_patterns_high_word_first() -> None:
    async with cell() as (_, ports):
        wire = await Wire.open(ports.plc)
        wire.send(bytes.fromhex("00 07 00 00 00 06 01 03 00 00 00 05"))
        # 0x12345678, -123456 = 0xFFFE1DC0, 0xA55A: high word first, big-endian.
        assert await wire.take(19) == bytes.fromhex("00 07 00 00 00 0D 01 03 0A 12 34 56 78 FF FE 1D C0 A5 5A")
        await wire.close()


@virtual
async def test_the_armed_dead_man_is_told_and_a_fault_can_switch_it_off() -> None:
    async with cell() as (plant, ports):
        host = await PlcHost.open(ports.plc)
        identity = await host.block(IDENTITY)
        assert identity["pattern_u32"] == PATTERN_U32
        assert identity["pattern_u16"] == PATTERN_U16
        assert identity["watchdog_limit_s"] == pytest.approx(0.5)
        assert (identity["watchdog_action"], identity["watchdog_runs"]) == (2, 1)
        plant.faults.inject(FaultSpec("watchdog_off", target="plc"), plant.now())
        assert (await host.block(IDENTITY))["watchdog_action"] == 0
        await host.close()


@virtual
async def test_two_requests_in_one_packet_get_two_replies_in_order() -> None:
    async with cell() as (_, ports):
        wire = await Wire.open(ports.plc)
        wire.send(mbap(read_pdu(0, 2), 11) + mbap(read_pdu(4, 1), 12))
        assert (await wire.take(13))[:2] == b"\x00\x0b"
        assert await wire.take(11) == bytes.fromhex("00 0C 00 00 00 05 01 03 02 A5 5A")
        await wire.close()


@virtual
async def test_a_request_that_comes_byte_by_byte_is_answered_once() -> None:
    async with cell() as (_, ports):
        wire = await Wire.open(ports.plc)
        for byte in mbap(read_pdu(4, 1), 3):
            wire.send(bytes((byte,)))
            await asyncio.sleep(0.01)
        assert await wire.take(11) == bytes.fromhex("00 03 00 00 00 05 01 03 02 A5 5A")
        assert await wire.silence()
        await wire.close()


@pytest.mark.parametrize(
    ("pdu", "exception"),
    [
        ("01 00 00 00 01", "81 01"),  # read coils: not served
        ("2B 0E 01 00", "AB 01"),
        ("03 00 30 00 01", "83 02"),  # nothing there
        ("03 00 00 00 20", "83 02"),  # runs over the end of the block
        ("03 00 00 00 00", "83 03"),
        ("03 00 00 00 7E", "83 03"),  # 126 registers, at most 125
        ("03 00 00 00", "83 03"),
        ("10 01 40 00 02 04 00 00 00 01", "90 03"),  # half a command block
        ("10 01 00 00 02 03 00 00 00", "90 03"),  # byte count does not fit
        ("06 00 40 00 01", "86 02"),  # status is read only
        ("17 00 40 00 00 01 00 00 01 02 00 00", "97 03"),
    ],
)
def test_every_wrong_request_has_its_exception_code(pdu: str, exception: str) -> None:
    @virtual
    async def story() -> None:
        async with cell() as (_, ports):
            wire = await Wire.open(ports.plc)
            wire.send(mbap(bytes.fromhex(pdu)))
            assert (await wire.take(9))[7:] == bytes.fromhex(exception)
            await wire.close()

    story()


@virtual
async def test_function_23_writes_the_heartbeat_first_and_reads_it_back_in_the_same_request() -> None:
    async with cell() as (_, ports):
        host = await PlcHost.open(ports.plc)
        words = motion_plc.STATUS.word_count
        control = control_bytes(SESSION, 4711)
        reply = await host.ask(
            struct.pack(">BHHHHB", 23, STATUS_ADDRESS, words, CONTROL_ADDRESS, len(control) // 2, len(control))
            + control
        )
        status = motion_plc.STATUS.unpack(struct.unpack(f">{words}H", reply[2:]))
        assert status["host_heartbeat_echo"] == 4711
        await host.close()


@virtual
async def test_one_control_register_can_be_written_alone_and_every_status_is_untorn() -> None:
    async with cell() as (plant, ports):
        host = await PlcHost.open(ports.plc)
        await host.beat()
        assert await host.ask(struct.pack(">BHH", 6, CONTROL_ADDRESS + 4, 5)) == struct.pack(
            ">BHH", 6, CONTROL_ADDRESS + 4, 5
        )
        assert plant.plc.tower_light == 5
        before = await host.status()
        after = await host.status()
        assert before["sequence_begin"] == before["sequence_end"]
        assert after["sequence_begin"] == after["sequence_end"] == before["sequence_end"] + 1
        await host.close()


@virtual
async def test_a_damaged_length_ends_the_connection_and_a_foreign_unit_gets_no_answer() -> None:
    async with cell() as (_, ports):
        wire = await Wire.open(ports.plc)
        wire.send(mbap(read_pdu(0, 2), unit=9))
        assert await wire.silence()
        wire.send(bytes.fromhex("00 01 00 00 FF FF 01 03 00 00 00 02"))
        assert await wire.reader.read() == b""
        await wire.close()


@virtual
async def test_rtu_frames_carry_a_crc_and_a_damaged_one_is_ignored_with_all_that_came_with_it() -> None:
    async with cell() as (_, ports):
        wire = await Wire.open(ports.dip_unit)
        good = rtu(read_pdu(IDENTITY_ADDRESS + 4, 1))
        assert good == bytes.fromhex("02 03 00 04 00 01 C5 F8")  # CRC worked by hand: 0xF8C5, low byte first
        for position in range(len(good) - 2):
            bad = bytearray(good)
            bad[position] ^= 0x10
            wire.send(bytes(bad))
            await asyncio.sleep(0.2)
        wire.send(good)
        assert await wire.take(7) == bytes.fromhex("02 03 02 A5 5A") + bytes.fromhex("07 2F")
        await wire.close()


@virtual
async def test_rtu_serves_a_command_a_split_frame_and_forgets_a_frame_that_never_ends() -> None:
    async with cell() as (plant, ports):
        wire = await Wire.open(ports.dip_unit)
        wire.send(rtu(write_pdu(CONTROL_ADDRESS, control_bytes(SESSION, 1))))
        assert (await wire.take(8))[:2] == b"\x02\x10"
        frame = rtu(write_pdu(dip_unit.BLADE_COMMAND.address, command_bytes(dip_unit.HOME_BLADE, {}, 1)))
        wire.send(frame[:20])
        await asyncio.sleep(0.01)
        wire.send(frame[20:])
        assert (await wire.take(8))[:2] == b"\x02\x10"
        assert plant.dip_unit.channel.busy
        wire.send(frame[:20])
        await asyncio.sleep(0.2)
        wire.send(rtu(read_pdu(4, 1)))
        assert (await wire.take(7))[:3] == bytes.fromhex("02 03 02")
        await wire.close()


@virtual
async def test_an_rtu_broadcast_is_obeyed_and_not_answered_and_an_unknown_code_is_an_exception() -> None:
    async with cell() as (plant, ports):
        wire = await Wire.open(ports.dip_unit)
        wire.send(rtu(write_pdu(CONTROL_ADDRESS, control_bytes(SESSION, 9)), unit=0))
        assert await wire.silence()
        assert plant.dip_unit.core.host_heartbeat == 9
        wire.send(rtu(bytes.fromhex("08 00 00 12 34")))
        assert (await wire.take(5))[:3] == bytes.fromhex("02 88 01")
        await wire.close()


@virtual
async def test_a_command_whose_reply_was_lost_is_not_executed_again_when_it_is_repeated() -> None:
    async with cell() as (plant, ports):
        host = await PlcHost.open(ports.plc)
        await host.beat()
        plant.faults.inject(FaultSpec("reply_lost", nth=1, target="plc"), plant.now())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.15):
                await host.command("feeder", CHANGE_TRAY, 1)
        assert (await host.run("feeder", CHANGE_TRAY, 1)).result == Result.DONE
        assert plant.plc.tray_count == 1
        await host.close()


@virtual
async def test_a_reply_can_be_cut_in_the_middle_by_a_reset_and_the_command_still_ran() -> None:
    async with cell() as (plant, ports):
        host = await PlcHost.open(ports.plc)
        await host.beat()
        plant.faults.inject(FaultSpec("reply_cut", nth=1, target="plc"), plant.now())
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await host.command("gantry", HOME, 1)
        assert plant.plc.gantry.busy
        assert plant.cabling.cables["plc"].connection_count == 0
        await host.close()


@virtual
async def test_late_replies_keep_their_order_and_a_failing_device_says_exception_4() -> None:
    async with cell(Scenario(faults=(FaultSpec("reply_late", value=0.2, duration_s=1.0, target="plc"),))) as (
        plant,
        ports,
    ):
        wire = await Wire.open(ports.plc)
        start_s = plant.now()
        wire.send(mbap(read_pdu(0, 2), 1) + mbap(read_pdu(0, 2), 2))
        assert (await wire.take(13))[1] == 1
        assert plant.now() - start_s == pytest.approx(0.2)
        assert (await wire.take(13))[1] == 2
        plant.faults.inject(FaultSpec("device_failure", nth=1, target="plc"), plant.now())
        wire.send(mbap(read_pdu(0, 2)))
        assert (await wire.take(9))[7:] == b"\x83\x04"
        await wire.close()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=40), max_size=8), st.booleans())
def test_no_bytes_at_all_disturb_the_server_for_the_next_host(garbage: list[bytes], to_rtu: bool) -> None:
    async def story() -> bytes:
        plant = Plant(Scenario())
        ports = await plant.start()
        port = ports.dip_unit if to_rtu else ports.plc
        wire = await Wire.open(port)
        for piece in garbage:
            wire.send(piece)
            await asyncio.sleep(0.001)
        await wire.close()
        wire = await Wire.open(port)
        wire.send(rtu(read_pdu(4, 1)) if to_rtu else mbap(read_pdu(4, 1)))
        reply = await wire.take(7 if to_rtu else 11)
        await wire.close()
        await plant.stop()
        return reply

    assert b"\xa5\x5a" in virtual_time.run(story())
