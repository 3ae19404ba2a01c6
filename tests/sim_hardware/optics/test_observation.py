"""Observations say what the pictures show, with the noise that the table promises."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sim_hardware.optics import down, observation, up
from sim_hardware.optics.measured import SIGMAS, call_wetting, fit, wrapped_deg
from sim_hardware.optics.scenes import (
    BoardView,
    BottomView,
    DatumView,
    DownScene,
    FilmView,
    GlassView,
    ImprintMark,
    Light,
    TopView,
    UpScene,
)
from sim_hardware.world.machine import CameraTruth, Fidelity
from tests.sim_hardware.optics.parts import (
    DOWN,
    UP,
    board,
    bottom_type,
    centroid_um,
    dip,
    package,
    package_type,
    square,
)

ERRORS: dict[str, Any] = {
    "rotation_deg": 1.5,
    "centre_dx_um": 40.0,
    "centre_dy_um": -25.0,
    "distortion_k1": 0.004,
}
WIDE_UP = CameraTruth(1500, 1500, 8.0)


def seen_up(scene: UpScene, camera: CameraTruth = UP, fidelity: Fidelity = Fidelity.IDEAL, seed: int = 1) -> Any:
    return observation.observe_up(scene, camera, fidelity, np.random.default_rng(seed))


def seen_down(scene: DownScene, camera: CameraTruth = DOWN, fidelity: Fidelity = Fidelity.IDEAL, seed: int = 1) -> Any:
    return observation.observe_down(scene, camera, fidelity, np.random.default_rng(seed))


def test_a_shift_and_a_turn_of_the_nozzle_appear_mirrored() -> None:
    found = seen_up(UpScene(package(package_type(square(1_000.0))), 200.0, 120.0, 7.0))["package"]
    assert (found["x_um"], found["y_um"], found["theta_deg"]) == pytest.approx((-200.0, 120.0, -7.0), abs=1e-6)
    assert found["found_count"] == found["expected_count"] == 4


def test_an_observed_ball_stands_where_the_picture_shows_it() -> None:
    camera = replace(UP, um_per_px=8.05, **ERRORS)
    part = package(package_type({**square(1_000.0), "key": (0.0, 900.0)}, 3_000.0))
    scene = UpScene(part, 90.0, -60.0, 12.0)
    image = up.render(scene, camera, Fidelity.IDEAL, np.random.default_rng(1))
    balls = seen_up(scene, camera)["package"]["balls"]
    for column, row in zip(balls["x_px"], balls["y_px"], strict=True):
        x_um, y_um = (column - (UP.width_px - 1) / 2) * 8.0, ((UP.height_px - 1) / 2 - row) * 8.0
        # The plain moment uses the nominal scale, as the station does before calibration.
        assert centroid_um(image, UP, x_um, y_um, 220.0, up.SUBSTRATE_LEVEL) == pytest.approx((x_um, y_um), abs=0.3)


def test_an_observed_fiducial_stands_where_the_picture_shows_it() -> None:
    camera = replace(DOWN, um_per_px=10.03, **ERRORS)
    scene = DownScene(5_400.0, 4_700.0, board=BoardView(board(), 0.0, 0.0, 0.7))
    image = down.render(scene, camera, Fidelity.IDEAL, np.random.default_rng(1))
    mark = seen_down(scene, camera)["fiducials"][0]
    expected = mark["x_um"], mark["y_um"]
    assert centroid_um(image, DOWN, *expected, 700.0, down.BOARD_LEVEL) == pytest.approx(expected, abs=0.15)
    assert mark["diameter_um"] == pytest.approx(1_000.0 * 10.0 / 10.03)


def test_truth_is_the_frame_of_the_balls_that_are_present() -> None:
    # One of four balls is 40 um off in x: the frame moves by 10. Once it is missing, the frame is back.
    part = package(package_type(square(1_000.0)))
    part.balls[0].dx_um = 40.0
    assert seen_up(UpScene(part))["package"]["x_um"] == pytest.approx(10.0, abs=0.1)
    part = package(package_type({**square(1_000.0), "key": (0.0, 900.0)}))
    part.balls[0].dx_um, part.balls[0].present = 40.0, False
    found = seen_up(UpScene(part))["package"]
    assert found["x_um"] == pytest.approx(0.0, abs=1e-6)
    assert (found["balls"]["state"][0], found["balls"]["diameter_um"][0], found["found_count"]) == ("missing", None, 4)


def test_a_camera_of_another_scale_shows_a_larger_package() -> None:
    found = seen_up(UpScene(package(package_type(square(1_000.0)))), replace(UP, um_per_px=7.96))["package"]
    assert found["scale_ratio"] == pytest.approx(8.0 / 7.96)


def test_a_symmetric_array_without_mark_is_ambiguous_and_a_marked_one_is_not() -> None:
    plain = package_type(square(1_000.0))
    assert seen_up(UpScene(package(plain)))["package"]["status"] == "ambiguous"
    marked = replace(plain, a1_x_um=-300.0, a1_y_um=300.0, a1_diameter_um=400.0)
    assert seen_up(UpScene(package(marked)))["package"]["status"] == "found"


def test_pose_noise_has_the_promised_spread() -> None:
    part = package(package_type({**square(1_000.0), "key": (0.0, 900.0)}))
    rng = np.random.default_rng(3)
    seen: list[Any] = [observation.observe_up(UpScene(part), UP, Fidelity.REAL, rng)["package"] for _ in range(800)]
    x_um, theta_deg = np.array([s["x_um"] for s in seen]), np.array([s["theta_deg"] for s in seen])
    sigma_um, sigma_deg = seen[0]["covariance"][0][0] ** 0.5, seen[0]["covariance"][2][2] ** 0.5
    assert sigma_um == pytest.approx(SIGMAS.array_um)
    assert x_um.std() == pytest.approx(sigma_um, rel=0.08)
    assert theta_deg.std() == pytest.approx(sigma_deg, rel=0.08)


def test_every_undipped_ball_is_called_dry_and_every_well_dipped_one_wet() -> None:
    part = dip(package(package_type({**square(1_000.0), "key": (0.0, 900.0)})))
    part.balls[2].immersion_um = part.balls[2].coat_volume_nl = 0.0
    part.balls[3].immersion_um, part.balls[3].coat_volume_nl = 40.0, 0.8
    wetting = seen_up(UpScene(part))["package"]["wetting"]
    assert wetting["state"] == ["wet", "wet", "dry", "partial", "wet"]
    assert wetting["worst_probability"] < 1e-3
    assert seen_up(UpScene(package(package_type(square(1_000.0)))))["package"]["wetting"] is None


def test_wrong_calls_are_as_rare_as_documented() -> None:
    rng = np.random.default_rng(5)
    dry = call_wetting(np.zeros(200_000), np.zeros(200_000), rng)
    assert (dry.probability_wet > 0.5).mean() < 5e-5
    faint = call_wetting(np.full(200_000, 0.055), np.full(200_000, 0.1), rng)
    assert 0.49 < (faint.probability_wet < 0.5).mean() < 0.51
    good = call_wetting(np.full(200_000, 0.65), np.full(200_000, 0.5), rng)
    assert (good.probability_wet < 0.5).mean() < 5e-5


def test_bridged_balls_and_their_pair_are_named() -> None:
    part = dip(package(package_type({**square(1_000.0), "key": (0.0, 900.0)})))
    part.bridges.append(("upper left", "upper right"))
    found = seen_up(UpScene(part))["package"]
    assert found["bridges"] == [["upper left", "upper right"]]
    assert found["balls"]["state"] == ["bridged", "bridged", "ok", "ok", "ok"]


def test_a_tilted_dip_shows_as_a_slope_of_the_wetting() -> None:
    part = dip(package(package_type({**square(1_000.0), "key": (0.0, 900.0)})))
    for ball in part.balls:
        ball.immersion_um = 60.0 + 0.08 * ball.site.x_um
    wetting = seen_up(UpScene(part))["package"]["wetting"]
    assert wetting["tilt_x"] > 0.15
    assert abs(wetting["tilt_y"]) < 0.05


def test_the_glass_part_is_seen_from_both_sides() -> None:
    found = seen_up(UpScene(is_calibration_part=True, x_um=100.0, theta_deg=30.0), WIDE_UP)["dots"]
    assert (found["x_um"], found["theta_deg"]) == (pytest.approx(-100.0), pytest.approx(-30.0))
    assert found["found_count"] == found["expected_count"] == 80
    below = seen_down(DownScene(0.0, 0.0, glass=GlassView(100.0, 0.0, 30.0)), CameraTruth(1280, 1024, 10.0))["dots"]
    assert (below["x_um"], below["theta_deg"]) == (pytest.approx(100.0), pytest.approx(30.0))


def test_lands_under_a_placed_package_are_hidden_and_the_package_is_seen_instead() -> None:
    camera = CameraTruth(1280, 1024, 10.0)
    lands = bottom_type()
    many = replace(
        lands, lands=tuple(replace(lands.lands[0], name=f"L{i}", x_um=-700.0 + 200.0 * i, y_um=600.0) for i in range(8))
    )
    bottom = BottomView(many, 1_000.0, 2_000.0, 5.0)
    free = seen_down(DownScene(900.0, 1_900.0, bottoms=(bottom,)), camera)
    assert (free["bottom"]["x_um"], free["bottom"]["y_um"]) == pytest.approx((100.0, 100.0))
    assert free["bottom"]["theta_deg"] == pytest.approx(5.0)
    assert (free["bottom"]["seen"], free["top"]) == (list(range(8)), None)
    part = package(package_type({}))
    part.body_dx_um = 30.0
    top = TopView(part, 1_000.0, 2_000.0, 0.0)
    placed = seen_down(DownScene(900.0, 1_900.0, bottoms=(bottom,), tops=(top,)), camera)
    assert placed["bottom"] is None
    assert (placed["top"]["x_um"], placed["top"]["y_um"]) == pytest.approx((70.0, 100.0))


def test_marks_in_the_film_are_points_and_faded_ones_are_gone() -> None:
    marks = (
        ImprintMark(300.0, 200.0, 320.0),
        ImprintMark(-300.0, 200.0, 320.0, 0.05),
        ImprintMark(90_000.0, 0.0, 320.0),
    )
    found = seen_down(DownScene(0.0, 0.0, film=FilmView(0.0, 0.0, 60_000.0, 150.0, 1, marks)))["imprint"]
    assert (found["x_um"], found["y_um"], found["diameter_um"]) == ([300.0], [200.0], [320.0])


def test_the_datum_mark_is_among_the_round_marks() -> None:
    found = seen_down(DownScene(100.0, -50.0, datum=DatumView(0.0, 0.0)))["fiducials"]
    assert [(m["x_um"], m["y_um"], m["diameter_um"]) for m in found] == [(-100.0, 50.0, 1_000.0)]


def test_nothing_is_found_in_the_dark() -> None:
    scene = UpScene(package(package_type(square(1_000.0))), light=Light(ring_ratio=0.02))
    assert seen_up(scene)["package"] is None


@pytest.mark.parametrize("fidelity", list(Fidelity))
def test_every_observation_is_strict_json_of_one_shape(fidelity: Fidelity) -> None:
    part = dip(package(package_type({**square(1_000.0), "key": (0.0, 900.0)})))
    part.balls[0].present = False
    view = BoardView(board(), 0.0, 0.0, 0.7)
    answers = [
        seen_up(UpScene(part), fidelity=fidelity),
        seen_up(UpScene(), fidelity=fidelity),
        seen_down(DownScene(5_000.0, 5_000.0, board=view), fidelity=fidelity),
        seen_down(DownScene(0.0, 0.0, film=FilmView(0.0, 0.0, 60_000.0, 150.0)), fidelity=fidelity),
    ]
    for answer in answers:
        assert json.loads(json.dumps(answer, allow_nan=False)) == answer
        assert set(answer) == set(answers[0])


def test_the_fit_returns_place_turn_and_scale_of_a_known_move() -> None:
    x, y = np.array([0.0, 1_000.0, 0.0, -700.0]), np.array([0.0, 0.0, 1_000.0, 300.0])
    # Turn by 90, scale by 1.01, shift by (5, -3), by hand.
    found = fit(x, y, -1.01 * y + 5.0, 1.01 * x - 3.0)
    assert (found.theta_deg, found.scale_ratio) == pytest.approx((90.0, 1.01))
    middle_x, middle_y = x.mean(), y.mean()
    # The rigid frame keeps the middle of the points, so the scale moves its origin by 1 % of the middle.
    assert (found.x_um, found.y_um) == pytest.approx((5.0 - 0.01 * middle_y, -3.0 + 0.01 * middle_x))
    assert [wrapped_deg(angle) for angle in (-180.0, 180.0, 190.0, -10.0)] == [180.0, 180.0, -170.0, -10.0]
