"""Puts the report together and writes it as one file; draws nothing itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import jinja2
from markupsafe import Markup

from station.report import charts, layout, statistics
from station.report.data import ReportData, Span

MOST_BOARD_MAPS: Final = 6
MOST_PLACEMENT_ROWS: Final = 60
MOST_REJECT_ROWS: Final = 100
GOOD_RESULTS: Final = ("placed", "placed_unverified")


@dataclass(frozen=True)
class BoardPicture:
    serial: str
    drawing: Markup
    counts: dict[str, int]


@dataclass(frozen=True)
class CameraPicture:
    caption: str
    drawing: Markup
    legend: tuple[tuple[Markup, str, int], ...]


def write_report(data: ReportData, path: Path) -> None:
    """Write the report as one HTML file that needs no network, no script and no other file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(data), "utf-8")


def render(data: ReportData) -> str:
    """The report as HTML text."""
    points = statistics.offsets(data.records)
    found = statistics.spread([(x, y) for _, x, y in points], data.offset_limit_um)
    errors = [(t.reported_x_um - t.true_x_um, t.reported_y_um - t.true_y_um) for t in data.truth_offsets]
    boards, board_count = _board_pictures(data)
    lost = [record for record in data.records if record.get("result") not in GOOD_RESULTS]
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("station.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["value"] = _value
    environment.filters["signed"] = _signed
    return environment.get_template("report.html").render(
        data=data,
        boards=boards,
        board_count=board_count,
        scatter=charts.offset_scatter(points, found, data.offset_limit_um) if points else None,
        spread=found,
        truth=charts.truth_scatter(data.truth_offsets) if data.truth_offsets else None,
        truth_spread=statistics.spread(errors, data.offset_limit_um),
        film=charts.film_trend(data.film_trend, data.film_tolerance_um) if data.film_trend else None,
        force=charts.force_overlay(data.force_curves) if data.force_curves else None,
        pictures=[_camera_picture(picture) for picture in data.pictures],
        gantt=charts.cycle_gantt(data.spans, data.critical_path) if data.spans else None,
        span_rows=_span_rows(data.spans, data.critical_path),
        critical_s=sum(span.end_s - span.start_s for span in data.spans if span.title in data.critical_path),
        cycle_s=_length_s(data.spans),
        placements=data.records[-MOST_PLACEMENT_ROWS:],
        placement_count=len(data.records),
        rejects=lost[:MOST_REJECT_ROWS],
        reject_count=len(lost),
    )


def _board_pictures(data: ReportData) -> tuple[list[BoardPicture], int]:
    """One map per board; the last record of a site decides, since later records answer earlier ones."""
    by_board: dict[tuple[str, str], dict[str, str]] = {}
    for record in data.records:
        recipe = str((record.get("recipe") or {}).get("name", ""))
        serial = str((record.get("board") or {}).get("serial", ""))
        by_board.setdefault((recipe, serial), {})[str(record.get("site"))] = str(record.get("result"))
    pictures = []
    for (recipe, serial), results in by_board.items():
        layout_of_board = data.other_boards.get(recipe, data.board)
        counts = {name: list(results.values()).count(name) for name in dict.fromkeys(results.values())}
        spoken = f"board {serial}: " + ", ".join(f"{count} {name}" for name, count in counts.items())
        pictures.append(BoardPicture(serial, layout.board_map(layout_of_board, results, spoken), counts))
        if len(pictures) == MOST_BOARD_MAPS:
            break
    return pictures, len(by_board)


def _camera_picture(picture: Any) -> CameraPicture:
    counts = layout.state_counts(picture.balls)
    legend = tuple((layout.ball_key(state), state, count) for state, count in counts.items())
    return CameraPicture(picture.caption, layout.camera_picture(picture), legend)


def _span_rows(spans: tuple[Span, ...], critical: tuple[str, ...]) -> list[dict[str, Any]]:
    start_s = min((span.start_s for span in spans), default=0.0)
    return [
        {
            "number": order + 1,
            "lane": span.lane,
            "title": span.title,
            "start_s": span.start_s - start_s,
            "duration_s": span.end_s - span.start_s,
            "is_critical": span.title in critical,
        }
        for order, span in enumerate(spans)
    ]


def _length_s(spans: Iterable[Span]) -> float:
    spans = tuple(spans)
    return max((s.end_s for s in spans), default=0.0) - min((s.start_s for s in spans), default=0.0)


def _signed(value: float, decimals: int) -> str:
    return f"{value:+.{decimals}f}".replace("-", "−")


def _value(record: Mapping[str, Any], path: str, decimals: int = 1) -> str:
    """A number deep inside a record, or a dash: records of rejected parts end early."""
    found: Any = record
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    if isinstance(found, bool) or not isinstance(found, int | float):
        return "–" if found is None else str(found)
    return f"{found:.{decimals}f}".replace("-", "−")
