"""Numbers that a report derives from placement records; it draws nothing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

ELLIPSE_POINTS = 72
LEAST_FOR_SPREAD = 3
"""Placements from which a spread is worth a number."""


@dataclass(frozen=True)
class OffsetSpread:
    """Mean and spread of measured placement offsets, um."""

    count: int
    mean_x_um: float
    mean_y_um: float
    sigma_x_um: float
    sigma_y_um: float
    worst_um: float
    cpk: float
    """min over x and y of (limit - |mean|) / (3 sigma); infinite where nothing spreads."""
    ellipse_um: tuple[tuple[float, float], ...]
    """3 sigma ellipse of the joint spread, closed by its user."""


def offsets(records: Iterable[Mapping[str, Any]]) -> list[tuple[str, float, float]]:
    """(label, x_um, y_um) of every record whose placement was verified by measurement."""
    found = []
    for record in records:
        verify = record.get("verify")
        if verify and verify.get("offset_x_um") is not None and verify.get("offset_y_um") is not None:
            label = f"{(record.get('board') or {}).get('serial', '')} {record.get('site', '')}".strip()
            found.append((label, float(verify["offset_x_um"]), float(verify["offset_y_um"])))
    return found


def spread(points_um: Iterable[tuple[float, float]], limit_um: float) -> OffsetSpread | None:
    """Spread of the points, None where there are too few of them."""
    points = np.asarray(list(points_um), dtype=float)
    if len(points) < LEAST_FOR_SPREAD:
        return None
    mean = points.mean(axis=0)
    covariance = np.cov(points.T)
    sigma = np.sqrt(np.diag(covariance))
    values, vectors = np.linalg.eigh(covariance)
    angles = np.linspace(0, 2 * math.pi, ELLIPSE_POINTS, endpoint=False)
    circle = np.stack([np.cos(angles), np.sin(angles)])
    ellipse = mean[:, None] + vectors @ (3 * np.sqrt(np.maximum(values, 0))[:, None] * circle)
    margins = [(limit_um - abs(m)) / (3 * s) if s > 0 else math.inf for m, s in zip(mean, sigma, strict=True)]
    return OffsetSpread(
        count=len(points),
        mean_x_um=float(mean[0]),
        mean_y_um=float(mean[1]),
        sigma_x_um=float(sigma[0]),
        sigma_y_um=float(sigma[1]),
        worst_um=float(np.hypot(points[:, 0], points[:, 1]).max()),
        cpk=float(min(margins)),
        ellipse_um=tuple((float(x), float(y)) for x, y in ellipse.T),
    )


def contact_z_um(z_um: Iterable[float], force_n: Iterable[float], share: float = 0.05) -> float:
    """Highest Z (down is positive) at which the force reaches `share` of its peak; the first Z when nothing pressed.

    Holds for the way down and for the way up, since recordings of presses and of lifts are both drawn.
    """
    points = list(zip(z_um, force_n, strict=True))
    peak_n = max((force for _, force in points), default=0.0)
    if peak_n <= 0:
        return points[0][0] if points else 0.0
    return min(z for z, force in points if force >= share * peak_n)
