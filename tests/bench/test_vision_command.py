"""Picture files before the same eyes: what the command finds, how it says it, and with which exit code it ends."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from station.bench.maps import load_map
from tests.bench.conftest import DRY_NAMES, PACKAGE, POSE, UM_PER_PX
from tests.bench.support import answer, balls, vision
from vision.frame import Frame
from vision.inspection import inspect_package
from vision.marks import SHAPES


def test_the_answer_is_that_of_vision_itself(folder: Path) -> None:
    result = balls(folder / "whole.png", "--json")
    data = answer(result)
    pixels = cv2.imread(str(folder / "whole.png"), cv2.IMREAD_UNCHANGED)
    fix = inspect_package(Frame(pixels, UM_PER_PX), load_map(PACKAGE)[1], scale_tolerance=0.03)
    assert (result.exit_code, data["status"], data["reasons"]) == (0, "found", [])
    assert [data["pose"][key] for key in ("x_um", "y_um", "theta_deg")] == [fix.x_um, fix.y_um, fix.theta_deg]
    assert data["pose"]["scale_ratio"] == data["scale_ratio"] == fix.scale_ratio
    assert data["covariance"] == [list(row) for row in fix.covariance]
    assert {key for ball in data["balls"] for key in ball} >= {
        "name", "state", "x_px", "y_px", "diameter_um", "offset_um",
    }  # fmt: skip


def test_places_are_counted_from_the_image_centre_upwards_and_pixels_from_their_centres(folder: Path) -> None:
    data = answer(balls(folder / "whole.png", "--json"))
    assert [data["pose"][key] for key in ("x_um", "y_um")] == pytest.approx(POSE[:2], abs=2.0)
    assert data["pose"]["theta_deg"] == pytest.approx(POSE[2], abs=0.02)
    turn = np.radians(data["pose"]["theta_deg"])
    a1 = next(ball for ball in load_map(PACKAGE)[1].xy_um)  # far right, seen from below
    x_um = data["pose"]["x_um"] + a1[0] * np.cos(turn) - a1[1] * np.sin(turn)
    y_um = data["pose"]["y_um"] + a1[0] * np.sin(turn) + a1[1] * np.cos(turn)
    seen = next(ball for ball in data["balls"] if ball["name"] == "A1")
    assert seen["x_px"] == pytest.approx((860 - 1) / 2 + x_um / UM_PER_PX, abs=2.0)
    assert seen["y_px"] == pytest.approx((820 - 1) / 2 - y_um / UM_PER_PX, abs=2.0)


def test_faults_are_named_for_people_and_programs(folder: Path) -> None:
    result = balls(folder / "faulty.png")
    assert result.exit_code == 0
    assert "166 of 168 balls" in result.stdout
    assert "A7 missing, C1 bridged, D1 bridged, F2 missing" in result.stdout
    assert len(result.stdout.splitlines()) < 24
    states = {ball["name"]: ball["state"] for ball in answer(balls(folder / "faulty.png", "--json"))["balls"]}
    assert {name: state for name, state in states.items() if state != "ok"} == {
        "A7": "missing", "F2": "missing", "C1": "bridged", "D1": "bridged",
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["tif", "jpg", "colour", "deep", "alpha", "dark"])
def test_every_kind_of_picture_gives_the_same_pose(folder: Path, tmp_path: Path, kind: str) -> None:
    pixels = cv2.imread(str(folder / "whole.png"), cv2.IMREAD_UNCHANGED)
    made = {
        "tif": ("a.tif", pixels),
        "jpg": ("a.jpg", pixels),
        "colour": ("a.png", cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR)),
        "deep": ("a.tiff", pixels.astype(np.uint16) * 16),  # 12 bit in 16
        "alpha": ("a.png", cv2.merge([pixels, pixels, pixels, np.full_like(pixels, 255)])),
        "dark": ("a.png", 255 - pixels),
    }
    name, changed = made[kind]
    cv2.imwrite(str(tmp_path / name), changed, [cv2.IMWRITE_JPEG_QUALITY, 98])
    one = answer(balls(folder / "whole.png", "--json"))
    data = answer(balls(tmp_path / name, "--json"))
    assert data["status"] == "found"
    assert data["polarity"] == ("dark" if kind == "dark" else "bright")
    for key, limit in (("x_um", 0.3), ("y_um", 0.3), ("theta_deg", 0.003)):
        assert data["pose"][key] == pytest.approx(one["pose"][key], abs=limit)


def test_wetting_names_dry_balls_and_bridges(folder: Path) -> None:
    arguments = ("--package", PACKAGE, "--um-per-px", UM_PER_PX)
    result = vision("wetting", folder / "whole.png", folder / "wet.png", *arguments, "--json")
    data = answer(result)
    assert (result.exit_code, data["status"]) == (0, "found")
    by_state = {ball["name"]: ball["state"] for ball in data["balls"]}
    assert {name for name, state in by_state.items() if state == "dry"} == set(DRY_NAMES)
    assert {frozenset(pair) for pair in data["bridges"]} == {frozenset(("R1", "T1"))}
    probability = {ball["name"]: ball["probability_wet"] for ball in data["balls"]}
    assert (
        max(probability[name] for name in DRY_NAMES)
        < 0.5
        < min(value for name, value in probability.items() if name not in DRY_NAMES)
    )
    assert set(data["tilt"]) == {"x_ratio", "y_ratio"}


def test_one_picture_alone_is_ambiguous_and_says_why(folder: Path) -> None:
    arguments = ("--package", PACKAGE, "--um-per-px", UM_PER_PX)
    result = vision("wetting", folder / "wet.png", "--after-only", *arguments, "--json")
    data = answer(result)
    assert (result.exit_code, data["status"]) == (5, "ambiguous")
    assert "without a picture before the dip" in data["reasons"][0]
    assert "unsure" in {ball["state"] for ball in data["balls"]}
    assert vision("wetting", folder / "wet.png", *arguments).exit_code == 2


def test_fiducial_in_pixels_with_its_sigma(folder: Path) -> None:
    result = vision("fiducial", folder / "fiducial.png", "--shape", "disc", "--size-um", 1000, "--um-per-px", 10,
                    "--json")  # fmt: skip
    data = answer(result)
    assert (result.exit_code, data["status"], data["polarity"]) == (0, "found", "bright")
    assert data["x_px"] == pytest.approx(255.5 + 13.0, abs=0.05)
    assert data["y_px"] == pytest.approx(255.5 + 8.0, abs=0.05)
    assert 0 < data["sigma_px"] < 0.1


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_can_be_asked_for_and_an_unknown_one_is_refused(tmp_path: Path, shape: str) -> None:
    picture = np.full((420, 460), 60, np.uint8)
    at, half = (240, 190), 50
    corners = {"square": [(-1, -1), (1, -1), (1, 1), (-1, 1)], "diamond": [(-1, 0), (0, -1), (1, 0), (0, 1)]}
    if shape in corners:
        cv2.fillPoly(picture, [np.array(at) + half * np.array(corners[shape])], 190)
    elif shape == "cross":
        for ends in ((half, 10), (10, half)):
            cv2.rectangle(picture, (at[0] - ends[0], at[1] - ends[1]), (at[0] + ends[0], at[1] + ends[1]), 190, -1)
    else:
        cv2.circle(picture, at, half, 190, -1)
        if shape == "ring":
            cv2.circle(picture, at, half * 6 // 10, 60, -1)
    noise = np.random.default_rng(1).normal(0, 1, picture.shape)
    path = tmp_path / "mark.png"
    cv2.imwrite(str(path), np.round(cv2.GaussianBlur(picture, (0, 0), 1.2) + noise).clip(0, 255).astype(np.uint8))
    options = ("--size-um", 1010, "--um-per-px", 10)
    data = answer(vision("fiducial", path, "--shape", shape, *options, "--json"))
    assert (data["status"], data["shape"]) == ("found", shape), data["reasons"]
    assert (data["x_px"], data["y_px"]) == pytest.approx(at, abs=0.25)
    wrong = vision("fiducial", path, "--shape", "star", *options)
    assert wrong.exit_code == 2
    assert "diamond" in wrong.output


def test_imprint_names_balls_without_a_mark_and_what_it_cannot_tell(folder: Path) -> None:
    arguments = ("--package", PACKAGE, "--um-per-px", 12)
    data = answer(vision("imprint", folder / "print.png", *arguments, "--json"))
    assert data["status"] == "found"
    assert sorted(data["missing"]) == ["A7", "B9"]
    assert any("how much material" in text for text in data["cannot_tell"])
    blank = vision("imprint", folder / "blank.png", *arguments)
    assert blank.exit_code == 5
    assert "no print" in blank.stdout


@pytest.mark.parametrize("enlarged", [1, 3])
def test_overlay_holds_the_picture_the_colours_of_the_states_and_a_panel(
    folder: Path, tmp_path: Path, enlarged: int
) -> None:
    pixels = cv2.imread(str(folder / "faulty.png"), cv2.IMREAD_UNCHANGED)
    source = tmp_path / "source.png"
    cv2.imwrite(str(source), cv2.resize(pixels, None, fx=enlarged, fy=enlarged, interpolation=cv2.INTER_CUBIC))
    target = tmp_path / "over.png"
    assert balls(source, "--overlay", target, scale=UM_PER_PX / enlarged).exit_code == 0
    drawn = cv2.imread(str(target))
    assert drawn.shape[1] == (1720 if enlarged == 1 else 2580)
    assert drawn.shape[0] > drawn.shape[1] * 820 / 860
    factor = drawn.shape[1] / 860
    seen = answer(balls(folder / "faulty.png", "--json"))["balls"]
    for name, colour in (("A7", (60, 60, 255)), ("A9", (90, 200, 60))):
        ball = next(ball for ball in seen if ball["name"] == name)
        at, reach = np.array([ball["y_px"], ball["x_px"]]) * factor, round(13 * factor)
        window = drawn[tuple(slice(int(v) - reach, int(v) + reach) for v in at)]
        assert (np.abs(window.astype(int) - colour).max(axis=2) < 8).any(), name
