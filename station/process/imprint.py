"""The imprint in the film: the second witness of a dip, seen by the down camera, independent of the ball pictures."""

from __future__ import annotations

from station.alarms.catalogue import ProcessAlarm
from station.cell import Cell
from station.coordinates import Shift
from station.process.common import down_light, in_image_frame
from station.process.outcomes import PASS, Dipped, Fate, ImprintChecked, ImprintExposed, PackageInspected, Verdict
from station.process.package_looks import machine_pose
from station.process.step import Work
from vision.results import Pose


async def look_at_imprint(cell: Cell, work: Work) -> ImprintExposed:
    """Picture the spot of the dip; as many pictures as the array needs."""
    package = work.recipe.package
    views = cell.down_views(work.findings.the(Dipped).spot, package.body_x_um, package.body_y_um)
    frames, places = await cell.expose_down(views, down_light(work.recipe), cell.gantry.position.theta_deg)
    return ImprintExposed(frames=frames, at=places, gantry_theta_deg=cell.gantry.position.theta_deg)


async def judge_imprint(cell: Cell, work: Work) -> ImprintChecked:
    """Is there a mark for every ball that the pictures show?

    raises   ProcessAlarm print_missing where none is seen at all
    """
    shot, dry, dipped = (
        work.findings.the(ImprintExposed),
        work.findings.the(PackageInspected),
        work.findings.the(Dipped),
    )
    grip = machine_pose(cell, dry.fix, dry.gantry_at)
    expected_at = dipped.spot.moved(Shift(grip.point.x_um - dry.gantry_at.x_um, grip.point.y_um - dry.gantry_at.y_um))
    centres = in_image_frame(cell, expected_at, shot.at)
    down = cell.known_calibration.down
    finding = await work.eyes.check_imprint(
        shot.frames,
        centres,
        work.recipe.package,
        Pose(0.0, 0.0, grip.theta_deg - down.turn_deg),
        cell.profile.plate.z_um,
    )
    if not finding.found_count:
        # No vacuum proves that the package has left the film: material in the bore holds it as well.
        raise ProcessAlarm("print_missing", reasons="; ".join(finding.reasons) or "no mark of any ball")
    verdict = PASS
    if finding.status != "found":
        verdict = Verdict(Fate.REJECT_PART, "imprint_not_recognised", "; ".join(finding.reasons))
    elif finding.missing:
        few = ", ".join(finding.missing[:5])
        verdict = Verdict(Fate.REJECT_PART, "imprint_incomplete", f"no mark in the film for {few}")
    elif not finding.found_count + len(finding.unseen) >= len(work.recipe.package.balls):
        text = f"{finding.found_count} of {len(work.recipe.package.balls)} marks seen"
        verdict = Verdict(Fate.REJECT_PART, "imprint_incomplete", text)
    return ImprintChecked(verdict=verdict, finding=finding)
