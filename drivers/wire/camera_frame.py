"""Camera frames on a stream: a fixed header, then the pixels. One trigger, one frame.

The frame number only grows and the trigger number is the host's own, so an old picture is never taken for a new one.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from zlib import crc32

from drivers.wire.encoding import WireError

UP = 1
DOWN = 2

TRIGGER_MAGIC = b"DPTR"
FRAME_MAGIC = b"DPFR"
VERSION = 1

_TRIGGER = struct.Struct(">4sHHII")
_HEADER = struct.Struct(">4sHHIIQIHHHHII")

TRIGGER_BYTES = _TRIGGER.size
HEADER_BYTES = _HEADER.size
PAYLOAD_LIMIT_BYTES = 64 * 1024 * 1024


class PixelFormat(IntEnum):
    """What the payload is."""

    MONO8 = 1
    """rows of 8-bit pixels"""
    OBSERVATION = 2
    """JSON: what a camera with known noise would have measured; for runs of thousands of packages"""


@dataclass(frozen=True, slots=True)
class Trigger:
    """Host -> camera: expose once, now."""

    camera: int
    trigger_number: int
    exposure_us: int

    def encode(self) -> bytes:
        return _TRIGGER.pack(TRIGGER_MAGIC, VERSION, self.camera, self.trigger_number, self.exposure_us)

    @classmethod
    def decode(cls, data: bytes) -> Trigger:
        magic, version, camera, number, exposure_us = _TRIGGER.unpack(data)
        if magic != TRIGGER_MAGIC or version != VERSION:
            raise WireError(f"not a trigger: {data[:6]!r}")
        return cls(camera, number, exposure_us)


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """Camera -> host, before the payload. Times are those of the camera's own clock."""

    camera: int
    trigger_number: int
    frame_number: int
    exposure_start_us: int
    exposure_us: int
    width: int
    height: int
    pixel_format: PixelFormat
    gain_permille: int
    payload_bytes: int
    payload_crc32: int

    def encode(self) -> bytes:
        return _HEADER.pack(
            FRAME_MAGIC,
            VERSION,
            self.camera,
            self.trigger_number,
            self.frame_number,
            self.exposure_start_us,
            self.exposure_us,
            self.width,
            self.height,
            self.pixel_format,
            self.gain_permille,
            self.payload_bytes,
            self.payload_crc32,
        )

    @classmethod
    def decode(cls, data: bytes) -> FrameHeader:
        """Raises WireError when the bytes are no header of this version or name an impossible size."""
        magic, version, *rest = _HEADER.unpack(data)
        if magic != FRAME_MAGIC or version != VERSION:
            raise WireError(f"not a frame header: {data[:6]!r}")
        (camera, trigger, number, start_us, exposure_us, width, height, pixel_format, gain, size, crc) = rest
        if size > PAYLOAD_LIMIT_BYTES:
            raise WireError(f"frame of {size} bytes, allowed {PAYLOAD_LIMIT_BYTES}")
        if pixel_format == PixelFormat.MONO8 and size != width * height:
            raise WireError(f"frame {width} x {height} with {size} bytes")
        return cls(
            camera, trigger, number, start_us, exposure_us, width, height, PixelFormat(pixel_format), gain, size, crc
        )


def checksum(payload: bytes) -> int:
    return crc32(payload)
