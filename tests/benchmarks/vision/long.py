"""The long run: a million balls and ten thousand poses, random scenes over all packages, resumable.

`python -m tests.benchmarks.vision.long --balls 1000000 --poses 10000 --seconds 3600`. Every judged picture is one line
of a file; a run that was ended goes on where it stopped, and what was tried so far is printed either way.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import sys
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tests.benchmarks.vision import ours
from tests.benchmarks.vision.bound import Bound
from tests.benchmarks.vision.long_scenes import Task, task
from tests.benchmarks.vision.renderer import render
from tests.benchmarks.vision.rows import distance_from_one, rate_rows, silent_row
from tests.benchmarks.vision.score import Trial, bootstrapped, judge, share
from tests.benchmarks.vision.table import Row, printed
from tests.benchmarks.vision.truth import truth_of

NO_BOUND = Bound(math.nan, math.nan, math.nan)
TELL_EVERY_S = 30.0


@dataclass(frozen=True)
class Tally:
    """What one scene gave: enough to add up and to draw the scene again."""

    number: int
    kind: str
    package: str
    wanted: str
    status: str
    is_silent_failure: bool
    spent_s: float
    error_um: float | None = None
    error_deg: float | None = None
    normalised_squared: float | None = None
    balls_tried: int = 0
    balls_missed: int = 0
    deformed_missed: int = 0
    balls_false: int = 0
    extras_false: int = 0


def attempt(number: int) -> Tally:
    """Draw scene `number`, ask the finder, judge."""
    asked: Task = task(number)
    scene = asked.drawn
    pixels = render(scene)
    started_s = time.process_time()
    fix = ours.look_for(asked.asked, pixels, scene.sensor.um_per_px)
    spent_s = time.process_time() - started_s
    is_found = fix.status == "found"
    tally = Tally(number, asked.kind, scene.package.name, asked.wanted, fix.status, is_found, spent_s)
    if asked.wanted == "nothing":
        return tally
    trial: Trial = judge(ours.answer_of(fix, asked.asked), truth_of(scene), scene, NO_BOUND)
    tally = replace(
        tally,
        is_silent_failure=is_found if asked.wanted == "no turn" else trial.is_silent_failure,
        error_um=_finite(math.hypot(trial.error_x_um, trial.error_y_um)),
        error_deg=_finite(trial.error_theta_deg),
        normalised_squared=_finite(trial.normalised_squared),
    )
    if asked.kind != "in range":
        return tally
    return replace(tally, balls_tried=trial.balls_tried, balls_missed=trial.balls_missed,
                   deformed_missed=trial.deformed_missed,
                   balls_false=trial.balls_false, extras_false=trial.extras_false)  # fmt: skip


def _finite(value: float) -> float | None:
    """JSON knows no NaN."""
    return value if math.isfinite(value) else None


def code_digest() -> str:
    """Of finder and benchmark: figures of two versions are not to be added up."""
    here = Path(__file__).parent
    vision = here.parents[2] / "vision"
    files = [*sorted(here.glob("*.py")), *sorted(vision.glob("*.py")), *sorted((vision / "kernels").glob("*.[ch]"))]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def read(path: Path) -> list[Tally]:
    """Scenes of an earlier run; a last line cut short is left out.

    raises   ValueError when the run was made by other code
    """
    if not path.exists():
        return []
    first, *lines = path.read_text(encoding="utf-8").splitlines() or [""]
    if first != _head():
        raise ValueError(f"{path} holds a run of other code. Keep it elsewhere or start anew with --fresh.")
    found = []
    for line in lines:
        try:
            found.append(Tally(**json.loads(line)))
        except (json.JSONDecodeError, TypeError):
            break
    return found


def _head() -> str:
    return json.dumps({"code": code_digest()})


def run(path: Path, balls: int, poses: int, seconds: float, cores: int = 1) -> list[Tally]:
    """Go on until both counts are reached, the time is up or somebody ends it; every scene is written at once.

    cores   processes that judge scenes; what they say is written in the order of the scenes, whoever was first
    """
    done = read(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{_head()}\n" + "".join(map(_line, done)), encoding="utf-8")
    started_s = told_s = time.monotonic()
    tried = sum(tally.balls_tried for tally in done)
    with path.open("a", encoding="utf-8") as file, _attempts(len(done), cores) as tallies, suppress(KeyboardInterrupt):
        while (tried < balls or len(done) < poses) and time.monotonic() - started_s < seconds:
            tally = next(tallies)
            file.write(_line(tally))
            file.flush()
            done.append(tally)
            tried += tally.balls_tried
            if time.monotonic() - told_s > TELL_EVERY_S:
                told_s = time.monotonic()
                silent = sum(t.is_silent_failure for t in done)
                print(f"{len(done):,} poses, {tried:,} balls, {silent} silent failures", file=sys.stderr, flush=True)
    return done


@contextmanager
def _attempts(first: int, cores: int) -> Iterator[Iterator[Tally]]:
    """Scenes from `first` on, judged, in their order; never more of them under way than keep the cores busy."""
    if cores == 1:
        yield map(attempt, count(first))
        return
    with ProcessPoolExecutor(cores, get_context("spawn"), cv2.setNumThreads, (1,)) as pool:
        ahead = deque(pool.submit(attempt, first + number) for number in range(2 * cores))

        def judged() -> Iterator[Tally]:
            for number in count(first + len(ahead)):
                tally = ahead.popleft().result()
                ahead.append(pool.submit(attempt, number))
                yield tally

        try:
            yield judged()
        finally:
            pool.shutdown(cancel_futures=True)


def _line(tally: Tally) -> str:
    return json.dumps(vars(tally)) + "\n"


def rows(done: list[Tally]) -> list[Row]:
    """What was tried, as lines of the table."""
    in_range = [t for t in done if t.kind == "in range"]
    tried = sum(t.balls_tried for t in done)
    missed, false = sum(t.balls_missed for t in done), sum(t.balls_false for t in done)
    extras = sum(t.extras_false for t in done)
    silent = [t for t in done if t.is_silent_failure]
    refused = [t for t in in_range if t.status != "found"]
    found = [
        *rate_rows(missed, sum(t.deformed_missed for t in done), false, extras, tried=tried),
        silent_row(len(silent), len(done), "scenes " + ", ".join(str(t.number) for t in silent[:40]) if silent else ""),
        Row("in range, not found", share(len(refused), len(in_range)), "poses", None, None,
            note="scenes " + ", ".join(str(t.number) for t in refused[:40]) if refused else ""),
    ]  # fmt: skip
    claimed = np.array([
        t.normalised_squared / 3 for t in in_range if t.normalised_squared is not None and not t.is_silent_failure
    ])  # fmt: skip
    if len(claimed):
        true = bootstrapped(claimed, lambda mean: mean)
        found.append(Row("squared error / claimed, in range", str(true), "1 = true", 1.1, 1.05,
                         value=distance_from_one(true.value)))  # fmt: skip
    for kind in sorted({(t.kind, t.package if t.kind == "in range" else "") for t in done}):
        of = [t for t in done if t.kind == kind[0] and kind[1] in ("", t.package)]
        found.append(_kind_row(" / ".join(part for part in kind if part), of))
    return found


def _kind_row(name: str, of: list[Tally]) -> Row:
    counts: dict[str, Any] = {s: sum(t.status == s for t in of) for s in ("found", "ambiguous", "refused")}
    errors = [t.error_um for t in of if t.status == "found" and t.error_um is not None and not t.is_silent_failure]
    worst = f", worst {max(errors):.3f} um" if errors else ""
    text = ", ".join(f"{count} {status}" for status, count in counts.items() if count) + worst
    silent = sum(t.is_silent_failure for t in of)
    time_ms = 1e3 * float(np.median([t.spent_s for t in of]))
    return Row(name, text, f"of {len(of)}", None, None, note=f"silent failures {silent}; median {time_ms:.1f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.vision.long", description=__doc__)
    parser.add_argument("--balls", type=int, default=1_000_000, help="go on until so many balls were judged")
    parser.add_argument("--poses", type=int, default=10_000, help="and so many poses")
    parser.add_argument("--seconds", type=float, default=math.inf, help="but end after this time")
    parser.add_argument("--file", type=Path, default=Path("report/bench-vision/long.jsonl"))
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)), help="processes (default: all)")
    parser.add_argument("--fresh", action="store_true", help="forget an earlier run")
    wanted = parser.parse_args()
    cv2.setNumThreads(1)
    if wanted.fresh:
        wanted.file.unlink(missing_ok=True)
    try:
        done = run(wanted.file, wanted.balls, wanted.poses, wanted.seconds, max(1, wanted.cores))
    except ValueError as refused:
        raise SystemExit(str(refused)) from None
    tried = sum(t.balls_tried for t in done)
    print(printed(rows(done), f"Long run: {len(done):,} poses, {tried:,} balls judged in range"))


if __name__ == "__main__":
    main()
