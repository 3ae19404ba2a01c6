"""The report of a run: one self-contained HTML file for people who were not there.

It reads what was recorded and draws it; it measures nothing and judges nothing by itself.
"""

from __future__ import annotations

from station.report.data import (
    BallMark,
    FilmPoint,
    ForceTrace,
    Picture,
    ReportData,
    Span,
    SummaryRow,
    TruthOffset,
)
from station.report.write import write_report

__all__ = [
    "BallMark",
    "FilmPoint",
    "ForceTrace",
    "Picture",
    "ReportData",
    "Span",
    "SummaryRow",
    "TruthOffset",
    "write_report",
]
