"""Film: level it with the blade, measure it at several points, judge it. The head is elsewhere meanwhile.

The film is always thinner than the gap, by a ratio that depends on material, speed and wear: it is learned from
what was measured, never assumed (Indium, "Solder Paste and Flux Dip Depth").
"""

from __future__ import annotations

import asyncio
from math import sqrt

from drivers.devices.dip_unit import Reservoir
from drivers.devices.film_gauge import REFERENCE_STEP_UM
from station.alarms.catalogue import ProcessAlarm
from station.cell import Cell
from station.process.outcomes import Dipped, FilmAccepted, FilmLevelled, FilmMeasured
from station.process.step import Work

QUALITY_LIMIT_RATIO = 0.5
"""a reading with less usable signal is not a reading. Estimate"""
REFERENCE_LIMIT_UM = 2.0
"""gauge drift that invalidates the gauge. Estimate"""
REFERENCE_MAX_AGE_S = 60.0
"""a gauge drifts over minutes, not over seconds. Estimate"""
REFERENCE_READINGS = 4
"""their mean has half the noise of one"""
REFERENCE_SHARE = 0.3
"""weight of the newest look at the step: its noise would else stay in every film of the next minute. Estimate"""
WAY_TO_FILM_S = 8.0
"""from the decision to use a film to the dip: pick and dry picture lie between. Estimate"""
FIRST_LIMIT_RATIO = 0.15
"""a first film that is off the recipe's start by more has to be confirmed by the next. Estimate"""
USUAL_LIMIT_RATIO = 0.05
"""wipes of one blade and one material differ by less. Estimate"""
LEARNING_SHARE = 0.2
"""weight of the newest levelling in the learned ratio"""
RATIO_RANGE = (0.45, 0.8)
"""film height / gap outside this was not made by a blade: half the gap for a Newtonian film, 0.6 to 0.7 measured for
doctor blades. What a gauge says beyond it is not learned, and opens the gap no further"""


async def level_film(cell: Cell, work: Work) -> FilmLevelled:
    """Set the gap that should give the target height and wipe the whole plate.

    raises   ProcessAlarm reservoir_empty, plate_not_ready, plate_temperature, gauge_reference_off, film_not_new
    """
    unit, film = cell.dip_unit.status, work.recipe.film
    check_plate_temperature(cell, work)
    if unit.reservoir not in (Reservoir.FULL, Reservoir.LOW):
        raise ProcessAlarm("reservoir_empty", level=unit.reservoir.name)
    if not unit.plate_locked or unit.plate_id != cell.profile.plate.plate_id:
        state = (
            "not locked" if not unit.plate_locked else f"plate {unit.plate_id}, wanted {cell.profile.plate.plate_id}"
        )
        raise ProcessAlarm("plate_not_ready", what=state)
    before = work.findings.find(FilmMeasured)
    ratio = before.learned_ratio if before else film.target_um / film.gap_start_um
    gap_um = film.target_um / ratio
    last, dipped = work.findings.find(FilmLevelled), work.findings.find(Dipped)
    wipe = cell.dip_unit.level(gap_um, film.wipe_speed_um_per_s, film.strokes)
    # The reference step stands beside the plate: the gauge looks at it while the blade has the plate.
    async with asyncio.TaskGroup() as together:
        levelling = together.create_task(wipe, name="level")
        referring = together.create_task(_reference(cell, work, last), name="gauge reference")
    evidence, (error_um, referenced_at_s) = levelling.result(), referring.result()
    if evidence.film_generation == unit.film_generation:
        # Of the right height or not: what lies there is the film of before, with the dent of whatever was dipped in it.
        raise ProcessAlarm("film_not_new", generation=unit.film_generation)
    unused = last is not None and (dipped is None or dipped.film.generation != last.generation)
    return FilmLevelled(
        gap_um=evidence.gap_um,
        generation=evidence.film_generation,
        at_s=work.clock.mono_s(),
        levels=last.levels + 1 if last is not None and unused else 1,
        reference_error_um=error_um,
        referenced_at_s=referenced_at_s,
    )


async def _reference(cell: Cell, work: Work, last: FilmLevelled | None) -> tuple[float, float]:
    """What the gauge reads too much, and when that was found; taken anew where the last finding is too old.

    raises   ProcessAlarm gauge_reference_off
    """
    now_s = work.clock.mono_s()
    if last is not None and now_s - last.referenced_at_s < REFERENCE_MAX_AGE_S:
        return last.reference_error_um, last.referenced_at_s
    readings = [(await cell.film_gauge.reference()).height_um for _ in range(REFERENCE_READINGS)]
    seen_um = sum(readings) / len(readings) - REFERENCE_STEP_UM
    if not abs(seen_um) <= REFERENCE_LIMIT_UM:
        raise ProcessAlarm("gauge_reference_off", error_um=seen_um, allowed_um=REFERENCE_LIMIT_UM)
    if last is None:
        return seen_um, now_s
    return last.reference_error_um + REFERENCE_SHARE * (seen_um - last.reference_error_um), now_s


