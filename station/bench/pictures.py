"""Picture files as frames for vision: any PNG, TIFF or JPEG, 8 or 16 bit, grey or colour.

What a file says of itself is checked before it is decoded, so a picture of any size costs no more than its header.
Pixels stay where the file has them: no turn, no crop, no filter.
"""

from __future__ import annotations

import math
import mmap
import stat
from pathlib import Path

import cv2
import numpy as np

from station.bench.errors import BadInput, BadNumber
from station.bench.headers import cut_off, size_of
from vision.frame import MIN_SIDE_PX, ByteArray, Frame

PIXELS_MOST = 40_000_000
"""The largest cameras of such machines have 25 million; more would not be judged within a second."""

FILE_BYTES_MOST = 400_000_000
"""PIXELS_MOST in colour with 16 bit, uncompressed, and room for notes."""

WHITE_LEVELS = (255, 1023, 4095, 16383, 65535)
"""Cameras of 10, 12 or 14 bit write 16 bit files: the smallest of these that holds the brightest pixel is white."""

SCALE_RANGE_UM = (0.1, 1000.0)


def load_picture(path: Path, um_per_px: float) -> Frame:
    """One picture file with its scale.

    raises  BadNumber for a scale that is none; BadInput for a file that cannot be used
    """
    low, high = SCALE_RANGE_UM
    if not (math.isfinite(um_per_px) and low <= um_per_px <= high):
        raise BadNumber(f"--um-per-px {um_per_px}: a finite scale from {low:g} to {high:g} um per pixel is wanted.")
    return Frame(_grey(_decoded(path), path.name), um_per_px)


def _decoded(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
    name = path.name or str(path)
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise BadInput(f"{path}: this is a directory. Name a picture file in it.")
        if not stat.S_ISREG(status.st_mode):
            raise BadInput(f"{path}: this is not a plain file. Name a picture file.")
        if status.st_size > FILE_BYTES_MOST:
            raise BadInput(f"{name}: {status.st_size:,} bytes, at most {FILE_BYTES_MOST:,}. Crop the picture.")
        if status.st_size == 0:
            raise BadInput(f"{name}: the file is empty. Give a PNG, TIFF or JPEG picture.")
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            with memoryview(data) as view:
                _check_size(name, *size_of(view, name))
            raw = np.frombuffer(data[:], dtype=np.uint8)
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file.") from None
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}.") from None
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        decoded = cv2.imdecode(raw, cv2.IMREAD_UNCHANGED)
    except cv2.error:
        decoded = None
    if decoded is None:
        raise cut_off(name)
    return np.asarray(decoded)


def _check_size(name: str, width_px: int, height_px: int) -> None:
    if width_px * height_px > PIXELS_MOST:
        raise BadInput(
            f"{name}: {width_px} x {height_px} px are {width_px * height_px / 1e6:.0f} million pixels, at most "
            f"{PIXELS_MOST / 1e6:.0f} million. Crop the picture to the package."
        )
    if min(width_px, height_px) < MIN_SIDE_PX:
        raise BadInput(f"{name}: {width_px} x {height_px} px hold nothing to see, at least {MIN_SIDE_PX} px per side.")


def _grey(pixels: np.ndarray[tuple[int, ...], np.dtype[np.generic]], name: str) -> ByteArray:
    """One channel of 8 bit; alpha is left out."""
    if pixels.dtype not in (np.uint8, np.uint16):
        raise BadInput(f"{name}: pixels of type {pixels.dtype}. Export it with 8 or 16 bit per channel.")
    if pixels.ndim == 3 and pixels.shape[2] == 2:
        pixels = pixels[:, :, 0]
    elif pixels.ndim == 3:
        pixels = cv2.cvtColor(np.ascontiguousarray(pixels[:, :, :3]), cv2.COLOR_BGR2GRAY)
    if pixels.dtype == np.uint16:
        brightest = int(pixels.max())
        white = next(level for level in WHITE_LEVELS if brightest <= level)
        pixels = np.round(pixels.astype(np.float32) * np.float32(255.0 / white))
    return np.ascontiguousarray(pixels, dtype=np.uint8)
