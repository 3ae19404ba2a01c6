"""The hidden errors of one machine, drawn from the seed by the level of fidelity.

The station never sees these numbers; it finds them by calibration. Sizes are engineering estimates for a machine of
this class, ready for calibration but not calibrated.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sim_hardware.world.machine import AxisTruth, CameraTruth, Fidelity, MachineTruth

SETTLE_SIGMA_UM = 1.0
SETTLE_SIGMA_DEG = 0.002
FORCE_NOISE_N = 0.015
GAUGE_NOISE_UM = 0.5
LINK_LATENCY_S = 0.001
RING_UM = 20.0
Z_SETTLE_SIGMA_UM = 0.3

SQUARENESS_URAD = 40.0
SCALE_PPM = 30.0
CAMERA_ROTATION_DEG = 0.3
CAMERA_CENTRE_UM = 40.0
CAMERA_SCALE_RATIO = 0.003
DISTORTION_K1 = 1e-4
DISTORTION_CENTRE_PX = 60.0
"""0.2 mm on a sensor of 3.45 um pixels"""
TELECENTRICITY_PER_UM = 2e-7
"""0.1 deg of chief ray at 8 mm beside the axis, the usual limit of a telecentric lens. Estimate"""
LEAN_RATIO = 1.75e-3
"""0.1 deg of the optical axis against the travel of Z. Estimate"""
MOUNTING_UM = 100.0
RUNOUT_UM = 12.0
THETA_ZERO_DEG = 0.3
PLATE_WEDGE_RATIO = 0.05  # um per mm
FILM_RATIO_RANGE = (0.55, 0.65)
GAUGE_OFFSET_UM = 0.5
BACKLASH_UM = 0.5
DRIFT_UM_PER_H = 1.5


def with_errors(nominal: MachineTruth, fidelity: Fidelity, rng: np.random.Generator) -> MachineTruth:
    """The machine as it really is. `ideal` returns the nominal machine; levels add to each other."""
    if fidelity == Fidelity.IDEAL:
        return nominal
    noisy = _with_noise(nominal)
    return _with_geometry(noisy, rng) if fidelity == Fidelity.REAL else noisy


def _with_noise(machine: MachineTruth) -> MachineTruth:
    def settling(axis: AxisTruth, sigma: float) -> AxisTruth:
        return replace(axis, settle_sigma=sigma)

    return replace(
        machine,
        x=settling(machine.x, SETTLE_SIGMA_UM),
        y=settling(machine.y, SETTLE_SIGMA_UM),
        theta=settling(machine.theta, SETTLE_SIGMA_DEG),
        z=settling(machine.z, Z_SETTLE_SIGMA_UM),
        force_noise_n=FORCE_NOISE_N,
        gauge_noise_um=GAUGE_NOISE_UM,
        link_latency_s=LINK_LATENCY_S,
        extras={**machine.extras, "ring_um": RING_UM},
    )


def _with_geometry(machine: MachineTruth, rng: np.random.Generator) -> MachineTruth:
    def about(size: float) -> float:
        """A signed error of about `size`: never near zero, or a seed could hide a missing calibration."""
        return float(rng.uniform(0.5, 1.2) * size * rng.choice((-1.0, 1.0)))

    def camera(nominal: CameraTruth) -> CameraTruth:
        return replace(
            nominal,
            um_per_px=nominal.um_per_px * (1.0 + about(CAMERA_SCALE_RATIO)),
            rotation_deg=about(CAMERA_ROTATION_DEG),
            centre_dx_um=about(CAMERA_CENTRE_UM),
            centre_dy_um=about(CAMERA_CENTRE_UM),
            distortion_k1=about(DISTORTION_K1),
        )

    def seated(mounted: CameraTruth) -> CameraTruth:
        return replace(
            mounted, distortion_dx_px=about(DISTORTION_CENTRE_PX), distortion_dy_px=about(DISTORTION_CENTRE_PX)
        )

    placed = replace(
        machine,
        x=replace(machine.x, backlash=BACKLASH_UM),
        y=replace(machine.y, backlash=BACKLASH_UM),
        up_camera=camera(machine.up_camera),
        down_camera=camera(machine.down_camera),
        squareness_urad=about(SQUARENESS_URAD),
        scale_x_ppm=about(SCALE_PPM),
        scale_y_ppm=about(SCALE_PPM),
        up_camera_dx_um=about(MOUNTING_UM),
        up_camera_dy_um=about(MOUNTING_UM),
        down_camera_error_x_um=about(MOUNTING_UM),
        down_camera_error_y_um=about(MOUNTING_UM),
        runout_x_um=about(RUNOUT_UM) / 2**0.5,
        runout_y_um=about(RUNOUT_UM) / 2**0.5,
        theta_zero_deg=about(THETA_ZERO_DEG),
        plate_wedge_um_per_mm_x=about(PLATE_WEDGE_RATIO),
        plate_wedge_um_per_mm_y=about(PLATE_WEDGE_RATIO),
        film_ratio=float(rng.uniform(*FILM_RATIO_RANGE)),
        gauge_offset_um=about(GAUGE_OFFSET_UM),
        drift_um_per_h=DRIFT_UM_PER_H,
        extras={
            **machine.extras,
            "tray_dx_um": about(MOUNTING_UM),
            "tray_dy_um": about(MOUNTING_UM),
            "plate_dx_um": about(MOUNTING_UM),
            "plate_dy_um": about(MOUNTING_UM),
            "holder_dx_um": about(MOUNTING_UM),
            "holder_dy_um": about(MOUNTING_UM),
            "datum_dx_um": about(MOUNTING_UM) / 4.0,
            "datum_dy_um": about(MOUNTING_UM) / 4.0,
            "glass_dots_dx_um": about(5.0),
            "glass_dots_dy_um": about(5.0),
        },
    )
    # Drawn last, in this order, so that a machine keeps the errors it had before it was given these.
    mounted = replace(placed, up_camera=seated(placed.up_camera), down_camera=seated(placed.down_camera))
    leaning = replace(
        mounted.down_camera,
        scale_per_um=-abs(about(TELECENTRICITY_PER_UM)),
        lean_x_ratio=about(LEAN_RATIO) / 2**0.5,
        lean_y_ratio=about(LEAN_RATIO) / 2**0.5,
    )
    return replace(mounted, down_camera=leaning)
