"""What is wrong with a board when it comes: code, height, stretch, bottom packages, a site that is taken.

What is missing from the start (fiducials, bottom packages) stands in `boards`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sim_hardware.world.boards import bottom_pose
from sim_hardware.world.packages import make_package
from sim_hardware.world.placement import placed_truth
from sim_hardware.world.things import BoardTruth, SiteTruth

if TYPE_CHECKING:
    from sim_hardware.plant import Plant

FOREIGN_PREFIX = "OTHER-"
"""how the codes of another product begin"""


def spoil(plant: Plant, board: BoardTruth) -> None:
    """Let the faults of new boards strike. `board` is not in `plant.boards` yet."""
    faults, now_s = plant.faults, plant.now()
    if faults.are_none:
        return
    if plant.boards and faults.strikes("board_again", now_s) is not None:
        board.serial = plant.boards[-1].serial
    if faults.strikes("board_foreign", now_s) is not None:
        board.serial = FOREIGN_PREFIX + board.serial
    twin = faults.strikes("fiducial_twin", now_s)
    if twin is not None:
        first = board.type.fiducials[0]
        board.stray_marks = (replace(first, name="twin", x_um=first.x_um + twin.value),)
    stretched = faults.strikes("board_stretched", now_s)
    if stretched is not None:
        board.scale_ratio *= 1.0 + stretched.value
    high = faults.strikes("board_high", now_s)
    if high is not None:
        board.height_um += high.value
    if faults.strikes("board_turned", now_s) is not None:
        board.nest_dtheta_deg += 180.0
        board.nest_dx_um += board.type.size_x_um
        board.nest_dy_um += board.type.size_y_um
    for site in board.sites:
        low = faults.strikes("bottom_low", now_s)
        if low is not None:
            site.bottom_low_um += low.value
        turned = faults.strikes("bottom_turned", now_s)
        if turned is not None:
            site.bottom_dtheta_deg += turned.value
        if faults.strikes("site_taken", now_s) is not None:
            _take(plant, board, site)


def _take(plant: Plant, board: BoardTruth, site: SiteTruth) -> None:
    """Somebody stacked a package there before."""
    part = make_package(plant.scenario.top, f"BEFORE-{board.serial}", plant.rng("taken site"), plant.fidelity)
    pose = bottom_pose(plant.machine, board, site)
    site.placed.append(
        placed_truth(
            part,
            pose,
            pose,
            time_s=plant.now(),
            contact_z_um=0.0,
            seated_z_um=0.0,
            peak_force_n=0.0,
            hold_force_n=0.0,
            film_height_um=0.0,
        )
    )
