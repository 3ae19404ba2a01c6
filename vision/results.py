"""The answers of vision: frozen plain data, in um and deg of the image frame (about the centre, x right, y up).

Nothing here measures; every answer carries its status and the plain reasons for anything but "found".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

Status = Literal["found", "ambiguous", "refused"]
SiteStatus = Literal["found", "ambiguous", "refused", "empty", "occupied"]
BallState = Literal["ok", "missing", "bridged", "deformed", "debris", "extra"]
"""debris: something lies on the ball or in its place that makes it no ball of any shape"""
WettingState = Literal["dry", "partial", "wet", "excess", "unsure"]
"""unsure is an answer only where no picture before the dip was given"""
MarkState = Literal["present", "missing", "unseen"]
Polarity = Literal["bright", "dark"]
Matrix3 = tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]

NAN = float("nan")
UNKNOWN: Matrix3 = ((NAN, NAN, NAN), (NAN, NAN, NAN), (NAN, NAN, NAN))
"""Covariance of an answer that was refused."""


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a thing lies in the image frame: um about the centre, x right, y up, deg anticlockwise."""

    x_um: float
    y_um: float
    theta_deg: float


class BallFinding(NamedTuple):
    """One ball: where it was seen (column, row), its size, and its distance from the fitted site.

    A tuple, because a thousand of them are made for one picture: a frozen dataclass takes nine times as long.
    """

    name: str
    state: BallState
    x_px: float
    y_px: float
    diameter_um: float
    """NaN when missing"""
    offset_um: float
    """distance from the site of the fitted array; NaN when missing"""
    roundness_ratio: float = NAN
    """shortest over longest diameter; NaN when missing or not measured"""
    shot: int = 1
    """number of the picture that x_px and y_px belong to"""


@dataclass(frozen=True, slots=True)
class ArrayFix:
    """A whole array: the rigid least-squares frame of the balls that are present.

    covariance    of (x_um, y_um, theta_deg), measurement only; the scatter of the balls is in their offsets
    scale_ratio   measured size of the array against the map
    turn_margin   how sure the quarter turn is: evidence for this turn over the next best, in balls; 0 = undecidable
    polarity      whether the balls were seen brighter or darker than their ground
    notes         what is wrong with the light and leaves the pose usable, with what to do
    """

    status: Status
    reasons: tuple[str, ...]
    x_um: float
    y_um: float
    theta_deg: float
    scale_ratio: float
    covariance: Matrix3
    balls: tuple[BallFinding, ...]
    turn_margin: float
    found_count: int
    expected_count: int
    polarity: Polarity = "bright"
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BallWetting:
    """Did this ball take material: calibrated probability, and strength in units of a well coated ball."""

    name: str
    state: WettingState
    probability_wet: float
    strength_ratio: float


@dataclass(frozen=True, slots=True)
class DippedFinding:
    """A dipped array. `tilt_x`, `tilt_y`: change of strength from the centre to the right / upper edge of the array
    (package frame); `worst_probability`: the lowest probability of any ball; `reasons`: what weakens the judgement."""

    fix: ArrayFix
    wetting: tuple[BallWetting, ...]
    bridges: tuple[tuple[str, str], ...]
    tilt_x: float
    tilt_y: float
    worst_probability: float
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FiducialFix:
    """A disc. `sigma_um` per axis, one standard deviation."""

    status: Status
    reasons: tuple[str, ...]
    x_um: float
    y_um: float
    sigma_um: float
    polarity: Polarity | None
    diameter_um: float


@dataclass(frozen=True, slots=True)
class SiteFix:
    """The lands of a bottom package, in the common frame of the shots. `notes`: what is wrong with the light."""

    status: SiteStatus
    reasons: tuple[str, ...]
    x_um: float
    y_um: float
    theta_deg: float
    covariance: Matrix3
    found_count: int
    expected_count: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlacedFix:
    """The outline of a placed body, in the common frame of the shots."""

    status: Status
    reasons: tuple[str, ...]
    x_um: float
    y_um: float
    theta_deg: float
    covariance: Matrix3


@dataclass(frozen=True, slots=True)
class MarkFinding:
    """The mark of one ball in the film, in the common frame of the shots."""

    name: str
    state: MarkState
    x_um: float
    y_um: float
    diameter_um: float
    """where the level is half way from the mark to the film; NaN unless present"""
    offset_um: float
    """distance from its place in the fitted print; NaN unless present"""


@dataclass(frozen=True, slots=True)
class ImprintFinding:
    """The marks that a dip left in the film; `missing` names balls without a mark, `unseen` those outside all shots.

    cannot_tell   what this print is no witness of
    """

    status: Status
    reasons: tuple[str, ...]
    found_count: int
    expected_count: int
    missing: tuple[str, ...]
    unseen: tuple[str, ...]
    x_um: float
    y_um: float
    theta_deg: float
    covariance: Matrix3 = UNKNOWN
    marks: tuple[MarkFinding, ...] = ()
    cannot_tell: tuple[str, ...] = ()
