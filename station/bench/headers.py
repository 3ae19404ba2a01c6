"""What a picture file says of its own size, read before a single pixel is decoded. PNG, TIFF and JPEG."""

from __future__ import annotations

import struct

from station.bench.errors import BadInput

PNG_START = b"\x89PNG\r\n\x1a\n"
JPEG_START = b"\xff\xd8\xff"
TIFF_STARTS = (b"II*\x00", b"MM\x00*")
JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""markers that begin a frame and hold its size"""
TIFF_WIDTH, TIFF_HEIGHT = 256, 257


def size_of(data: memoryview, file: str) -> tuple[int, int]:
    """Columns and rows that a picture file promises.

    raises  BadInput: no PNG, TIFF or JPEG, or cut off before it says so
    """
    start = bytes(data[:8])
    try:
        if start == PNG_START:
            width_px, height_px = struct.unpack(">II", data[16:24])
            return width_px, height_px
        if start[:3] == JPEG_START:
            return _jpeg(data)
        if start[:4] in TIFF_STARTS:
            return _tiff(data)
    except (struct.error, IndexError, KeyError):
        raise cut_off(file) from None
    raise BadInput(f"{file}: not a picture that can be read. Give a PNG, TIFF or JPEG, 8 or 16 bit, grey or colour.")


def cut_off(file: str) -> BadInput:
    return BadInput(f"{file}: the picture is cut off or damaged. Copy or export it again.")


def _jpeg(data: memoryview) -> tuple[int, int]:
    at = 2
    while data[at] == 0xFF:
        code = data[at + 1]
        if code == 0xFF:  # fill byte
            at += 1
            continue
        (length,) = struct.unpack(">H", data[at + 2 : at + 4])
        if code in JPEG_FRAMES:
            height_px, width_px = struct.unpack(">HH", data[at + 5 : at + 9])
            return width_px, height_px
        at += 2 + length
    raise IndexError


def _tiff(data: memoryview) -> tuple[int, int]:
    order = "<" if bytes(data[:2]) == b"II" else ">"
    (at,) = struct.unpack(order + "I", data[4:8])
    (entries,) = struct.unpack(order + "H", data[at : at + 2])
    found = {}
    for number in range(entries):
        entry = data[at + 2 + 12 * number : at + 14 + 12 * number]
        tag, kind, _ = struct.unpack(order + "HHI", entry[:8])
        if tag in (TIFF_WIDTH, TIFF_HEIGHT):
            (found[tag],) = struct.unpack(order + ("H" if kind == 3 else "I"), entry[8 : 10 if kind == 3 else 12])
    return found[TIFF_WIDTH], found[TIFF_HEIGHT]
