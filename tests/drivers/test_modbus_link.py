"""The Modbus cable against raw peers: lost, late, foreign, torn and refused replies."""

from __future__ import annotations

import asyncio
import gc
import struct

import pytest

from drivers.errors import BadReply, LinkLost, LinkRefused, ReplyTimeout
from drivers.links.capture import Capture
from drivers.links.modbus import ModbusLink
from tests.drivers.peers import RawPeer, silent
from tests.support import virtual


def now_s() -> float:
    return asyncio.get_running_loop().time()


def tcp_reply(request: bytes, words: list[int], *, transaction_step: int = 0, unit: int | None = None) -> bytes:
    """A reply to a read, built here from the specification."""
    transaction = (int.from_bytes(request[:2], "big") + transaction_step) % 65536
    body = bytes((unit or request[6], request[7], 2 * len(words))) + struct.pack(f">{len(words)}H", *words)
    return struct.pack(">HHH", transaction, 0, len(body)) + body


def with_crc(body: bytes) -> bytes:
    register = 0xFFFF
    for byte in body:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ 0xA001 if register & 1 else register >> 1
    return body + register.to_bytes(2, "little")


def tcp(peer: RawPeer) -> ModbusLink:
    return ModbusLink(f"tcp://127.0.0.1:{peer.port}", 1, name="plc")


def rtu(peer: RawPeer) -> ModbusLink:
    return ModbusLink(f"rtu://127.0.0.1:{peer.port}", 2, name="dip unit")


@virtual
async def test_a_write_whose_reply_is_lost_is_sent_once_and_reported():
    async with RawPeer(silent) as peer:
        link = tcp(peer)
        await link.connect()
        with pytest.raises(ReplyTimeout, match="may have been obeyed"):
            await link.write(0x0140, bytes(4))
        assert now_s() == pytest.approx(0.15)
        await asyncio.sleep(2.0)
        assert len(peer.received) == 1
        await link.close()


@virtual
async def test_a_late_reply_is_not_taken_for_the_present_one():
    values = iter([11, 22])

    def late_first(peer: RawPeer, request: bytes) -> None:
        value = next(values)
        peer.send(tcp_reply(request, [value]), after_s=0.25 if value == 11 else 0.12)

    async with RawPeer(late_first) as peer:
        link = tcp(peer)
        await link.connect()
        with pytest.raises(ReplyTimeout):
            await link.read(0, 1)
        assert await link.read(0, 1) == bytes((0, 22))  # the first reply arrives while this one waits
        await link.close()


@pytest.mark.parametrize("foreign", [{"transaction_step": -1}, {"transaction_step": 1}, {"unit": 9}])
def test_a_reply_with_a_foreign_number_or_unit_is_not_used(foreign):
    @virtual
    async def story():
        async with RawPeer(lambda peer, request: peer.send(tcp_reply(request, [1], **foreign))) as peer:
            link = tcp(peer)
            await link.connect()
            with pytest.raises((ReplyTimeout, BadReply)):
                await link.read(0, 1)
            await link.close()

    story()


@virtual
async def test_a_reply_with_another_function_code_is_not_used():
    async with RawPeer(lambda peer, request: peer.send(request[:6] + bytes((1, 16, 0, 0, 0, 1)))) as peer:
        link = tcp(peer)
        await link.connect()
        with pytest.raises(BadReply, match="function code 16 to read"):
            await link.read(0, 1)
        await link.close()


@virtual
async def test_a_reply_with_too_few_registers_is_not_used():
    async with RawPeer(lambda peer, request: peer.send(tcp_reply(request, [1]))) as peer:
        link = tcp(peer)
        await link.connect()
        with pytest.raises(BadReply, match="2 bytes from 0x0000, expected 4"):
            await link.read(0, 2)
        await link.close()


@virtual
async def test_a_truncated_reply_times_out_and_the_next_request_is_served():
    cuts = iter([7, 100])

    def cut(peer: RawPeer, request: bytes) -> None:
        peer.send(tcp_reply(request, [5])[: next(cuts)])

    async with RawPeer(cut) as peer:
        link = tcp(peer)
        await link.connect()
        with pytest.raises(ReplyTimeout):
            await link.read(0, 1)
        assert await link.read(0, 1) == bytes((0, 5))
        await link.close()


@virtual
async def test_a_reply_in_single_bytes_is_put_together():
    def drip(peer: RawPeer, request: bytes) -> None:
        for index, byte in enumerate(tcp_reply(request, [0x1234])):
            peer.send(bytes((byte,)), after_s=0.001 * (index + 1))

    async with RawPeer(drip) as peer:
        link = tcp(peer)
        await link.connect()
        assert await link.read(0, 1) == bytes((0x12, 0x34))
        await link.close()


