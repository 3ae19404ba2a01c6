"""Board fiducials and the datum mark on the down camera."""

import cv2
import numpy as np
import pytest

from tests.benchmarks.vision import fiducial_scenes, second_fiducials
from tests.vision.scenes import fiducial_scene
from vision.errors import BadRequest
from vision.frame import Frame
from vision.inspection import locate_fiducial


def error_um(fix, x_um, y_um):
    return float(np.hypot(fix.x_um - x_um, fix.y_um - y_um))


SCENES = {
    "bright": {},
    "dark": {"level": 30.0, "ground": 120.0},
    "gradient": {"gradient": 0.6},
    "noise": {"noise": 16.0},
    "defocus": {"blur_px": 4.0},
    "dirt": {"dirt": 3},
    "scratches": {"scratches": 4},
    "copper": {"copper": 4},
    "faint": {"level": 72.0},
}


@pytest.mark.parametrize("name", SCENES)
def test_disc_is_found_within_half_a_micrometre(name):
    scene = SCENES[name]
    for seed in range(3):
        x_um, y_um = np.random.default_rng(seed).uniform(-800, 800, 2)
        fix = locate_fiducial(fiducial_scene(seed, x_um, y_um, **scene), 1000.0, search_um=1200.0)
        assert fix.status == "found", fix.reasons
        assert error_um(fix, x_um, y_um) < (1.0 if name == "faint" else 0.5)
        assert fix.polarity == ("dark" if name == "dark" else "bright")
        assert fix.diameter_um == pytest.approx(1000.0, abs=6.0)


@pytest.mark.parametrize(("kind", "part_ratio"), [("ring", 0.5), ("ring", 0.62), ("square", 0.5), ("diamond", 0.5),
                                                  ("cross", 0.3), ("cross", 0.22)])  # fmt: skip
@pytest.mark.parametrize("level", [190.0, 15.0], ids=["bright", "dark"])
def test_every_shape_is_found_in_both_polarities_turned_by_a_degree(kind, part_ratio, level):
    for seed in range(2):
        x_um, y_um = np.random.default_rng(seed).uniform(-800, 800, 2)
        frame = fiducial_scene(seed, x_um, y_um, kind=kind, part_ratio=part_ratio, level=level, turn_deg=1.0, dirt=1)
        fix = locate_fiducial(frame, 1000.0, shape=kind, search_um=1200.0)
        assert fix.status == "found", fix.reasons
        assert error_um(fix, x_um, y_um) < 0.5
        assert fix.polarity == ("bright" if level > 100 else "dark")


def test_the_dark_flank_of_an_etched_mark_does_not_draw_it_towards_the_darker_ground():
    """Where the ground is brighter the flank takes more light away, and a step fitted there lies farther in."""
    case, squares = fiducial_scenes.CASES["nominal"], []
    for number in range(8):
        drawn = second_fiducials.draw(case, number, "tuning")
        fix = locate_fiducial(Frame(drawn.pixels, 10.0), 1000.0, search_um=1300.0)
        middle_px = (drawn.pixels.shape[1] - 1) / 2
        off_um = error_um(fix, 10.0 * (drawn.x_px - middle_px), 10.0 * (middle_px - drawn.y_px))
        assert off_um < 4.0 * fix.sigma_um
        squares.append(0.5 * off_um**2)
    assert np.sqrt(np.mean(squares)) < 0.06


def test_a_mark_of_another_shape_is_not_taken_for_the_wanted_one():
    shapes = {"disc": 0.5, "ring": 0.5, "square": 0.5, "diamond": 0.5, "cross": 0.3}
    for seen, part_ratio in shapes.items():
        frame = fiducial_scene(3, 100.0, -50.0, kind=seen, part_ratio=part_ratio, dirt=1)
        for wanted in shapes:
            status = locate_fiducial(frame, 1000.0, shape=wanted).status
            assert status == ("found" if seen == wanted else "refused"), (seen, wanted)


@pytest.mark.parametrize("scene", [{"noise": 4.0}, {"noise": 1.0, "dirt": 2}, {"kind": "square", "turn_deg": 2.0}])
def test_claimed_sigma_is_true(scene):
    squares = []
    for seed in range(60):
        x_um, y_um = np.random.default_rng(seed).uniform(-500, 500, 2)
        frame = fiducial_scene(seed, x_um, y_um, shape=(300, 300), **scene)
        fix = locate_fiducial(frame, 1000.0, shape=scene.get("kind", "disc"), search_um=800.0)
        squares.append((error_um(fix, x_um, y_um) / fix.sigma_um) ** 2 / 2)
    assert 0.6 < np.mean(squares) < 1.6


