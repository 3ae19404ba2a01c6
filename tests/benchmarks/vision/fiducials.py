"""The lines of the table on fiducials: error over bound, failures, claimed sigma, refusals, time; baselines beside.

`python -m tests.benchmarks.vision.fiducials` prints them alone.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from tests.benchmarks.vision import second_fiducials
from tests.benchmarks.vision.fiducial_baselines import FAILED_UM, METHODS, Settings, tuned
from tests.benchmarks.vision.fiducial_scenes import CASES, SIZE_UM, UM_PER_PX, Drawn, FiducialCase, bound_um, draw
from tests.benchmarks.vision.score import Interval, bootstrapped, share
from tests.benchmarks.vision.table import Row, printed
from vision.fiducials import locate_fiducial
from vision.frame import Frame
from vision.results import FiducialFix

SEARCH_UM = 1_300.0
FULL_COUNTS, QUICK_COUNTS = (100, 25, 200), (4, 2, 8)
"""Pictures per case, of those for the baselines, pictures without a mark."""

SECOND = ("clean", "nominal", "gradient", "noise16", "defocus", "all", "cross")
"""cases that are drawn by the second optics as well"""

REPEATS = 15


@dataclass(frozen=True)
class Sighting:
    """One answer: error in um per axis, claimed sigma; NaN where it was refused."""

    status: str
    x_um: float
    y_um: float
    sigma_um: float

    @property
    def is_answered(self) -> bool:
        return self.status == "found"

    @property
    def is_wrong(self) -> bool:
        return self.is_answered and math.hypot(self.x_um, self.y_um) > FAILED_UM


def ours(pixels: np.ndarray, case: FiducialCase) -> FiducialFix:
    frame = Frame(pixels, UM_PER_PX)
    return locate_fiducial(frame, SIZE_UM, shape=case.shape, search_um=SEARCH_UM)  # type: ignore[arg-type]


def sight(case: FiducialCase, number: int, drawing: Callable[..., Drawn] = draw) -> Sighting:
    drawn = drawing(case, number)
    fix = ours(drawn.pixels, case)
    middle_px = (drawn.pixels.shape[1] - 1) / 2
    true_um = ((drawn.x_px - middle_px) * UM_PER_PX, (middle_px - drawn.y_px) * UM_PER_PX)
    return Sighting(fix.status, fix.x_um - true_um[0], fix.y_um - true_um[1], fix.sigma_um)


def rows(quick: bool) -> list[Row]:
    images, baseline_images, empty = QUICK_COUNTS if quick else FULL_COUNTS
    settings = tuned()
    found: list[Row] = []
    everything: list[Sighting] = []
    for case in CASES.values():
        print(f"{case.what}: {images} pictures", file=sys.stderr, flush=True)
        sightings = [sight(case, number) for number in range(images)]
        everything += sightings
        found.append(_accuracy_row(case, sightings, settings, baseline_images if case.shape == "disc" else 0))
    found.append(_failure_row(everything))
    found.append(_claim_row(everything))
    found.append(_absent_row(empty))
    found += [_second_row(CASES[name], baseline_images) for name in SECOND]
    found.append(_time_row(settings, 3 if quick else 8))
    return found


def _accuracy_row(case: FiducialCase, sightings: list[Sighting], settings: dict[str, Settings], count: int) -> Row:
    bound = bound_um(case)
    kept = [one for one in sightings if one.is_answered and not one.is_wrong]
    square = np.array([0.5 * (one.x_um**2 + one.y_um**2) for one in kept])
    ratio = bootstrapped(square / bound**2)
    mean_um = np.array([(one.x_um, one.y_um) for one in kept]).mean(axis=0) if kept else np.full(2, math.nan)
    worst_um = math.sqrt(2 * float(square.max())) if kept else math.nan
    reach, stretch = case.wanted or (None, None)
    note = (
        f"rms {_rms(square):.3f} um, median {math.sqrt(float(np.median(square)) / 0.693 if kept else math.nan):.3f}, "
        f"bias ({mean_um[0]:+.3f}, {mean_um[1]:+.3f}), worst {worst_um:.2f}; not answered or over {FAILED_UM:.0f} um "
        f"{len(sightings) - len(kept)} of {len(sightings)}; normalised {_normalised(kept)}"
    )
    others = {name: _baseline(name, case, settings[name], count, bound) for name in METHODS} if count else {}
    return Row(case.what, str(ratio), f"{bound:.4f} um", reach, stretch, others, note, ratio.value)


def _rms(square: np.ndarray) -> float:
    return math.sqrt(float(square.mean())) if len(square) else math.nan


def _normalised(sightings: list[Sighting]) -> Interval:
    """Squared error over claimed variance, per axis: 1 = true sigma."""
    return bootstrapped(np.array([0.5 * (s.x_um**2 + s.y_um**2) / s.sigma_um**2 for s in sightings]), lambda mean: mean)


def _baseline(name: str, case: FiducialCase, settings: Settings, count: int, bound: float) -> str:
    method = METHODS[name][0]
    square = []
    for number in range(count):
        drawn = draw(case, number)
        place = method(drawn.pixels, settings)
        off = math.inf if place is None else UM_PER_PX * math.hypot(place[0] - drawn.x_px, place[1] - drawn.y_px)
        if off <= FAILED_UM:
            square.append(0.5 * off**2)
    failed = f" [{count - len(square)} of {count} failed]" if len(square) < count else ""
    if not square:
        return f"all {count} failed"
    rms = _rms(np.array(square))
    return f"{rms:.3g} um ({rms / bound:.3g}){failed}"


def _second_row(case: FiducialCase, count: int) -> Row:
    """Error under the second optics over error under the first, rms over as many pictures of each."""
    print(f"{case.what}, second optics: {count} pictures", file=sys.stderr, flush=True)
    first, second = ([sight(case, n, drawing) for n in range(count)] for drawing in (draw, second_fiducials.draw))
    kept = [[one for one in seen if one.is_answered and not one.is_wrong] for seen in (first, second)]
    rms_um = [_rms(np.array([0.5 * (one.x_um**2 + one.y_um**2) for one in seen])) for seen in kept]
    ratio = rms_um[1] / rms_um[0]
    note = (
        f"rms {rms_um[0]:.3f} and {rms_um[1]:.3f} um; under the second optics not answered or over {FAILED_UM:.0f} um "
        f"{count - len(kept[1])} of {count}, normalised {_normalised(kept[1])}"
    )
    return Row(f"{case.what}: second optics / first", f"{ratio:.2g}", "1 = alike", 3.0, 2.0, note=note, value=ratio)


def _failure_row(sightings: list[Sighting]) -> Row:
    wrong = sum(one.is_wrong for one in sightings)
    missed = sum(not one.is_answered for one in sightings)
    return Row(
        "fiducial, wrong by over 50 um and called found", share(wrong, len(sightings)), "share", 0.0, 0.0,
        note=f"not answered, ambiguous or refused: {share(missed, len(sightings))}", value=float(wrong),
    )  # fmt: skip


def _claim_row(sightings: list[Sighting]) -> Row:
    """How far the squared error lies from the claimed one, over all cases together."""
    normalised = _normalised([one for one in sightings if one.is_answered and not one.is_wrong])
    return Row("fiducial, claimed sigma", str(normalised), "1 = true", 0.2, 0.1, value=abs(normalised.value - 1.0),
               note="squared error over claimed variance, all cases; to reach: within 0.2 of 1")  # fmt: skip


def _absent_row(count: int) -> Row:
    """Boards without a mark, as dirty as they come: nothing may be found."""
    names = ("nominal", "traces", "all", "faint")
    found = sum(
        ours(draw(CASES[names[number % len(names)]], number, absent=True).pixels, CASES["nominal"]).status == "found"
        for number in range(count)
    )
    return Row("fiducial, found where none is", share(found, count), "share", 0.0, 0.0, value=float(found))


def _time_row(settings: dict[str, Settings], count: int) -> Row:
    pictures = [draw(CASES["nominal"], number).pixels for number in range(count)]
    threshold_ms = _median_ms(lambda pixels: cv2.threshold(pixels, 100, 255, cv2.THRESH_BINARY), pictures, 40)
    mine_ms = _median_ms(lambda pixels: ours(pixels, CASES["nominal"]), pictures, 1)
    others = {}
    for name, (method, _) in METHODS.items():
        taken_ms = _median_ms(lambda pixels, m=method, s=settings[name]: m(pixels, s), pictures, 1)
        others[name] = f"{taken_ms:.2f} ms"
    return Row(
        "fiducial, time for 512 x 512", f"{mine_ms:.2f}", "ms", 1.0, 0.5, others,
        f"one threshold pass {1e3 * threshold_ms:.0f} us, ours {mine_ms / threshold_ms:.0f} x; process time, one "
        f"thread, least of {REPEATS} a picture, median of {count} pictures", mine_ms,
    )  # fmt: skip


def _median_ms(work, pictures: list[np.ndarray], inner: int) -> float:
    """Least time of a picture over the repeats, median over pictures: other work on the machine only adds."""
    least = np.full(len(pictures), math.inf)
    for _ in range(REPEATS):
        for number, pixels in enumerate(pictures):
            started = time.process_time_ns()
            for _ in range(inner):
                work(pixels)
            least[number] = min(least[number], (time.process_time_ns() - started) / inner / 1e6)
    return float(np.median(least))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.vision.fiducials", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few pictures: shows that it runs, proves nothing")
    cv2.setNumThreads(1)
    print(printed(rows(parser.parse_args().quick), "Fiducials against the noise bound, simulated pictures"), end="")


if __name__ == "__main__":
    main()
