"""What the stories about the store share: a clock that stands where it is put, and a sample record."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)


class HandClock:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def mono_s(self) -> float:
        return self.now_s

    def utc(self) -> datetime:
        return START + timedelta(seconds=self.now_s)


def record(site: str = "U1", result: str = "placed", board: str = "B-0001") -> dict[str, Any]:
    """A placement record with the fields the store looks at and a few more."""
    return {
        "station": "dip-1",
        "job_id": "job-1",
        "board": {"serial": board, "index": 1},
        "site": site,
        "level": 1,
        "result": result,
        "reason": None,
        "dip": {"depth_um": 55.0, "peak_force_n": 1.9},
    }
