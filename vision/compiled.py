"""Whether the compiled loops of `vision/kernels/*.c` are there, and the switch that leaves them aside.

Each has a twin in numpy at the place that calls it: the same answer, several times slower. Nothing else knows which of
the two has run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

try:
    from vision import _kernels as kernels
except ImportError:  # not built here: no compiler at set-up, or another system
    IS_BUILT = False
else:
    IS_BUILT = True

__all__ = ["IS_BUILT", "SWITCH", "is_compiled", "kernels", "switched_off"]

SWITCH = "VISION_COMPILED"
"""Environment variable; `off` leaves the compiled part aside."""

_in_use = IS_BUILT and os.environ.get(SWITCH, "on") != "off"


def is_compiled() -> bool:
    """Whether `kernels` is to be asked; otherwise numpy answers."""
    return _in_use


@contextmanager
def switched_off() -> Iterator[None]:
    """Inside, numpy does all the work, as on a machine without the compiled part."""
    global _in_use
    before, _in_use = _in_use, False
    try:
        yield
    finally:
        _in_use = before
