"""The calibration routine: the bare tip is turned before the up camera; the glass part is shown to both cameras, moved,
turned, put down and looked at again.

It finds scale, distortion, turn, mirror and scale against height of both cameras, the theta axis over the up camera,
the runout of the nozzle, camera to nozzle, and how the down camera leans. It moves the machine through the cell's own
verbs and knows no device detail; it does not decide when calibration is due.
"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import cos, hypot, radians, sin

import numpy as np

from drivers.devices.head import LiftProfile, PressProfile
from drivers.errors import EarlyContact, NoContact
from station.alarms.catalogue import ProcessAlarm
from station.calibrate.model import Calibration, LensFound
from station.calibrate.offset import solve_offset
from station.calibrate.tip import (
    one_axis,
    prove_tip_runs_true,
    sight_tip,
    solve_tip,
    tip_found,
    turned_about,
    walked,
)
from station.cell import GRIP_LIMIT_KPA, Cell
from station.coordinates import AffineMap, ImagePoint, MachinePoint, Shift, wrapped_deg
from station.eyes import Eyes
from station.profile import SpotProfile
from vision.frame import FloatArray
from vision.lens import BEND, CENTRE_X, CENTRE_Y, RISE, SCALE, DotShot, fit_lens
from vision.pose import fit_rigid

UP_CROSS_UM = ((0.0, 0.0), (3000.0, 0.0), (0.0, 3000.0), (-3000.0, 0.0), (0.0, -3000.0))
DOWN_CROSS_UM = ((0.0, 0.0), (1900.0, 0.0), (0.0, 700.0), (-1900.0, 0.0), (0.0, -700.0))
UP_HEIGHTS_UM = (-200.0, 200.0)
"""out of the sharp plane, away from the lens positive: less than a pixel of blur, and 5e-9 per um of scale is seen"""
TURNS_DEG = (0.0, 90.0, 180.0, -90.0)
TRIALS_LOWER = (False, True, False, True, True, False, True, False)
"""Which place-and-look trials are made in the lower seat: four in each, one for every turn. Half-way between the seats
the offset has a third of the scatter of one release, as if all eight had been made there."""
RESIDUAL_LIMIT_UM = 15.0
DOT_LIMIT_UM = 2.0
"""dots fit their drawing to 0.05 um when the lens is as the model has it (simulated)"""
EXPOSURE_S = 0.002
NOMINAL_LIGHT = 0.5
GLASS_FORCE_N = 1.0
BEND_LEAST_SIGMAS = 4.0
"""A distortion seen less surely than this does not say where it is centred ..."""
CENTRE_SIGMA_MOST_UM = 400.0
"""... and a centre less sure than this is no better than the middle of the sensor."""
DOT_BIAS_RATIO = 8e-6
"""Share of the glass's size by which all its dots together are seen too wide or too narrow: 0.03 um on 4 mm, common to
every shot, so no number of shots shows it (against the truth of simulated pictures)."""


@dataclass(frozen=True, slots=True)
class _Sight:
    """The glass part as one camera saw it: pose in the image, its dots, gantry position and theta of the picture."""

    seen: ImagePoint
    theta_deg: float
    dots: DotShot
    gantry_at: MachinePoint
    gantry_theta_deg: float


async def calibrate(cell: Cell, eyes: Eyes) -> Calibration:
    """Run the whole routine and return what was found; the glass part is back in its holder at the end.

    raises   ProcessAlarm calibration_failed when the part is not there or the shots do not fit together
    """
    await cell.lights.set(1, NOMINAL_LIGHT, 0.0, EXPOSURE_S)
    await cell.lights.set(2, 0.0, NOMINAL_LIGHT, EXPOSURE_S)
    cell.calibration = None
    eyes.use_nominal_scale()
    tip_sights = await sight_tip(cell, eyes, EXPOSURE_S)
    await _fetch_glass(cell)
    crossing = [await _sight_up(cell, eyes, Shift(*offset), 0.0) for offset in UP_CROSS_UM]
    turned = [await _sight_up(cell, eyes, walked(number), turn) for number, turn in enumerate(TURNS_DEG)]
    raised = [await _sight_up(cell, eyes, Shift(0.0, 0.0), 0.0, height) for height in UP_HEIGHTS_UM]
    up_lens, sights = _lens(cell.profile.up_camera.um_per_px, [*crossing, *turned, *raised], with_height=True)
    eyes.use_up_lens(up_lens)
    crossing, turned = sights[: len(crossing)], sights[len(crossing) : -len(raised)]
    up, up_residual_um = _up_map(crossing)
    tip_turned = solve_tip(tip_sights, up, cell.profile.up_camera.um_per_px, up_lens)
    # The same axes on the same moves: eight shots say better than four how they scatter.
    grips = [up.point_of(sight.seen) - sight.gantry_at for sight in turned]
    axis = turned_about([sight.gantry_theta_deg for sight in turned], grips, tip_turned.rms_um)
    axis_um, axis_sigma_um = one_axis(axis, tip_turned)
    up = AffineMap(*_linear(up), up.x_um - float(axis_um[0]), up.y_um - float(axis_um[1]))
    tip = tip_found(tip_turned, axis.centre_um)
    prove_tip_runs_true(cell, tip)

    trials: list[tuple[MachinePoint, float]] = []
    downward: list[_Sight] = []
    for trial, seat in enumerate(_seats(cell)):
        theta_deg = TURNS_DEG[(trial + 1) % len(TURNS_DEG)]  # ends at 0: the part lies in its holder as it was found
        dry = await _sight_up(cell, eyes, Shift(0.0, 0.0), theta_deg)
        await _put_glass(cell, seat, theta_deg)
        part_at = seat.point.moved(up.point_of(dry.seen) - dry.gantry_at)
        trials.append((part_at, up.angle_of(dry.theta_deg)))
        for step in DOWN_CROSS_UM if trial == 0 else DOWN_CROSS_UM[:1]:
            downward.append(await _sight_down(cell, eyes, part_at, Shift(*step), theta_deg, seat.z_um))
        if trial < len(TRIALS_LOWER) - 1:
            await _take_glass(cell, seat, theta_deg)
    down_lens, downward = _lens(cell.profile.down_camera.um_per_px, downward, with_height=True)
    crossing = downward[: len(DOWN_CROSS_UM)]
    down, down_residual_um = _down_map(crossing)
    looks = [downward[0], *downward[len(DOWN_CROSS_UM) :]]
    offsets = [
        (part_at - look.gantry_at) + -down.shift_of(look.seen) for (part_at, _), look in zip(trials, looks, strict=True)
    ]
    turns = [
        wrapped_deg(down.angle_of(look.theta_deg) - part_deg) for (_, part_deg), look in zip(trials, looks, strict=True)
    ]
    offset, sigma_um = solve_offset([look.dots.height_um for look in looks], offsets)
    found = Calibration(
        up=up,
        down=AffineMap(*_linear(down), offset.x_um, offset.y_um),
        up_lens=up_lens,
        down_lens=down_lens,
        up_residual_um=up_residual_um,
        down_residual_um=down_residual_um,
        axis_residual_um=axis.rms_um,
        axis_sigma_um=axis_sigma_um,
        axis_arm_um=axis.runout_radius_um,
        tip=tip,
        offset=offset,
        offset_sigma_um=sigma_um,
        theta_offset_deg=statistics.fmean(turns),
        at_s=asyncio.get_running_loop().time(),
    )
    apart_um = hypot(tip.axis_x_um, tip.axis_y_um)
    worst = max(up_residual_um, down_residual_um, axis.rms_um, sigma_um, tip.residual_um, apart_um)
    if worst > RESIDUAL_LIMIT_UM:
        raise ProcessAlarm(
            "calibration_failed", what=f"shots disagree by {worst:.1f} um, allowed {RESIDUAL_LIMIT_UM} um"
        )
    cell.calibration = found
    eyes.use(found)
    return found


def _lens(
    nominal_um_per_px: float, sights: Sequence[_Sight], *, with_height: bool = False
) -> tuple[LensFound, list[_Sight]]:
    """The lens from the dots of all sights, and the sights as that lens has them.

    No move enters: the dots are known far better than any axis. Square pixels and a right angle between the axes are
    taken for granted: over the few mm of a picture their errors are a hundred times below the settling of the axes.
    """
    shots = [sight.dots for sight in sights]
    fit = fit_lens(shots, with_height=with_height)
    centre_sigma_um: float | None = None
    if abs(fit.k1_per_um2) > BEND_LEAST_SIGMAS * fit.sigma(BEND):
        centred = fit_lens(shots, with_height=with_height, with_centre=True)
        sigma_um = max(centred.sigma(CENTRE_X), centred.sigma(CENTRE_Y))
        if sigma_um <= CENTRE_SIGMA_MOST_UM:
            fit, centre_sigma_um = centred, sigma_um / centred.scale_ratio
    if fit.rms_um > DOT_LIMIT_UM:
        raise ProcessAlarm(
            "calibration_failed", what=f"dots of the glass are off by {fit.rms_um:.2f} um, allowed {DOT_LIMIT_UM} um"
        )
    um_per_px = nominal_um_per_px / fit.scale_ratio
    found = LensFound(
        um_per_px,
        um_per_px * hypot(fit.sigma(SCALE) / fit.scale_ratio, DOT_BIAS_RATIO),
        fit.true_k1_per_um2,
        fit.sigma(BEND) * fit.scale_ratio**2,
        fit.rms_um,
        fit.used_count,
        fit.scale_per_um if with_height else None,
        fit.sigma(RISE) if with_height else None,
        (float(fit.centre_um[0]) / fit.scale_ratio, float(fit.centre_um[1]) / fit.scale_ratio),
        centre_sigma_um,
    )
    return found, [
        replace(sight, seen=ImagePoint(pose.x_um, pose.y_um), theta_deg=pose.theta_deg)
        for sight, pose in zip(sights, fit.poses, strict=True)
    ]


def _up_map(sights: Sequence[_Sight]) -> tuple[AffineMap[ImagePoint], float]:
    """The part is fixed on the nozzle: its image moves with the gantry, so image -> gantry shift."""
    linear, residual_um = _turn_of(sights, _stood(sights), mirrored=True)
    origin = sights[0].gantry_at.moved(-linear.shift_of(sights[0].seen))
    return AffineMap(*_linear(linear), origin.x_um, origin.y_um), residual_um


def _down_map(sights: Sequence[_Sight]) -> tuple[AffineMap[ImagePoint], float]:
    """The part lies still: its image moves against the gantry, so image -> minus the gantry shift."""
    return _turn_of(sights, -_stood(sights), mirrored=False)


def _turn_of(sights: Sequence[_Sight], shifts_um: FloatArray, *, mirrored: bool) -> tuple[AffineMap[ImagePoint], float]:
    """The turn of a camera from the moves. A free fit would take the settling of the axes for scale and shear."""
    side = -1.0 if mirrored else 1.0
    fit = fit_rigid(np.array([(side * s.seen.x_um, s.seen.y_um) for s in sights]), shifts_um)
    c, s_ = cos(radians(fit.theta_deg)), sin(radians(fit.theta_deg))
    return AffineMap(side * c, -s_, side * s_, c), fit.rms_um


def _stood(sights: Sequence[_Sight]) -> FloatArray:
    return np.array([(s.gantry_at.x_um, s.gantry_at.y_um) for s in sights])


def _linear(found: AffineMap[ImagePoint]) -> tuple[float, float, float, float]:
    return found.a, found.b, found.c, found.d


async def _sight_up(cell: Cell, eyes: Eyes, offset: Shift, theta_deg: float, height_um: float = 0.0) -> _Sight:
    """height_um: how far the part hangs above the sharp plane, away from the lens"""
    holder = cell.profile.holder
    z_um = cell.profile.up_camera.focus_z_um - holder.part_height_um - height_um  # z counts downwards
    await cell.go_to(cell.profile.up_camera.point.moved(offset), theta_deg, z_um)
    await cell.check_gripped("calibration")
    frame = await cell.up_camera.expose(EXPOSURE_S)
    fix, dots = await eyes.locate_glass(frame, from_above=False)
    if fix.status != "found":
        raise ProcessAlarm("calibration_failed", what=f"glass part not recognised from below: {'; '.join(fix.reasons)}")
    dots = replace(dots, height_um=height_um)
    return _Sight(ImagePoint(fix.x_um, fix.y_um), fix.theta_deg, dots, cell.here(), theta_deg)


async def _sight_down(
    cell: Cell, eyes: Eyes, part_at: MachinePoint, offset: Shift, theta_deg: float, z_um: float
) -> _Sight:
    """z_um: of the seat that the part lies in"""
    camera = cell.profile.down_camera
    await cell.go_to(part_at.moved(Shift(-camera.dx_um, -camera.dy_um)).moved(offset), theta_deg)
    frame = await cell.down_camera.expose(EXPOSURE_S)
    fix, dots = await eyes.locate_glass(frame, from_above=True)
    if fix.status != "found":
        raise ProcessAlarm("calibration_failed", what=f"glass part not recognised from above: {'; '.join(fix.reasons)}")
    dots = replace(dots, height_um=z_um - cell.profile.holder.z_um)  # z counts downwards, away from this camera
    return _Sight(ImagePoint(fix.x_um, fix.y_um), fix.theta_deg, dots, cell.here(), theta_deg)


def _seats(cell: Cell) -> list[SpotProfile]:
    """Where the part is put down, trial by trial."""
    holder = cell.profile.holder
    return [holder.lower if is_lower else holder for is_lower in TRIALS_LOWER]


def glass_press(cell: Cell, seat: SpotProfile) -> PressProfile:
    top_z_um = seat.z_um - cell.profile.holder.part_height_um
    return PressProfile(
        z_fast_um=top_z_um - cell.profile.head.clearance_um,
        z_early_um=top_z_um - 200.0,
        z_limit_um=top_z_um + 400.0,
        approach_um_per_s=5_000.0,
        contact_force_n=0.5,
        hold_force_n=GLASS_FORCE_N,
        hold_s=0.03,
        force_limit_n=5.0,
    )


def _glass_lift(cell: Cell, seat: SpotProfile) -> LiftProfile:
    return LiftProfile(
        z_slow_um=seat.z_um - cell.profile.holder.part_height_um - 500.0,
        slow_um_per_s=10_000.0,
        z_end_um=cell.profile.head.safe_z_um,
        speed_um_per_s=cell.profile.head.z_speed_um_per_s,
    )


async def _fetch_glass(cell: Cell) -> None:
    """Out of whichever seat it lies in: a calibration that was stopped midway may have left it in the lower one."""
    holder = cell.profile.holder
    try:
        await _take_glass(cell, holder, 0.0)
    except ProcessAlarm as failed:
        if not isinstance(failed.__cause__, NoContact):
            raise
        await _take_glass(cell, holder.lower, 0.0)


async def _take_glass(cell: Cell, seat: SpotProfile, theta_deg: float) -> None:
    await cell.go_to(seat.point, theta_deg)
    await cell.head.tare()
    try:
        await cell.head.press(glass_press(cell, seat))
    except (NoContact, EarlyContact) as error:
        await cell.head.lift(_glass_lift(cell, seat))
        raise ProcessAlarm("calibration_failed", what="the glass part does not lie in its holder") from error
    await cell.head.vacuum_on(GRIP_LIMIT_KPA - 10.0, 0.3)
    lift = await cell.head.lift(_glass_lift(cell, seat))
    if not lift.vacuum_kpa <= GRIP_LIMIT_KPA:
        raise ProcessAlarm("calibration_failed", what="the glass part was not gripped in its holder")


async def _put_glass(cell: Cell, seat: SpotProfile, theta_deg: float) -> None:
    await cell.go_to(seat.point, theta_deg)
    await cell.head.press(glass_press(cell, seat))
    await cell.head.vacuum_off(0.03, 0.5)
    await cell.head.lift(_glass_lift(cell, seat))
