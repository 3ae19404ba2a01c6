"""Verify the placement: picture the placed package, find its outline, compare it with the bottom package.

The outline is cut to its own tolerance against the balls, so this is a coarse witness with an honest uncertainty.
"""

from __future__ import annotations

from math import cos, hypot, radians, sin

from station.alarms.catalogue import ProcessAlarm
from station.cell import GRIP_LIMIT_KPA, Cell
from station.coordinates import wrapped_deg
from station.process.common import (
    NO_NUMBER,
    down_light,
    from_image_frame,
    in_image_frame,
    is_measured,
    lands_z_um,
)
from station.process.nozzle import RELEASE_WITHIN_S, open_valve
from station.process.outcomes import PASS, Fate, MarkSeen, PlacedExposed, PlacedVerified, SiteLocated, Verdict
from station.process.site_looks import SEARCH_UM
from station.process.step import Work
from vision.results import Pose

OUTLINE_SIGMA_UM = 12.0
"""body outline against ball array, per axis: what sawing leaves. Estimate; a package drawing says more"""
OUTLINE_SIGMA_DEG = 0.02
EDGE_ROOM_UM = 290.0
"""beside an edge: how far it is searched, and the ground that tells it from noise"""
EDGE_MARGIN_UM = 90.0


async def look_at_placed(cell: Cell, work: Work) -> PlacedExposed:
    package = work.recipe.package
    # The outline was placed by this station a moment ago: little margin is needed, but both sides of every edge.
    views = cell.down_views(
        work.findings.the(SiteLocated).pose.point,
        package.body_x_um + 2 * EDGE_ROOM_UM,
        package.body_y_um + 2 * EDGE_ROOM_UM,
        margin_um=EDGE_MARGIN_UM,
    )
    frames, places = await cell.expose_down(views, down_light(work.recipe), cell.gantry.position.theta_deg)
    return PlacedExposed(frames=frames, at=places, gantry_theta_deg=cell.gantry.position.theta_deg)


async def judge_placed(cell: Cell, work: Work) -> PlacedVerified:
    """Offset of the placed outline in the bottom package's frame; too far off sends the board to quarantine.

    raises   ProcessAlarm placed_not_seen where the picture shows the bottom package with nothing on it, or no package
             at all and one still hangs on the nozzle
    """
    package, limits = work.recipe.package, work.recipe.place
    site, shot = work.findings.the(SiteLocated), work.findings.the(PlacedExposed)
    centres = in_image_frame(cell, site.pose.point, shot.at)
    expected = Pose(0.0, 0.0, site.pose.theta_deg - cell.known_calibration.down.turn_deg)
    lands_um = lands_z_um(cell, work.recipe)
    fix = await work.eyes.verify_placed(
        shot.frames, centres, package.body_x_um, package.body_y_um, expected, lands_um - package.height_um
    )
    image = await work.keep_image(shot.frames[0])
    if fix.status != "found":
        bottom = await work.eyes.locate_site(shot.frames, centres, work.recipe.bottom, expected, SEARCH_UM, lands_um)
        # No package in the picture, be it because the board has moved, proves nothing: the nozzle is asked as well.
        vacuum_kpa = await open_valve(cell)
        if bottom.status == "found" or not vacuum_kpa > GRIP_LIMIT_KPA:
            picture = "the bottom package with nothing on it" if bottom.status == "found" else "no package"
            raise ProcessAlarm("placed_not_seen", site=work.the_site.name, picture=picture, nozzle=_hangs(vacuum_kpa))
        await cell.head.vacuum_off(0.0, RELEASE_WITHIN_S)
        verdict = Verdict(Fate.QUARANTINE, "placement_not_verified", "; ".join(fix.reasons) or "outline not found")
        nan = float("nan")
        return PlacedVerified(
            verdict=verdict,
            fix=fix,
            offset_x_um=nan,
            offset_y_um=nan,
            offset_theta_deg=nan,
            sigma_x_um=nan,
            sigma_y_um=nan,
            sigma_theta_deg=nan,
            image=image,
        )
    pose = from_image_frame(cell, site.pose.point, fix.x_um, fix.y_um, fix.theta_deg)
    mark = work.findings.the(MarkSeen)
    away = (pose.point - site.pose.point.moved(mark.moved)).turned(-site.pose.theta_deg)
    turn_deg = wrapped_deg(pose.theta_deg - site.pose.theta_deg)
    offset_um = hypot(away.x_um, away.y_um)
    variance_x, variance_y = fix.covariance[0][0], fix.covariance[1][1]
    site_variance = site.sigma_um**2 + mark.sigma_um**2
    verdict = PASS
    if not offset_um <= limits.offset_limit_um:
        verdict = Verdict(
            Fate.QUARANTINE, "placed_offset", f"{offset_um:.0f} um off, allowed {limits.offset_limit_um:.0f} um"
        )
    elif not abs(turn_deg) <= limits.theta_limit_deg + 3 * OUTLINE_SIGMA_DEG:
        verdict = Verdict(
            Fate.QUARANTINE, "placed_turn", f"turned {turn_deg:.3f} deg, allowed {limits.theta_limit_deg} deg"
        )
    elif not is_measured(variance_x, variance_y, fix.covariance[2][2], site_variance):
        verdict = Verdict(Fate.QUARANTINE, "placement_not_verified", NO_NUMBER)
    c, s = cos(radians(site.pose.theta_deg)), sin(radians(site.pose.theta_deg))
    return PlacedVerified(
        verdict=verdict,
        fix=fix,
        offset_x_um=away.x_um,
        offset_y_um=away.y_um,
        offset_theta_deg=turn_deg,
        sigma_x_um=(c * c * variance_x + s * s * variance_y + site_variance + OUTLINE_SIGMA_UM**2) ** 0.5,
        sigma_y_um=(s * s * variance_x + c * c * variance_y + site_variance + OUTLINE_SIGMA_UM**2) ** 0.5,
        sigma_theta_deg=(fix.covariance[2][2] + OUTLINE_SIGMA_DEG**2) ** 0.5,
        image=image,
    )


def _hangs(vacuum_kpa: float) -> str:
    if vacuum_kpa <= GRIP_LIMIT_KPA:
        return f"the package hangs on the nozzle ({vacuum_kpa:.1f} kPa) and is held"
    return f"nothing hangs on the nozzle ({vacuum_kpa:.1f} kPa)"
