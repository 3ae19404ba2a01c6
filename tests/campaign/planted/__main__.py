"""`python -m tests.campaign.planted`: plant every bug in a process of its own, let the campaign hunt, write the page.

Exit code 0: every bug was found; 1: one was not; 2: a bug does not apply any more. Lines are kept in
report/planted.jsonl; `--only` replaces the lines of some bugs, and every line says of which state of the code it is.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

from tests.campaign.planted import page
from tests.campaign.planted.bugs import BUGS
from tests.campaign.planted.model import ROOT
from tests.campaign.planted.state import state_of_code

HUNT_LIMIT_S = 3_600


def main() -> int:
    parser = argparse.ArgumentParser("python -m tests.campaign.planted", description="Planted bugs, hunted.")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("report/planted.jsonl"))
    parser.add_argument("--only", default="", help="keys, split by semicolons; their lines replace older ones")
    parser.add_argument("--page", action="store_true", help="only write docs/planted_bugs.md from the lines")
    options = parser.parse_args()
    if not options.page and (status := _hunt_all(options)):
        return status
    found = page.lines_of(options.out)
    clean = json.loads(page.clean_beside(options.out).read_text(encoding="utf-8"))
    page.KEPT.write_text(page.kept(clean, found), encoding="utf-8")
    page.PAGE.write_text(page.document(), encoding="utf-8")
    missed = [line["bug"] for line in found if line["found"] is None]
    times_s = [line["cpu_s"] for line in found if line["found"] is not None]
    sys.stdout.write(f"{len(found) - len(missed)} of {len(found)} planted bugs found")
    sys.stdout.write(
        f", processor time {median(times_s):.1f} s median, {max(times_s):.1f} s worst\n" if times_s else "\n"
    )
    other = sum(line["code"] != clean["code"] for line in found)
    if other:
        sys.stdout.write(f"  {other} lines are of another state of the code than {clean['code']}: run without --only\n")
    for key in missed:
        sys.stdout.write(f"  not found: {key}: {BUGS[key].told}\n")
    return int(bool(missed))


def _hunt_all(options: argparse.Namespace) -> int:
    wanted = [key.strip() for key in options.only.split(";") if key.strip()] or list(BUGS)
    unknown = [key for key in wanted if key not in BUGS]
    if unknown:
        sys.stderr.write(f"no such bug: {', '.join(unknown)}; known: {'; '.join(BUGS)}\n")
        return 2
    stale = [text for key in wanted if (text := _stale(key))]
    if stale:
        sys.stderr.write("\n".join([*stale, "renew these edits: what does not apply can not be found"]) + "\n")
        return 2
    options.out.parent.mkdir(parents=True, exist_ok=True)
    known = page.clean_beside(options.out)
    if not options.only or not known.exists() or json.loads(known.read_text())["code"] != state_of_code():
        sys.stdout.write("the code as it is goes through all of the work first\n")
        sys.stdout.flush()
        clean = _hunter()
        known.write_text(json.dumps(clean), encoding="utf-8")
        sys.stdout.write(
            f"{clean['pieces']} pieces of work, {clean['cpu_s']:.0f} s; shows {clean['seen'] or 'nothing'}\n"
        )
    older = page.lines_of(options.out) if options.only and options.out.exists() else []
    lines = {line["bug"]: line for line in older if line["bug"] in BUGS}
    with ThreadPoolExecutor(max(1, options.workers)) as pool:
        for key, line in zip(wanted, pool.map(lambda key: _hunter(key, known), wanted), strict=True):
            lines[key] = {"bug": key, **line}
            at = f"by {line['found']} in {line['at']}" if line["found"] else "NOT FOUND"
            sys.stdout.write(f"{key}: {at}, {line['cpu_s']:.1f} s\n")
            sys.stdout.flush()
            ordered = [lines[bug] for bug in BUGS if bug in lines]
            options.out.write_text("".join(json.dumps(line) + "\n" for line in ordered), encoding="utf-8")
    return 0


def _stale(key: str) -> str:
    try:
        BUGS[key].patched()
    except Exception as error:
        return f"{key}: {error}"
    return ""


def _hunter(key: str = "", known: Path | None = None) -> dict[str, Any]:
    """A process of its own: what was imported before can not be spoilt."""
    asked = ["--bug", key, "--known", str(known)] if key else []
    ran = subprocess.run(
        [sys.executable, "-m", "tests.campaign.planted.hunt", *asked],
        cwd=ROOT,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        timeout=HUNT_LIMIT_S,
    )
    if ran.returncode:
        raise RuntimeError(f"{key}: {ran.stderr[-2000:]}")
    line: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return line


if __name__ == "__main__":
    sys.exit(main())
