"""The simulated machine itself: layout, axes, cameras, and the hidden errors that a fidelity level gives it.

The station never reads this file: it knows a profile of its own and finds the errors by calibration.
Machine coordinates: x right, y away from the operator, seen from above, um; z down from the top, um.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Fidelity(StrEnum):
    """How much of reality is simulated."""

    IDEAL = "ideal"
    """no errors, no noise: logic tests"""
    CALIBRATED = "calibrated"
    """noise, settling, latency; geometry without errors"""
    REAL = "real"
    """squareness, runout, drift, warped packages, ball spread, film ridges, ageing"""


@dataclass(frozen=True, slots=True)
class AxisTruth:
    """Limits and habits of one axis; units are um or deg."""

    lower: float
    upper: float
    speed: float
    accel: float
    jerk: float
    settle_s: float = 0.030
    settle_sigma: float = 0.0
    """standard deviation of where it stands after settling"""
    backlash: float = 0.0


@dataclass(frozen=True, slots=True)
class CameraTruth:
    """One camera as it really is."""

    width_px: int
    height_px: int
    um_per_px: float
    rotation_deg: float = 0.0
    """turn of the sensor against the machine, anticlockwise"""
    centre_dx_um: float = 0.0
    """optical axis against its nominal place"""
    centre_dy_um: float = 0.0
    distortion_k1: float = 0.0
    """radial: r' = r (1 + k1 (r / half diagonal)^2), r from the place where the lens is centred"""
    distortion_dx_px: float = 0.0
    """where that is, from the middle of the sensor, image right and up"""
    distortion_dy_px: float = 0.0
    psf_sigma_px: float = 1.2
    defocus_px_per_um: float = 0.004
    """extra blur sigma per um out of focus"""
    electrons_per_dn: float = 39.0
    read_noise_dn: float = 0.2
    readout_s: float = 0.012
    gain: float = 1.0
    scale_per_um: float = 0.0
    """relative change of magnification per um farther away than the reference plane: below 0 where it falls"""
    lean_x_ratio: float = 0.0
    """the optical axis moves by this along machine x per um farther away"""
    lean_y_ratio: float = 0.0


@dataclass(frozen=True, slots=True)
class MachineTruth:
    """Layout (nominal, in nozzle coordinates) and hidden errors of one machine."""

    x: AxisTruth = AxisTruth(0, 500_000, 1_500_000, 20_000_000, 800_000_000)
    y: AxisTruth = AxisTruth(0, 400_000, 1_500_000, 20_000_000, 800_000_000)
    theta: AxisTruth = AxisTruth(-190, 190, 1_500, 20_000, 800_000, settle_s=0.020)
    z: AxisTruth = AxisTruth(0, 40_000, 800_000, 20_000_000, 2_000_000_000, settle_s=0.005)

    up_camera: CameraTruth = CameraTruth(2448, 2048, 8.0)
    down_camera: CameraTruth = CameraTruth(1280, 1024, 10.0)

    up_camera_x_um: float = 250_000
    up_camera_y_um: float = 60_000
    up_focus_z_um: float = 10_000
    """z of the plane that the up camera sees sharp"""
    down_camera_dx_um: float = 60_000
    """what the down camera sees stands at nozzle + this"""
    down_camera_dy_um: float = 0
    plate_x_um: float = 250_000
    plate_y_um: float = 160_000
    plate_z_um: float = 25_000
    """z of a bare nozzle tip touching the plate"""
    plate_size_um: float = 60_000
    tray_x_um: float = 30_000
    """centre of pocket row 0, column 0"""
    tray_y_um: float = 40_000
    tray_pitch_um: float = 20_000
    tray_columns: int = 6
    tray_rows: int = 11
    tray_z_um: float = 22_000
    """z of a bare nozzle tip touching the floor of a pocket; a part stands on its balls there"""
    nest_x_um: float = 290_000
    """lower left corner of a board"""
    nest_y_um: float = 120_000
    board_z_um: float = 24_000
    """z of a bare nozzle tip touching the board"""
    bin_x_um: float = 180_000
    bin_y_um: float = 330_000
    bin_z_um: float = 20_000
    holder_x_um: float = 180_000
    """holder of the glass calibration part, centre"""
    holder_y_um: float = 60_000
    holder_z_um: float = 22_000
    """where the glass lies in its upper seat; the reference plane of the down camera"""
    lower_seat_x_um: float = 200_000
    """second seat in the same holder, centre"""
    lower_seat_y_um: float = 60_000
    lower_seat_z_um: float = 25_000
    datum_x_um: float = 270_000
    """centre of the datum mark, a bright 1000 um disc on dark ground"""
    datum_y_um: float = 100_000

    squareness_urad: float = 0.0
    """y axis leans by this towards +x"""
    scale_x_ppm: float = 0.0
    scale_y_ppm: float = 0.0
    up_camera_dx_um: float = 0.0
    """mounting errors of the devices against the layout"""
    up_camera_dy_um: float = 0.0
    down_camera_error_x_um: float = 0.0
    down_camera_error_y_um: float = 0.0
    runout_x_um: float = 0.0
    """nozzle tip against the theta axis at 0 deg"""
    runout_y_um: float = 0.0
    theta_zero_deg: float = 0.0
    """true nozzle turn when the axis reads 0"""
    plate_wedge_um_per_mm_x: float = 0.0
    """plate against the blade: film thicker by this per mm"""
    plate_wedge_um_per_mm_y: float = 0.0
    film_ratio: float = 0.6
    """film height / blade gap"""
    nozzle_diameter_um: float = 8_000
    """bore"""
    nozzle_outer_um: float = 9_600
    nozzle_mass_g: float = 20.0
    stiffness_board_n_per_mm: float = 60.0
    stiffness_machine_n_per_mm: float = 400.0
    stiffness_package_n_per_mm: float = 300.0
    stiffness_plate_n_per_mm: float = 200.0
    spring_preload_n: float = 0.5
    """pre-tensioned nozzle spring: force before it yields"""
    spring_n_per_mm: float = 1.0
    force_noise_n: float = 0.0
    drift_um_per_h: float = 0.0
    gauge_noise_um: float = 0.0
    gauge_offset_um: float = 0.0
    vacuum_tau_s: float = 0.020
    link_latency_s: float = 0.0
    extras: dict[str, float] = field(default_factory=dict)
