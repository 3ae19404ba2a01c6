"""What each step found: frozen facts, one class per step, and the verdict that a finding may carry.

Nothing here acts. A verdict is data about the product; what goes wrong with the machine is an alarm.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from math import hypot
from typing import Any, TypeVar

from drivers.devices.head import LiftEvidence, PressEvidence
from station.coordinates import MachinePoint, MachinePose, Shift
from vision.results import ArrayFix, DippedFinding, FiducialFix, ImprintFinding, PlacedFix, SiteFix


class Fate(StrEnum):
    """What a verdict does to the product."""

    PASS = "pass"
    REJECT_PART = "reject_part"
    """the part goes to the bin with a record; the site stays free"""
    SKIP_SITE = "skip_site"
    """the site gets no package"""
    QUARANTINE = "quarantine"
    """placed, but not as it should be: the board leaves marked"""


@dataclass(frozen=True, slots=True)
class Verdict:
    fate: Fate = Fate.PASS
    code: str = ""
    text: str = ""


PASS = Verdict()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Base of all outcomes."""

    verdict: Verdict = PASS


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardLoaded(Outcome):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardRead(Outcome):
    serial: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardClamped(Outcome):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardLocated(Outcome):
    """The board's copper image in machine coordinates; `theta_deg` its turn, `residual_um` per fiducial."""

    origin: MachinePoint
    theta_deg: float
    scale_ratio: float
    sigma_um: float
    residual_um: tuple[float, ...]
    fixes: tuple[FiducialFix, ...]
    seen: tuple[MachinePoint, ...]
    """where each fiducial was"""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkSeen(Outcome):
    """One fiducial, seen again after a placement: how far it is from where it was when the board was located."""

    name: str
    at: MachinePoint
    """the gantry's position at the picture"""
    moved: Shift
    sigma_um: float

    @property
    def moved_um(self) -> float:
        return hypot(self.moved.x_um, self.moved.y_um)


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmLevelled(Outcome):
    gap_um: float
    generation: int
    at_s: float
    levels: int
    """how many times it was levelled for this measurement"""
    reference_error_um: float
    """what the gauge reads too much, by its reference step"""
    referenced_at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmMeasured(Outcome):
    points_um: tuple[tuple[float, float], ...]
    heights_um: tuple[float, ...]
    mean_um: float
    range_um: float
    sigma_um: float
    generation: int
    levelled_at_s: float
    levels: int
    gap_um: float
    reference_error_um: float
    learned_ratio: float
    """film height / gap over the last levellings; sets the next gap"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmAccepted(Outcome):
    """A measured film that is in tolerance everywhere; a dip needs one whose spot is unused."""

    film: FilmMeasured


@dataclass(frozen=True, slots=True, kw_only=True)
class AtTray(Outcome):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Picked(Outcome):
    pocket: int
    tray: int
    vacuum_kpa: float
    contact_z_um: float
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposed(Outcome):
    """One or more pictures with the gantry positions at which they were taken."""

    frames: tuple[Any, ...]
    at: tuple[MachinePoint, ...]
    gantry_theta_deg: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DryExposed(Exposed):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class WetExposed(Exposed):
    """at_s: when, on the loop's clock."""

    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ImprintExposed(Exposed):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteExposed(Exposed):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedExposed(Exposed):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageInspected(Outcome):
    """The dry package: `pose` in machine coordinates at the gantry position of the picture."""

    fix: ArrayFix
    pose: MachinePose
    gantry_at: MachinePoint
    gantry_theta_deg: float
    image: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AtPlate(Outcome):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Dipped(Outcome):
    """One dip, as the drive and the clock measured it."""

    press: PressEvidence
    lift: LiftEvidence
    film: FilmMeasured
    film_age_s: float
    depth_um: float
    at_s: float
    spot: MachinePoint


@dataclass(frozen=True, slots=True, kw_only=True)
class DipCurve(Outcome):
    """(z_um, force_n) of the dip: slow way in, hold, slow way out."""

    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceCurve(Outcome):
    """(z_um, force_n) of the placement: approach, contact, press, hold, release."""

    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImprintChecked(Outcome):
    finding: ImprintFinding


@dataclass(frozen=True, slots=True, kw_only=True)
class DippedInspected(Outcome):
    """The dipped package: wetting of every ball, and the pose that the placement uses."""

    finding: DippedFinding
    pose: MachinePose
    gantry_at: MachinePoint
    gantry_theta_deg: float
    image: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteLocated(Outcome):
    """The bottom package in machine coordinates, seen from above."""

    fix: SiteFix
    pose: MachinePose
    sigma_um: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AtSite(Outcome):
    target: MachinePoint
    target_theta_deg: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed(Outcome):
    """One placement as the drive measured it."""

    target: MachinePoint
    target_theta_deg: float
    actual: MachinePoint
    actual_theta_deg: float
    expected_contact_z_um: float
    seated_z_um: float
    """where it stands without load: end of the hold less what the press bends"""
    press: PressEvidence
    lift: LiftEvidence
    vacuum_kpa: float
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedVerified(Outcome):
    """Where the placed package lies against the bottom package, in the bottom package's frame."""

    fix: PlacedFix
    offset_x_um: float
    offset_y_um: float
    offset_theta_deg: float
    sigma_x_um: float
    sigma_y_um: float
    sigma_theta_deg: float
    image: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PartBinned(Outcome):
    code: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardOut(Outcome):
    pass


Found = TypeVar("Found", bound=Outcome)


class MissingOutcome(LookupError):
    """A step was asked to run before the step whose finding it needs: a bug of the schedule."""


@dataclass(slots=True)
class Findings:
    """The latest outcome of each kind; written by the runner only."""

    by_kind: dict[type[Outcome], Outcome] = field(default_factory=dict)

    def add(self, outcome: Outcome) -> None:
        self.by_kind[type(outcome)] = outcome

    def the(self, kind: type[Found]) -> Found:
        """The latest outcome of this kind. Raises MissingOutcome where there is none."""
        outcome = self.by_kind.get(kind)
        if outcome is None:
            raise MissingOutcome(f"no {kind.__name__} yet; there are {sorted(k.__name__ for k in self.by_kind)}")
        return outcome  # type: ignore[return-value]

    def find(self, kind: type[Found]) -> Found | None:
        return self.by_kind.get(kind)  # type: ignore[return-value]

    def forget(self, *kinds: type[Outcome]) -> None:
        for kind in kinds:
            self.by_kind.pop(kind, None)
