"""All tests. Linear algebra runs on one thread from here on: on two it sums in another order, and the last bits of a
calibration differ, so that the same seed is not the same run. `make` and the commands set the same for themselves."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
