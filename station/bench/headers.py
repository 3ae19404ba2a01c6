"""What a picture file says of itself, read before a single pixel is decoded: format, size, depth, and whether its data
is all there. PNG, TIFF and JPEG; nothing is decoded here.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from station.bench.errors import BadInput

PNG_START = b"\x89PNG\r\n\x1a\n"
JPEG_START = b"\xff\xd8\xff"
TIFF_STARTS = (b"II*\x00", b"MM\x00*")
JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""markers that begin a frame and hold its size"""

TIFF_TYPES = {1: "B", 3: "H", 4: "I"}
WIDTH, HEIGHT, BITS, STRIP_AT, STRIP_BYTES, TILE_AT, TILE_BYTES, KIND = 256, 257, 258, 273, 279, 324, 325, 339
TIFF_FLOAT = 3


@dataclass(frozen=True, slots=True)
class Header:
    """`bits` per channel."""

    kind: str
    width_px: int
    height_px: int
    bits: int


def header_of(data: bytes | memoryview, file: str) -> Header:
    """Format and size of a picture file.

    raises  BadInput: no PNG, TIFF or JPEG, or cut off
    """
    start = bytes(data[:8])
    try:
        if start == PNG_START:
            return _png(data, file)
        if start[:3] == JPEG_START:
            return _jpeg(data, file)
        if start[:4] in TIFF_STARTS:
            return _tiff(data, file)
    except (struct.error, IndexError):
        raise cut_off(file) from None
    if len(data) == 0:
        raise BadInput(f"{file}: the file is empty. Give a PNG, TIFF or JPEG picture.")
    raise BadInput(f"{file}: not a picture that can be read. Give a PNG, TIFF or JPEG, 8 or 16 bit, grey or colour.")


def cut_off(file: str) -> BadInput:
    return BadInput(f"{file}: the picture is cut off or damaged. Copy or export it again.")


def _png(data: bytes | memoryview, file: str) -> Header:
    width, height, bits = struct.unpack(">IIB", data[16:25])
    at = 8
    while True:  # chunk: length, name, content, checksum
        length, name = struct.unpack(">I4s", data[at : at + 8])
        content = at + 8
        (checksum,) = struct.unpack(">I", data[content + length : content + length + 4])
        if zlib.crc32(data[at + 4 : content + length]) != checksum:
            raise cut_off(file)
        if name == b"IEND":
            return Header("PNG", width, height, bits)
        at = content + length + 4


def _jpeg(data: bytes | memoryview, file: str) -> Header:
    at, found = 2, None
    while True:
        mark, code = data[at], data[at + 1]
        if mark != 0xFF:
            raise cut_off(file)
        if code == 0xFF:  # fill byte
            at += 1
            continue
        (length,) = struct.unpack(">H", data[at + 2 : at + 4])
        if code in JPEG_FRAMES:
            bits, height, width = struct.unpack(">BHH", data[at + 4 : at + 9])
            found = Header("JPEG", width, height, bits)
        at += 2 + length
        if code == 0xDA:  # the scan follows; it ends with an end mark
            break
    if found is None or bytes(data[at:]).rfind(b"\xff\xd9") < 0:
        raise cut_off(file)
    return found


def _tiff(data: bytes | memoryview, file: str) -> Header:
    order = "<" if bytes(data[:2]) == b"II" else ">"
    (at,) = struct.unpack(order + "I", data[4:8])
    (entries,) = struct.unpack(order + "H", data[at : at + 2])
    tags: dict[int, tuple[int, ...]] = {}
    for number in range(entries):
        entry = at + 2 + 12 * number
        tag, kind, count = struct.unpack(order + "HHI", data[entry : entry + 8])
        letter = TIFF_TYPES.get(kind)
        if letter is None or tag not in (WIDTH, HEIGHT, BITS, STRIP_AT, STRIP_BYTES, TILE_AT, TILE_BYTES, KIND):
            continue
        place, size = entry + 8, struct.calcsize(letter)
        if size * count > 4:
            (place,) = struct.unpack(order + "I", data[place : place + 4])
        if place + size * count > len(data):
            raise cut_off(file)
        tags[tag] = struct.unpack(
            order + str(count) + {1: "B", 2: "H", 4: "I"}[size], data[place : place + size * count]
        )
    if not tags.get(WIDTH) or not tags.get(HEIGHT):
        raise cut_off(file)
    for begins, lengths in ((STRIP_AT, STRIP_BYTES), (TILE_AT, TILE_BYTES)):
        for begin, length in zip(tags.get(begins, ()), tags.get(lengths, ()), strict=False):
            if begin + length > len(data):
                raise cut_off(file)
    if TIFF_FLOAT in tags.get(KIND, ()):
        raise BadInput(f"{file}: a TIFF of floating-point numbers. Export it with 8 or 16 bit per channel.")
    return Header("TIFF", tags[WIDTH][0], tags[HEIGHT][0], max(tags.get(BITS, (1,))))
