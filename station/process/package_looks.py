"""The package before the up camera, dry and wet: expose, then judge. Exposing needs the head; judging does not."""

from __future__ import annotations

from math import nan

from drivers.devices.lights import UP_CAMERA
from station.alarms.catalogue import ProcessAlarm
from station.cell import Cell
from station.coordinates import ImagePoint, MachinePoint, MachinePose, wrapped_deg
from station.process.common import up_light
from station.process.outcomes import (
    PASS,
    DippedInspected,
    DryExposed,
    Fate,
    PackageInspected,
    Verdict,
    WetExposed,
)
from station.process.step import Work
from vision.results import ArrayFix, Pose


async def expose_dry(cell: Cell, work: Work) -> DryExposed:
    """Bring the package before the up camera as its site wants it turned, and take the dry picture."""
    frame, at, theta_deg = await _expose(cell, work, "up camera, dry")
    return DryExposed(frames=(frame,), at=(at,), gantry_theta_deg=theta_deg)


async def judge_dry(cell: Cell, work: Work) -> PackageInspected:
    """Right part, right turn, every ball there? The part is rejected where not.

    raises   ProcessAlarm ring_light_dead
    """
    shot = work.findings.the(DryExposed)
    fix = await work.eyes.inspect_package(shot.frames[0], work.recipe.package, _expected(cell, shot.gantry_theta_deg))
    if fix.notes:  # before the dip: an eighth of every ball would not be seen afterwards
        raise ProcessAlarm("ring_light_dead", what="; ".join(fix.notes))
    return PackageInspected(
        verdict=_judge_array(fix, work, _expected(cell, shot.gantry_theta_deg)),
        fix=fix,
        pose=machine_pose(cell, fix, shot.at[0]),
        gantry_at=shot.at[0],
        gantry_theta_deg=shot.gantry_theta_deg,
        image=await work.keep_image(shot.frames[0]),
    )


async def expose_wet(cell: Cell, work: Work) -> WetExposed:
    """Take the wet picture at the turn of the dry one: the pair is compared ball by ball."""
    await cell.check_gripped("Look at the wet package", work.recipe.pick.vacuum_kpa)
    frame, at, theta_deg = await _expose(cell, work, "up camera, wet")
    return WetExposed(frames=(frame,), at=(at,), gantry_theta_deg=theta_deg, at_s=work.clock.mono_s())


async def judge_wet(cell: Cell, work: Work) -> DippedInspected:
    """Did every ball take material, is none bridged, where is the array now?"""
    dry, shot = work.findings.the(PackageInspected), work.findings.the(WetExposed)
    dry_frame = work.findings.the(DryExposed).frames[0]
    finding = await work.eyes.inspect_dipped(
        dry_frame, dry.fix, shot.frames[0], work.recipe.package, _expected(cell, shot.gantry_theta_deg)
    )
    verdict = _judge_array(finding.fix, work, _expected(cell, shot.gantry_theta_deg))
    if verdict is PASS:
        limit = work.recipe.inspect.wet_probability_min
        # Written so that a probability that is not a number counts as dry.
        dry_balls = [
            ball.name
            for ball in finding.wetting
            if ball.state not in ("wet", "excess") or not ball.probability_wet >= limit
        ]
        excess = [ball.name for ball in finding.wetting if ball.state == "excess"]
        if {ball.name for ball in finding.wetting} != {ball.name for ball in work.recipe.package.balls}:
            verdict = Verdict(Fate.REJECT_PART, "ball_not_judged", "not every ball could be judged for material")
        elif dry_balls:
            verdict = Verdict(Fate.REJECT_PART, "ball_without_material", f"too little material on {_few(dry_balls)}")
        elif finding.bridges:
            pairs = [f"{a}-{b}" for a, b in finding.bridges]
            verdict = Verdict(Fate.REJECT_PART, "material_bridge", f"material joins {_few(pairs)}")
        elif excess:
            verdict = Verdict(Fate.REJECT_PART, "excess_material", f"too much material on {_few(excess)}")
    return DippedInspected(
        verdict=verdict,
        finding=finding,
        pose=machine_pose(cell, finding.fix, shot.at[0]),
        gantry_at=shot.at[0],
        gantry_theta_deg=shot.gantry_theta_deg,
        image=await work.keep_image(shot.frames[0]),
    )


def machine_pose(cell: Cell, fix: ArrayFix, gantry_at: MachinePoint) -> MachinePose:
    """The package's body centre and turn seen from above, while the gantry stands at `gantry_at`.

    The up map holds for the gantry standing anywhere: it gives the machine point over which the thing hangs.
    """
    up = cell.known_calibration.up
    return MachinePose(up.point_of(ImagePoint(fix.x_um, fix.y_um)), up.angle_of(fix.theta_deg))


async def _expose(cell: Cell, work: Work, what: str) -> tuple[object, MachinePoint, float]:
    light, theta_deg = up_light(work.recipe), work.expected_theta_deg()
    z_um = cell.profile.up_camera.focus_z_um - work.recipe.package.height_um
    await cell.go_lit(UP_CAMERA, light, cell.profile.up_camera.point, theta_deg, z_um)
    await cell.check_gripped(what, work.recipe.pick.vacuum_kpa)
    frame = await cell.up_camera.expose(light.exposure_s)
    return frame, cell.here(), cell.gantry.position.theta_deg


def _expected(cell: Cell, gantry_theta_deg: float) -> Pose:
    """Where the package should appear: on the axis, turned as the nozzle is; a mirror view turns the other way."""
    calibration = cell.known_calibration
    return Pose(0.0, 0.0, calibration.up.turn_deg - gantry_theta_deg)


def _judge_array(fix: ArrayFix, work: Work, expected: Pose) -> Verdict:
    """Every ball as drawn, and the package where a pick may leave it. A value that is no number fails."""
    limits, drawn = work.recipe.inspect, {ball.name: ball.diameter_um for ball in work.recipe.package.balls}
    if fix.status != "found":
        return Verdict(Fate.REJECT_PART, f"package_{fix.status}", "; ".join(fix.reasons) or "package not recognised")
    wrong = [f"{ball.name} {ball.state}" for ball in fix.balls if ball.state not in ("ok", "missing")]
    wrong += [
        f"{ball.name} {ball.diameter_um:.0f} um"
        for ball in fix.balls
        if ball.state == "ok"
        and not abs(ball.diameter_um / drawn.get(ball.name, nan) - 1.0) <= limits.ball_diameter_tolerance_ratio
    ]
    missing = [f"{ball.name} missing" for ball in fix.balls if ball.state == "missing"]
    if len(missing) > limits.missing_allowed:
        wrong += missing
    seen = {ball.name for ball in fix.balls}
    wrong += [f"{name} not seen" for name in drawn if name not in seen]
    if wrong:
        return Verdict(Fate.REJECT_PART, "ball_defect", f"balls not as drawn: {_few(wrong)}")
    limit_um = limits.offset_limit_um
    if not (abs(fix.x_um) <= limit_um and abs(fix.y_um) <= limit_um):
        return Verdict(
            Fate.REJECT_PART,
            "pick_offset",
            f"package sits ({fix.x_um:.0f}, {fix.y_um:.0f}) um off, allowed {limit_um:.0f}",
        )
    turn_deg = wrapped_deg(fix.theta_deg - expected.theta_deg)
    if not abs(turn_deg) <= limits.theta_limit_deg:
        text = f"package sits turned by {turn_deg:.1f} deg, allowed {limits.theta_limit_deg:.1f}"
        return Verdict(Fate.REJECT_PART, "pick_turn", text)
    return PASS


def _few(names: list[str]) -> str:
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
