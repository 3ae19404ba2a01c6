"""The force-Z curves, read from the head's buffer while the head already travels on; the next press starts it anew."""

from __future__ import annotations

from station.cell import Cell
from station.process.outcomes import DipCurve, PlaceCurve
from station.process.step import Work

CURVE_POINTS = 192
"""enough to see contact, knee and pull; the buffer holds up to 4,096"""


async def read_dip_curve(cell: Cell, work: Work) -> DipCurve:
    return DipCurve(points=await _points(cell))


async def read_place_curve(cell: Cell, work: Work) -> PlaceCurve:
    return PlaceCurve(points=await _points(cell))


async def _points(cell: Cell) -> tuple[tuple[float, float], ...]:
    curve = await cell.head.read_curve(CURVE_POINTS)
    return tuple(zip(curve.z_um, curve.force_n, strict=True))