async def measure_film(cell: Cell, work: Work) -> FilmMeasured:
    """Measure the recipe's points, corrected by the reference. Recorded even where the film is out of tolerance."""
    film, levelled = work.recipe.film, work.findings.the(FilmLevelled)
    check_plate_temperature(cell, work)
    await asyncio.sleep(max(0.0, levelled.at_s + film.settle_s - work.clock.mono_s()))
    error_um = levelled.reference_error_um
    heights = []
    for point in film.measure_points:
        reading = await cell.film_gauge.measure(point.x_um, point.y_um)
        if not reading.quality_ratio >= QUALITY_LIMIT_RATIO:
            raise ProcessAlarm(
                "gauge_no_signal",
                quality_ratio=reading.quality_ratio,
                x_um=point.x_um,
                y_um=point.y_um,
                lower_ratio=QUALITY_LIMIT_RATIO,
            )
        heights.append(reading.height_um - error_um)
    mean_um = sum(heights) / len(heights)
    spread_um = max(heights) - min(heights)
    deviation_um = sqrt(sum((h - mean_um) ** 2 for h in heights) / (len(heights) - 1))
    return FilmMeasured(
        points_um=tuple((point.x_um, point.y_um) for point in film.measure_points),
        heights_um=tuple(heights),
        mean_um=mean_um,
        range_um=spread_um,
        sigma_um=deviation_um / sqrt(len(heights)),
        generation=levelled.generation,
        levelled_at_s=levelled.at_s,
        levels=levelled.levels,
        gap_um=levelled.gap_um,
        reference_error_um=error_um,
        learned_ratio=_learned(
            work.findings.find(FilmMeasured), mean_um / levelled.gap_um, film.target_um / film.gap_start_um
        ),
    )


def _learned(before: FilmMeasured | None, ratio: float, start_ratio: float) -> float:
    """Film height / gap, averaged over the last levellings: one wipe differs from the next more than the blade does.

    A wipe that stands alone, through a lump or an empty blade, teaches nothing; where the next one agrees with it,
    material or blade have changed, and the new ratio holds.
    """
    if before is None:
        learned = ratio if abs(ratio / start_ratio - 1.0) <= FIRST_LIMIT_RATIO else start_ratio
    elif abs(ratio / before.learned_ratio - 1.0) <= USUAL_LIMIT_RATIO:
        learned = before.learned_ratio + LEARNING_SHARE * (ratio - before.learned_ratio)
    else:
        is_confirmed = abs(ratio * before.gap_um / before.mean_um - 1.0) <= USUAL_LIMIT_RATIO
        learned = ratio if is_confirmed else before.learned_ratio
    return min(max(learned, RATIO_RANGE[0]), RATIO_RANGE[1])


async def judge_film(cell: Cell, work: Work) -> FilmAccepted:
    """Is the measured film good? Positive evidence only: a height that is not a number fails.

    raises   ProcessAlarm film_out_of_tolerance, film_uneven, material_expired, material_unknown
    """
    film, found = work.recipe.film, work.findings.the(FilmMeasured)
    material, open_s = work.recipe.material, work.clock.mono_s() - work.material_since_s
    prefix = material.lot_prefix
    if prefix is not None and not work.material_lot.startswith(prefix):
        raise ProcessAlarm("material_unknown", lot=work.material_lot, material=material.name, prefix=prefix)
    if not open_s <= material.pot_life_s:
        raise ProcessAlarm(
            "material_expired", material=material.name, age_h=open_s / 3600, upper_h=material.pot_life_s / 3600
        )
    lower_um, upper_um = film.target_um - film.tolerance_um, film.target_um + film.tolerance_um
    if not lower_um <= found.mean_um <= upper_um:
        raise ProcessAlarm(
            "film_out_of_tolerance",
            measured_um=found.mean_um,
            lower_um=lower_um,
            upper_um=upper_um,
            levels=found.levels,
        )
    if not found.range_um <= film.range_um:
        raise ProcessAlarm(
            "film_uneven",
            measured_um=found.range_um,
            upper_um=film.range_um,
            points=len(found.heights_um),
            levels=found.levels,
        )
    return FilmAccepted(film=found)


def check_plate_temperature(cell: Cell, work: Work) -> None:
    """raises   ProcessAlarm plate_temperature; what is not a number is too warm"""
    material, found_degc = work.recipe.material, cell.dip_unit.status.plate_temperature_degc
    if not material.plate_min_degc <= found_degc <= material.plate_max_degc:
        raise ProcessAlarm(
            "plate_temperature",
            found_degc=found_degc,
            lower_degc=material.plate_min_degc,
            upper_degc=material.plate_max_degc,
            material=material.name,
        )


def film_is_ready(work: Work) -> bool:
    """A film that was accepted, is the last one laid, has no dip in it, and will not get too old on the way."""
    accepted, levelled = work.findings.find(FilmAccepted), work.findings.find(FilmLevelled)
    if accepted is None or levelled is None or accepted.film.generation != levelled.generation:
        return False
    dipped = work.findings.find(Dipped)
    if dipped is not None and dipped.film.generation == accepted.film.generation:
        return False
    age_s = work.clock.mono_s() - accepted.film.levelled_at_s
    return age_s <= work.recipe.film.max_age_s - WAY_TO_FILM_S
