"""A peer that is not ours: our driver on a libmodbus device, and a libmodbus host on our simulated PLC, over real
TCP and over a serial line.

Our client and our server read one declaration and could be wrong together; libmodbus shares nothing with them.
"""

from __future__ import annotations

import asyncio
import os
import pty
import struct
import tty
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from drivers import errors
from drivers.devices.gantry import Gantry
from drivers.devices.motion_plc import MotionPlc
from drivers.links.modbus import ModbusLink
from drivers.wire.handshake import Reject, Result, Stop, command_crc
from drivers.wire.motion_plc import MOVE
from sim_hardware.plant import Plant
from sim_hardware.scenario import Scenario
from sim_hardware.world.machine import Fidelity
from tests.peers.build import built
from tests.support import real

BOUND = 0x0200
"""first register that the C device does not have"""


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("peers")
    return {name: built(name, folder) for name in ("device", "host")}


class Device:
    """The C device as a process."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self._process, self.port = process, port

    async def requests(self, count: int) -> list[str]:
        """The next requests as they came, in hex."""
        assert self._process.stdout is not None
        lines = [(await self._process.stdout.readline()).decode().split() for _ in range(count)]
        assert all(line[0] == "REQUEST" for line in lines)
        return [line[1] for line in lines]


@asynccontextmanager
async def device(program: Path, *arguments: str) -> AsyncIterator[Device]:
    process = await asyncio.create_subprocess_exec(program, *arguments, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        word, port = (await process.stdout.readline()).split()
        assert word == b"PORT"
        yield Device(process, int(port))
    finally:
        process.terminate()
        await process.communicate()


@asynccontextmanager
async def linked(at: Device) -> AsyncIterator[ModbusLink]:
    link = ModbusLink(f"tcp://127.0.0.1:{at.port}", 1, name="plc")
    await link.connect()
    try:
        yield link
    finally:
        await link.close()


def test_our_link_and_a_libmodbus_device_agree_on_values_word_order_and_exceptions(programs: dict[str, Path]) -> None:
    @real
    async def story() -> None:
        async with device(programs["device"]) as peer, linked(peer) as link:
            assert await link.read(0x0000, 5) == bytes.fromhex("12345678") + struct.pack(">i", -123456) + b"\xa5\x5a"
            await link.write(0x0160, bytes.fromhex("000A 0102"))
            assert await link.read(0x0160, 2) == bytes.fromhex("000A 0102")
            assert await link.exchange(0x0162, bytes.fromhex("00FF 00FE"), 0x0160, 4) == bytes.fromhex(
                "000A 0102 00FF 00FE"
            )
            for wrong, code in (
                (link.read(BOUND, 1), 2),
                (link.write(BOUND, bytes(2)), 2),
                (link.exchange(0x0100, bytes(10), BOUND - 1, 2), 2),
                (link.write(0x0140, bytes(20)), 3),
            ):
                with pytest.raises(errors.LinkError, match=f"exception {code}"):
                    await wrong
            assert await link.read(0x0160, 1) == bytes.fromhex("000A"), "an exception does not break the connection"
            assert await peer.requests(4) == [
                "000100000006010300000005",
                "00020000000B01100160000204000A0102",
                "000300000006010301600002",
                "00040000000F0117016000040162000204" + "00FF00FE",
            ]

    story()


def test_the_golden_move_is_what_a_libmodbus_device_receives(programs: dict[str, Path]) -> None:
    golden = "11223344 00000001 0002 002DC6C0 00124F85 FFF24460 0016E360 00030D40 00000000 00000000 00000000 40BB"

    @real
    async def story() -> None:
        async with device(programs["device"]) as peer:
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
            assert await peer.requests(1) == ["000100000033011001400016" + "2C" + golden.replace(" ", "")]
            await link.close()

    story()


def test_our_driver_commands_a_device_that_was_built_from_the_contract_in_c(programs: dict[str, Path]) -> None:
    @real
    async def story() -> None:
        async with device(programs["device"]) as peer:
            plc = MotionPlc(ModbusLink(f"tcp://127.0.0.1:{peer.port}", 1, name="plc"), session=0x11223344)
            gantry = Gantry(plc)
            await plc.connect()
            with pytest.raises(errors.NotHomed):
                await gantry.move_to(1_000.0, 2_000.0, 0.0)
            assert await gantry.home() is not None
            reached = await gantry.move_to(300_000.0, 120_000.5, -90.0)
            assert (reached.x_um, reached.y_um, reached.theta_deg) == pytest.approx((300_000.0, 120_000.5, -90.0))
            await plc.request_stop(Stop.CONTROLLED)
            with pytest.raises(errors.DeviceStopped):
                await gantry.move_to(1_000.0, 2_000.0, 0.0)
            await plc.release_stop()
            # The number of the last command once more: nothing, by the table of the contract.
            again = plc.last_values["gantry_ack_seq"]
            counts = MOVE.pack_args(
                {"x_um": 9, "y_um": 9, "theta_deg": 9, "speed_um_per_s": 1_000, "accel_um_per_s2": 100_000}
            )
            await plc._send_command("gantry", int(again), MOVE.code, counts)
            await asyncio.sleep(0.1)
            assert (await plc.beat()).channel("gantry").done_seq == again
            assert gantry.position.x_um == 300_000.0
            await plc._send_command("gantry", int(again) + 5, MOVE.code, counts)
            assert (await plc.beat()).channel("gantry").reject_reason is Reject.WRONG_SEQUENCE
            moved = await gantry.move_to(1_000.0, 2_000.0, 0.0)
            assert moved.x_um == 1_000.0
            await plc.close()

    story()


def test_a_foreign_device_whose_dead_man_is_too_slow_is_not_commanded(programs: dict[str, Path]) -> None:
    @real
    async def story() -> None:
        async with device(programs["device"], "800") as peer:
            plc = MotionPlc(ModbusLink(f"tcp://127.0.0.1:{peer.port}", 1, name="plc"), session=7)
            with pytest.raises(errors.WatchdogNotArmed, match=r"0\.8"):
                await plc.connect()
            assert not plc.is_connected

    story()


@asynccontextmanager
async def serial_cable() -> AsyncIterator[tuple[str, str]]:
    """Two serial lines whose other ends are joined: what is written to one is read from the other."""
    loop = asyncio.get_running_loop()
    (here, here_line), (there, there_line) = pty.openpty(), pty.openpty()
    for line in (here_line, there_line):
        tty.setraw(line)
    loop.add_reader(here, lambda: os.write(there, os.read(here, 512)))
    loop.add_reader(there, lambda: os.write(here, os.read(there, 512)))
    try:
        yield os.ttyname(here_line), os.ttyname(there_line)
    finally:
        for end in (here, there):
            loop.remove_reader(end)
        for end in (here, there, here_line, there_line):
            os.close(end)


def test_on_a_serial_line_our_link_and_a_libmodbus_device_agree_as_well(programs: dict[str, Path]) -> None:
    @real
    async def story() -> None:
        async with serial_cable() as (ours, theirs), device(programs["device"], "500", theirs, "2") as peer:
            link = ModbusLink(ours, 2, name="dip unit")
            await link.connect()
            assert await link.read(0x0000, 2) == bytes.fromhex("1234 5678")
            await link.write(0x0160, bytes.fromhex("000A 0102"))
            assert await link.exchange(0x0162, bytes.fromhex("00FF"), 0x0160, 3) == bytes.fromhex("000A 0102 00FF")
            with pytest.raises(errors.LinkError, match="exception 2"):
                await link.read(BOUND, 1)
            golden, *_ = await peer.requests(3)
            assert golden == "020300000002C438"
            await link.close()

    story()


class ForeignHost:
    """The C host as a process: one order, one answer."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._beat = 0

    async def ask(self, order: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(order.encode() + b"\n")
        return (await self._process.stdout.readline()).decode().strip()

    async def beat(self, session: int, stop: int = 0) -> list[int]:
        """Heartbeat by function code 23; the 84 words of the status."""
        self._beat += 1
        words = (session >> 16, session & 0xFFFF, self._beat, stop, 0)
        answer = await self.ask(f"exchange 0x0100 0x0040 84 {' '.join(str(word) for word in words)}")
        assert answer.startswith("OK"), answer
        return [int(word, 16) for word in answer.split()[1:]]

    async def until_ended(self, session: int, number: int) -> list[int]:
        """Beat until DONE_SEQ of the gantry is `number`."""
        while True:
            status = await self.beat(session)
            if status[0x53 - 0x40] << 16 | status[0x54 - 0x40] == number:
                return status
            await asyncio.sleep(0.02)


@asynccontextmanager
async def simulated_plc(program: Path) -> AsyncIterator[tuple[Plant, ForeignHost]]:
    plant = Plant(Scenario(seed=3, fidelity=Fidelity.IDEAL))
    ports = await plant.start()
    process = await asyncio.create_subprocess_exec(
        program, str(ports.plc), "1", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield plant, ForeignHost(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.communicate()
        await plant.stop()


def test_a_libmodbus_host_reads_our_simulated_plc(programs: dict[str, Path]) -> None:
    @real
    async def story() -> None:
        async with simulated_plc(programs["host"]) as (plant, host):
            assert await host.ask("read 0x0000 5") == "OK 1234 5678 FFFE 1DC0 A55A"
            assert await host.ask("i32 0x0002") == "OK -123456"
            assert await host.ask("read 0x0006 1") == "OK 0001"
            # Rows of the specification's table of exceptions: function, address, value.
            assert await host.ask("coils 0 8") == "EXCEPTION 1"
            assert await host.ask("read 0x0300 1") == "EXCEPTION 2"
            assert await host.ask("write 0x0040 1") == "EXCEPTION 2"
            assert await host.ask("write 0x0140 1 2 3") == "EXCEPTION 3"
            plant.set_safety(door_closed=False)
            assert int((await host.ask("read 0x0045 1")).split()[1], 16) & 2 == 0
            plant.set_safety(door_closed=True)
            assert int((await host.ask("read 0x0045 1")).split()[1], 16) & 2 == 2

    story()


def test_a_libmodbus_host_moves_our_simulated_gantry_with_the_golden_block(programs: dict[str, Path]) -> None:
    session = 0x11223344
    home = (session >> 16, session & 0xFFFF, 0, 1, 1, *[0] * 16)
    golden = "11223344000000020002002DC6C000124F85FFF244600016E36000030D40" + "00000000" * 3
    crc = command_crc(session, 2, 2, [3_000_000, 1_200_005, -900_000, 1_500_000, 200_000, 0, 0, 0])

    @real
    async def story() -> None:
        async with simulated_plc(programs["host"]) as (plant, host):
            await host.beat(session)
            home_crc = command_crc(session, 1, 1, [0] * 8)
            order = " ".join(str(word) for word in (*home, home_crc))
            assert await host.ask(f"write 0x0140 {order}") == "OK"
            assert (await host.until_ended(session, 1))[0x55 - 0x40] == Result.DONE
            words = struct.unpack(">21H", bytes.fromhex(golden))
            order = " ".join(str(word) for word in (*words, crc))
            for _ in range(2):  # the second time it is the last number: nothing
                assert await host.ask(f"write 0x0140 {order}") == "OK"
            assert (await host.until_ended(session, 2))[0x55 - 0x40] == Result.DONE
            assert [await host.ask(f"i32 {at}") for at in (0x0047, 0x0049, 0x004B)] == [
                "OK 3000000",
                "OK 1200005",
                "OK -900000",
            ]
            assert plant.tip().x_um == pytest.approx(300_000.0)
            assert await host.ask(f"write 0x0140 {order.rsplit(' ', 1)[0]} 1") == "OK"
            status = await host.beat(session)
            assert status[0x64 - 0x40] == Reject.BAD_CRC

    story()
