"""Fiducials of every shape and polarity as the simulated camera draws them, against plain geometry; then found by the
eyes where the machine truly has them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sim_hardware.optics import down
from sim_hardware.optics.lens import Lens
from sim_hardware.optics.scenes import BoardView, DownScene
from sim_hardware.world.machine import CameraTruth, Fidelity
from sim_hardware.world.things import FiducialSite
from tests.sim_hardware.optics.parts import board
from vision.fiducials import locate_fiducial
from vision.frame import Frame

CAMERA = CameraTruth(640, 512, 10.0)
COPPER, BARE = 190.0, 54.0
SIZE_UM = 1_000.0
HALF = 50.0
AREAS = {
    "disc": np.pi * HALF**2,
    "ring": np.pi * HALF**2 * 0.75,
    "cross": 4 * HALF**2 * (2 * 0.3 - 0.09),
    "square": 4 * HALF**2,
    "diamond": 2 * HALF**2,
}
BOTH = pytest.mark.parametrize("is_bright", [True, False])
SHAPES = pytest.mark.parametrize("shape", list(AREAS))


def seen(
    shape: str, is_bright: bool, x_um: float, y_um: float, fidelity=Fidelity.IDEAL, camera: CameraTruth = CAMERA
) -> tuple[np.ndarray, np.ndarray]:
    """The picture of the first fiducial of a board, and where its centre truly stands in it, column and row."""
    truth = board()
    mark = FiducialSite("F1", 5_000.0, 5_000.0, SIZE_UM, shape, {"ring": 0.5, "cross": 0.3}.get(shape, 0.0), is_bright)
    truth = replace(truth, type=replace(truth.type, fiducials=(mark,)))
    scene = DownScene(0.0, 0.0, board=BoardView(truth, x_um - 5_000.0, y_um - 5_000.0, 0.0))
    lens = Lens(camera, looks_up=False)
    at = down.pose_of(lens, scene, x_um, y_um, 0.0)
    column, row = lens.to_sensor_px(np.array([at.x_um]), np.array([at.y_um]))
    picture = down.render(scene, camera, fidelity, np.random.default_rng(7))
    return picture, np.array([column[0], row[0]])


@SHAPES
@BOTH
def test_area_and_centre_of_a_mark_are_those_of_its_drawing(shape: str, is_bright: bool) -> None:
    picture, at = seen(shape, is_bright, 123.0, -47.0)
    ground = BARE if not is_bright else down.BOARD_LEVEL
    if not is_bright:
        ground = COPPER
    level = COPPER if is_bright else BARE
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]]
    near = np.maximum(np.abs(x - at[0]), np.abs(y - at[1])) < 58
    share = (picture.astype(float)[near] - ground) / (level - ground)
    assert share.sum() == pytest.approx(AREAS[shape], rel=0.02)
    centre = np.array([(share * x[near]).sum(), (share * y[near]).sum()]) / share.sum()
    assert centre == pytest.approx(at, abs=0.05)
    assert picture[round(at[1]), round(at[0])] == pytest.approx(ground if shape == "ring" else level, abs=1.0)


@SHAPES
@BOTH
def test_the_eyes_find_it_where_it_is(shape: str, is_bright: bool) -> None:
    crooked = CameraTruth(640, 512, 10.0, rotation_deg=0.7, centre_dx_um=40.0)
    picture, at = seen(shape, is_bright, 310.0, -220.0, Fidelity.REAL, crooked)
    frame = Frame(picture, 10.0)
    polarity, other = ("bright", "dark") if is_bright else ("dark", "bright")
    fix = locate_fiducial(frame, SIZE_UM, shape=shape, polarity=polarity, search_um=1_200.0)  # type: ignore[arg-type]
    assert fix.status == "found", fix.reasons
    assert fix.polarity == polarity
    assert frame.to_px(np.array([[fix.x_um, fix.y_um]]))[0] == pytest.approx(at, abs=0.06)
    wrong = locate_fiducial(frame, SIZE_UM, shape=shape, polarity=other, search_um=1_200.0)  # type: ignore[arg-type]
    assert wrong.status == "refused"


def test_an_unknown_shape_and_a_ring_without_a_hole_are_refused() -> None:
    with pytest.raises(ValueError, match="shape 'star' is none of disc, ring"):
        FiducialSite("F1", 0.0, 0.0, 1_000.0, "star")
    with pytest.raises(ValueError, match="a ring wants 0 to 1"):
        FiducialSite("F1", 0.0, 0.0, 1_000.0, "ring")