def test_shift_turn_gain_and_crop_of_the_picture_are_followed_exactly():
    frame = fiducial_scene(5, 210.0, -140.0, dirt=2)
    fix = locate_fiducial(frame, 1000.0)
    near = {"rel": 0, "abs": 0.1}
    moved = locate_fiducial(Frame(np.roll(frame.pixels, (7, -12), axis=(0, 1)), 10.0), 1000.0)
    assert (moved.x_um, moved.y_um) == (pytest.approx(fix.x_um - 120.0, **near), pytest.approx(fix.y_um - 70.0, **near))
    turned = locate_fiducial(Frame(np.ascontiguousarray(np.rot90(frame.pixels)), 10.0), 1000.0)
    assert (turned.x_um, turned.y_um) == (pytest.approx(-fix.y_um, **near), pytest.approx(fix.x_um, **near))
    dimmed = locate_fiducial(Frame((frame.pixels * 0.7).astype(np.uint8), 10.0), 1000.0)
    assert error_um(dimmed, fix.x_um, fix.y_um) < 0.1
    cropped = locate_fiducial(Frame(np.ascontiguousarray(frame.pixels[40:-40, 60:-60]), 10.0), 1000.0)
    assert error_um(cropped, fix.x_um, fix.y_um) < 0.1


def test_absent_disc_is_refused():
    for seed in range(5):
        fix = locate_fiducial(fiducial_scene(seed, 0.0, 0.0, absent=True), 1000.0)
        assert fix.status == "refused"
        assert np.isnan(fix.x_um)


def test_scratches_that_close_to_a_ring_are_no_disc():
    frame = fiducial_scene(5, 0.0, 0.0, absent=True)
    pixels = frame.pixels.copy()
    corners = 256 + 48 * np.column_stack([np.cos(np.arange(9) * 0.7 + 0.2), np.sin(np.arange(9) * 0.7 + 0.2)])
    cv2.polylines(pixels, [np.round(corners).astype(np.int32)], True, 85, 7, cv2.LINE_AA)
    assert locate_fiducial(Frame(pixels, 10.0), 1000.0).status == "refused"


def test_two_discs_in_the_range_are_ambiguous_and_one_outside_it_is_not():
    frame = fiducial_scene(1, -700.0, 0.0, others=[(900.0, 100.0)])
    assert locate_fiducial(frame, 1000.0, search_um=1100.0).status == "ambiguous"
    near = locate_fiducial(frame, 1000.0, expected_x_um=-700.0, search_um=300.0)
    assert near.status == "found"
    assert error_um(near, -700.0, 0.0) < 0.5


def test_disc_of_another_size_is_refused():
    fix = locate_fiducial(fiducial_scene(1, 0.0, 0.0, diameter_um=1500.0), 1000.0)
    assert fix.status == "refused"


def test_disc_cut_by_the_edge_of_the_picture_is_refused():
    for x_um, kind in ((2400.0, "disc"), (2080.0, "disc"), (2080.0, "square")):
        frame = fiducial_scene(2, x_um, 0.0, kind=kind)
        fix = locate_fiducial(frame, 1000.0, shape=kind, expected_x_um=x_um, search_um=400.0)
        assert fix.status == "refused"
        assert "border" in fix.reasons[0]


def test_useless_pictures_and_requests():
    assert locate_fiducial(Frame(np.full((300, 300), 255, np.uint8), 10.0), 1000.0).status == "refused"
    assert locate_fiducial(Frame(np.zeros((300, 300), np.uint8), 10.0), 1000.0).status == "refused"
    frame = fiducial_scene(1, 0.0, 0.0)
    for diameter_um in (float("nan"), 10.0, 90_000.0):
        with pytest.raises(BadRequest):
            locate_fiducial(frame, diameter_um)
    for wrong in (
        {"shape": "star"},
        {"shape": "ring", "part_ratio": 0.95},
        {"shape": "cross", "part_ratio": float("nan")},
    ):
        with pytest.raises(BadRequest):
            locate_fiducial(frame, 1000.0, **wrong)
