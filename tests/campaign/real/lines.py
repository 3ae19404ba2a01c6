"""A line for one run: what goes wrong with it is written down with the last words of the service, and it is closed."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.campaign.operator import Hangs
from tests.scenarios.live import Line

SAID_KEPT = 2_000
"""characters of what the service said last, kept where something was wrong"""


@contextmanager
def line_for(
    wrong: list[str], seed: int, speed: float, data_dir: Callable[[Path], Path] = lambda folder: folder / "data"
) -> Iterator[Line]:
    """A machine in a folder of its own; the service is started by whoever uses it."""
    folder = Path(tempfile.mkdtemp(prefix="real-"))
    line = Line(folder, seed=seed, speed=speed, data_dir=data_dir(folder))
    try:
        yield line
    except (AssertionError, Hangs, httpx.HTTPError) as failed:
        said = line.service.said[-SAID_KEPT:] if line.service is not None else ""
        wrong.append(f"{type(failed).__name__}: {failed} {said}")
    finally:
        try:
            line.close()
        except AssertionError as failed:
            wrong.append(str(failed))
        shutil.rmtree(folder, ignore_errors=True)
