"""Several pictures of one part: cut from one whole picture, they must give the answer of the whole."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.bench.conftest import PACKAGE, UM_PER_PX
from tests.bench.support import answer, balls, vision

OPTIONS = ("--package", PACKAGE, "--um-per-px", UM_PER_PX)


def write_shots(folder: Path, source: Path, *, invert: bool = False, without: int | None = None) -> Path:
    """Four overlapping pieces of a picture, and the list of them."""
    pixels = cv2.imread(str(source), cv2.IMREAD_UNCHANGED)
    rows, columns = pixels.shape
    lines = ["image,x_um,y_um"]
    for number, (left, top) in enumerate(((0, 0), (330, 0), (330, 300), (0, 300))):
        piece = pixels[top : top + 520, left : left + 530]
        cv2.imwrite(str(folder / f"{number}.png"), 255 - piece if invert else piece)
        x_um = (left + (530 - 1) / 2 - (columns - 1) / 2) * UM_PER_PX
        y_um = ((rows - 1) / 2 - top - (520 - 1) / 2) * UM_PER_PX
        if number != without:
            lines.append(f"{number}.png,{x_um},{y_um}")
    path = folder / "shots.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("invert", [False, True], ids=["bright", "dark"])
def test_pieces_of_a_picture_give_the_answer_of_the_whole(folder: Path, tmp_path: Path, invert: bool) -> None:
    whole = answer(balls(folder / "faulty.png", "--json"))
    over = tmp_path / "over.png"
    listed = write_shots(tmp_path, folder / "faulty.png", invert=invert)
    result = vision("balls", "--shots", listed, *OPTIONS, "--json", "--overlay", over)
    data = answer(result)
    assert (result.exit_code, data["status"]) == (0, "found"), data["reasons"]
    assert data["polarity"] == ("dark" if invert else "bright")
    for key, limit in (("x_um", 0.3), ("y_um", 0.3), ("theta_deg", 0.003)):
        assert data["pose"][key] == pytest.approx(whole["pose"][key], abs=limit)
    states = {ball["name"]: ball["state"] for ball in data["balls"]}
    assert {states[name] for name in ("C1", "D1")} == {"bridged"}
    assert states["A7"] == "missing"
    assert sum(state == "ok" for state in states.values()) >= 164
    assert {ball["shot"] for ball in data["balls"]} == {1, 2, 3, 4}
    drawn = cv2.imread(str(over))
    assert drawn.shape[1] == 2 * 860  # the pieces laid together again, enlarged
    red = (np.abs(drawn[: 2 * 820].astype(int) - (60, 60, 255)).max(axis=2) < 8).nonzero()
    missing = next(ball for ball in whole["balls"] if ball["name"] == "A7")
    assert np.hypot(red[1] - 2 * missing["x_px"], red[0] - 2 * missing["y_px"]).min() < 40


def test_a_shot_that_is_left_out_is_missed(folder: Path, tmp_path: Path) -> None:
    listed = write_shots(tmp_path, folder / "whole.png", without=2)
    result = vision("balls", "--shots", listed, *OPTIONS)
    assert result.exit_code == 5
    assert "outside all shots" in result.stdout


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "image,x_um,y_um"),
        ("picture,x,y\n0.png,0,0\n", "image,x_um,y_um"),
        ("image,x_um,y_um\n", "0 pictures"),
        ("image,x_um,y_um\n0.png,zero,0\n", "shots.csv:2"),
        ("image,x_um,y_um\n0.png,nan,0\n", "not finite"),
        ("image,x_um,y_um\nnowhere.png,0,0\n", "no such file"),
        ("image,x_um,y_um\n0.png,0,0\n0.png,1e9,0\n", "check the positions"),
    ],
)
def test_a_list_that_cannot_be_used_is_refused(folder: Path, tmp_path: Path, text: str, reason: str) -> None:
    listed = write_shots(tmp_path, folder / "whole.png")
    listed.write_text(text)
    result = vision("balls", "--shots", listed, *OPTIONS, "--json")
    assert result.exit_code == 3, result.output
    assert any(reason in line for line in answer(result)["reasons"])


def test_one_picture_or_a_list_but_not_both(folder: Path, tmp_path: Path) -> None:
    listed = write_shots(tmp_path, folder / "whole.png")
    assert balls(folder / "whole.png", "--shots", listed).exit_code == 2
    assert vision("balls", *OPTIONS).exit_code == 2
