"""The serial cable against raw peers: echo, noise, cut lines, late lines, endless streams, resets."""

from __future__ import annotations

import asyncio
import contextlib
import os

import pytest

from drivers.errors import BadReply, LinkLost, LinkRefused, ReplyTimeout
from drivers.links.frame_stream import FrameStream
from drivers.links.modbus import ModbusLink
from drivers.links.serial_line import SerialLine
from drivers.wire.serial_frames import SerialFrame, decode
from tests.drivers.peers import RawPeer, silent
from tests.support import real, virtual


def now_s() -> float:
    return asyncio.get_running_loop().time()


def answer_to(request: bytes, *fields: str) -> bytes:
    frame = decode(request)
    return SerialFrame("@", frame.number, frame.verb, fields).encode()


def line_to(peer: RawPeer) -> SerialLine:
    return SerialLine(f"socket://127.0.0.1:{peer.port}", name="head")


@virtual
async def test_a_local_echo_is_not_taken_for_the_reply():
    async with RawPeer(lambda peer, request: peer.send(request + answer_to(request, "5"))) as peer:
        line = line_to(peer)
        await line.connect()
        assert await line.request("BEA") == ("5",)
        await line.close()


@virtual
async def test_a_reply_in_single_bytes_is_put_together():
    def drip(peer: RawPeer, request: bytes) -> None:
        for index, byte in enumerate(answer_to(request, "5")):
            peer.send(bytes((byte,)), after_s=0.002 * (index + 1))

    async with RawPeer(drip) as peer:
        line = line_to(peer)
        await line.connect()
        assert await line.request("BEA") == ("5",)
        await line.close()


@virtual
async def test_a_line_cut_at_any_byte_is_reported_after_50_ms_of_silence_and_the_next_request_is_served():
    whole = len(b"@0001 BEA 5*0000\r\n")
    for cut in range(1, whole):
        is_first = True

        def answer(peer: RawPeer, request: bytes, cut: int = cut) -> None:
            nonlocal is_first
            reply = answer_to(request, "5")
            peer.send(reply[:cut] if is_first else reply)
            is_first = False

        async with RawPeer(answer) as peer:
            line = line_to(peer)
            await line.connect()
            began_s = now_s()
            with pytest.raises(BadReply, match=f"cut off after {cut} bytes"):
                await line.request("BEA")
            assert now_s() - began_s == pytest.approx(0.05)
            assert await line.request("BEA") == ("5",)
            await line.close()


@virtual
async def test_noise_before_a_frame_spoils_only_itself():
    async with RawPeer(lambda peer, request: peer.send(b"\x00\xff@@" + answer_to(request, "5"))) as peer:
        line = line_to(peer)
        await line.connect()
        assert await line.request("BEA") == ("5",)
        await line.close()


@virtual
async def test_a_flipped_bit_at_any_position_is_never_a_value():
    for position in range(len(b"@0001 BEA 512*0000")):
        for bit in range(8):

            def flip(peer: RawPeer, request: bytes, position: int = position, bit: int = bit) -> None:
                reply = bytearray(answer_to(request, "512"))
                reply[position] ^= 1 << bit
                peer.send(bytes(reply))

            async with RawPeer(flip) as peer:
                line = line_to(peer)
                await line.connect()
                with pytest.raises((BadReply, ReplyTimeout)):
                    await line.request("BEA")
                await line.close()


@virtual
async def test_a_late_reply_is_not_taken_for_the_present_one():
    delays = iter([0.2, 0.1])

    def late_first(peer: RawPeer, request: bytes) -> None:
        peer.send(answer_to(request, request[1:5].decode()), after_s=next(delays))

    async with RawPeer(late_first) as peer:
        line = line_to(peer)
        await line.connect()
        with pytest.raises(ReplyTimeout):
            await line.request("BEA")
        assert await line.request("BEA") == ("0002",)
        await line.close()


@virtual
async def test_a_stream_without_end_of_line_is_given_up_at_1_kb():
    lost = []

    def flood(peer: RawPeer, _: bytes) -> None:
        for index in range(100):
            peer.send(b"x" * 100, after_s=0.001 * (index + 1))

    async with RawPeer(flood) as peer:
        line = line_to(peer)
        line.on_lost = lost.append
        await line.connect()
        with pytest.raises(LinkLost, match="1100 bytes without an end of line, allowed 1024"):
            await line.request("BEA")
        assert not line.is_connected
        assert len(lost) == 1


@virtual
async def test_a_reset_is_known_at_once():
    async with RawPeer(lambda peer, _: peer.reset()) as peer:
        line = line_to(peer)
        await line.connect()
        with pytest.raises(LinkLost):
            await line.request("BEA")
        assert now_s() == 0.0


@virtual
async def test_a_cancelled_caller_does_not_hand_its_reply_to_the_next():
    async with RawPeer(lambda peer, request: peer.send(answer_to(request, request[1:5].decode()), after_s=0.1)) as peer:
        line = line_to(peer)
        await line.connect()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await line.request("BEA")
        assert await line.request("BEA") == ("0002",)
        await line.close()


@virtual
async def test_a_silent_device_times_out_and_a_line_that_is_not_there_is_refused():
    async with RawPeer(silent) as peer:
        line = line_to(peer)
        await line.connect()
        with pytest.raises(ReplyTimeout, match=r"no reply to BEA within 0\.15 s"):
            await line.request("BEA")
        await line.close()
    for where in ("socket://127.0.0.1:9", "/dev/no-such-port", "carrier pigeon"):
        with pytest.raises(LinkRefused, match="cannot be opened"):
            await SerialLine(where, name="head").connect()


@real
async def test_a_real_serial_port_answers_and_reports_when_the_cable_is_pulled():
    device_fd, host_fd = os.openpty()
    loop = asyncio.get_running_loop()

    def device() -> None:
        for request in os.read(device_fd, 4096).splitlines(keepends=True):
            os.write(device_fd, answer_to(request, "7"))

    loop.add_reader(device_fd, device)
    line = SerialLine(os.ttyname(host_fd), name="head")
    lost = []
    line.on_lost = lost.append
    await line.connect()
    for _ in range(50):
        assert await line.request("BEA") == ("7",)
    loop.remove_reader(device_fd)
    os.close(host_fd)
    os.close(device_fd)
    with pytest.raises(LinkLost):
        await line.request("BEA")
    assert len(lost) == 1


@virtual
async def test_a_port_that_accepts_and_resets_at_once_is_not_taken_for_connected():
    async with RawPeer(silent) as peer:
        peer.connection_made = lambda transport: transport.abort()  # type: ignore[method-assign]
        for link in (
            line_to(peer),
            ModbusLink(f"tcp://127.0.0.1:{peer.port}", 1, name="plc"),
            FrameStream(f"socket://127.0.0.1:{peer.port}", name="up camera"),
        ):
            with contextlib.suppress(LinkRefused):
                await link.connect()
            await asyncio.sleep(0.001)
            assert not link.is_connected
