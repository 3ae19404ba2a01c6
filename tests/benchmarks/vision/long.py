"""The long run: a million balls and ten thousand poses, random scenes over all packages, resumable.

`python -m tests.benchmarks.vision.long --balls 1000000 --poses 10000 --seconds 3600`. Every judged picture is one line
of a file; a run that was ended goes on where it stopped, and what was tried so far is printed either way.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tests.benchmarks.vision import ours
from tests.benchmarks.vision.bound import Bound
from tests.benchmarks.vision.long_scenes import Task, task
from tests.benchmarks.vision.renderer import render
from tests.benchmarks.vision.rows import rate_rows, silent_row
from tests.benchmarks.vision.score import Trial, judge, share
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
    error_um: float | None
    error_deg: float | None
    is_silent_failure: bool
    balls_tried: int
    balls_missed: int
    balls_false: int
    extras_false: int
    spent_s: float


def attempt(number: int) -> Tally:
    """Draw scene `number`, ask the finder, judge."""
    asked: Task = task(number)
    scene = asked.drawn
    pixels = render(scene)
    started_s = time.process_time()
    fix = ours.look_for(asked.asked, pixels, scene.sensor.um_per_px)
    spent_s = time.process_time() - started_s
    is_found = fix.status == "found"
    if asked.wanted == "nothing":
        return Tally(number, asked.kind, scene.package.name, asked.wanted, fix.status, None, None, is_found, 0, 0, 0, 0,
                     spent_s)  # fmt: skip
    trial: Trial = judge(ours.answer_of(fix, asked.asked), truth_of(scene), scene, NO_BOUND)
    silent = is_found if asked.wanted == "no turn" else trial.is_silent_failure
    # Which site a ball belongs to is known only when the turn is.
    counted = asked.kind == "in range" and is_found and not trial.is_wrong
    error_um = math.hypot(trial.error_x_um, trial.error_y_um)
    return Tally(
        number, asked.kind, scene.package.name, asked.wanted, fix.status,
        error_um if math.isfinite(error_um) else None,
        trial.error_theta_deg if math.isfinite(trial.error_theta_deg) else None, silent,
        *((trial.balls_tried, trial.balls_missed, trial.balls_false, trial.extras_false) if counted else (0, 0, 0, 0)),
        spent_s,
    )  # fmt: skip


def read(path: Path) -> list[Tally]:
    """Lines of an earlier run; a last line cut short is left out."""
    found = []
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                found.append(Tally(**json.loads(line)))
            except (json.JSONDecodeError, TypeError):
                break
    return found


def run(path: Path, balls: int, poses: int, seconds: float) -> list[Tally]:
    """Go on until both counts are reached or the time is up; every scene is written at once."""
    done = read(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(_line(tally) for tally in done), encoding="utf-8")
    started_s = told_s = time.monotonic()
    with path.open("a", encoding="utf-8") as file:
        tried = sum(tally.balls_tried for tally in done)
        while (tried < balls or len(done) < poses) and time.monotonic() - started_s < seconds:
            tally = attempt(len(done))
            done.append(tally)
            tried += tally.balls_tried
            file.write(_line(tally))
            file.flush()
            if time.monotonic() - told_s > TELL_EVERY_S:
                told_s = time.monotonic()
                silent = sum(t.is_silent_failure for t in done)
                print(f"{len(done):,} poses, {tried:,} balls, {silent} silent failures", file=sys.stderr, flush=True)
    return done


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
        *rate_rows(missed, false, extras, tried),
        silent_row(len(silent), len(done), "scenes " + ", ".join(str(t.number) for t in silent[:40]) if silent else ""),
        Row("in range, not found", share(len(refused), len(in_range)), "poses", None, None,
            note="scenes " + ", ".join(str(t.number) for t in refused[:40]) if refused else ""),
    ]  # fmt: skip
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
    parser.add_argument("--fresh", action="store_true", help="forget an earlier run")
    wanted = parser.parse_args()
    cv2.setNumThreads(1)
    if wanted.fresh:
        wanted.file.unlink(missing_ok=True)
    try:
        done = run(wanted.file, wanted.balls, wanted.poses, wanted.seconds)
    except KeyboardInterrupt:
        done = read(wanted.file)
    tried = sum(t.balls_tried for t in done)
    print(printed(rows(done), f"Long run: {len(done):,} poses, {tried:,} balls judged in range"))


if __name__ == "__main__":
    main()
