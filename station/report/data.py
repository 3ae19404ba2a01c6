"""What a report is made of: plain values, ready to draw; it reads no store and knows no machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class SummaryRow(NamedTuple):
    """One headline number beside its target."""

    label: str
    value: str
    unit: str
    target: str
    is_ok: bool | None
    """None: a number without a target."""


class FilmPoint(NamedTuple):
    """Mean film height as measured before one dip."""

    at_s: float
    height_um: float
    target_um: float


class ForceTrace(NamedTuple):
    """Force over Z of one contact; Z as the head reported it, down is positive."""

    label: str
    z_um: tuple[float, ...]
    force_n: tuple[float, ...]


class BallMark(NamedTuple):
    """One ball in a picture: pixel position (y down), radius and state."""

    x_px: float
    y_px: float
    r_px: float
    state: str


class Picture(NamedTuple):
    """An up-camera picture and what was found in it."""

    caption: str
    png: bytes
    balls: tuple[BallMark, ...]
    um_per_px: float


class Span(NamedTuple):
    """One piece of work of one cycle."""

    lane: str
    title: str
    start_s: float
    end_s: float


class TruthOffset(NamedTuple):
    """Placement offset as reported by the station and as known to the simulator."""

    label: str
    reported_x_um: float
    reported_y_um: float
    true_x_um: float
    true_y_um: float


@dataclass(frozen=True)
class ReportData:
    """Everything one report shows; empty parts are left out of the page.

    records     placement records as stored, oldest first
    board       layout: size_x_um, size_y_um, fiducials [{name, x_um, y_um}],
                sites [{name, x_um, y_um, theta_deg, size_x_um, size_y_um}]; origin lower left, y up
    critical_path   titles of the spans that set the cycle time, in order
    """

    title: str
    subtitle: str
    summary: tuple[SummaryRow, ...]
    records: tuple[Mapping[str, Any], ...]
    board: Mapping[str, Any]
    offset_limit_um: float
    film_tolerance_um: float
    film_trend: tuple[FilmPoint, ...] = ()
    force_curves: tuple[ForceTrace, ...] = ()
    pictures: tuple[Picture, ...] = ()
    spans: tuple[Span, ...] = ()
    critical_path: tuple[str, ...] = ()
    truth_offsets: tuple[TruthOffset, ...] = ()
    other_boards: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Layouts by recipe name, where the records come from more than one recipe; `board` serves the rest."""
    facts: tuple[tuple[str, str], ...] = ()
    """Small print of the head: recipe, software, seed, duration."""
    notes: tuple[str, ...] = field(default=())
    """Sentences on what the numbers do and do not show."""
