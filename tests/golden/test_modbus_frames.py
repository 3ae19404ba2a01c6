"""Modbus frames byte by byte, from the public specification and by hand; our own code computes none of them."""

from __future__ import annotations

import struct

from drivers.devices.motion_plc import MotionPlc
from drivers.links.modbus import ModbusLink
from drivers.wire.motion_plc import MOVE
from tests.drivers.peers import RawPeer
from tests.support import virtual


def answering(replies: list[str]):
    queue = [bytes.fromhex(reply) for reply in replies]

    def answer(peer: RawPeer, _: bytes) -> None:
        peer.send(queue.pop(0))

    return answer


@virtual
async def test_read_holding_registers_as_in_the_specification():
    # MODBUS Application Protocol V1.1b3, 6.3: request 03 006B 0003, response 03 06 022B 0000 0064.
    # MBAP before it (Messaging on TCP/IP V1.0b, 3.1.3): transaction 0001, protocol 0000, length, unit 01.
    async with RawPeer(answering(["0001 0000 0009 01 03 06 022B 0000 0064"])) as peer:
        link = ModbusLink(f"tcp://127.0.0.1:{peer.port}", 1, name="plc")
        await link.connect()
        assert await link.read(0x006B, 3) == bytes.fromhex("022B 0000 0064")
        assert peer.received == [bytes.fromhex("0001 0000 0006 01 03 006B 0003")]
        await link.close()


@virtual
async def test_write_multiple_registers_as_in_the_specification():
    # V1.1b3, 6.12: request 10 0001 0002 04 000A 0102, response 10 0001 0002
    async with RawPeer(answering(["0001 0000 0006 01 10 0001 0002"])) as peer:
        link = ModbusLink(f"tcp://127.0.0.1:{peer.port}", 1, name="plc")
        await link.connect()
        await link.write(0x0001, bytes.fromhex("000A 0102"))
        assert peer.received == [bytes.fromhex("0001 0000 000B 01 10 0001 0002 04 000A 0102")]
        await link.close()


@virtual
async def test_read_write_multiple_registers_as_in_the_specification():
    # V1.1b3, 6.17: request 17 0003 0006 000E 0003 06 00FF 00FF 00FF,
    # response 17 0C 00FE 0ACD 0001 0003 000D 00FF
    async with RawPeer(answering(["0001 0000 000F 01 17 0C 00FE 0ACD 0001 0003 000D 00FF"])) as peer:
        link = ModbusLink(f"tcp://127.0.0.1:{peer.port}", 1, name="plc")
        await link.connect()
        data = await link.exchange(0x000E, bytes.fromhex("00FF 00FF 00FF"), 0x0003, 6)
        assert data == bytes.fromhex("00FE 0ACD 0001 0003 000D 00FF")
        assert peer.received == [bytes.fromhex("0001 0000 0011 01 17 0003 0006 000E 0003 06 00FF 00FF 00FF")]
        await link.close()


@virtual
async def test_rtu_frames_carry_the_crc_low_byte_first():
    # Request 02 03 0000 0002: CRC-16 of 02 03 00 00 00 02 worked bit by bit is 0x38C4, sent C4 38.
    # Reply 02 03 04 1234 5678: CRC 0x07B2, sent B2 07.
    async with RawPeer(answering(["02 03 04 1234 5678 B207"])) as peer:
        link = ModbusLink(f"rtu://127.0.0.1:{peer.port}", 2, name="dip unit")
        await link.connect()
        assert await link.read(0x0000, 2) == bytes.fromhex("1234 5678")
        assert peer.received == [bytes.fromhex("02 03 0000 0002 C438")]
        await link.close()


@virtual
async def test_a_move_command_on_the_wire():
    # Command block at 0x0140, 21 words = 42 bytes, numbers worked by hand:
    #   session 0x11223344, number 1, code 2
    #   x 300000.0 um in 0.1 um: 3000000 = 002DC6C0      y 120000.5 um: 1200005 = 00124F85
    #   theta -90 deg in 0.0001 deg: -900000 = FFF24460   speed 1500000 um/s = 0016E360
    #   accel 20000000 um/s2 in 100: 200000 = 00030D40    three unused arguments 0
    #   word count: 2 + 2 + 1 + 8 x 2 + 1 = 22 = 0x0016, byte count 44 = 0x2C, MBAP length 7 + 44 = 51 = 0x33
    #   CRC over the 42 bytes before it, bit by bit: 0x40BB
    block = "11223344 00000001 0002 002DC6C0 00124F85 FFF24460 0016E360 00030D40 00000000 00000000 00000000 40BB"
    async with RawPeer(answering(["0001 0000 0006 01 10 0140 0016"])) as peer:
        link = ModbusLink(f"tcp://127.0.0.1:{peer.port}", 1, name="plc")
        plc = MotionPlc(link, session=0x11223344)
        await link.connect()
        targets = {
            "x_um": 300_000.0,
            "y_um": 120_000.5,
            "theta_deg": -90,
            "speed_um_per_s": 1_500_000,
            "accel_um_per_s2": 20_000_000,
        }
        await plc._send_command("gantry", 1, MOVE.code, MOVE.pack_args(targets))
        assert peer.received == [bytes.fromhex("0001 0000 0033 01 10 0140 0016 2C" + block)]
        await link.close()


@virtual
async def test_a_heartbeat_on_the_wire_and_the_status_that_answers_it():
    # Control block at 0x0100, 5 words: session 11223344, heartbeat 0001, stop 0000, tower light 0004 (green).
    # Status block at 0x0040, 84 = 0x54 words: head 5, inputs .. tray count 9, three channels of 23, tail 1.
    # Request: 17 0040 0054 0100 0005 0A + 10 bytes; MBAP length 1 + 10 + 10 = 21 = 0x15
    position = struct.pack(">iii", 3_000_000, 1_200_005, -900_000)  # 300000.0 um, 120000.5 um, -90 deg
    status = bytes.fromhex("0009 0000BEEF 0123 0001 007F 000F") + position + bytes.fromhex("0003")
    status += bytes(3 * 46) + bytes.fromhex("0009")
    reply = bytes.fromhex("0001 0000 00AB 01 17 A8") + status  # 168 = 0xA8 bytes, 3 + 168 = 171 = 0xAB

    def answer(peer: RawPeer, _: bytes) -> None:
        peer.send(reply)

    async with RawPeer(answer) as peer:
        link = ModbusLink(f"tcp://127.0.0.1:{peer.port}", 1, name="plc")
        plc = MotionPlc(link, session=0x11223344)
        plc.show_lamps(4)
        await link.connect()
        reading = await plc._beat()
        assert peer.received == [bytes.fromhex("0001 0000 0015 01 17 0040 0054 0100 0005 0A 11223344 0001 0000 0004")]
        assert reading.boot_id == 0xBEEF
        assert reading.values["x_um"] == 300_000.0
        assert round(reading.values["y_um"], 6) == 120_000.5
        assert round(reading.values["theta_deg"], 6) == -90.0
        assert reading.values["tray_count"] == 3
        await link.close()
