"""What lies farther away than the down camera's reference plane: smaller, and moved by the lean of the axis."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sim_hardware.optics import down, film, observation
from sim_hardware.optics.lens import Lens
from sim_hardware.optics.scenes import (
    BoardView,
    DatumView,
    DownScene,
    FilmView,
    GlassView,
    ImprintMark,
    bottom_on_board,
    tops_on_bottom,
)
from sim_hardware.world.errors_drawn import with_errors
from sim_hardware.world.machine import CameraTruth, Fidelity, MachineTruth
from sim_hardware.world.things import PlacedTruth
from tests.sim_hardware.optics.parts import DOWN, board, bottom_type, centroid_um, package, package_type, square

# A hundred times what a telecentric lens has: 2,000 um farther away all is 4 % smaller, and 20 um to the left, 10 up.
LEANING = replace(DOWN, scale_per_um=-2e-5, lean_x_ratio=0.01, lean_y_ratio=-0.005)
WIDE = replace(LEANING, width_px=1280, height_px=1024)


def picture(scene: DownScene, camera: CameraTruth = LEANING) -> Any:
    return down.render(scene, camera, Fidelity.IDEAL, np.random.default_rng(1))


def seen(scene: DownScene, camera: CameraTruth = LEANING) -> Any:
    return observation.observe_down(scene, camera, Fidelity.IDEAL, np.random.default_rng(1))


def test_a_fiducial_on_a_deeper_board_is_nearer_the_axis_and_moved_in_picture_and_observation() -> None:
    # 400 um right of and 300 um above the axis of the reference plane.
    scene = DownScene(4_600.0, 4_700.0, board=BoardView(board(), 0.0, 0.0, 0.0, depth_um=2_000.0))
    at = (0.96 * (400.0 - 20.0), 0.96 * (300.0 + 10.0))
    (mark,) = seen(scene)["fiducials"]
    assert (mark["x_um"], mark["y_um"], mark["diameter_um"]) == pytest.approx((*at, 960.0))
    assert centroid_um(picture(scene), DOWN, *at, 700.0, down.BOARD_LEVEL) == pytest.approx(at, abs=0.15)


def test_a_mark_in_the_film_too() -> None:
    view = FilmView(0.0, 0.0, 60_000.0, 80.0, marks=(ImprintMark(500.0, -200.0, 220.0),), depth_um=2_000.0)
    at = (0.96 * (500.0 - 20.0), 0.96 * (-200.0 + 10.0))
    found = seen(DownScene(0.0, 0.0, film=view))["imprint"]
    assert (found["x_um"][0], found["y_um"][0]) == pytest.approx(at, abs=0.01)
    assert centroid_um(picture(DownScene(0.0, 0.0, film=view)), DOWN, *at, 200.0, film.FILM_LEVEL) == pytest.approx(
        at, abs=0.15
    )


def test_the_datum_mark_lies_in_the_reference_plane() -> None:
    scene = DownScene(0.0, 0.0, datum=DatumView(300.0, 100.0), board=BoardView(board(), 9e5, 0.0, 0.0, 2_000.0))
    (mark,) = seen(scene)["fiducials"]
    assert (mark["x_um"], mark["y_um"]) == pytest.approx((300.0, 100.0))


def test_the_glass_part_shrinks_between_its_seats() -> None:
    upper, lower = (
        seen(DownScene(0.0, 0.0, glass=GlassView(100.0, 50.0, 3.0, depth_um)), WIDE)["dots"]
        for depth_um in (0.0, 3_000.0)
    )
    assert (upper["x_um"], upper["y_um"], upper["scale_ratio"]) == pytest.approx((100.0, 50.0, 1.0))
    assert lower["scale_ratio"] == pytest.approx(0.94)
    middle = [balls["name"].index("D39") for balls in (upper["balls"], lower["balls"])]  # the dot in the middle
    (x0, y0), (x1, y1) = (
        (ball["balls"]["x_px"][at] - 639.5, 511.5 - ball["balls"]["y_px"][at])
        for ball, at in zip((upper, lower), middle, strict=True)
    )
    assert (x0, y0) == pytest.approx((10.0, 5.0), abs=1e-4)
    assert (x1, y1) == pytest.approx((0.94 * (10.0 - 3.0), 0.94 * (5.0 + 1.5)), abs=1e-4)


def test_every_layer_of_a_stack_has_its_own_height() -> None:
    view = BoardView(board(), 0.0, 0.0, 0.0, depth_um=2_000.0)
    site, below = view.truth.sites[0], bottom_type()
    top = package(package_type(square(1_000.0)))  # 700 um of body on balls of 240 um
    bottom = bottom_on_board(view, site, below)
    assert bottom.depth_um == 2_000.0 - below.body_height_um
    placed = PlacedTruth("P", top, 0.0, 100.0, 0.0, 0.0, 0, 0, 0, 0, 0, 0, 0, 0)
    site.placed = [placed, placed]
    assert [view.depth_um for view in tops_on_bottom(bottom, site)] == [
        bottom.depth_um - 940.0,
        bottom.depth_um - 1_880.0,
    ]
    site.bottom_present = False
    assert tops_on_bottom(bottom, site)[0].depth_um == 2_000.0 - 940.0, "it lies on the board then"


def test_a_lens_that_neither_leans_nor_shrinks_is_the_same_at_every_height() -> None:
    lens = Lens(DOWN, looks_up=False)
    assert lens.farther(3_000.0) == lens


def test_the_lean_is_drawn_last_and_leaves_every_other_hidden_error_as_it_was() -> None:
    machine = with_errors(MachineTruth(), Fidelity.REAL, np.random.default_rng(5))
    camera = machine.down_camera
    assert -2.4e-7 <= camera.scale_per_um <= -1e-7
    assert 0.0006 < abs(camera.lean_x_ratio) < 0.0015
    assert 0.0006 < abs(camera.lean_y_ratio) < 0.0015
    assert machine.up_camera.scale_per_um == 0.0
    # As drawn for this stream before there was a lean.
    assert machine.down_camera.distortion_dy_px == -69.33056659736411
    assert machine.squareness_urad == -43.638469053044744
