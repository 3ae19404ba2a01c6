"""A made-up run of four boards for the report: plausible numbers from one seed, no machine behind them."""

from __future__ import annotations

from typing import Any

import numpy as np

from station.report import BallMark, FilmPoint, ForceTrace, Picture, ReportData, Span, SummaryRow, TruthOffset
from tests.hmi.pictures import UM_PER_PX, ball_field, ball_picture
from tests.hmi.snapshots import BALL_STATES, running

LIMIT_UM = 25.0
CYCLE = (
    ("gantry", "Look at site", 0.00, 0.62),
    ("image", "Site fit", 0.62, 0.80),
    ("gantry", "Pick", 0.62, 1.71),
    ("gantry", "To up camera", 1.71, 2.06),
    ("image", "Dry inspection", 2.06, 2.41),
    ("film", "Level film", 0.10, 1.62),
    ("film", "Measure film", 1.62, 2.30),
    ("gantry", "To plate", 2.41, 2.72),
    ("gantry", "Dip", 2.72, 3.84),
    ("gantry", "Back to up camera", 3.84, 4.15),
    ("image", "Wet inspection", 4.15, 4.62),
    ("gantry", "To site", 4.62, 4.98),
    ("gantry", "Place", 4.98, 6.02),
    ("image", "Imprint", 4.62, 4.90),
    ("gantry", "Verify", 6.02, 6.42),
)
CRITICAL = (
    "Look at site", "Pick", "To up camera", "Dry inspection", "To plate", "Dip",
    "Back to up camera", "Wet inspection", "To site", "Place", "Verify",
)  # fmt: skip
REASONS = {
    7: ("rejected", "balls_not_wetted", "2 of 168 balls took no material (W22, B7); parts go to the bin after a dip."),
    20: ("unplaced", "pick_failed", "Vacuum −12 kPa after 3 attempts, wanted below −60 kPa: pocket 21 seems empty."),
    33: ("rejected", "ball_missing", "1 ball missing (AB14) before the dip; 0 allowed."),
}


def _record(index: int, site: str, offset: np.ndarray[Any, Any], film_um: float) -> dict[str, Any]:
    result, code, text = REASONS.get(index, ("placed", "", ""))
    record: dict[str, Any] = {
        "record_id": f"r-{index}",
        "board": {"serial": f"PB-{342 + index // 12:06d}", "index": index // 12},
        "site": site,
        "result": result,
        "reason": {"code": code, "text": text} if code else None,
        "film": {"mean_um": film_um, "age_at_dip_s": 1.9 + 0.01 * (index % 7)},
        "dip": {"peak_force_n": 1.02 + 0.003 * (index % 5)} if result == "placed" else None,
    }
    if result == "placed":
        record["place"] = {"peak_force_n": 3.06 + 0.004 * (index % 9), "hold_force_n": 3.0}
        record["verify"] = {
            "offset_x_um": float(offset[0]),
            "offset_y_um": float(offset[1]),
            "offset_theta_deg": 0.012 * ((index % 7) - 3),
        }
    return record


def _press(label: str, *, start_um: float, depth_um: float, peak_n: float, rng: np.random.Generator) -> ForceTrace:
    air = np.arange(-150.0, 0.0, 1.0)
    press = np.linspace(0, depth_um, 60)
    force = np.concatenate([np.zeros_like(air), peak_n * (press / depth_um) ** 1.6, np.full(20, peak_n * 0.98)])
    z_um = start_um + np.concatenate([air, press, np.full(20, depth_um)])
    return ForceTrace(label, tuple(z_um), tuple(force + rng.normal(0, 0.015, len(force))))


def fake_run(seed: int = 11) -> ReportData:
    rng = np.random.default_rng(seed)
    board = running()["board"]
    sites = [site["name"] for site in board["sites"]]
    turn = np.array([[0.9, -0.35], [0.35, 0.9]])
    true_um = rng.normal(0, 1, (48, 2)) * [5.2, 3.1] @ turn.T + [1.6, -2.2]
    reported_um = true_um + rng.normal(0, 0.7, (48, 2))
    film_um = 50 + np.cumsum(rng.normal(0, 0.35, 60)) * 0.5 + rng.normal(0, 0.5, 60)
    film_um[31] = 46.2
    records = tuple(_record(i, sites[i % 12], reported_um[i], float(film_um[i])) for i in range(48))
    placed = [i for i in range(48) if i not in REASONS]
    balls = ball_field()
    wet = {name: BALL_STATES.get(name, "wet") for name, *_ in balls}
    dry = {name: "missing" if name == "AB14" else "ok" for name, *_ in balls}

    def marks(states: dict[str, str]) -> tuple[BallMark, ...]:
        return tuple(BallMark(x, y, r, states[name]) for name, x, y, r in balls)

    return ReportData(
        title="Dip-and-place demonstration, 4 boards of pop_12x12_168",
        subtitle="48 packages of 168 balls dipped into 50 µm of flux and placed at 3 N; simulated machine.",
        facts=(
            ("Recipe", "pop_12x12_168 r3, 9f27ab10"),
            ("Software", "0.1.0"),
            ("Seed", str(seed)),
            ("Fidelity", "calibrated"),
            ("Machine time", "5 min 34 s"),
        ),
        summary=(
            SummaryRow("Packages placed", "45 / 48", "", "≥ 44", True),
            SummaryRow("Cycle per package", "6.42", "s", "≤ 6.5", True),
            SummaryRow("Offset, worst", "16.4", "µm", "≤ 25", True),
            SummaryRow("Offset Cpk", "1.42", "", "≥ 1.33", True),
            SummaryRow("Film within tolerance", "59 / 60", "dips", "60 / 60", False),
            SummaryRow("Place force, peak", "3.09", "N", "≤ 3.3", True),
            SummaryRow("Balls judged right", "8,064 / 8,064", "", "all", True),
            SummaryRow("Machine time per wall time", "212", "×", "", None),
        ),
        records=records,
        board=board,
        offset_limit_um=LIMIT_UM,
        film_tolerance_um=3.0,
        film_trend=tuple(FilmPoint(6.5 * i, float(h), 50.0) for i, h in enumerate(film_um)),
        force_curves=(
            _press("Place", start_um=34_120, depth_um=26, peak_n=3.06, rng=rng),
            _press("Dip", start_um=21_400, depth_um=48, peak_n=1.03, rng=rng),
        ),
        pictures=(
            Picture(
                "Before the dip: one ball missing",
                ball_picture(balls, (("AB14", "missing"),), is_wet=False),
                marks(dry),
                UM_PER_PX,
            ),
            Picture(
                "After the dip: two balls not wetted",
                ball_picture(balls, tuple(BALL_STATES.items()), is_wet=True),
                marks(wet),
                UM_PER_PX,
            ),
        ),
        spans=tuple(Span(*one) for one in CYCLE),
        critical_path=CRITICAL,
        truth_offsets=tuple(
            TruthOffset(sites[i % 12], *map(float, reported_um[i]), *map(float, true_um[i])) for i in placed
        ),
        notes=("All numbers come from a simulated machine; the truth column is what the simulator knows.",),
    )
