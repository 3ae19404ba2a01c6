"""The calibration routine: the glass part is shown to both cameras, moved, turned, put down and looked at again.

It finds scale, turn and mirror of both cameras, the theta axis over the up camera, and camera to nozzle. It moves the
machine through the cell's own verbs and knows no device detail; it does not decide when calibration is due.
"""

from __future__ import annotations

import asyncio
import statistics
from dataclasses import dataclass
from math import cos, radians, sin

import numpy as np

from drivers.devices.head import LiftProfile, PressProfile
from station.alarms.catalogue import ProcessAlarm
from station.calibrate.model import Calibration
from station.cell import GRIP_LIMIT_KPA, Cell
from station.coordinates import AffineMap, ImagePoint, MachinePoint, Shift, wrapped_deg
from station.eyes import Eyes
from vision.calibration import fit_rotation
from vision.frame import FloatArray
from vision.pose import fit_rigid

UP_CROSS_UM = ((0.0, 0.0), (3000.0, 0.0), (0.0, 3000.0), (-3000.0, 0.0), (0.0, -3000.0))
DOWN_CROSS_UM = ((0.0, 0.0), (1900.0, 0.0), (0.0, 700.0), (-1900.0, 0.0), (0.0, -700.0))
TURNS_DEG = (0.0, 90.0, 180.0, -90.0)
TRIALS = 8
"""place-and-look trials; their mean has a third of the scatter of one release"""
RESIDUAL_LIMIT_UM = 15.0
EXPOSURE_S = 0.002
NOMINAL_LIGHT = 0.5
GLASS_FORCE_N = 1.0


@dataclass(frozen=True, slots=True)
class _Sight:
    """The glass part as one camera saw it: pose in the image, gantry position and theta of the picture."""

    seen: ImagePoint
    theta_deg: float
    scale_ratio: float
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
    await _take_glass(cell, cell.profile.holder.point, 0.0)
    crossing = [await _sight_up(cell, eyes, Shift(*offset), 0.0) for offset in UP_CROSS_UM]
    turned = [await _sight_up(cell, eyes, Shift(0.0, 0.0), turn) for turn in TURNS_DEG]
    up, up_residual_um = _up_map(crossing)
    up, axis_residual_um = _centred_on_axis(up, turned)

    down: AffineMap[ImagePoint] | None = None
    down_residual_um = 0.0
    offsets: list[Shift] = []
    turns: list[float] = []
    for trial in range(TRIALS):
        theta_deg = TURNS_DEG[(trial + 1) % len(TURNS_DEG)]  # ends at 0: the part lies in its holder as it was found
        dry = await _sight_up(cell, eyes, Shift(0.0, 0.0), theta_deg)
        part_machine_deg = up.angle_of(dry.theta_deg)
        grip = up.point_of(dry.seen) - dry.gantry_at
        put_at = cell.profile.holder.point
        await _put_glass(cell, put_at, theta_deg)
        part_at = put_at.moved(grip)
        if down is None:
            crossing = [await _sight_down(cell, eyes, part_at, Shift(*offset), theta_deg) for offset in DOWN_CROSS_UM]
            down, down_residual_um = _down_map(crossing)
            sight = crossing[0]
        else:
            sight = await _sight_down(cell, eyes, part_at, Shift(0.0, 0.0), theta_deg)
        offsets.append((part_at - sight.gantry_at) + -down.shift_of(sight.seen))
        turns.append(wrapped_deg(down.angle_of(sight.theta_deg) - part_machine_deg))
        if trial < TRIALS - 1:
            await _take_glass(cell, put_at, theta_deg)
    assert down is not None
    x_um = statistics.fmean(offset.x_um for offset in offsets)
    y_um = statistics.fmean(offset.y_um for offset in offsets)
    sigma_um = max(
        statistics.stdev(offset.x_um for offset in offsets), statistics.stdev(offset.y_um for offset in offsets)
    )
    found = Calibration(
        up=_unscaled(up),
        down=AffineMap(*_linear(_unscaled(down)), x_um, y_um),
        up_um_per_px=cell.profile.up_camera.um_per_px * up.scale_ratio,
        down_um_per_px=cell.profile.down_camera.um_per_px * down.scale_ratio,
        up_residual_um=up_residual_um,
        down_residual_um=down_residual_um,
        axis_residual_um=axis_residual_um,
        offset_sigma_um=sigma_um,
        theta_offset_deg=statistics.fmean(turns),
        at_s=asyncio.get_running_loop().time(),
    )
    worst = max(up_residual_um, down_residual_um, axis_residual_um, sigma_um)
    if worst > RESIDUAL_LIMIT_UM:
        raise ProcessAlarm(
            "calibration_failed", what=f"shots disagree by {worst:.1f} um, allowed {RESIDUAL_LIMIT_UM} um"
        )
    cell.calibration = found
    eyes.use(found)
    return found


def _up_map(sights: list[_Sight]) -> tuple[AffineMap[ImagePoint], float]:
    """The part is fixed on the nozzle: its image moves with the gantry, so image -> gantry shift."""
    linear, residual_um = _turned_scale(sights, _stood(sights), mirrored=True)
    origin = sights[0].gantry_at.moved(-linear.shift_of(sights[0].seen))
    return AffineMap(*_linear(linear), origin.x_um, origin.y_um), residual_um


