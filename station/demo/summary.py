"""What a demonstration tells at its end: a table for people, one JSON object for programs, a report page."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from station.demo.numbers import Numbers, numbers_of
from station.demo.run import Ran, trace_hash
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
from station.run.schedule import FILM
from station.store.blobs import BlobStore
from station.version import SOFTWARE_VERSION

OFFSET_TARGET_UM = 15.0
THETA_TARGET_DEG = 0.03
FILM_TARGET_UM = 3.0
FORCE_TARGET_RATIO = 0.05
FORCE_TARGET_N = 0.05
CYCLE_TARGET_RATIO = 1.10
CURVES_SHOWN = 3
PLAIN_WIDTH = 110
"""columns of a table that goes into a file: nothing wraps there"""


def as_json(runs: list[Ran]) -> dict[str, Any]:
    """The result for programs; every number is measured against the simulator's truth."""
    numbers = numbers_of(runs)
    plain = {f.name: _finite(getattr(numbers, f.name)) for f in fields(numbers) if f.name != "pairs"}
    return {
        **plain,
        "cycle_ratio": _finite(numbers.cycle_ratio),
        "simulated_s": sum(ran.simulated_s for ran in runs),
        "wall_s": sum(ran.wall_s for ran in runs),
        "states": [ran.state for ran in runs],
        "alarms": [alarm["number"] for ran in runs for alarm in ran.alarms],
        "seed": runs[0].order.seed,
        "fidelity": runs[0].order.fidelity.value,
        "trace_sha256": trace_hash(runs),
    }


def summary_rows(numbers: Numbers) -> tuple[SummaryRow, ...]:
    """The headline table: value beside target."""
    mean_x, mean_y = numbers.offset_mean_um
    force_ok = numbers.force_error_ratio_max <= FORCE_TARGET_RATIO or numbers.force_error_n_max <= FORCE_TARGET_N
    return (
        SummaryRow("Packages placed", f"{numbers.packages_placed}", "", "", None),
        SummaryRow("Packages rejected", f"{numbers.packages_rejected}", "", "", None),
        SummaryRow("Sites left empty", f"{numbers.unplaced}", "", "0", numbers.unplaced == 0),
        SummaryRow(
            "Placement, 3 sigma per axis",
            _said(numbers.offset_3sigma_um, ".1f"),
            "µm",
            f"≤ {OFFSET_TARGET_UM:.0f}",
            numbers.offset_3sigma_um <= OFFSET_TARGET_UM,
        ),
        SummaryRow("Placement, mean x / y", f"{_said(mean_x, '+.1f')} / {_said(mean_y, '+.1f')}", "µm", "", None),
        SummaryRow(
            "Turn, 3 sigma",
            _said(numbers.theta_3sigma_deg, ".4f"),
            "deg",
            f"≤ {THETA_TARGET_DEG}",
            numbers.theta_3sigma_deg <= THETA_TARGET_DEG,
        ),
        SummaryRow(
            "Film at the dip against target, worst",
            _said(numbers.film_error_um_max, ".2f"),
            "µm",
            f"≤ {FILM_TARGET_UM:.0f}",
            numbers.film_error_um_max <= FILM_TARGET_UM,
        ),
        SummaryRow(
            "Hold force against set force, worst",
            _said(numbers.force_error_n_max, ".3f"),
            "N",
            f"≤ {FORCE_TARGET_RATIO:.0%} or {FORCE_TARGET_N} N",
            force_ok,
        ),
        SummaryRow(
            "Undipped, half-dipped or bridged on a board",
            f"{numbers.bad_on_board}",
            "",
            "0",
            numbers.bad_on_board == 0,
        ),
        SummaryRow(
            "Cycle / critical path",
            f"{numbers.cycle_s:.2f} s / {numbers.critical_path_s:.2f} s = {numbers.cycle_ratio:.3f}",
            "",
            f"≤ {CYCLE_TARGET_RATIO:.2f}",
            numbers.cycle_ratio <= CYCLE_TARGET_RATIO,
        ),
        SummaryRow(
            "Reported offset against truth, rms per axis",
            _said(numbers.reported_offset_error_um_rms, ".1f"),
            "µm",
            "",
            None,
        ),
        SummaryRow(
            "Largest error in units of the claimed sigma",
            _said(numbers.reported_offset_worst_in_sigma, ".1f"),
            "sigma",
            "≤ 5",
            numbers.reported_offset_worst_in_sigma <= 5,
        ),
        SummaryRow(
            "Reported film against truth, worst", _said(numbers.reported_film_error_um_max, ".2f"), "µm", "", None
        ),
        SummaryRow(
            "Reported force against truth, worst", _said(numbers.reported_force_error_n_max, ".3f"), "N", "", None
        ),
    )


def _said(value: float, form: str) -> str:
    """A number, or a dash where nothing was measured."""
    return format(value, form) if value == value else "–"


