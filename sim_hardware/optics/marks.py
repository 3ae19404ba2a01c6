"""The fiducials of a board as the down camera sees them: copper in a mask opening, or a bare window in copper.

Nothing here measures. Corners are drawn sharp: etching rounds them by a tenth of what a camera shows (estimate).
"""

from __future__ import annotations

from math import sqrt

import numpy as np

from sim_hardware.optics.layers import lay_rectangle
from sim_hardware.optics.lens import Floats32, ImagePose, Lens
from sim_hardware.optics.profile import blur, count_for, disc_cover
from sim_hardware.optics.scenes import BoardView
from sim_hardware.optics.stamps import draw_discs, draw_radial
from sim_hardware.world.machine import Fidelity
from sim_hardware.world.things import FiducialSite

COPPER_LEVEL = 190.0
OPENING_LEVEL = 54.0
"""bare laminate in the mask opening about a fiducial"""
OPENING_RATIO = 2.0
"""mask opening / copper diameter: usual rule of board layout"""


def draw_fiducials(image: Floats32, lens: Lens, corner: ImagePose, view: BoardView, fidelity: Fidelity) -> None:
    """All marks of the board that are there. `corner`: the lower left corner of the board in the picture."""
    board = view.truth
    plain = [mark for mark in board.marks if mark.shape == "disc" and mark.is_bright]
    if plain:
        _draw_discs(image, lens, corner, board.scale_ratio, plain, fidelity)
    for mark in board.marks:
        if mark not in plain:
            _draw_mark(image, lens, corner, board.scale_ratio, mark, fidelity)


def _draw_discs(
    image: Floats32, lens: Lens, corner: ImagePose, scale_ratio: float, marks: list[FiducialSite], fidelity: Fidelity
) -> None:
    x_um = np.array([mark.x_um for mark in marks]) * scale_ratio
    y_um = np.array([mark.y_um for mark in marks]) * scale_ratio
    column, row = lens.to_sensor_px(*corner.apply(x_um, y_um))
    radius_px = np.array([mark.diameter_um for mark in marks]) * (scale_ratio / 2 / lens.camera.um_per_px)
    if fidelity is not Fidelity.IDEAL:
        opening = np.full(len(marks), OPENING_LEVEL)
        draw_discs(image, column, row, radius_px * OPENING_RATIO, opening, lens.sigma_px)
    draw_discs(image, column, row, radius_px, np.full(len(marks), COPPER_LEVEL), lens.sigma_px)


def _draw_mark(
    image: Floats32, lens: Lens, corner: ImagePose, scale_ratio: float, mark: FiducialSite, fidelity: Fidelity
) -> None:
    x_um, y_um = corner.apply(np.array([mark.x_um * scale_ratio]), np.array([mark.y_um * scale_ratio]))
    at = lens.to_sensor_px(x_um, y_um)
    size_um = mark.diameter_um * scale_ratio
    half_px = np.array([size_um / 2 / lens.camera.um_per_px])
    level, ground = (COPPER_LEVEL, OPENING_LEVEL) if mark.is_bright else (OPENING_LEVEL, COPPER_LEVEL)
    # An ideal board has no mask; a dark mark needs the copper that it is a window in.
    if fidelity is not Fidelity.IDEAL or not mark.is_bright:
        draw_discs(image, *at, half_px * OPENING_RATIO, np.array([ground]), lens.sigma_px)
    if mark.shape == "disc":
        draw_discs(image, *at, half_px, np.array([level]), lens.sigma_px)
    elif mark.shape == "ring":
        count = count_for(float(half_px[0]), lens.sigma_px)
        cover = blur(disc_cover(half_px, count) - disc_cover(half_px * mark.part_ratio, count), lens.sigma_px)
        draw_radial(image, *at, cover * np.float32(level), cover)
    else:
        for turn_deg, width_um, height_um in _rectangles(mark.shape, size_um, mark.part_ratio):
            pose = ImagePose(float(x_um[0]), float(y_um[0]), corner.theta_deg + turn_deg)
            lay_rectangle(image, lens, pose, width_um, height_um, level)


def _rectangles(shape: str, size_um: float, part_ratio: float) -> tuple[tuple[float, float, float], ...]:
    """Turn, width and height of what a mark with straight edges is made of."""
    if shape == "square":
        return ((0.0, size_um, size_um),)
    if shape == "diamond":
        return ((45.0, size_um / sqrt(2.0), size_um / sqrt(2.0)),)
    return ((0.0, size_um, size_um * part_ratio), (0.0, size_um * part_ratio, size_um))
