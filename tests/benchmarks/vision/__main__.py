"""`python -m tests.benchmarks.vision`: the table of docs/vision.md, ours beside the bound and the baselines."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
import time
from pathlib import Path

import cv2

from tests.benchmarks.vision import rows
from tests.benchmarks.vision.ours import MADE_OF
from tests.benchmarks.vision.samples import write_samples
from tests.benchmarks.vision.table import Row, printed

OTHERS = ("fiducials", "wetting")
"""Modules beside this one that add lines: each has `rows(quick: bool) -> list[Row]`."""


def other_rows(quick: bool) -> list[Row]:
    found: list[Row] = []
    for name in OTHERS:
        full_name = f"tests.benchmarks.vision.{name}"
        if importlib.util.find_spec(full_name) is not None:
            print(name, file=sys.stderr, flush=True)
            found += importlib.import_module(full_name).rows(quick)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.vision", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few pictures: shows that it runs, proves nothing")
    parser.add_argument("--out", type=Path, default=Path("report/bench-vision"), help="folder for samples and table")
    parser.add_argument("--no-samples", action="store_true", help="write no sample pictures")
    wanted = parser.parse_args()
    cv2.setNumThreads(1)
    started_s = time.monotonic()
    found = rows.rows(wanted.quick) + other_rows(wanted.quick)
    wanted.out.mkdir(parents=True, exist_ok=True)
    if not wanted.no_samples:
        write_samples(wanted.out / "samples")
    count = rows.counts(wanted.quick)
    title = (
        f"Vision against the noise bound: {count.images} pictures a case, baselines {count.baseline_images}; "
        f"simulated pictures, no real ball stands behind them; ours on {MADE_OF}.\n"
        "[low, high] is a 95 % interval over pictures."
    )
    text = printed(found, title)
    verdicts = [row.verdict for row in found if row.verdict]
    text += f"\n{len(verdicts) - verdicts.count('missed')} of {len(verdicts)} figures reached"
    text += f", {verdicts.count('stretch')} of them with the stretch figure; {time.monotonic() - started_s:.0f} s\n"
    (wanted.out / "table.txt").write_text(text, encoding="utf-8")
    print(text, end="")


if __name__ == "__main__":
    main()