def print_table(runs: list[Ran], report: Path) -> None:
    """The table for people, on standard output."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    numbers = numbers_of(runs)
    table = Table(title="Truth from the simulator", title_justify="left", box=box.SIMPLE_HEAD)
    for heading, justify in (("What", "left"), ("Measured", "right"), ("", "left"), ("Target", "right"), ("", "left")):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    for row in summary_rows(numbers):
        mark = {None: "", True: "ok", False: "missed"}[row.is_ok]
        table.add_row(row.label, row.value, row.unit, row.target, mark)
    console = Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH)
    console.print()
    console.print(table)
    simulated_s, wall_s = sum(ran.simulated_s for ran in runs), sum(ran.wall_s for ran in runs)
    console.print(f"{numbers.boards} boards in {simulated_s:.1f} s of machine time, {wall_s:.1f} s on this computer.")
    for ran in runs:
        if ran.state != "Complete":
            console.print(f"{ran.order.recipe}: ended in state {ran.state}.")
        for alarm in ran.standing:
            console.print(f"Alarm {alarm['number']}: {alarm['text']}\n  {' '.join(alarm['remedy'])}", highlight=False)
    console.print(f"Trace {trace_hash(runs)[:16]}…  Report: {report}", highlight=False)


def write_demo_report(runs: list[Ran], folder: Path) -> Path:
    """The report page of all runs; curves, pictures and Gantt are those of the last package placed in the last run."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "index.html"
    write_report(report_data(runs), path)
    return path


def report_data(runs: list[Ran]) -> ReportData:
    last = runs[-1]
    numbers = numbers_of(runs)
    blobs = BlobStore(last.store_dir)
    placed = [record for record in last.records if record["result"] == "placed"]
    shown = placed[-1] if placed else None
    # The cycle worth looking at is one in which the film was made new beside it.
    overlapped = [record for record in placed if any(span["lane"] == FILM for span in record["spans"])]
    cycle = overlapped[-1] if overlapped else shown
    return ReportData(
        title="Dip-and-place station: demonstration",
        subtitle=", ".join(ran.recipe.name for ran in runs),
        summary=summary_rows(numbers),
        records=tuple(record for ran in runs for record in ran.records),
        board=_board(last),
        offset_limit_um=last.recipe.place.offset_limit_um,
        film_tolerance_um=last.recipe.film.tolerance_um,
        film_trend=tuple(
            FilmPoint(record["spans"][0]["start_s"], record["film"]["mean_um"], record["film"]["target_um"])
            for ran in runs
            for record in ran.records
            if record["film"]
        ),
        force_curves=_curves(placed[-CURVES_SHOWN:], blobs),
        pictures=_pictures(shown, blobs) if shown else (),
        other_boards={ran.recipe.name: _board(ran) for ran in runs[:-1]},
        spans=tuple(Span(s["lane"], s["title"], s["start_s"], s["end_s"]) for s in cycle["spans"]) if cycle else (),
        critical_path=tuple(step[0] for step in cycle["cycle"]["critical_steps"]) if cycle else (),
        truth_offsets=tuple(
            TruthOffset(
                f"{record['board']['serial']} {record['site']}",
                record["verify"]["offset_x_um"],
                record["verify"]["offset_y_um"],
                true["offset_x_um"],
                true["offset_y_um"],
            )
            for record, true in numbers.pairs
            if record["verify"] and record["verify"]["offset_x_um"] is not None
        ),
        facts=(
            ("software", SOFTWARE_VERSION),
            ("seed", str(runs[0].order.seed)),
            ("fidelity", last.order.fidelity.value),
            ("machine time", f"{sum(ran.simulated_s for ran in runs):.1f} s"),
            ("trace", trace_hash(runs)[:16]),
        ),
        notes=(
            "Every package was placed by the station's real code over the machine's real protocols; "
            "the machine is simulated and its truth is known.",
            "Reported offsets come from the outline of the placed package, which is cut to its own tolerance against "
            "the balls: they scatter more than the placement itself, and their records say so.",
        ),
    )


def _board(ran: Ran) -> Mapping[str, Any]:
    board, package = ran.recipe.board, ran.recipe.package
    return {
        "size_x_um": board.size_x_um,
        "size_y_um": board.size_y_um,
        "fiducials": [{"name": f.name, "x_um": f.x_um, "y_um": f.y_um} for f in board.fiducials],
        "sites": [
            {
                "name": s.name,
                "x_um": s.x_um,
                "y_um": s.y_um,
                "theta_deg": s.theta_deg,
                "size_x_um": package.body_x_um,
                "size_y_um": package.body_y_um,
            }
            for s in board.sites
        ],
    }


def _curves(records: list[dict[str, Any]], blobs: BlobStore) -> tuple[ForceTrace, ...]:
    traces = []
    for record in records:
        for kind in ("dip", "place"):
            reference = record[kind] and record[kind]["curve"]
            if reference:
                curve = json.loads(blobs.get_now(reference)[0])
                label = f"{kind} {record['board']['serial']} {record['site']}"
                traces.append(ForceTrace(label, tuple(curve["z_um"]), tuple(curve["force_n"])))
    return tuple(traces)


def _pictures(record: dict[str, Any], blobs: BlobStore) -> tuple[Picture, ...]:
    pictures = []
    for view in ("dry", "wet"):
        seen = record["vision"][view]
        if not seen or not seen["balls"] or not seen["image"].startswith("sha256:"):
            continue
        content, media_type = blobs.get_now(seen["image"])
        if media_type != "image/png":
            continue
        um_per_px = 8.0
        balls = tuple(
            BallMark(x_px, y_px, (diameter_um or 200.0) / 2 / um_per_px, state)
            for _, x_px, y_px, diameter_um, state in json.loads(blobs.get_now(seen["balls"])[0])
            if x_px is not None
        )
        caption = f"{record['board']['serial']} {record['site']}, {view}: {seen['found']} of {seen['expected']} balls"
        pictures.append(Picture(caption, content, balls, um_per_px))
    return tuple(pictures)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and (value != value or abs(value) == float("inf")):
        return None
    if isinstance(value, tuple):
        return [_finite(item) for item in value]
    return value
