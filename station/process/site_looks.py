"""The site before the placement: picture it, then find the bottom package, its turn, and whether it is free."""

from __future__ import annotations

from station.alarms.catalogue import ProcessAlarm
from station.cell import Cell
from station.coordinates import MachinePose, Shift
from station.process.common import (
    NO_NUMBER,
    down_light,
    from_image_frame,
    in_image_frame,
    is_measured,
    lands_z_um,
)
from station.process.outcomes import PASS, BoardLocated, Fate, SiteExposed, SiteLocated, Verdict
from station.process.step import Work
from vision.results import Pose

SEARCH_UM = 180.0
"""how far the bottom package may be off its drawn place: less than half the finest pitch. Estimate"""


def nominal_site(work: Work) -> MachinePose:
    """Where the site is by the fit of the board."""
    board, site = work.findings.the(BoardLocated), work.the_site
    return MachinePose(
        board.origin.moved(Shift(site.x_um, site.y_um).turned(board.theta_deg)), site.theta_deg + board.theta_deg
    )


async def look_at_site(cell: Cell, work: Work) -> SiteExposed:
    """Picture the bottom package just before the placement: the board may have moved since its fiducials were seen."""
    bottom = work.recipe.bottom
    views = cell.down_views(nominal_site(work).point, bottom.body_x_um, bottom.body_y_um)
    frames, places = await cell.expose_down(views, down_light(work.recipe), cell.gantry.position.theta_deg)
    return SiteExposed(frames=frames, at=places, gantry_theta_deg=cell.gantry.position.theta_deg)


async def locate_site(cell: Cell, work: Work) -> SiteLocated:
    """raises   ProcessAlarm site_not_found, field_light_dead; an occupied or empty site is a verdict"""
    shot, nominal = work.findings.the(SiteExposed), nominal_site(work)
    centres = in_image_frame(cell, nominal.point, shot.at)
    expected = Pose(0.0, 0.0, nominal.theta_deg - cell.known_calibration.down.turn_deg)
    z_um = lands_z_um(cell, work.recipe)
    fix = await work.eyes.locate_site(shot.frames, centres, work.recipe.bottom, expected, SEARCH_UM, z_um)
    if fix.notes:
        raise ProcessAlarm("field_light_dead", site=work.the_site.name, what="; ".join(fix.notes))
    if fix.status not in ("found", "occupied", "empty"):
        raise ProcessAlarm("site_not_found", site=work.the_site.name, reasons="; ".join(fix.reasons))
    variances = fix.covariance[0][0], fix.covariance[1][1]
    if fix.status == "found" and not is_measured(fix.x_um, fix.y_um, fix.theta_deg, *variances):
        raise ProcessAlarm("site_not_found", site=work.the_site.name, reasons=NO_NUMBER)
    verdict = PASS
    if fix.status == "occupied":
        verdict = Verdict(Fate.SKIP_SITE, "site_occupied", "; ".join(fix.reasons) or "a package lies there already")
    elif fix.status == "empty":
        verdict = Verdict(Fate.SKIP_SITE, "bottom_missing", "; ".join(fix.reasons) or "no bottom package at this site")
    pose = from_image_frame(cell, nominal.point, fix.x_um, fix.y_um, fix.theta_deg)
    sigma_um = float(max(variances)) ** 0.5
    return SiteLocated(verdict=verdict, fix=fix, pose=pose, sigma_um=sigma_um)
