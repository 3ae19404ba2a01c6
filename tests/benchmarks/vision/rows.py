"""The lines of the table on ball arrays: accuracy, failures, balls, claimed covariance, time, the second renderer."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass

import numpy as np

from tests.benchmarks.vision.cases import CASES
from tests.benchmarks.vision.run import (
    OURS,
    THRESHOLD,
    Times,
    calibrate_optics,
    measure_times,
    run_case,
    run_second,
)
from tests.benchmarks.vision.score import (
    Summary,
    Trial,
    bootstrapped,
    paired_ratio,
    per_million,
    rate_and_limit,
    share,
    summarise,
)
from tests.benchmarks.vision.table import Row

ENCLOSING = "contours + minEnclosingCircle"
WANTED: dict[str, tuple[float, float]] = {
    "nominal": (1.2, 1.1),
    "noise16": (1.2, 1.1),
    "missing20": (1.2, 1.1),
    "full1023": (1.2, 1.1),
    "common": (4.0, 2.0),
    "uneven": (6.0, 2.0),
    "defocus": (1.4, 1.2),
}
"""Pose over bound to reach, and stretch."""
EVEN_LIGHT = ("nominal", "noise16", "missing20", "full1023", "wlcsp196")
SECOND_CASES = ("nominal", "noise16", "defocus", "uneven", "common", "heavy")
FULL_COUNTS, QUICK_COUNTS = (40, 8, 16, 6), (2, 1, 2, 1)


@dataclass(frozen=True)
class Counts:
    """How many pictures: per case, of those for the baselines, per case of the second renderer, for times."""

    images: int
    baseline_images: int
    second_images: int
    timed_images: int


def counts(quick: bool) -> Counts:
    return Counts(*(QUICK_COUNTS if quick else FULL_COUNTS))


def rows(quick: bool) -> list[Row]:
    """All lines on ball arrays; progress goes to standard error."""
    wanted = counts(quick)
    found: list[Row] = []
    ours: dict[str, list[Trial]] = {}
    for case in CASES.values():
        _tell(f"{case.what}: {wanted.images} pictures")
        trials = run_case(case, wanted.images, wanted.baseline_images)
        ours[case.name] = trials[OURS]
        found.append(accuracy_row(case.name, trials))
        if case.name == "heavy":
            found.append(found_row(trials))
    found += ball_rows(ours)
    found += second_rows(ours, wanted)
    found += time_rows(wanted)
    return found


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def accuracy_row(name: str, trials: dict[str, list[Trial]]) -> Row:
    case, mine = CASES[name], summarise(trials[OURS])
    bound_um = trials[OURS][0].bound.xy_um
    others = {method: _baseline(summarise(of)) for method, of in trials.items() if method != OURS}
    note = _note(mine) + _paired(trials)
    if name == "heavy":
        interval = bootstrapped(_squares(trials[OURS]))
        return Row("pose, heavy substrate", f"{interval} um", f"um, bound {bound_um:.4f}", 0.05, 5 * bound_um,
                   others, note, mine.rms_um)  # fmt: skip
    reach, stretch = WANTED.get(name, (None, None))
    unit = f"x bound {bound_um:.4f} um"
    return Row(f"pose, {case.what}", str(mine.ratio), unit, reach, stretch, others, note, mine.ratio.value)


def _squares(trials: list[Trial]) -> np.ndarray:
    return np.array([0.5 * (t.error_x_um**2 + t.error_y_um**2) for t in trials if not t.is_failure])


def _paired(trials: dict[str, list[Trial]]) -> str:
    """Ours against the best baseline, on the pictures that both saw."""
    figures = [(summarise(of).rms_um, method) for method, of in trials.items() if method != OURS]
    finite = [each for each in figures if math.isfinite(each[0])]
    if not finite or all(t.is_failure for t in trials[OURS]):
        return ""
    _, best = min(finite)
    return f"; paired, {best} is {paired_ratio(trials[OURS], trials[best])} x ours"


def _baseline(figures: Summary) -> str:
    failed = f", {figures.failures}/{figures.images} failed" if figures.failures else ""
    if not math.isfinite(figures.all_rms_um):
        return f"not found in {figures.images}"
    if math.isfinite(figures.rms_um):
        return f"{figures.rms_um:.3g} um ({figures.ratio.value:.3g}x{failed})"
    return f"{figures.all_rms_um:.3g} um ({figures.failures}/{figures.images} failed)"


def _note(mine: Summary) -> str:
    if mine.failures == mine.images:
        return f"found in none of {mine.images} pictures, silent {mine.silent}"
    parts = [
        f"RMS {mine.rms_um:.4f} um, theta {mine.theta_ratio} x bound, one ball {mine.ball_ratio:.2f} x",
        f"bias ({mine.bias_um[0]:+.4f}, {mine.bias_um[1]:+.4f}) +- {mine.bias_error_um:.4f} um",
        f"failed {share(mine.failures, mine.images)}, silent {mine.silent}",
        f"covariance {mine.normalised}",
    ]
    if mine.faults:
        parts.append("named right: " + ", ".join(f"{k} {right}/{drawn}" for k, (right, drawn) in mine.faults.items()))
    return "; ".join(parts)


def found_row(trials: dict[str, list[Trial]]) -> Row:
    mine = summarise(trials[OURS])
    found = mine.images - mine.failures
    others = {m: f"{len(of) - summarise(of).failures}/{len(of)}" for m, of in trials.items() if m != OURS}
    return Row("found, heavy substrate", share(found, mine.images), "%", 100.0, None, others, "",
               100.0 * found / mine.images, larger_is_better=True)  # fmt: skip


def ball_rows(ours: dict[str, list[Trial]]) -> list[Row]:
    every = [t for trials in ours.values() for t in trials]
    everything, even = summarise(every), summarise([t for name in EVEN_LIGHT for t in ours[name]])
    one_ball = summarise(ours["nominal"]).ball_ratio
    return [
        Row("one ball, nominal", f"{one_ball:.3g}", "x bound", 1.2, 1.08, value=one_ball),
        *rate_rows(everything.balls_missed, everything.deformed_missed, everything.balls_false, everything.extras_false,
                   tried=everything.balls_tried),
        silent_row(everything.silent, len(every), f"not found or wrong: {share(everything.failures, len(every))}"),
        Row("squared error / claimed, even light", str(even.normalised), "1 = true", 1.1, 1.05,
            note="judged by its distance from 1 either way", value=distance_from_one(even.normalised.value)),
        Row("squared error / claimed, all cases", str(everything.normalised), "1 = true", 1.1, 1.05,
            value=distance_from_one(everything.normalised.value)),
    ]  # fmt: skip


def rate_rows(missed: int, deformed: int, false: int, extras: int, *, tried: int) -> list[Row]:
    """Balls missed and false per million; reached only where the count tried proves it."""
    found = []
    for what, count, note in (
        ("balls missed", missed, f"{deformed} of them drawn out of shape"),
        ("balls false", false + extras, f"{extras} of them where no site is"),
    ):
        rate, limit = rate_and_limit(count, tried)
        found.append(Row(what, per_million(count, tried), "per million", 10.0, 1.0, note=note, value=rate, limit=limit))
    return found


def silent_row(silent: int, tried: int, note: str) -> Row:
    """Reached with none in 10,000 pictures, stretch with none in 100,000."""
    unit = "of 10,000; stretch of 100,000"
    proven = 0.0 if tried >= 10_000 else math.inf
    return Row("wrong pose or turn called found", share(silent, tried), unit, 0.0, 0.0 if tried >= 100_000 else None,
               note=note, value=float(silent), limit=proven)  # fmt: skip


def distance_from_one(value: float) -> float:
    """0.9 and 1.1 are equally far from a true covariance."""
    return 1.0 + abs(value - 1.0)


def second_rows(ours: dict[str, list[Trial]], wanted: Counts) -> list[Row]:
    """The second renderer against the first: ratio of both ratios to their own bounds."""
    _tell("second renderer")
    calibration = calibrate_optics(max(4, wanted.second_images))
    found = []
    for name in SECOND_CASES:
        seen, corrected = run_second(CASES[name], wanted.second_images, calibration)
        first, second, raw = summarise(ours[name]), summarise(corrected), summarise(seen)
        value = second.ratio.value / first.ratio.value
        note = (
            f"first {first.ratio} x bound {first.rms_um:.4f} um, second {second.ratio} x bound {second.rms_um:.4f} um; "
            f"second as seen, before its camera is calibrated: {raw.rms_um:.3f} um; theta {second.theta_ratio}; "
            f"failed {second.failures}/{second.images}, silent {second.silent}, balls missed {second.balls_missed}, "
            f"false {second.balls_false + second.extras_false} of {second.balls_tried:,}"
        )
        found.append(Row(f"second renderer / first, {CASES[name].what}", f"{value:.2f}", "ratio of ratios", 3.0, 2.0,
                         note=note, value=value))  # fmt: skip
    return found


def time_rows(wanted: Counts) -> list[Row]:
    """Times on nominal pictures beside every baseline, then ours alone on the hard ones."""
    _tell("times")
    nominal = measure_times(CASES["nominal"], wanted.timed_images, 5)
    cold = measure_times(CASES["nominal"], wanted.timed_images, 3, only_ours=True, cold=True)
    heavy = measure_times(CASES["heavy"], wanted.timed_images, 5, only_ours=True)
    full = measure_times(CASES["full1023"], wanted.timed_images, 3, only_ours=True)
    others = {name: _times(nominal, name) for name in nominal.seconds if name not in (OURS, THRESHOLD)}
    enclosing, threshold = nominal.ratio(OURS, ENCLOSING), nominal.ratio(OURS, THRESHOLD)
    from_memory = cold.ratio(OURS, THRESHOLD)
    slow_ms = 1e3 * heavy.median_s(OURS)
    return [
        Row("time / contours + minEnclosingCircle", f"{enclosing:.2f}", "ratio", 0.45, 0.25, value=enclosing,
            note=f"ours {nominal.printed(OURS)}, contours {nominal.printed(ENCLOSING)}"),
        Row("time / one threshold pass, from memory", f"{from_memory:.1f}", "ratio", 10.0, 6.0, value=from_memory,
            note=f"the picture out of the processor's cache, as it comes from a camera: "
                 f"one pass {cold.printed(THRESHOLD)}, ours {cold.printed(OURS)}"),
        Row("time / one threshold pass, from the cache", f"{threshold:.1f}", "ratio", 10.0, 6.0, others,
            f"one pass {nominal.printed(THRESHOLD)}; process time, one thread, warm, 5 MP nominal", threshold),
        Row("time, heavy substrate", heavy.printed(OURS), "ms", 15.0, 8.0, value=slow_ms,
            note=f"{heavy.ratio(OURS, THRESHOLD):.1f} x one threshold pass"),
        Row("time, 1,023 balls / one threshold pass", f"{full.ratio(OURS, THRESHOLD):.1f}", "ratio", 20.0, 10.0,
            note=full.printed(OURS), value=full.ratio(OURS, THRESHOLD)),
    ]  # fmt: skip


def _times(times: Times, name: str) -> str:
    return f"{times.printed(name)} = {times.ratio(name, THRESHOLD):.0f}x"
