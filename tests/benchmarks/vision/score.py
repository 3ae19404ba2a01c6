"""From answers to figures: accuracy against the bound, bias, failures, balls, claimed covariance.

Everything is resampled over images, never over balls: the balls of one image share light and focus. A failure is never
out of sight: the trimmed error stands beside the rate of what was trimmed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from tests.benchmarks.vision.answers import Answer
from tests.benchmarks.vision.bound import Bound
from tests.benchmarks.vision.scene import Scene
from tests.benchmarks.vision.truth import Truth

WRONG_UM = 5.0
WRONG_DEG = 1.0
"""A pose farther off than this is wrong, and a silent failure when called found."""
SAME_BALL_RATIO = 0.5
"""A ball counts as seen when reported within this share of a diameter."""
RESAMPLES = 2000


@dataclass(frozen=True)
class Trial:
    """One image: errors against truth (NaN when refused), its bound, and what was said of its balls.

    Balls are counted where the array was found and rightly so; the other pictures count as failures instead.
    """

    seed: int
    status: str
    error_x_um: float
    error_y_um: float
    error_theta_deg: float
    bound: Bound
    normalised_squared: float
    ball_rms_um: float
    balls_tried: int
    balls_missed: int
    deformed_missed: int
    """of those, drawn out of shape"""
    balls_false: int
    extras_false: int
    faults: dict[str, tuple[int, int]] = field(default_factory=dict)
    """kind of fault -> (named right, drawn)"""

    @property
    def is_wrong(self) -> bool:
        """Over 5 um off or in a wrong turn, whatever it calls itself."""
        return math.hypot(self.error_x_um, self.error_y_um) > WRONG_UM or abs(self.error_theta_deg) > WRONG_DEG

    @property
    def is_silent_failure(self) -> bool:
        return self.status == "found" and self.is_wrong

    @property
    def is_failure(self) -> bool:
        return self.status != "found" or self.is_wrong


def wrapped_deg(angle_deg: float) -> float:
    return 180.0 - (180.0 - angle_deg) % 360.0


def judge(answer: Answer, truth: Truth, scene: Scene, bound: Bound) -> Trial:
    """One answer against the truth of its scene."""
    ex, ey = answer.pose.x_um - truth.pose.x_um, answer.pose.y_um - truth.pose.y_um
    et = wrapped_deg(answer.pose.theta_deg - truth.pose.theta_deg) if math.isfinite(answer.pose.theta_deg) else math.nan
    squared = math.nan
    if answer.covariance is not None and answer.status == "found":
        error = np.array([ex, ey, et])
        squared = float(error @ np.linalg.solve(answer.covariance, error))
    tried = missed = crushed = invented = extras = 0
    ball_rms = math.nan
    faults: dict[str, tuple[int, int]] = {}
    is_right = math.hypot(ex, ey) <= WRONG_UM and abs(et) <= WRONG_DEG
    if answer.status == "found" and is_right:  # in a wrong turn every ball would have another's name
        off_um = np.hypot(*(answer.sites_px - truth.sites_px).T) * scene.sensor.um_per_px
        reported = np.isfinite(off_um)
        seen = reported & (off_um < SAME_BALL_RATIO * scene.package.diameter_um)
        tried = scene.package.count
        lost = truth.present & ~seen
        missed = int(lost.sum())
        deformed = {fault.name for fault in scene.faults.deformed}
        crushed = sum(scene.package.ball_names[i] in deformed for i in np.flatnonzero(lost))
        invented = int((~truth.present & reported).sum())
        if (seen & truth.present).any():
            ball_rms = float(np.sqrt(0.5 * np.mean(off_um[seen & truth.present] ** 2)))
        matched = _near(answer.extra_px, truth.extra_px, scene)
        extras = int((~matched).sum())
        faults = _faults(answer, truth, scene)
    return Trial(scene.seed, answer.status, ex, ey, et, bound, squared, ball_rms, tried, missed, crushed, invented,
                 extras, faults)  # fmt: skip


def _near(points_px: np.ndarray, targets_px: np.ndarray, scene: Scene) -> np.ndarray:
    """Which points lie on a target, (n,)."""
    if len(points_px) == 0 or len(targets_px) == 0:
        return np.zeros(len(points_px), dtype=bool)
    distance = np.hypot(*(points_px[:, None] - targets_px[None]).transpose(2, 0, 1)).min(axis=1)
    return np.asarray(distance * scene.sensor.um_per_px < SAME_BALL_RATIO * scene.package.diameter_um)


def _faults(answer: Answer, truth: Truth, scene: Scene) -> dict[str, tuple[int, int]]:
    drawn = {
        "missing": list(scene.faults.missing),
        "bridged": [name for pair in scene.faults.bridged for name in pair],
        "deformed": [fault.name for fault in scene.faults.deformed],
    }
    named = {
        kind: (sum(answer.states.get(name) == kind for name in names), len(names))
        for kind, names in drawn.items()
        if names
    }
    if len(truth.extra_px):
        named["extra"] = (int(_near(truth.extra_px, answer.extra_px, scene).sum()), len(truth.extra_px))
    return named


def clopper_pearson(count: int, tried: int, confidence: float = 0.95) -> tuple[float, float]:
    """Exact interval of a rate; one-sided where nothing or everything failed, as the rule of three has it."""
    if tried == 0:
        return 0.0, 1.0
    one_sided = count in (0, tried)
    alpha = (1 - confidence) / (1 if one_sided else 2)
    low = 0.0 if count == 0 else _rate_where(lambda p: 1 - _at_most(count - 1, tried, p), alpha)
    high = 1.0 if count == tried else _rate_where(lambda p: -_at_most(count, tried, p), -alpha)
    return low, high


def _rate_where(rising: Callable[[float], float], wanted: float) -> float:
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if rising(middle) < wanted else (low, middle)
    return 0.5 * (low + high)


def _at_most(count: int, tried: int, rate: float) -> float:
    """Binomial distribution function."""
    if rate <= 0.0 or rate >= 1.0:
        return 1.0 if rate <= 0.0 or count >= tried else 0.0
    k = np.arange(1, count + 1)
    step = np.log(tried - k + 1) - np.log(k) + math.log(rate) - math.log1p(-rate)
    logs = tried * math.log1p(-rate) + np.concatenate([[0.0], np.cumsum(step)])
    return float(min(1.0, np.exp(logs - logs.max()).sum() * math.exp(logs.max())))


@dataclass(frozen=True)
class Interval:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3g} [{self.low:.3g}, {self.high:.3g}]" if math.isfinite(self.value) else "-"


def bootstrapped(per_image: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray] = np.sqrt) -> Interval:
    """statistic(mean over images) with its interval by resampling images; NaN of nothing.

    per_image   (n,) one number per image
    """
    if len(per_image) == 0:
        return Interval(math.nan, math.nan, math.nan)
    rng = np.random.Generator(np.random.PCG64(20_260_101))
    means = per_image[rng.integers(0, len(per_image), (RESAMPLES, len(per_image)))].mean(axis=1)
    low, high = np.percentile(statistic(means), [2.5, 97.5])
    return Interval(float(statistic(per_image.mean())), float(low), float(high))


def paired_ratio(mine: list[Trial], theirs: list[Trial]) -> Interval:
    """RMS of their error over mine on the pictures that both answered, resampled over pictures."""
    own = {t.seed: t.error_x_um**2 + t.error_y_um**2 for t in mine if not t.is_failure}
    pairs = [(own[t.seed], t.error_x_um**2 + t.error_y_um**2) for t in theirs if not t.is_failure and t.seed in own]
    if not pairs:
        return Interval(math.nan, math.nan, math.nan)
    squares = np.array(pairs)
    rng = np.random.Generator(np.random.PCG64(20_260_102))
    sums = squares[rng.integers(0, len(squares), (RESAMPLES, len(squares)))].sum(axis=1)
    low, high = np.percentile(np.sqrt(sums[:, 1] / sums[:, 0]), [2.5, 97.5])
    total = squares.sum(axis=0)
    return Interval(float(np.sqrt(total[1] / total[0])), float(low), float(high))


@dataclass(frozen=True)
class Summary:
    """The figures of one method on one case.

    ratio, theta_ratio   RMS of error over its own bound, failures left out
    rms_um, all_rms_um   per axis; of the images left, and of every answered one
    bias_um              mean vector, and the standard error of each component
    normalised           squared error over claimed covariance and degrees of freedom: 1 = true covariance
    """

    images: int
    failures: int
    refusals: int
    silent: int
    ratio: Interval
    theta_ratio: Interval
    rms_um: float
    all_rms_um: float
    theta_rms_deg: float
    bias_um: tuple[float, float]
    bias_error_um: float
    ball_ratio: float
    normalised: Interval
    balls_tried: int
    balls_missed: int
    deformed_missed: int
    balls_false: int
    extras_false: int
    faults: dict[str, tuple[int, int]]


def summarise(trials: list[Trial]) -> Summary:
    """Figures of one method on the images of one case."""
    kept = [t for t in trials if not t.is_failure]
    answered = [t for t in trials if math.isfinite(t.error_x_um)]
    square = np.array([0.5 * (t.error_x_um**2 + t.error_y_um**2) for t in kept])
    bound2 = np.array([t.bound.xy_um**2 for t in kept])
    theta2 = np.array([t.error_theta_deg**2 for t in kept])
    theta_bound2 = np.array([t.bound.theta_deg**2 for t in kept])
    xy = np.array([(t.error_x_um, t.error_y_um) for t in kept]).reshape(-1, 2)
    claimed = np.array([t.normalised_squared for t in kept if math.isfinite(t.normalised_squared)])
    ball2 = [(t.ball_rms_um / t.bound.ball_um) ** 2 for t in kept if math.isfinite(t.ball_rms_um)]
    faults: dict[str, tuple[int, int]] = {}
    for trial in trials:
        for kind, (right, drawn) in trial.faults.items():
            before = faults.get(kind, (0, 0))
            faults[kind] = (before[0] + right, before[1] + drawn)
    spread = float(xy.std(axis=0, ddof=1).mean() / math.sqrt(len(xy))) if len(xy) > 1 else math.nan
    return Summary(
        images=len(trials),
        failures=sum(t.is_failure for t in trials),
        refusals=sum(t.status != "found" for t in trials),
        silent=sum(t.is_silent_failure for t in trials),
        ratio=bootstrapped(square / bound2),
        theta_ratio=bootstrapped(theta2 / theta_bound2),
        rms_um=_root_mean(square),
        all_rms_um=_root_mean(np.array([0.5 * (t.error_x_um**2 + t.error_y_um**2) for t in answered])),
        theta_rms_deg=_root_mean(theta2),
        bias_um=(float(xy[:, 0].mean()), float(xy[:, 1].mean())) if len(xy) else (math.nan, math.nan),
        bias_error_um=spread,
        ball_ratio=_root_mean(np.array(ball2)),
        normalised=bootstrapped(claimed / 3, lambda mean: mean),
        balls_tried=sum(t.balls_tried for t in trials),
        balls_missed=sum(t.balls_missed for t in trials),
        deformed_missed=sum(t.deformed_missed for t in trials),
        balls_false=sum(t.balls_false for t in trials),
        extras_false=sum(t.extras_false for t in trials),
        faults=faults,
    )  # fmt: skip


def _root_mean(squares: np.ndarray) -> float:
    return float(np.sqrt(squares.mean())) if len(squares) else math.nan


def per_million(count: int, tried: int) -> str:
    """A rate with its interval and what was tried, per million."""
    low, high = clopper_pearson(count, tried)
    if count == 0:
        return f"0 of {tried:,} (< {1e6 * high:.3g})"
    return f"{1e6 * count / tried:.3g} [{1e6 * low:.3g}, {1e6 * high:.3g}], {count} of {tried:,}"


def rate_and_limit(count: int, tried: int) -> tuple[float, float]:
    """Per million: what was seen, and the most that it can be at 95 %."""
    seen = 1e6 * count / tried if tried else math.nan
    return seen, 1e6 * clopper_pearson(count, tried)[1]


def share(count: int, tried: int) -> str:
    low, high = clopper_pearson(count, tried)
    return f"{count} of {tried:,} [{100 * low:.3g}, {100 * high:.3g} %]"
