"""The camera and its cable against raw peers: the frame of this trigger, whole, or an error that says why not."""

from __future__ import annotations

import asyncio
from zlib import crc32

import pytest

from drivers.devices.camera import Camera
from drivers.errors import BadReply, FrameError, LinkLost, ReplyTimeout
from drivers.links.frame_stream import FrameStream
from drivers.wire.camera_frame import FrameHeader, PixelFormat, Trigger
from tests.drivers.peers import RawPeer, silent
from tests.support import virtual

PIXELS = bytes(range(8))


def frame(request: bytes, *, number: int, pixels: bytes = PIXELS, **changes: int) -> bytes:
    trigger = Trigger.decode(request)
    fields = {
        "camera": trigger.camera,
        "trigger_number": trigger.trigger_number,
        "frame_number": number,
        "exposure_start_us": 0,
        "exposure_us": trigger.exposure_us,
        "width": 4,
        "height": 2,
        "pixel_format": PixelFormat.MONO8,
        "gain_permille": 1000,
        "payload_bytes": 8,
        "payload_crc32": crc32(PIXELS),
    }
    return FrameHeader(**{**fields, **changes}).encode() + pixels  # type: ignore[arg-type]


async def camera_on(peer: RawPeer) -> Camera:
    camera = Camera(FrameStream(f"socket://127.0.0.1:{peer.port}", name="up camera"), 1)
    await camera.connect()
    return camera


@virtual
async def test_a_frame_arrives_whole_however_it_is_cut():
    for size in (1, 3, 47, 48, 49, 56, 100):

        def in_portions(peer: RawPeer, request: bytes, size: int = size) -> None:
            data = frame(request, number=1)
            for index, at in enumerate(range(0, len(data), size)):
                peer.send(data[at : at + size], after_s=0.001 * (index + 1))

        async with RawPeer(in_portions) as peer:
            camera = await camera_on(peer)
            got = await camera.expose(0.002)
            assert got.payload == PIXELS
            assert (got.header.frame_number, got.header.exposure_us) == (1, 2000)
            await camera.close()


@virtual
async def test_a_frame_of_an_earlier_trigger_is_passed_over():
    delays = iter([0.7, 0.3])
    numbers = iter([1, 2])

    def late_first(peer: RawPeer, request: bytes) -> None:
        peer.send(frame(request, number=next(numbers)), after_s=next(delays))

    async with RawPeer(late_first) as peer:
        camera = await camera_on(peer)
        with pytest.raises(ReplyTimeout, match="0 bytes of it came"):
            await camera.expose(0.002)
        assert (await camera.expose(0.002)).header.trigger_number == 2
        await camera.close()


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"camera": 2}, "comes from camera 2, expected 1"),
        ({"payload_crc32": 1}, "header says 00000001"),
        ({"number": 0}, "number did not grow"),
    ],
)
def test_a_foreign_damaged_or_old_frame_is_refused(changes, text):
    @virtual
    async def story():
        numbers = iter([0, changes.get("number", 1)])
        wrong = {name: value for name, value in changes.items() if name != "number"}
        kinds = iter([{}, wrong])

        async with RawPeer(
            lambda peer, request: peer.send(frame(request, number=next(numbers), **next(kinds)))
        ) as peer:
            camera = await camera_on(peer)
            await camera.expose(0.002)
            with pytest.raises(FrameError, match=text):
                await camera.expose(0.002)
            assert not camera.is_connected

    story()


@virtual
async def test_bytes_that_are_no_header_and_a_cut_frame_close_the_stream():
    for data, kind in ((b"x" * 60, BadReply), (b"DPFR", ReplyTimeout)):
        async with RawPeer(lambda peer, _, data=data: peer.send(data)) as peer:
            camera = await camera_on(peer)
            with pytest.raises(kind):
                await camera.expose(0.002)
            with pytest.raises(LinkLost):
                await camera.expose(0.002)


@virtual
async def test_a_camera_that_hangs_up_is_known_at_once():
    async with RawPeer(lambda peer, _: peer.reset()) as peer:
        camera = await camera_on(peer)
        with pytest.raises(LinkLost):
            await camera.expose(0.002)
        assert asyncio.get_running_loop().time() == 0.0
        assert not camera.is_connected


@virtual
async def test_a_silent_camera_costs_half_a_second_and_may_be_asked_again():
    async with RawPeer(silent) as peer:
        camera = await camera_on(peer)
        with pytest.raises(ReplyTimeout):
            await camera.expose(0.002)
        assert camera.is_connected
        await camera.close()
