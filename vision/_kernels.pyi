"""The compiled part, vision/kernels/*.c: what each kernel is given, arrays in C's order, and what it writes to.

Pictures may be parts of larger ones. Everything given is whole and finite unless said otherwise; the callers see to it.
"""

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Reals = NDArray[np.float64]
Wholes = NDArray[np.int64]

def thinned_levels(pixels: Bytes, step: int, sparse: int, small: Bytes, counts: Wholes) -> int: ...
def summits(small: Bytes, ground: int, half: int, reach: int, found: Reals) -> int: ...
def nearest_within(points: Reals, targets: Reals, radius: float, nearest: Wholes) -> int: ...
def best_places(pixels: Bytes, starts: Reals, template: NDArray[np.float32], reach: int, found: Reals) -> int: ...
def gap_levels(pixels: Bytes, centres: Reals, pairs: Wholes, rim: float, steps: int, levels: Reals) -> int: ...
