"""The numbers of a run: the station's records against the simulator's truth. Measured here, judged by the reader.

Offsets are of the top ball frame against the bottom land frame, as the simulator knows them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import sqrt
from statistics import fmean
from typing import Any

from station.demo.run import Ran


@dataclass(frozen=True)
class Numbers:
    """3 sigma is about the mean; the mean is given beside it. NaN where nothing was placed."""

    boards: int
    packages_placed: int
    packages_rejected: int
    unplaced: int
    offset_mean_um: tuple[float, float]
    offset_3sigma_um: float
    """the larger of x and y"""
    offset_worst_um: float
    theta_mean_deg: float
    theta_3sigma_deg: float
    film_error_um_max: float
    force_error_n_max: float
    force_error_ratio_max: float
    reported_offset_error_um_rms: float
    """verified offset as recorded against truth"""
    reported_offset_worst_in_sigma: float
    """largest difference in units of the sigma that the record itself claims"""
    reported_film_error_um_max: float
    reported_force_error_n_max: float
    bad_on_board: int
    """undipped, half-dipped or bridged packages that stand on a board"""
    bad_offered: int
    """packages rejected for their balls or their dip"""
    cycle_s: float
    critical_path_s: float
    pairs: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = field(repr=False, default=())

    @property
    def cycle_ratio(self) -> float:
        return self.cycle_s / self.critical_path_s if self.critical_path_s else float("nan")


def numbers_of(runs: list[Ran]) -> Numbers:
    """All runs together."""
    pairs = [pair for ran in runs for pair in _paired(ran)]
    placed = [true for _, true in pairs]
    x, y = [t["offset_x_um"] for t in placed], [t["offset_y_um"] for t in placed]
    theta = [t["offset_theta_deg"] for t in placed]
    reported = [(r, t) for r, t in pairs if r["verify"] and r["verify"]["offset_x_um"] is not None]
    return Numbers(
        boards=sum(ran.job["boards_done"] for ran in runs),
        packages_placed=sum(ran.job["placed"] for ran in runs),
        packages_rejected=sum(ran.job["rejected"] for ran in runs),
        unplaced=sum(ran.job["unplaced"] for ran in runs),
        offset_mean_um=(_mean(x), _mean(y)),
        offset_3sigma_um=max(3 * _sigma(x), 3 * _sigma(y)),
        offset_worst_um=max((sqrt(a * a + b * b) for a, b in zip(x, y, strict=True)), default=float("nan")),
        theta_mean_deg=_mean(theta),
        theta_3sigma_deg=3 * _sigma(theta),
        film_error_um_max=_worst(t["film_height_um"] - r["film"]["target_um"] for r, t in pairs),
        force_error_n_max=_worst(t["hold_force_n"] - r["place"]["set_force_n"] for r, t in pairs),
        force_error_ratio_max=_worst(t["hold_force_n"] / r["place"]["set_force_n"] - 1 for r, t in pairs),
        reported_offset_error_um_rms=sqrt(_mean([_offset_error(r, t) ** 2 for r, t in reported]) / 2)
        if reported
        else float("nan"),
        reported_offset_worst_in_sigma=_worst(s for r, t in reported for s in _in_sigma(r, t)),
        reported_film_error_um_max=_worst(t["film_height_um"] - r["film"]["mean_um"] for r, t in pairs),
        reported_force_error_n_max=_worst(t["hold_force_n"] - r["place"]["hold_force_n"] for r, t in pairs),
        bad_on_board=sum(
            1 for ran in runs for t in ran.truth["placements"] if t["balls_dry"] or t["balls_half"] or t["bridges"]
        ),
        bad_offered=sum(1 for ran in runs for r in ran.records if r["result"] == "rejected"),
        cycle_s=_mean([r["cycle"]["actual_s"] for r, _ in pairs if r.get("cycle")]),
        critical_path_s=_mean([r["cycle"]["critical_path_s"] for r, _ in pairs if r.get("cycle")]),
        pairs=tuple(pairs),
    )


def _paired(ran: Ran) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Every record of a placed package with what truly lies there."""
    there: dict[tuple[str, str], dict[str, Any]] = {(t["board"], t["site"]): t for t in ran.truth["placements"]}
    pairs = []
    for record in ran.records:
        if record["result"] == "placed":
            true = there.get((record["board"]["serial"], record["site"]))
            if true is None:
                raise AssertionError(f"record {record['record_id']} claims a package that is not there")
            pairs.append((record, true))
    return pairs


def _mean(values: list[float]) -> float:
    return fmean(values) if values else float("nan")


def _sigma(values: list[float]) -> float:
    if len(values) < 2:
        return float("nan")
    mean = fmean(values)
    return sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))


def _worst(values: Any) -> float:
    return max((abs(value) for value in values), default=float("nan"))


def _offset_error(record: dict[str, Any], true: dict[str, Any]) -> float:
    verify = record["verify"]
    return sqrt((verify["offset_x_um"] - true["offset_x_um"]) ** 2 + (verify["offset_y_um"] - true["offset_y_um"]) ** 2)


def _in_sigma(record: dict[str, Any], true: dict[str, Any]) -> list[float]:
    verify = record["verify"]
    return [
        (verify["offset_x_um"] - true["offset_x_um"]) / verify["sigma_x_um"],
        (verify["offset_y_um"] - true["offset_y_um"]) / verify["sigma_y_um"],
    ]