def _down_map(sights: list[_Sight]) -> tuple[AffineMap[ImagePoint], float]:
    """The part lies still: its image moves against the gantry, so image -> minus the gantry shift."""
    return _turned_scale(sights, -_stood(sights), mirrored=False)


def _turned_scale(
    sights: list[_Sight], shifts_um: FloatArray, *, mirrored: bool
) -> tuple[AffineMap[ImagePoint], float]:
    """Camera scale from the glass, whose dots are known far better than any move; the turn from the moves.

    Square pixels and a right angle between the axes are taken for granted: over the few mm of a picture their errors
    are a hundred times below the settling of the axes, and a free fit would take that settling for shear.
    """
    scale = statistics.fmean(sight.scale_ratio for sight in sights)
    side = -1.0 if mirrored else 1.0
    seen_um = np.array([(side * s.seen.x_um / scale, s.seen.y_um / scale) for s in sights])
    fit = fit_rigid(seen_um, shifts_um)
    c, s_ = cos(radians(fit.theta_deg)) / scale, sin(radians(fit.theta_deg)) / scale
    return AffineMap(side * c, -s_, side * s_, c), fit.rms_um


def _centred_on_axis(up: AffineMap[ImagePoint], turned: list[_Sight]) -> tuple[AffineMap[ImagePoint], float]:
    """Shift the map so that the point about which the part turns is the gantry position itself."""
    grips = [up.point_of(s.seen) - s.gantry_at for s in turned]
    fit = fit_rotation(np.array([s.gantry_theta_deg for s in turned]), np.array([(g.x_um, g.y_um) for g in grips]))
    centre_x_um, centre_y_um = (float(value) for value in fit.centre_um)
    return AffineMap(*_linear(up), up.x_um - centre_x_um, up.y_um - centre_y_um), fit.rms_um


def _stood(sights: list[_Sight]) -> FloatArray:
    return np.array([(s.gantry_at.x_um, s.gantry_at.y_um) for s in sights])


def _linear(found: AffineMap[ImagePoint]) -> tuple[float, float, float, float]:
    return found.a, found.b, found.c, found.d


def _unscaled(found: AffineMap[ImagePoint]) -> AffineMap[ImagePoint]:
    """The same map for images measured with the calibrated scale: the scale moves into um per pixel."""
    s = found.scale_ratio
    return AffineMap(found.a / s, found.b / s, found.c / s, found.d / s, found.x_um, found.y_um)


async def _sight_up(cell: Cell, eyes: Eyes, offset: Shift, theta_deg: float) -> _Sight:
    holder = cell.profile.holder
    z_um = cell.profile.up_camera.focus_z_um - holder.part_height_um
    await cell.go_to(cell.profile.up_camera.point.moved(offset), theta_deg, z_um)
    await cell.check_gripped("calibration")
    frame = await cell.up_camera.expose(EXPOSURE_S)
    fix = await eyes.locate_glass(frame, from_above=False)
    if fix.status != "found":
        raise ProcessAlarm("calibration_failed", what=f"glass part not recognised from below: {'; '.join(fix.reasons)}")
    return _Sight(ImagePoint(fix.x_um, fix.y_um), fix.theta_deg, fix.scale_ratio, cell.here(), theta_deg)


async def _sight_down(cell: Cell, eyes: Eyes, part_at: MachinePoint, offset: Shift, theta_deg: float) -> _Sight:
    camera = cell.profile.down_camera
    await cell.go_to(part_at.moved(Shift(-camera.dx_um, -camera.dy_um)).moved(offset), theta_deg)
    frame = await cell.down_camera.expose(EXPOSURE_S)
    fix = await eyes.locate_glass(frame, from_above=True)
    if fix.status != "found":
        raise ProcessAlarm("calibration_failed", what=f"glass part not recognised from above: {'; '.join(fix.reasons)}")
    return _Sight(ImagePoint(fix.x_um, fix.y_um), fix.theta_deg, fix.scale_ratio, cell.here(), theta_deg)


def glass_press(cell: Cell) -> PressProfile:
    holder = cell.profile.holder
    top_z_um = holder.z_um - holder.part_height_um
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


def _glass_lift(cell: Cell) -> LiftProfile:
    holder = cell.profile.holder
    return LiftProfile(
        z_slow_um=holder.z_um - holder.part_height_um - 500.0,
        slow_um_per_s=10_000.0,
        z_end_um=cell.profile.head.safe_z_um,
        speed_um_per_s=cell.profile.head.z_speed_um_per_s,
    )


async def _take_glass(cell: Cell, at: MachinePoint, theta_deg: float) -> None:
    await cell.go_to(at, theta_deg)
    await cell.head.tare()
    await cell.head.press(glass_press(cell))
    await cell.head.vacuum_on(GRIP_LIMIT_KPA - 10.0, 0.3)
    lift = await cell.head.lift(_glass_lift(cell))
    if not lift.vacuum_kpa <= GRIP_LIMIT_KPA:
        raise ProcessAlarm("calibration_failed", what="the glass part was not gripped in its holder")


async def _put_glass(cell: Cell, at: MachinePoint, theta_deg: float) -> None:
    await cell.go_to(at, theta_deg)
    await cell.head.press(glass_press(cell))
    await cell.head.vacuum_off(0.03, 0.5)
    await cell.head.lift(_glass_lift(cell))
