"""What calibration found, with its uncertainty and age. Data only; `routine.py` measures it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

from station.coordinates import AffineMap, ImagePoint


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
    up_um_per_px: float
    down_um_per_px: float
    up_residual_um: float
    down_residual_um: float
    axis_residual_um: float
    """how well the turned shots lie on a circle about the theta axis"""
    offset_sigma_um: float
    """spread of the place-and-look trials"""
    theta_offset_deg: float
    """angle seen by the down camera minus angle seen by the up camera, for the same part"""
    at_s: float

    @property
    def hash(self) -> str:
        text = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()