@virtual
async def test_a_reset_in_the_middle_of_a_request_is_known_at_once():
    lost = []
    async with RawPeer(lambda peer, _: peer.reset()) as peer:
        link = tcp(peer)
        link.on_lost = lost.append
        await link.connect()
        with pytest.raises(LinkLost):
            await link.read(0, 1)
        assert now_s() == 0.0
        assert len(lost) == 1
        with pytest.raises(LinkLost, match="Connect first"):
            await link.read(0, 1)


@virtual
async def test_a_refused_connection_names_the_address():
    link = ModbusLink("tcp://127.0.0.1:9", 1, name="plc")
    with pytest.raises(LinkRefused, match=r"tcp://127\.0\.0\.1:9"):
        await link.connect()


@pytest.mark.parametrize(("code", "kind"), [(2, LinkRefused), (4, LinkRefused), (6, ReplyTimeout), (11, ReplyTimeout)])
def test_an_exception_of_the_device_is_a_refusal_but_busy_and_gateway_are_not(code, kind):
    @virtual
    async def story():
        def refuse(peer: RawPeer, request: bytes) -> None:
            peer.send(request[:4] + bytes((0, 3, request[6], request[7] | 0x80, code)))

        async with RawPeer(refuse) as peer:
            link = tcp(peer)
            await link.connect()
            with pytest.raises(kind) as caught:
                await link.read(0, 1)
            assert caught.value.details == {"exception_code": code}
            await link.close()

    story()


@virtual
async def test_a_cancelled_rtu_caller_does_not_hand_its_reply_to_the_next():
    values = iter([11, 22])

    def slow(peer: RawPeer, _: bytes) -> None:
        peer.send(with_crc(bytes((2, 3, 2, 0, next(values)))), after_s=0.1)

    async with RawPeer(slow) as peer:
        link = rtu(peer)
        await link.connect()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await link.read(0, 1)
        assert await link.read(0, 1) == bytes((0, 22))
        await link.close()


@pytest.mark.parametrize("end", ["no reply", "closed", "reset"])
def test_how_the_request_of_a_cancelled_rtu_caller_ends_is_no_news_for_anybody(end):
    @virtual
    async def story():
        told = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["message"]))
        async with RawPeer(silent) as peer:
            link = rtu(peer)
            await link.connect()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await link.read(0, 1)
            if end == "reset":
                peer.reset()
            elif end == "closed":
                await link.close()
            await asyncio.sleep(1.0)
            await link.close()
        del link, peer
        gc.collect()
        assert told == []

    story()


@virtual
async def test_after_an_rtu_error_the_bus_keeps_quiet_until_a_late_reply_has_passed():
    values = iter([11, 22])

    def late_first(peer: RawPeer, _: bytes) -> None:
        value = next(values)
        peer.send(with_crc(bytes((2, 3, 2, 0, value))), after_s=0.2 if value == 11 else 0.01)

    async with RawPeer(late_first) as peer:
        link = rtu(peer)
        await link.connect()
        with pytest.raises(ReplyTimeout):
            await link.read(0, 1)
        assert await link.read(0, 1) == bytes((0, 22))
        assert now_s() >= 0.25
        await link.close()


@virtual
async def test_an_rtu_reply_with_a_flipped_bit_is_not_used():
    def flipped(peer: RawPeer, _: bytes) -> None:
        frame = bytearray(with_crc(bytes((2, 3, 2, 0, 11))))
        frame[4] ^= 1
        peer.send(bytes(frame))

    async with RawPeer(flipped) as peer:
        link = rtu(peer)
        await link.connect()
        with pytest.raises(ReplyTimeout):
            await link.read(0, 1)
        await link.close()


@virtual
async def test_closing_ends_a_waiting_request_at_once():
    async with RawPeer(silent) as peer:
        link = rtu(peer)
        await link.connect()
        waiting = asyncio.ensure_future(link.read(0, 1))
        await asyncio.sleep(0.01)
        await link.close()
        with pytest.raises(LinkLost):
            await waiting
        assert now_s() == pytest.approx(0.01)


@virtual
async def test_a_capture_holds_every_byte_in_both_directions():
    lines: list[str] = []
    async with RawPeer(lambda peer, request: peer.send(tcp_reply(request, [7]))) as peer:
        link = ModbusLink(f"tcp://127.0.0.1:{peer.port}", 1, name="plc", capture=Capture(lines.append))
        await link.connect()
        await link.read(0, 1)
        await link.close()
    assert '"what": "sent", "bytes": 12, "hex": "000100000006010300000001"' in lines[1]
    assert '"what": "received", "bytes": 11, "hex": "0001000000050103020007"' in lines[2]
