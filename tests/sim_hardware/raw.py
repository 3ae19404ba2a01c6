"""Hands on the wire for the simulator's tests: requests packed by hand, streams, no driver."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

from drivers.wire import motion_plc
from drivers.wire.common import CONTROL_ADDRESS, STATUS_ADDRESS
from drivers.wire.encoding import Block, crc16
from drivers.wire.handshake import ARG_COUNT, ChannelState, CommandSpec, Result, command_crc
from drivers.wire.serial_frames import Fields, SerialFrame, decode
from sim_hardware.cabling import Ports
from sim_hardware.plant import Plant
from sim_hardware.scenario import Scenario

SESSION = 0x0BADCAFE


@asynccontextmanager
async def cell(scenario: Scenario | None = None) -> AsyncIterator[tuple[Plant, Ports]]:
    """A running cell, closed at the end."""
    plant = Plant(scenario if scenario is not None else Scenario())
    ports = await plant.start()
    try:
        yield plant, ports
    finally:
        await plant.stop()


class Wire:
    """One connection with exact reads."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, port: int) -> Self:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def take(self, count: int) -> bytes:
        return await self.reader.readexactly(count)

    async def silence(self, seconds: float = 1.0) -> bool:
        """True when nothing comes for so long."""
        try:
            async with asyncio.timeout(seconds):
                return await self.reader.read(1) == b""
        except TimeoutError:
            return True

    async def close(self) -> None:
        self.writer.close()
        await asyncio.sleep(0.01)


def mbap(pdu: bytes, transaction: int = 1, unit: int = 1) -> bytes:
    return struct.pack(">HHHB", transaction, 0, len(pdu) + 1, unit) + pdu


def rtu(pdu: bytes, unit: int = 2) -> bytes:
    frame = bytes((unit,)) + pdu
    return frame + crc16(frame).to_bytes(2, "little")


def read_pdu(address: int, count: int, code: int = 3) -> bytes:
    return struct.pack(">BHH", code, address, count)


def write_pdu(address: int, data: bytes) -> bytes:
    return struct.pack(">BHHB", 16, address, len(data) // 2, len(data)) + data


def control_bytes(session: int, heartbeat: int, stop: int = 0, light: int = 0) -> bytes:
    return struct.pack(">IHHH", session, heartbeat, stop, light)


def command_bytes(
    spec: CommandSpec, args: dict[str, Any], seq: int, session: int = SESSION, crc_flip: int = 0
) -> bytes:
    counts = spec.pack_args(args)
    crc = command_crc(session, seq, spec.code, counts) ^ crc_flip
    return struct.pack(f">IIH{ARG_COUNT}iH", session, seq, spec.code, *counts, crc)


class PlcHost(Wire):
    """A host at the PLC that beats only when told to."""

    heartbeat = 0
    session = SESSION

    async def ask(self, pdu: bytes) -> bytes:
        """One request, one reply PDU."""
        self.send(mbap(pdu))
        header = await self.take(7)
        return await self.take(struct.unpack(">HHHB", header)[2] - 1)

    async def beat(self, stop: int = 0) -> None:
        self.heartbeat += 1
        reply = await self.ask(write_pdu(CONTROL_ADDRESS, control_bytes(self.session, self.heartbeat, stop)))
        assert reply[0] == 16

    async def command(self, channel: str, spec: CommandSpec, seq: int, *, flip: int = 0, **args: Any) -> None:
        block = motion_plc.COMMAND_BLOCKS[channel]
        reply = await self.ask(write_pdu(block.address, command_bytes(spec, args, seq, self.session, flip)))
        assert reply[0] == 16

    async def status(self) -> dict[str, Any]:
        return await self.block(motion_plc.STATUS)

    async def block(self, block: Block) -> dict[str, Any]:
        reply = await self.ask(read_pdu(block.address, block.word_count))
        assert reply[0] == 3, f"exception {reply[1]}"
        words = struct.unpack(f">{block.word_count}H", reply[2:])
        return dict(block.unpack(words))

    async def channel(self, name: str) -> ChannelState:
        return ChannelState.from_status(name, await self.status())

    async def run(self, channel: str, spec: CommandSpec, seq: int, **args: Any) -> ChannelState:
        """Give a command and beat until it has ended."""
        await self.beat()
        await self.command(channel, spec, seq, **args)
        while (state := await self.channel(channel)).busy:
            await asyncio.sleep(0.1)
            await self.beat()
        return state


class LineHost(Wire):
    """A host at a serial device that takes commands; it beats while it waits."""

    number = 0
    heartbeat = 0
    seq = 0

    async def ask(self, verb: str, *fields: str) -> tuple[str, ...]:
        self.number = (self.number + 1) & 0xFFFF
        self.send(SerialFrame("#", self.number, verb, fields).encode())
        return decode(await self.reader.readline()).fields

    async def beat(self, stop: int = 0) -> tuple[str, ...]:
        self.heartbeat += 1
        return await self.ask("BEA", str(SESSION), str(self.heartbeat), str(stop))

    async def run(self, status: Fields, channel: str, spec: CommandSpec, **args: Any) -> tuple[Result, dict[str, Any]]:
        """Give the next command, beat until it has ended: (result, evidence)."""
        await self.beat()
        self.seq += 1
        counts = (SESSION, self.seq, spec.code, *spec.pack_args(args))
        fields = await self.ask("CMD", *map(str, counts))
        while (state := ChannelState.from_status(channel, status.unpack(fields))).busy:
            await asyncio.sleep(0.05)
            fields = await self.beat()
        assert (state.ack_seq, state.done_seq) == (self.seq, self.seq)
        return state.result, dict(spec.unpack_evidence(state.evidence))


MOVE_ALONG = {"speed_um_per_s": 1_500_000, "accel_um_per_s2": 20_000_000}
STATUS_WORDS = (STATUS_ADDRESS, motion_plc.STATUS.word_count)
