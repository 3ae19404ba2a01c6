"""What calibration found, with its uncertainty and age. Data only; `routine.py` measures it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

from station.coordinates import AffineMap, ImagePoint


@dataclass(frozen=True, slots=True)
class LensFound:
    """One lens, from all dots of all shots of the glass part together."""

    um_per_px: float
    um_per_px_sigma: float
    k1_per_um2: float
    """true = seen * (1 + k1 * r_um^2) about the image centre"""
    k1_sigma_per_um2: float
    dot_rms_um: float
    """per axis, of the dots about the fit"""
    dot_count: int
    scale_per_um: float | None = None
    """relative change of scale per um farther from the lens; None where the part was shown at one height only"""
    scale_per_um_sigma: float | None = None


@dataclass(frozen=True, slots=True)
class Calibration:
    """Both cameras in machine coordinates.

    up     image (um about the centre) -> machine point of what is seen; its offset is the gantry position at which the
           theta axis stands over the image centre
    down   image -> machine shift; its offset is camera against theta axis
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
    offset_sigma_um: float
    """spread of the place-and-look trials"""
    theta_offset_deg: float
    """angle seen by the down camera minus angle seen by the up camera, for the same part"""
    at_s: float

    @property
    def hash(self) -> str:
        text = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()
