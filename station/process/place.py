"""Place: align over the bottom package, press with controlled force inside the height window, hold, release, lift.

It places only what was proven to be dipped; it does not look at the result.
"""

from __future__ import annotations

from drivers.devices.head import LiftProfile, PressEvidence, PressProfile
from drivers.errors import EarlyContact, ForceLimitExceeded, NoContact
from station.alarms.catalogue import ProcessAlarm
from station.cell import FREE_LIMIT_KPA, Cell
from station.coordinates import Shift, wrapped_deg
from station.process.nozzle import RELEASE_WITHIN_S
from station.process.outcomes import (
    AtSite,
    Dipped,
    DippedInspected,
    Fate,
    ImprintChecked,
    Placed,
    SiteLocated,
    Verdict,
)
from station.process.step import Work

FLATTENED_UM = 40.0
"""a package that gives way by so much more than the stack's own stiffness was pressed flat: it hung askew. Estimate"""
HOLD_FORCE_RATIO = 0.25
"""the held force may be off by this share: far beyond what a drive's loop leaves. Estimate"""


async def align(cell: Cell, work: Work) -> AtSite:
    """Bring the ball array over the lands: turn first in thought, then travel once."""
    package, site = work.findings.the(DippedInspected), work.findings.the(SiteLocated)
    turn_deg = wrapped_deg(site.pose.theta_deg - package.pose.theta_deg - cell.known_calibration.theta_offset_deg)
    grip = (package.pose.point - package.gantry_at).turned(turn_deg)
    target = site.pose.point.moved(-grip)
    theta_deg = wrapped_deg(package.gantry_theta_deg + turn_deg)
    await cell.go_to(target, theta_deg)
    await cell.check_gripped("Travel to the site", work.recipe.pick.vacuum_kpa)
    return AtSite(target=target, target_theta_deg=theta_deg)


async def place(cell: Cell, work: Work) -> Placed:
    """Press, hold, release.

    raises   ProcessAlarm dip_interlock, site_occupied, place_no_contact, place_early_contact, place_force_over_limit,
             part_tilted, not_released, part_lost
    """
    recipe, at = work.recipe.place, work.findings.the(AtSite)
    _prove_dipped(work)
    stack_um = work.recipe.bottom.body_height_um + work.recipe.package.height_um
    expected_z_um = cell.profile.nest.z_um - stack_um
    site = work.the_site.name
    profile = PressProfile(
        z_fast_um=expected_z_um - recipe.z_window_um - cell.profile.head.clearance_um,
        z_early_um=expected_z_um - recipe.z_window_um,
        z_limit_um=expected_z_um + recipe.z_window_um,
        approach_um_per_s=recipe.approach_um_per_s,
        contact_force_n=recipe.contact_force_n,
        hold_force_n=recipe.hold_force_n,
        hold_s=recipe.hold_s,
        force_limit_n=recipe.force_limit_n,
    )
    lift = LiftProfile(
        z_slow_um=expected_z_um - recipe.lift_slow_um,
        slow_um_per_s=recipe.lift_slow_um_per_s,
        z_end_um=cell.profile.head.safe_z_um,
        speed_um_per_s=cell.profile.head.z_speed_um_per_s,
    )
    try:
        press = await cell.head.press(profile)
    except NoContact as error:
        await cell.head.lift(lift)
        raise ProcessAlarm("place_no_contact", site=site, z_um=profile.z_limit_um, expected_um=expected_z_um) from error
    except EarlyContact as error:
        await cell.head.lift(lift)
        found_z_um = float(error.details.get("contact_z_um", profile.z_early_um))
        raise ProcessAlarm("place_early_contact", site=site, z_um=found_z_um, expected_um=expected_z_um) from error
    except ForceLimitExceeded as error:
        await cell.head.lift(lift)
        peak_n = float(error.details.get("peak_force_n", recipe.force_limit_n))
        raise ProcessAlarm("place_force_over_limit", site=site, peak_n=peak_n, limit_n=recipe.force_limit_n) from error
    try:
        # A package that fell on the way down was not pressed on anything: nothing is released, nothing was placed.
        # One that is held badly stands on its site by now: it may be let go there like any other.
        await cell.check_gripped("Press on the site")
        _prove_flat(cell, work, press)
    except ProcessAlarm:
        await cell.head.lift(lift)
        raise
    await cell.head.vacuum_off(recipe.blow_off_s, RELEASE_WITHIN_S)
    lifted = await cell.head.lift(lift)
    if not lifted.vacuum_kpa >= FREE_LIMIT_KPA:
        raise ProcessAlarm("not_released", vacuum_kpa=lifted.vacuum_kpa, limit_kpa=FREE_LIMIT_KPA)
    position = cell.gantry.position
    # Under load the stack is bent; what counts is where it stands without.
    seated_z_um = press.end_z_um - press.hold_force_n / cell.profile.head.stack_n_per_um
    seated_off_um = seated_z_um - expected_z_um
    verdict = Verdict()
    if not abs(seated_off_um) <= recipe.seated_height_tolerance_um:
        verdict = Verdict(
            Fate.QUARANTINE,
            "seated_height",
            f"seated {seated_off_um:+.0f} um off the drawing, allowed {recipe.seated_height_tolerance_um:.0f} um",
        )
    elif not abs(press.hold_force_n / recipe.hold_force_n - 1.0) <= HOLD_FORCE_RATIO:
        text = f"held with {press.hold_force_n:.2f} N, wanted {recipe.hold_force_n:.2f} N within {HOLD_FORCE_RATIO:.0%}"
        verdict = Verdict(Fate.QUARANTINE, "hold_force", text)
    return Placed(
        verdict=verdict,
        target=at.target,
        target_theta_deg=at.target_theta_deg,
        actual=cell.here(),
        actual_theta_deg=position.theta_deg,
        expected_contact_z_um=expected_z_um,
        seated_z_um=seated_z_um,
        press=press,
        lift=lifted,
        vacuum_kpa=lifted.vacuum_kpa,
        at_s=work.clock.mono_s(),
    )


