"""What is no picture, no ball map or no number is refused with a reason, at once, in little memory, without a guess."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.bench.conftest import PACKAGE, UM_PER_PX
from tests.bench.support import answer, balls, vision


def png_that_claims(width_px: int, height_px: int) -> bytes:
    """A whole PNG whose header promises more pixels than it holds."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width_px, height_px, 8, 0, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


def tiff_that_claims(width_px: int, height_px: int) -> bytes:
    tags = (
        (256, width_px),
        (257, height_px),
        (258, 8),
        (259, 1),
        (262, 1),
        (273, 8),
        (277, 1),
        (278, height_px),
        (279, 9),
    )
    body = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\x00" + struct.pack("<I", 20) + bytes(12) + struct.pack("<H", len(tags)) + body + bytes(4)


def refused(path: Path, code: int, *words: str) -> None:
    """Refused with this exit code and these words, for people and for programs."""
    told = balls(path)
    assert told.exit_code == code, told.output
    data = answer(balls(path, "--json"))
    assert data["status"] == "refused"
    assert not data.get("pose")
    for word in words:
        assert word in told.output
        assert any(word in reason for reason in data["reasons"]), data["reasons"]


FILES = {
    "empty.png": (b"", "the file is empty"),
    "words.png": (b"this is no picture at all\n" * 40, "not a picture"),
    "drawing.bmp": (b"BM" + bytes(200), "PNG, TIFF or JPEG"),
    "no_pixels.png": (png_that_claims(0, 0), "0 x 0 px"),
    "one_pixel.png": (png_that_claims(1, 1), "1 x 1 px"),
    "huge.png": (png_that_claims(20_000, 10_000), "200 million pixels, at most 40 million"),
    "huge.tif": (tiff_that_claims(20_000, 10_000), "200 million pixels"),
    "boastful.png": (png_that_claims(3_000, 2_000), "cut off or damaged"),
    "start_only.png": (b"\x89PNG\r\n\x1a\n", "cut off"),
    "start_only.jpg": (b"\xff\xd8\xff\xe0", "cut off"),
    "start_only.tif": (b"II*\x00\xff\xff\xff\xff", "cut off"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_usable_picture_is_refused(tmp_path: Path, name: str) -> None:
    content, reason = FILES[name]
    path = tmp_path / name
    path.write_bytes(content)
    refused(path, 3, name, reason)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.97])
def test_a_picture_that_was_cut_off_is_not_measured(folder: Path, tmp_path: Path, suffix: str, share: float) -> None:
    pixels = cv2.imread(str(folder / "whole.png"), cv2.IMREAD_UNCHANGED)
    whole = cv2.imencode(suffix, pixels)[1].tobytes()
    path = tmp_path / f"cut{suffix}"
    path.write_bytes(whole[: int(share * len(whole))])
    refused(path, 3, "cut off or damaged", "export it again")


def test_a_picture_with_a_damaged_byte_is_not_measured(folder: Path, tmp_path: Path) -> None:
    raw = bytearray((folder / "whole.png").read_bytes())
    raw[len(raw) // 2] ^= 0x55
    path = tmp_path / "damaged.png"
    path.write_bytes(raw)
    refused(path, 3, "cut off or damaged")


def test_a_picture_under_a_wrong_suffix_is_read_for_what_it_is(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "scan.txt"
    path.write_bytes((folder / "whole.png").read_bytes())
    assert balls(path).exit_code == 0


def test_a_directory_and_a_missing_file_are_named(tmp_path: Path) -> None:
    refused(tmp_path, 3, "this is a directory")
    refused(tmp_path / "nothing.png", 3, "no such file")


@pytest.mark.parametrize(
    ("level", "reason"), [(0, "too dark"), (255, "saturated"), (128, "without content")], ids=["black", "white", "grey"]
)
def test_a_picture_that_shows_nothing_is_refused_not_guessed(tmp_path: Path, level: int, reason: str) -> None:
    path = tmp_path / "flat.png"
    cv2.imwrite(str(path), np.full((400, 400), level, np.uint8))
    refused(path, 5, reason)


@pytest.mark.parametrize("kind", ["checks", "noise", "stripes", "gradient"])
def test_a_picture_of_something_else_is_refused(tmp_path: Path, kind: str) -> None:
    row, column = np.indices((1024, 1224))
    drawn = {
        "checks": (row + column) // 20 % 2 * 200,
        "noise": np.random.default_rng(3).integers(0, 255, (1024, 1224)),
        "stripes": column // 9 % 2 * 180 + 20,
        "gradient": column * 250 // 1224,
    }
    path = tmp_path / f"{kind}.png"
    cv2.imwrite(str(path), drawn[kind].astype(np.uint8))
    result = balls(path, "--json")
    assert result.exit_code == 5
    assert answer(result)["pose"] is None


def test_a_saturated_picture_is_refused(folder: Path, tmp_path: Path) -> None:
    pixels = cv2.imread(str(folder / "whole.png"), cv2.IMREAD_UNCHANGED)
    path = tmp_path / "bright.png"
    cv2.imwrite(str(path), np.clip(pixels.astype(int) * 12, 0, 255).astype(np.uint8))
    refused(path, 5, "saturated")


def test_the_picture_of_another_package_is_refused(folder: Path) -> None:
    result = balls(folder / "whole.png", "--json", package="pop_14x14_152")
    assert result.exit_code == 5
    assert answer(result)["pose"] is None
    assert answer(result)["reasons"]


@pytest.mark.parametrize("scale", ["nan", "inf", "0", "-8", "1e9"])
def test_a_scale_that_is_none_is_wrong_usage(folder: Path, scale: str) -> None:
    for verb, more in (("balls", ("--package", PACKAGE)), ("fiducial", ("--size-um", "1000"))):
        result = vision(verb, folder / "whole.png", *more, "--um-per-px", scale, "--json")
        assert result.exit_code == 2
        assert "--um-per-px" in answer(result)["reasons"][0]


@pytest.mark.parametrize(
    "more",
    [("--polarity", "grey"), ("--scale-tolerance", "nan"), ("--scale-tolerance", "0.5")],
)
def test_an_option_outside_its_range_is_wrong_usage(folder: Path, more: tuple[str, str]) -> None:
    result = balls(folder / "whole.png", *more)
    assert result.exit_code == 2
    assert more[0] in result.output


def test_a_float_picture_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "float.tif"
    cv2.imwrite(str(path), np.full((200, 200), 0.5, np.float32))
    refused(path, 3, "8 or 16 bit")


def test_an_overlay_that_cannot_be_written_is_said(folder: Path, tmp_path: Path) -> None:
    result = balls(folder / "whole.png", "--overlay", tmp_path / "no" / "where.png")
    assert result.exit_code == 3
    assert "cannot be written" in result.output


def test_every_refusal_is_one_json_object_without_nan(tmp_path: Path) -> None:
    path = tmp_path / "flat.png"
    cv2.imwrite(str(path), np.zeros((400, 400), np.uint8))
    for verb, more in (
        ("balls", ("--package", PACKAGE)),
        ("wetting", (path, "--package", PACKAGE)),
        ("fiducial", ("--size-um", 1000)),
        ("imprint", ("--package", PACKAGE)),
    ):
        result = vision(verb, path, *more, "--um-per-px", UM_PER_PX, "--json")
        assert result.exit_code == 5, (verb, result.output)
        data = json.loads(result.stdout.splitlines()[-1], parse_constant=lambda name: pytest.fail(name))
        assert data["status"] == "refused"
        assert data["reasons"]
