"""What calibration found, with its uncertainty and age. Data only; `routine.py` measures it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from math import atan2, degrees, hypot, sqrt

from station.coordinates import AffineMap, ImagePoint


@dataclass(frozen=True, slots=True)
class LensFound:
    """One lens, from all dots of all shots of the glass part together."""

    um_per_px: float
    um_per_px_sigma: float
    k1_per_um2: float
    """true = seen * (1 + k1 * r_um^2), r from `bend_um`"""
    k1_sigma_per_um2: float
    dot_rms_um: float
    """per axis, of the dots about the fit"""
    dot_count: int
    scale_per_um: float | None = None
    """relative change of magnification per um farther from the lens; None where it was shown one height only"""
    scale_per_um_sigma: float | None = None
    bend_um: tuple[float, float] = (0.0, 0.0)
    """where the distortion is centred, about the image centre, at the calibrated scale"""
    bend_sigma_um: float | None = None
    """per axis; None where there is too little distortion to tell, and the image centre is taken"""

    def at_depth(self, depth_um: float) -> LensFound:
        """The lens for a plane this much farther away than the one it was calibrated in."""
        grow = 1.0 + (self.scale_per_um or 0.0) * depth_um
        return replace(
            self,
            um_per_px=self.um_per_px / grow,
            k1_per_um2=self.k1_per_um2 * grow**2,
            bend_um=(self.bend_um[0] / grow, self.bend_um[1] / grow),
        )


@dataclass(frozen=True, slots=True)
class OffsetFound:
    """Down camera against theta axis, and how that changes with the height of what is seen; machine axes.

    The lean is that of the optical axis against the travel of Z, which is what a placement goes by.
    covariance   4 x 4 of (x, y, lean x, lean y)
    """

    x_um: float
    """in the plane of the upper seat"""
    y_um: float
    lean_x_ratio: float
    """um that the point in the middle of the picture moves per um farther from the camera"""
    lean_y_ratio: float
    covariance: tuple[tuple[float, ...], ...]
    residual_um: float
    """per axis, of one place-and-look trial about the line"""
    trial_count: int


@dataclass(frozen=True, slots=True)
class TipFound:
    """The bare nozzle tip, from turned shots; machine axes, um.

    covariance   4 x 4 of (axis x, axis y, runout x, runout y)
    """

    runout_x_um: float
    """the tip from the theta axis where theta reads 0"""
    runout_y_um: float
    axis_x_um: float
    """the axis the tip turns about, from the axis the glass part turned about: 0 but for the noise of both"""
    axis_y_um: float
    covariance: tuple[tuple[float, ...], ...]
    residual_um: float
    lost_motion_um: float
    """between arriving from the one side and from the other: backlash and swing that had not died away"""
    shot_count: int

    @property
    def runout_um(self) -> float:
        return hypot(self.runout_x_um, self.runout_y_um)

    @property
    def runout_deg(self) -> float:
        """direction of the runout where theta reads 0, anticlockwise from machine x"""
        return degrees(atan2(self.runout_y_um, self.runout_x_um))

    @property
    def runout_sigma_um(self) -> float:
        """per axis"""
        return sqrt(max(self.covariance[2][2], self.covariance[3][3]))

    @property
    def axis_sigma_um(self) -> float:
        """per axis"""
        return sqrt(max(self.covariance[0][0], self.covariance[1][1]))


@dataclass(frozen=True, slots=True)
class Calibration:
    """Both cameras in machine coordinates.

    up     image (um about the centre) -> machine point of what is seen; its offset is the gantry position at which the
           theta axis stands over the image centre
    down   image -> machine shift; its offset is camera against theta axis, in the plane of the glass part's upper seat
    residuals are RMS over the shots, um
    """

    up: AffineMap[ImagePoint]
    down: AffineMap[ImagePoint]
    up_lens: LensFound
    down_lens: LensFound
    up_residual_um: float
    down_residual_um: float
    axis_residual_um: float
    """how well the turned shots lie on a circle about the theta axis"""
    axis_sigma_um: float
    """of the place of the theta axis over the up camera, per axis"""
    axis_arm_um: float
    """distance of the held part's centre from the theta axis: runout of the nozzle and of the pick together"""
    tip: TipFound
    """the runout of the nozzle alone"""
    offset: OffsetFound
    """the same offset with its lean against height and their covariance"""
    offset_sigma_um: float
    """spread of the place-and-look trials about that line, the worse axis"""
    theta_offset_deg: float
    """angle seen by the down camera minus angle seen by the up camera, for the same part"""
    at_s: float

    @property
    def hash(self) -> str:
        text = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()