def _prove_dipped(work: Work) -> None:
    """Positive evidence only: every check of this very dip is there, passed, and fresh."""
    dipped = work.findings.find(Dipped)
    wet = work.findings.find(DippedInspected)
    if dipped is None or wet is None:
        raise ProcessAlarm("dip_interlock", what="the dip or its inspection is missing")
    if wet.verdict.fate is not Fate.PASS:
        raise ProcessAlarm("dip_interlock", what=f"inspection after the dip: {wet.verdict.text}")
    if work.recipe.dip.imprint_check:
        imprint = work.findings.find(ImprintChecked)
        if imprint is None or imprint.verdict.fate is not Fate.PASS:
            raise ProcessAlarm("dip_interlock", what="the imprint in the film was not proven complete")
    age_s = work.clock.mono_s() - dipped.at_s
    if not age_s <= work.recipe.place.dip_to_place_max_s:
        raise ProcessAlarm(
            "dip_interlock", what=f"dipped {age_s:.1f} s ago, allowed {work.recipe.place.dip_to_place_max_s:.0f} s"
        )
    site = work.findings.find(SiteLocated)
    if site is None or site.verdict.fate is not Fate.PASS:
        raise ProcessAlarm("site_occupied", site=work.the_site.name, what="not proven free")


def _prove_flat(cell: Cell, work: Work, press: PressEvidence) -> None:
    """Force over way tells a package that hung askew; it is on the nozzle still and leaves the site with it."""
    recipe = work.recipe.place
    way_um = press.end_z_um - press.contact_z_um
    stiff_um = (press.hold_force_n - recipe.contact_force_n) / cell.profile.head.stack_n_per_um
    if not way_um <= stiff_um + FLATTENED_UM:
        raise ProcessAlarm("part_tilted", site=work.the_site.name, way_um=way_um, stiff_um=stiff_um)


def placed_shift(placed: Placed) -> Shift:
    """How far the gantry stood from its target when the package was pressed."""
    return placed.actual - placed.target
