"""The bare nozzle tip before the up camera, turned: its runout apart from where a part was picked, and the theta axis.

It looks and solves; the order of a calibration is in `routine.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from station.alarms.catalogue import ProcessAlarm
from station.calibrate.model import LensFound, TipFound
from station.cell import Cell
from station.coordinates import AffineMap, ImagePoint, MachinePoint, Shift
from station.eyes import Eyes
from vision.calibration import RotationFit, fit_rotation, undistorted
from vision.frame import FloatArray
from vision.tip import TIP_SIGMA_UM

TIP_TURNS_DEG = tuple(-180.0 + 45.0 * number for number in range(8))
TIP_SEARCH_UM = 600.0
"""mounting of the camera, runout and the walk below"""
WALK_UM = 200.0
"""Turned shots are taken from two places in turns: axes that do not move keep the error they once came to rest with,
and no residual shows it. To and fro, so that lost motion changes its sign four times a turn, where it is no runout."""

AXIS_SIGMA_LEAST_UM = 0.05
"""No row of shots knows the axis better than one dot of the glass is seen, however well its residuals may look."""


@dataclass(frozen=True, slots=True)
class TipSight:
    """`seen` at the nominal scale."""

    seen: ImagePoint
    gantry_at: MachinePoint
    theta_deg: float


def side_of(number: int) -> float:
    """From which side turned shot `number` of a row is approached: by turns."""
    return -1.0 if number % 2 else 1.0


def walked(number: int) -> Shift:
    """Where beside the camera's place turned shot `number` of a row is taken."""
    return Shift(side_of(number) * WALK_UM, side_of(number) * WALK_UM)


def turned_about(theta_deg: Sequence[float], places: Sequence[Shift], sigma_um: float | None = None) -> RotationFit:
    """The theta axis from a row of turned shots: where the same point stood against the gantry at each turn."""
    return fit_rotation(
        np.array(theta_deg),
        np.array([(place.x_um, place.y_um) for place in places]),
        sides=np.array([side_of(number) for number in range(len(places))]),
        sigma_um=sigma_um,
    )


async def sight_tip(cell: Cell, eyes: Eyes, exposure_s: float) -> list[TipSight]:
    """The tip at eight turns, at the height at which parts are looked at. Nothing may hang on it.

    raises   ProcessAlarm calibration_failed when the tip is not seen
    """
    sights = []
    camera, z_um = cell.profile.up_camera, cell.profile.head.safe_z_um
    for number, theta_deg in enumerate(TIP_TURNS_DEG):
        await cell.go_to(camera.point.moved(walked(number)), theta_deg, z_um)
        frame = await cell.up_camera.expose(exposure_s)
        fix = await eyes.locate_tip(frame, TIP_SEARCH_UM)
        if fix.status != "found":
            raise ProcessAlarm("calibration_failed", what=f"nozzle tip not recognised: {'; '.join(fix.reasons)}")
        sights.append(TipSight(ImagePoint(fix.x_um, fix.y_um), cell.here(), theta_deg))
    return sights


def solve_tip(
    sights: Sequence[TipSight], up: AffineMap[ImagePoint], nominal_um_per_px: float, lens: LensFound
) -> RotationFit:
    """Axis and runout of the tip in the frame of `up`, with what wear may hide in its covariance."""
    nominal_um = np.array([(sight.seen.x_um, sight.seen.y_um) for sight in sights])
    true_um = undistorted(nominal_um * (lens.um_per_px / nominal_um_per_px), lens.k1_per_um2, lens.bend_um)
    places = [
        up.point_of(ImagePoint(float(x_um), float(y_um))) - sight.gantry_at
        for (x_um, y_um), sight in zip(true_um, sights, strict=True)
    ]
    fit = turned_about([sight.theta_deg for sight in sights], places)
    return replace(fit, covariance=fit.covariance + np.eye(4) * TIP_SIGMA_UM**2)


def one_axis(first: RotationFit, second: RotationFit) -> tuple[FloatArray, float]:
    """The axis both tell of, each by its weight, (2,), and its sigma per axis."""
    weights = [
        1.0 / max(float(fit.covariance[:2, :2].diagonal().max()), AXIS_SIGMA_LEAST_UM**2) for fit in (first, second)
    ]
    centre_um = (weights[0] * first.centre_um + weights[1] * second.centre_um) / sum(weights)
    return centre_um, sum(weights) ** -0.5


def tip_found(fit: RotationFit, axis_um: FloatArray) -> TipFound:
    """axis_um   (2,) the axis that another part turned about, in the same frame"""
    apart_x_um, apart_y_um = (float(value) for value in fit.centre_um - axis_um)
    return TipFound(
        runout_x_um=float(fit.runout_um[0]),
        runout_y_um=float(fit.runout_um[1]),
        axis_x_um=apart_x_um,
        axis_y_um=apart_y_um,
        covariance=tuple(tuple(float(value) for value in row) for row in fit.covariance),
        residual_um=fit.rms_um,
        lost_motion_um=float(2.0 * np.hypot(*fit.lost_um)),
        shot_count=len(fit.residual_um),
    )


def prove_tip_runs_true(cell: Cell, tip: TipFound) -> None:
    """raises   ProcessAlarm calibration_failed for a bent or badly seated nozzle"""
    limit_um = cell.profile.head.runout_limit_um
    if not tip.runout_um <= limit_um:
        what = (
            f"nozzle tip runs out by {tip.runout_um:.0f} um towards {tip.runout_deg:.0f} deg, allowed {limit_um:.0f} um"
        )
        raise ProcessAlarm("calibration_failed", what=what)
