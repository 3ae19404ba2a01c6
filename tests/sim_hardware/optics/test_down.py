"""Where things land in the down camera's picture, worked by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sim_hardware.optics import bodies, down, film
from sim_hardware.optics.scenes import (
    BoardView,
    BottomView,
    DatumView,
    DownScene,
    FilmView,
    GlassView,
    ImprintMark,
    TopView,
    bottom_on_board,
    on_board,
    tops_on_bottom,
)
from sim_hardware.world.machine import CameraTruth, Fidelity
from sim_hardware.world.things import PlacedTruth
from tests.sim_hardware.optics.parts import DOWN, board, bottom_type, centroid_um, level_at, package, package_type


def picture(scene: DownScene, camera: CameraTruth = DOWN, fidelity: Fidelity = Fidelity.IDEAL) -> np.ndarray:
    return down.render(scene, camera, fidelity, np.random.default_rng(1))


def test_a_fiducial_is_found_where_the_turned_board_has_it() -> None:
    # Board corner at (100,000, 50,000), turned by +90: F1 (5,000, 5,000) lies at (95,000, 55,000).
    view = BoardView(board(), 100_000.0, 50_000.0, 90.0)
    image = picture(DownScene(94_800.0, 55_150.0, board=view))
    assert centroid_um(image, DOWN, 200.0, -150.0, 700.0, down.BOARD_LEVEL) == pytest.approx((200.0, -150.0), abs=0.1)


def test_copper_shrinks_with_its_board_and_a_missing_fiducial_is_not_drawn() -> None:
    truth = board()
    truth.scale_ratio = 0.99
    image = picture(DownScene(5_000.0, 5_000.0, board=BoardView(truth, 0.0, 0.0, 0.0)))
    assert centroid_um(image, DOWN, -50.0, -50.0, 700.0, down.BOARD_LEVEL) == pytest.approx((-50.0, -50.0), abs=0.1)
    truth.missing_fiducials = ("F1",)
    image = picture(DownScene(5_000.0, 5_000.0, board=BoardView(truth, 0.0, 0.0, 0.0)))
    assert image.max() == down.BOARD_LEVEL


def test_the_board_ends_where_it_ends() -> None:
    image = picture(DownScene(0.0, 15_000.0, board=BoardView(board(), 123.0, 0.0, 0.0)))
    row = image[DOWN.height_px // 2].astype(float)
    covered = (row - down.BED_LEVEL).sum() / (down.BOARD_LEVEL - down.BED_LEVEL)
    # Right edge of the picture at 200 px; the board begins 12.3 px right of the middle.
    assert covered == pytest.approx(200.0 - 12.3, abs=0.1)


def test_a_turned_sensor_sees_the_scene_turned_the_other_way() -> None:
    # Sensor at +10 seen from above: a thing at (1,000, 0) appears at (1,000 cos 10, -1,000 sin 10).
    image = picture(DownScene(-1_000.0, 0.0, datum=DatumView(0.0, 0.0)), replace(DOWN, rotation_deg=10.0))
    found = centroid_um(image, DOWN, 984.8, -173.6, 800.0, down.DATUM_GROUND_LEVEL)
    assert found == pytest.approx((984.81, -173.65), abs=0.1)


def test_lands_and_turn_mark_stand_on_the_bottom_package_as_drawn_from_above() -> None:
    view = BottomView(bottom_type(), 10_000.0, 10_000.0, 0.0)
    image = picture(DownScene(10_000.0, 10_000.0, bottoms=(view,)))
    assert level_at(image, DOWN, -500.0, 500.0) == pytest.approx(down.LAND_LEVEL, abs=1.0)
    assert level_at(image, DOWN, -500.0, -500.0) == pytest.approx(down.BOTTOM_A1_LEVEL, abs=1.0)
    assert level_at(image, DOWN, 0.0, 0.0) == pytest.approx(bodies.BOTTOM_LEVEL, abs=1.0)
    assert centroid_um(image, DOWN, 500.0, -500.0, 300.0, bodies.BOTTOM_LEVEL) == pytest.approx(
        (500.0, -500.0), abs=0.1
    )


def test_a_placed_package_lies_at_its_offset_in_the_frame_of_the_bottom() -> None:
    # Site (20,000, 15,000) on a board turned by 90: (-15,000, 20,000); offset (+100, 0) turned with it: (0, +100).
    truth = board()
    part = package(package_type({}, 1_000.0))
    truth.sites[0].placed.append(PlacedTruth("P", part, 0.0, 100.0, 0.0, 0.0, 0, 0, 0, 0, 0, 0, 0, 0))
    view = BoardView(truth, 0.0, 0.0, 90.0)
    bottoms, tops = on_board(view, bottom_type())
    assert (bottoms[0].x_um, bottoms[0].y_um) == pytest.approx((-15_000.0, 20_000.0))
    assert (tops[0].x_um, tops[0].y_um, tops[0].theta_deg) == pytest.approx((-15_000.0, 20_100.0, 90.0))
    bottom = bottom_on_board(view, truth.sites[0], bottom_type())
    assert tops_on_bottom(bottom, truth.sites[0]) == tops


def test_the_outline_of_a_placed_package_is_mirrored_against_its_drawing_from_below() -> None:
    part = package(package_type({}, 1_500.0))
    part.body_dx_um = 60.0
    image = picture(DownScene(0.0, 0.0, tops=(TopView(part, 0.0, 0.0, 0.0),)))
    row = image[DOWN.height_px // 2 + 55].astype(float) - down.BED_LEVEL
    middle = (row * np.arange(DOWN.width_px)).sum() / row.sum() - (DOWN.width_px - 1) / 2
    assert middle * DOWN.um_per_px == pytest.approx(-60.0, abs=1.0)
    assert np.median(image[150:170, 190:210]) >= bodies.MOULD_LEVEL


def test_a_missing_bottom_package_shows_the_bare_board() -> None:
    truth = board()
    truth.sites[0].bottom_present = False
    assert on_board(BoardView(truth, 0.0, 0.0, 0.0), bottom_type()) == ((), ())


def test_an_imprint_is_a_dark_disc_with_a_bright_rim_and_fades() -> None:
    def levels(contrast_ratio: float) -> tuple[float, float]:
        marks = (ImprintMark(300.0, 200.0, 320.0, contrast_ratio),)
        image = picture(DownScene(0.0, 0.0, film=FilmView(0.0, 0.0, 60_000.0, 150.0, 1, marks)))
        return level_at(image, DOWN, 300.0, 200.0), float(image.max())

    middle, rim = levels(1.0)
    assert middle == pytest.approx(film.MARK_LEVEL, abs=1.0)
    assert rim > film.FILM_LEVEL + 15.0
    assert levels(0.0) == (film.FILM_LEVEL, film.FILM_LEVEL)


def test_a_dry_plate_is_brighter_than_a_film() -> None:
    wet, dry = (picture(DownScene(0.0, 0.0, film=FilmView(0.0, 0.0, 60_000.0, h, 1))) for h in (150.0, 0.0))
    assert (int(wet[0, 0]), int(dry[0, 0])) == (film.FILM_LEVEL, film.DRY_PLATE_LEVEL)


def test_the_glass_part_lacks_its_lower_right_dot_seen_from_above() -> None:
    camera = CameraTruth(1024, 1024, 10.0)
    image = picture(DownScene(0.0, 0.0, glass=GlassView(0.0, 0.0, 0.0)), camera)
    assert level_at(image, camera, -4_000.0, -4_000.0) == pytest.approx(190.0, abs=1.0)
    assert level_at(image, camera, 4_000.0, -4_000.0) == pytest.approx(35.0, abs=1.0)


def test_board_texture_stays_on_the_board_when_the_camera_moves() -> None:
    view = BoardView(board(), 0.0, 0.0, 0.0)
    quiet = replace(DOWN, electrons_per_dn=1e9, read_noise_dn=0.0)
    at_start, moved = (
        picture(DownScene(12_000.0 + shift_um, 15_000.0, board=view), quiet, Fidelity.REAL) for shift_um in (0.0, 500.0)
    )
    a, b = at_start[100:200, 150:300].astype(float), moved[100:200, 100:250].astype(float)
    assert a.std() > 2.0
    assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.95


def test_a_blurred_fiducial_keeps_its_place_and_loses_its_edge() -> None:
    view = DownScene(5_000.0, 5_000.0, board=BoardView(board(), 0.0, 0.0, 0.0))
    sharp, soft = picture(view), picture(view, replace(DOWN, psf_sigma_px=8.0))
    assert centroid_um(soft, DOWN, 0.0, 0.0, 900.0, down.BOARD_LEVEL) == pytest.approx((0.0, 0.0), abs=0.5)
    assert np.abs(np.diff(sharp.astype(int))).max() > 4 * np.abs(np.diff(soft.astype(int))).max()


def test_a_stray_mark_is_drawn_like_a_fiducial() -> None:
    truth = board()
    first = truth.type.fiducials[0]
    truth.stray_marks = (replace(first, name="twin", x_um=first.x_um + 1_500.0),)
    image = picture(DownScene(6_500.0, 5_000.0, board=BoardView(truth, 0.0, 0.0, 0.0)))
    assert centroid_um(image, DOWN, 0.0, 0.0, 700.0, down.BOARD_LEVEL) == pytest.approx((0.0, 0.0), abs=0.1)
