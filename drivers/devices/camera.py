"""A camera: one trigger, one frame, and proof that it is the frame of this trigger. It sees nothing in it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from drivers.errors import FrameError
from drivers.links.frame_stream import FrameStream
from drivers.wire.camera_frame import FrameHeader, Trigger, checksum

FRAME_WITHIN_S = 0.5  # readout and transfer of the largest sensor over Gigabit Ethernet take 0.06 s
_TRIGGER_LIMIT = 2**32


@dataclass(frozen=True, slots=True)
class CameraFrame:
    """A frame as it came, and when."""

    header: FrameHeader
    payload: bytes
    received_at_s: float


class Camera:
    """One camera on its stream; `camera` is its number on the wire (1 up, 2 down)."""

    def __init__(self, stream: FrameStream, camera: int, frame_within_s: float = FRAME_WITHIN_S) -> None:
        self.name = stream.name
        self._stream = stream
        self._camera = camera
        self._frame_within_s = frame_within_s
        self._trigger_number = 0
        self._frame_number = -1
        self._turn = asyncio.Lock()
        self._is_given_up = False

    async def connect(self) -> None:
        """Raises LinkRefused."""
        self._frame_number = -1  # the camera may have restarted
        self._is_given_up = False
        await self._stream.connect()

    async def close(self) -> None:
        await self._stream.close()

    @property
    def is_connected(self) -> bool:
        return self._stream.is_connected

    async def expose(self, exposure_s: float) -> CameraFrame:
        """Expose once, now.

        raises   FrameError when the frame is damaged, old or of another camera; ReplyTimeout, BadReply, LinkLost.
                 An exposure may simply be repeated
        """
        async with self._turn:
            if self._is_given_up:
                # Closed here over a wrong frame; the numbers go on, so that an old frame is still known as old.
                await self._stream.connect()
                self._is_given_up = False
            self._trigger_number = number = (self._trigger_number + 1) % _TRIGGER_LIMIT
            self._stream.send(Trigger(self._camera, number, round(exposure_s * 1e6)).encode())
            loop = asyncio.get_running_loop()
            until_s = loop.time() + exposure_s + self._frame_within_s
            while True:
                header, payload = await self._stream.receive(until_s - loop.time())
                if header.trigger_number == number:
                    break  # anything else answers a trigger that was given up
            frame = CameraFrame(header, payload, loop.time())
            wrong = self._what_is_wrong(frame)
            if wrong:
                await self._stream.close()
                self._is_given_up = True
                raise FrameError(
                    f"{self.name}: frame {header.frame_number}: {wrong}. It was not used: expose again.",
                    device=self.name,
                )
            self._frame_number = header.frame_number
            return frame

    def _what_is_wrong(self, frame: CameraFrame) -> str:
        header = frame.header
        if header.camera != self._camera:
            return f"comes from camera {header.camera}, expected {self._camera}"
        if header.frame_number <= self._frame_number:
            return f"number did not grow, the one before was {self._frame_number}"
        if checksum(frame.payload) != header.payload_crc32:
            return f"CRC {checksum(frame.payload):08X}, header says {header.payload_crc32:08X}"
        return ""
