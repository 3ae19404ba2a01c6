"""Locate the board: find every fiducial with the down camera and fit the board drawing to them.

It refuses a fit that no real board could give; it does not look at sites.
"""

from __future__ import annotations

import numpy as np

from recipes.board import Fiducial
from station.alarms.catalogue import ProcessAlarm
from station.cell import Cell
from station.coordinates import ImagePoint, MachinePoint
from station.process.common import NO_NUMBER, down_light, is_measured
from station.process.outcomes import BoardLocated
from station.process.step import Work
from vision.pose import fit_rigid
from vision.results import FiducialFix

SEARCH_UM = 1_500.0
"""how far a fiducial may be from its nominal place in the nest. Estimate."""
SCALE_LIMIT_RATIO = 0.002
"""no board shrinks or grows by more. Estimate; a wrong board or a false fiducial does"""
RESIDUAL_LIMIT_UM = 60.0
"""largest misfit of one fiducial. Estimate"""


async def locate_board(cell: Cell, work: Work) -> BoardLocated:
    """raises   ProcessAlarm fiducial_not_found, board_fit_implausible"""
    board = work.recipe.board
    seen: list[MachinePoint] = []
    fixes: list[FiducialFix] = []
    for fiducial in board.fiducials:
        fix, at = await see_fiducial(cell, work, fiducial)
        fixes.append(fix)
        seen.append(at)
    drawn = np.array([(f.x_um, f.y_um) for f in board.fiducials])
    real = np.array([(p.x_um, p.y_um) for p in seen])
    fit = fit_rigid(drawn, real)
    residuals = tuple(float(r) for r in np.hypot(fit.residual_um[:, 0], fit.residual_um[:, 1]))
    if not abs(fit.scale_ratio - 1.0) <= SCALE_LIMIT_RATIO:
        raise ProcessAlarm(
            "board_fit_implausible", what=f"scale {fit.scale_ratio:.5f}, allowed 1 +- {SCALE_LIMIT_RATIO}"
        )
    if not all(residual_um <= RESIDUAL_LIMIT_UM for residual_um in residuals):
        raise ProcessAlarm(
            "board_fit_implausible",
            what=f"a fiducial is {max(residuals):.0f} um off its place, allowed {RESIDUAL_LIMIT_UM:.0f} um",
        )
    return BoardLocated(
        origin=MachinePoint(fit.x_um, fit.y_um),
        theta_deg=fit.theta_deg,
        scale_ratio=fit.scale_ratio,
        sigma_um=max(fix.sigma_um for fix in fixes),
        residual_um=residuals,
        fixes=tuple(fixes),
        seen=tuple(seen),
    )


async def see_fiducial(cell: Cell, work: Work, fiducial: Fiducial) -> tuple[FiducialFix, MachinePoint]:
    """Picture one fiducial where it should be -> what was found, and where in the machine.

    raises   ProcessAlarm fiducial_not_found
    """
    view = cell.down_view_of(_nominal(cell, fiducial))
    frames, places = await cell.expose_down((view,), down_light(work.recipe), cell.gantry.position.theta_deg)
    fix = await work.eyes.locate_fiducial(frames[0], fiducial, SEARCH_UM, cell.profile.nest.z_um)
    if fix.status != "found":
        raise ProcessAlarm("fiducial_not_found", name=fiducial.name, reasons="; ".join(fix.reasons))
    seen = cell.seen_by_down_camera(places[0], ImagePoint(fix.x_um, fix.y_um))
    if not is_measured(seen.x_um, seen.y_um, fix.sigma_um):
        raise ProcessAlarm("fiducial_not_found", name=fiducial.name, reasons=NO_NUMBER)
    return fix, seen


def _nominal(cell: Cell, fiducial: Fiducial) -> MachinePoint:
    nest = cell.profile.nest
    return MachinePoint(nest.x_um + fiducial.x_um, nest.y_um + fiducial.y_um)
