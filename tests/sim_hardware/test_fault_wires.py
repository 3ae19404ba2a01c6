"""What a host sees on the wire when a reply is damaged, late, swapped or lost: raw bytes, compared with good ones."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from drivers.wire.common import IDENTITY, IDENTITY_ADDRESS
from drivers.wire.serial_frames import SerialFrame
from sim_hardware.faults import FaultSpec
from sim_hardware.plant import Plant
from tests.sim_hardware.raw import PlcHost, Wire, cell, control_bytes, mbap, read_pdu, rtu, write_pdu
from tests.support import virtual

ASK = read_pdu(IDENTITY_ADDRESS, IDENTITY.word_count)
REQUESTS = {
    "plc": (mbap(ASK, 7), mbap(ASK, 8)),
    "dip_unit": (rtu(ASK), rtu(ASK)),
    "head": (SerialFrame("#", 1, "IDN", ()).encode(), SerialFrame("#", 2, "IDN", ()).encode()),
}


async def seen(port: str, *faults: FaultSpec) -> tuple[bytes, bytes, list[str]]:
    """What comes back after the first and after the second request, and what struck."""
    async with cell() as (plant, ports):
        wire = await Wire.open(ports.as_dict()[port])
        for fault in faults:
            plant.faults.inject(fault, plant.now())
        got = []
        for request in REQUESTS[port]:
            wire.send(request)
            await asyncio.sleep(1.0)
            got.append(bytes(wire.reader._buffer))  # type: ignore[attr-defined]
            wire.reader._buffer.clear()  # type: ignore[attr-defined]
        await wire.close()
        return got[0], got[1], [kind for _, kind in plant.faults.struck]


Sees = Callable[[bytes, bytes], tuple[bytes, bytes]]

EFFECTS: dict[str, tuple[float, Sees]] = {
    "request_lost": (0.0, lambda a, b: (b"", b)),
    "reply_lost": (0.0, lambda a, b: (b"", b)),
    "reply_truncated": (5.0, lambda a, b: (a[:5], b)),
    "reply_held": (0.0, lambda a, b: (b"", a + b)),
    "reply_swapped": (0.0, lambda a, b: (b"", b + a)),
    "reply_flipped": (80.0, lambda a, b: (a[:10] + bytes((a[10] ^ 1,)) + a[11:], b)),
    "reply_noise": (3.0, lambda a, b: (b"\x00\xff\x5a" + a, b)),
    "reply_padded": (3.0, lambda a, b: (a + b"\x00\xff\x5a", b)),
    "reply_split": (0.0, lambda a, b: (a, b)),
}


@pytest.mark.parametrize("port", REQUESTS)
@pytest.mark.parametrize("kind", EFFECTS)
def test_the_first_reply_is_spoilt_as_told_and_the_second_is_not(port: str, kind: str) -> None:
    @virtual
    async def story() -> None:
        good = await seen(port)
        value, effect = EFFECTS[kind]
        first, second, struck = await seen(port, FaultSpec(kind, nth=1, value=value, target=port))
        assert struck == [kind]
        assert (first, second) == effect(good[0], good[1])
        assert (await seen(port, FaultSpec(kind, nth=1, value=value, target="lights")))[:2] == good[:2]

    story()


@virtual
async def test_a_reply_in_single_bytes_comes_in_single_bytes() -> None:
    async with cell() as (plant, ports):
        plant.faults.inject(FaultSpec("reply_split", nth=1, target="plc"), plant.now())
        pieces: list[bytes] = []

        class Ear(asyncio.Protocol):
            def data_received(self, data: bytes) -> None:
                pieces.append(data)

        transport, _ = await plant.loop.create_connection(Ear, "127.0.0.1", ports.plc)
        transport.write(REQUESTS["plc"][0])
        await asyncio.sleep(0.5)
        assert len(pieces) > 20
        assert {len(piece) for piece in pieces} == {1}
        transport.close()
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("kind", "value", "at", "change"),
    [("reply_wrong_number", 0.0, 1, -1), ("reply_wrong_unit", 0.0, 6, 1), ("reply_wrong_unit", 1.0, 7, 1)],
)
def test_number_unit_or_function_of_a_modbus_reply_is_wrong(kind: str, value: float, at: int, change: int) -> None:
    @virtual
    async def story() -> None:
        good = await seen("plc")
        first, second, _ = await seen("plc", FaultSpec(kind, nth=1, value=value, target="plc"))
        wrong = [index for index, (a, b) in enumerate(zip(first, good[0], strict=True)) if a != b]
        assert wrong == [at]
        assert first[at] - good[0][at] == change
        assert second == good[1]

    story()


@virtual
async def test_a_cut_reply_ends_in_a_reset_after_so_many_bytes() -> None:
    async with cell() as (plant, ports):
        plant.faults.inject(FaultSpec("reply_cut", nth=1, value=7.0, target="plc"), plant.now())
        wire = await Wire.open(ports.plc)
        wire.send(REQUESTS["plc"][0])
        assert len(await wire.take(7)) == 7
        with pytest.raises(ConnectionResetError):
            await wire.take(1)
        await wire.close()


@virtual
async def test_a_silent_link_stays_open_and_a_refusing_one_does_not_open() -> None:
    async with cell() as (plant, ports):
        host = await PlcHost.open(ports.plc)
        plant.faults.inject(FaultSpec("link_silent", target="plc", duration_s=2.0), plant.now())
        host.send(mbap(write_pdu(0x0100, control_bytes(5, 1))))
        assert await host.silence(1.5)
        assert plant.plc.core.session == 0, "nothing reached the device"
        await asyncio.sleep(1.0)
        await host.beat()
        assert plant.plc.core.session == host.session
        plant.faults.inject(FaultSpec("link_refused", target="plc"), plant.now())
        refused = await Wire.open(ports.plc)
        with pytest.raises(ConnectionResetError):
            await refused.take(1)
        await host.beat()
        await host.close()
        await refused.close()


@virtual
async def test_an_echo_comes_before_the_reply_and_a_babbling_line_never_ends_one() -> None:
    first, _, struck = await seen("head", FaultSpec("line_echo", target="head"))
    assert first.startswith(REQUESTS["head"][0])
    assert struck == ["line_echo"]
    first, second, _ = await seen("head", FaultSpec("endless_stream", value=100_000.0, target="head"))
    assert first.count(b"\n") == 1
    assert first.endswith(b"7" * 100_000)
    assert second


@pytest.mark.parametrize(("value", "code"), [(0.0, 4), (2.0, 2), (6.0, 6), (11.0, 11)])
def test_a_device_answers_the_exception_that_is_asked_for_and_does_nothing(value: float, code: int) -> None:
    @virtual
    async def story() -> None:
        async with cell() as (plant, ports):
            host = await PlcHost.open(ports.plc)
            plant.faults.inject(FaultSpec("device_failure", nth=1, value=value, target="plc"), plant.now())
            assert await host.ask(write_pdu(0x0100, control_bytes(5, 1))) == bytes((16 | 0x80, code))
            assert plant.plc.core.session == 0
            await host.close()

    story()


async def _status_of(plant: Plant, host: PlcHost) -> dict[str, int]:
    await host.beat()
    return await host.status()


@virtual
async def test_frozen_torn_and_swapped_words_look_as_they_do_on_a_bad_device() -> None:
    async with cell() as (plant, ports):
        host = await PlcHost.open(ports.plc)
        good = await host.block(IDENTITY)
        plant.faults.inject(FaultSpec("words_swapped", target="plc"), plant.now())
        wrong = await host.block(IDENTITY)
        assert (good["pattern_u32"], wrong["pattern_u32"]) == (0x12345678, 0x56781234)
        plant.faults.heal()
        plant.faults.inject(FaultSpec("status_torn", nth=1, target="plc"), plant.now())
        torn, whole = await _status_of(plant, host), await _status_of(plant, host)
        assert torn["sequence_begin"] != torn["sequence_end"]
        assert whole["sequence_begin"] == whole["sequence_end"]
        plant.faults.inject(FaultSpec("echo_frozen", target="plc"), plant.now())
        echoes = [(await _status_of(plant, host))["host_heartbeat_echo"] for _ in range(3)]
        lives = [(await _status_of(plant, host))["sequence_begin"] for _ in range(2)]
        assert len(set(echoes)) == 1
        assert lives[0] != lives[1]
        await host.close()
