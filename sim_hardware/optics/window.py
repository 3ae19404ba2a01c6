"""The window over the up camera: a drop of material on it blurs and dims whatever is seen through it.

Pictures only; an observation knows no window.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

BLOT_AT_UM = (0.0, 5_400.0)
"""where the drop lies, from the middle of the picture to the right and up: under a row of balls; estimate"""
BLOT_BLUR_PX = 4.0  # estimate: a drop with a skin is no lens
BLOT_LOSS_RATIO = 0.15  # estimate


def under_blot(picture: NDArray[np.uint8], um_per_px: float, blot_um: float) -> NDArray[np.uint8]:
    """The picture through a window with a drop of this diameter, um; 0 = clean."""
    if blot_um <= 0.0:
        return picture
    height_px, width_px = picture.shape
    column, row = width_px / 2 + BLOT_AT_UM[0] / um_per_px, height_px / 2 - BLOT_AT_UM[1] / um_per_px
    y, x = np.ogrid[:height_px, :width_px]
    is_under = np.hypot(x - column, y - row) <= blot_um / 2 / um_per_px
    dull = cv2.GaussianBlur(picture, (0, 0), BLOT_BLUR_PX)
    seen = picture.copy()
    seen[is_under] = (dull[is_under] * (1.0 - BLOT_LOSS_RATIO)).astype(np.uint8)
    return seen
