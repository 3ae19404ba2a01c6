"""The two lenses: where a point of the machine lands on the sensor, with the hidden errors of `CameraTruth`.

Nothing here draws. Image frame: um or px about the image centre, x right, y up. The up camera looks up, so machine x
is mirrored; the down camera sees the machine as it is from above. `rotation_deg` turns the sensor anticlockwise seen
from above, so the picture turns clockwise for the down camera and anticlockwise for the up camera.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from math import cos, hypot, radians, sin

import numpy as np
from numpy.typing import NDArray

from sim_hardware.world.machine import CameraTruth

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ImagePose:
    """A rigid part as it lies in the picture, without lens distortion; theta anticlockwise in the picture."""

    x_um: float
    y_um: float
    theta_deg: float

    def apply(self, x_um: Floats, y_um: Floats) -> tuple[Floats, Floats]:
        """Points of the part, already as this camera sees the part at theta 0, into the image frame, um."""
        c, s = cos(radians(self.theta_deg)), sin(radians(self.theta_deg))
        return self.x_um + c * x_um - s * y_um, self.y_um + s * x_um + c * y_um


@dataclass(frozen=True, slots=True)
class Lens:
    """One camera looking up or down, at a given distance out of focus."""

    camera: CameraTruth
    looks_up: bool
    dz_um: float = 0.0

    @property
    def sigma_px(self) -> float:
        """Gaussian blur of a point, optics and defocus, without the pixel's own square."""
        return hypot(self.camera.psf_sigma_px, self.camera.defocus_px_per_um * abs(self.dz_um))

    def farther(self, depth_um: float) -> Lens:
        """The same camera as it sees a plane this much farther away than the one that its scale and centre are for."""
        camera = self.camera
        if depth_um == 0.0:
            return self
        moved = replace(
            camera,
            um_per_px=camera.um_per_px / (1.0 + camera.scale_per_um * depth_um),
            centre_dx_um=camera.centre_dx_um + camera.lean_x_ratio * depth_um,
            centre_dy_um=camera.centre_dy_um + camera.lean_y_ratio * depth_um,
        )
        return replace(self, camera=moved)

    def pose(self, x_um: float, y_um: float, theta_deg: float) -> ImagePose:
        """Machine pose relative to the nominal axis of the camera -> pose in the picture.

        For the up camera the part is taken as seen from below: its picture turns against its theta.
        """
        camera = self.camera
        x_um, y_um = x_um - camera.centre_dx_um, y_um - camera.centre_dy_um
        turn_deg = camera.rotation_deg if self.looks_up else -camera.rotation_deg
        if self.looks_up:
            x_um, theta_deg = -x_um, -theta_deg
        c, s = cos(radians(turn_deg)), sin(radians(turn_deg))
        return ImagePose(c * x_um - s * y_um, s * x_um + c * y_um, theta_deg + turn_deg)

    def to_image_px(self, x_um: Floats, y_um: Floats) -> tuple[Floats, Floats]:
        """Image frame um -> image frame px (still about the centre, y up), with lens distortion."""
        x_px, y_px = x_um / self.camera.um_per_px, y_um / self.camera.um_per_px
        if self.camera.distortion_k1 == 0.0:
            return x_px, y_px
        dx_px, dy_px = self.camera.distortion_dx_px, self.camera.distortion_dy_px
        arm_x, arm_y = x_px - dx_px, y_px - dy_px
        grow = 1.0 + self.camera.distortion_k1 * (arm_x**2 + arm_y**2) / half_diagonal_px(self.camera) ** 2
        return dx_px + arm_x * grow, dy_px + arm_y * grow

    def to_sensor_px(self, x_um: Floats, y_um: Floats) -> tuple[Floats, Floats]:
        """Image frame um -> column and row on the sensor (pixel centres are whole numbers)."""
        x_px, y_px = self.to_image_px(x_um, y_um)
        return (self.camera.width_px - 1) / 2 + x_px, (self.camera.height_px - 1) / 2 - y_px


def half_diagonal_px(camera: CameraTruth) -> float:
    return hypot(camera.width_px, camera.height_px) / 2


def undistorted_px(camera: CameraTruth) -> tuple[Floats32, Floats32]:
    """For every pixel, the image frame px (x right, y up) at which an undistorted lens would show the same point.

    The inverse of r' = r (1 + k1 rho^2) to second order in k1: exact to 1e-5 px for |k1| <= 0.002.
    """
    return _undistorted_px(
        camera.width_px, camera.height_px, camera.distortion_k1, camera.distortion_dx_px, camera.distortion_dy_px
    )


@lru_cache(maxsize=4)
def _undistorted_px(width_px: int, height_px: int, k1: float, dx_px: float, dy_px: float) -> tuple[Floats32, Floats32]:
    """By what it depends on alone: one lens is asked for planes at several heights."""
    arm_x = np.arange(width_px, dtype=np.float64)[None, :] - (width_px - 1) / 2 - dx_px
    arm_y = (height_px - 1) / 2 - np.arange(height_px, dtype=np.float64)[:, None] - dy_px
    rho2 = (arm_x**2 + arm_y**2) / (hypot(width_px, height_px) / 2) ** 2
    shrink = 1.0 - k1 * rho2 + 3.0 * (k1 * rho2) ** 2
    return (dx_px + arm_x * shrink).astype(np.float32), (dy_px + arm_y * shrink).astype(np.float32)
