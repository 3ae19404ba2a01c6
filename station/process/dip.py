"""Dip: into the film with the whole profile in the drive, dwell, slowly out, still held?

The film must be good, fresh and unused at this spot. It does not judge the balls: the cameras do.
"""

from __future__ import annotations

from drivers.devices.head import LiftEvidence, LiftProfile, PressEvidence, PressProfile
from drivers.errors import EarlyContact, ForceLimitExceeded, NoContact
from station.alarms.catalogue import ProcessAlarm
from station.cell import Cell
from station.process.film import check_plate_temperature
from station.process.outcomes import PASS, AtPlate, Dipped, Fate, FilmAccepted, FilmMeasured, Verdict
from station.process.step import Work

EARLY_MARGIN_UM = 150.0
"""contact this far above the expected plate is something else than the plate. Estimate"""
LATE_MARGIN_UM = 200.0
HEIGHT_LIMIT_UM = 45.0
"""the plate is met so far from where the drawing of the package says: another package than drawn. Above what bow, ball
heights and the film under the balls make of it, 2 to 27 um above the plate in 24 dips of three machines. Estimate"""


async def go_to_plate(cell: Cell, work: Work) -> AtPlate:
    """Travel over the plate, turned as in the dry picture: the pair of pictures must not differ in turn."""
    await cell.go_to(cell.profile.plate.point, cell.gantry.position.theta_deg)
    await cell.check_gripped("Travel to the film", work.recipe.pick.vacuum_kpa)
    return AtPlate()


async def dip(cell: Cell, work: Work) -> Dipped:
    """raises   ProcessAlarm film_too_old, plate_temperature, dip_no_contact, dip_force, part_lost"""
    recipe, film = work.recipe.dip, work.findings.the(FilmAccepted).film
    _check_film_age(work, film)
    _check_film_unused(work, film)
    check_plate_temperature(cell, work)
    plate_z_um = cell.profile.plate.z_um - work.recipe.package.height_um
    # In bottom_out the plate ends the way; in z_controlled the depth does, and nothing may be touched.
    touches = recipe.mode == "bottom_out"
    end_z_um = plate_z_um + LATE_MARGIN_UM if touches else plate_z_um - film.mean_um + recipe.depth_um
    try:
        press = await cell.head.press(
            PressProfile(
                z_fast_um=plate_z_um - film.mean_um - cell.profile.head.clearance_um,
                z_early_um=plate_z_um - EARLY_MARGIN_UM if touches else 0.0,
                z_limit_um=end_z_um,
                approach_um_per_s=recipe.approach_um_per_s,
                contact_force_n=recipe.contact_force_n if touches else 0.0,
                hold_force_n=recipe.hold_force_n,
                hold_s=recipe.dwell_s,
                force_limit_n=recipe.force_limit_n,
            )
        )
    except NoContact as error:
        await _leave(cell, work, end_z_um)
        raise ProcessAlarm("dip_no_contact", z_um=end_z_um, what=str(error)) from error
    except (EarlyContact, ForceLimitExceeded) as error:
        await _leave(cell, work, plate_z_um)
        raise ProcessAlarm("dip_force", what=str(error)) from error
    lift = await _leave(cell, work, press.end_z_um)
    await cell.check_gripped("Leave the film", work.recipe.pick.vacuum_kpa)
    age_s = work.clock.mono_s() - film.levelled_at_s
    reach_um = plate_z_um if touches else press.end_z_um
    off_um = press.contact_z_um - plate_z_um
    verdict = PASS
    if touches and not abs(off_um) <= HEIGHT_LIMIT_UM:
        text = (
            f"package {-off_um:+.0f} um thick against its drawing, allowed {HEIGHT_LIMIT_UM:.0f} um, by the dip plate"
        )
        verdict = Verdict(Fate.REJECT_PART, "package_height", text)
    return Dipped(
        verdict=verdict,
        press=press,
        lift=lift,
        film=film,
        film_age_s=age_s,
        depth_um=film.mean_um - max(0.0, plate_z_um - reach_um),
        at_s=work.clock.mono_s(),
        spot=cell.here(),
    )


async def _leave(cell: Cell, work: Work, from_z_um: float) -> LiftEvidence:
    recipe = work.recipe.dip
    return await cell.head.lift(
        LiftProfile(
            z_slow_um=max(cell.profile.head.safe_z_um, from_z_um - recipe.lift_slow_um),
            slow_um_per_s=recipe.lift_slow_um_per_s,
            z_end_um=cell.profile.head.safe_z_um,
            speed_um_per_s=cell.profile.head.z_speed_um_per_s,
        )
    )


def _check_film_age(work: Work, film: FilmMeasured) -> None:
    age_s = work.clock.mono_s() - film.levelled_at_s
    if not age_s <= work.recipe.film.max_age_s:
        raise ProcessAlarm("film_too_old", age_s=age_s, upper_s=work.recipe.film.max_age_s)


def _check_film_unused(work: Work, film: FilmMeasured) -> None:
    before = work.findings.find(Dipped)
    if before is not None and before.film.generation == film.generation:
        # The dent of a package never heals: the same film is as good as no film.
        raise ProcessAlarm("film_too_old", age_s=work.clock.mono_s() - film.levelled_at_s, upper_s=0.0)


def press_evidence(press: PressEvidence) -> dict[str, float]:
    """The drive's own account of a press, for journal and record."""
    return {
        "contact_z_um": press.contact_z_um,
        "end_z_um": press.end_z_um,
        "peak_force_n": press.peak_force_n,
        "hold_force_n": press.hold_force_n,
        "hold_s": press.hold_s,
    }
