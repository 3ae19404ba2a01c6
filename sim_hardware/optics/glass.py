"""The glass calibration part: a 9 x 9 grid of chrome dots at 1,000 um, one corner dot left out as the turn mark.

Nothing here draws. The dots are seen from both sides; from above the grid is mirrored in x.
"""

from __future__ import annotations

import numpy as np

from sim_hardware.optics.lens import Floats

DOT_DIAMETER_UM = 300.0
DOT_PITCH_UM = 1_000.0
GLASS_SIZE_UM = 12_000.0
DOT_LEVEL = 190.0
GLASS_LEVEL = 35.0
_HALF_COUNT = 4


def dots_from_below() -> tuple[Floats, Floats]:
    """Dot centres seen from below, origin at the middle dot; the dot at (-4,000, -4,000) um is absent."""
    steps = np.arange(-_HALF_COUNT, _HALF_COUNT + 1, dtype=np.float64) * DOT_PITCH_UM
    x_um, y_um = (grid.ravel() for grid in np.meshgrid(steps, steps))
    # The corner comes first in this order.
    return x_um[1:], y_um[1:]


def dots_from_above() -> tuple[Floats, Floats]:
    """The same dots seen from above; the absent one stands at (+4,000, -4,000) um."""
    x_um, y_um = dots_from_below()
    return -x_um, y_um
