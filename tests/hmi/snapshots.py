"""Canned pictures of the station's state, as the page receives them; nothing here is alive."""

from __future__ import annotations

import copy
import math
from typing import Any, Final

from tests.hmi.pictures import HEIGHT_PX, UM_PER_PX, WIDTH_PX, ball_field

DRY_IMAGE: Final = "/v1/blobs/dry"
WET_IMAGE: Final = "/v1/blobs/wet"
BALL_STATES: Final = {"B7": "partial", "W22": "dry", "AB14": "missing"}
Snapshot = dict[str, Any]

_STATES: Final = ("done", "done", "retried", "done", "rejected", "done", "skipped", "active") + ("pending",) * 4


def _sites() -> list[dict[str, Any]]:
    return [
        {
            "name": f"U{index + 1}",
            "x_um": 16_000 + 22_666.0 * (index % 4),
            "y_um": 66_000 - 26_000.0 * (index // 4),
            "theta_deg": 90.0 if index % 4 == 3 else 0.0,
            "size_x_um": 12_000,
            "size_y_um": 12_000,
            "state": state,
        }
        for index, state in enumerate(_STATES)
    ]


def _force() -> dict[str, Any]:
    """Approach in free air, contact at 34,120 um, press to 3 N over 24 um, settle to the hold force."""
    z_um = [33_940.0 + 2.0 * step for step in range(103)] + [34_144.0] * 12
    force_n = [0.01 * math.sin(z) if z < 34_120 else min(3.0, (z - 34_120) / 24 * 3.12) for z in z_um[:103]]
    force_n += [3.08 - 0.007 * step for step in range(12)]
    return {
        "z_um": z_um,
        "force_n": force_n,
        "contact_z_um": 34_120.0,
        "peak_force_n": 3.08,
        "hold_force_n": 3.0,
        "set_force_n": 3.0,
    }


def _camera() -> dict[str, Any]:
    balls = [
        {"name": name, "x_px": x, "y_px": y, "r_px": r, "state": BALL_STATES.get(name, "wet")}
        for name, x, y, r in ball_field()
    ]
    counts: dict[str, int] = {}
    for ball in balls:
        counts[ball["state"]] = counts.get(ball["state"], 0) + 1
    return {
        "frame_id": 4711,
        "image": WET_IMAGE,
        "um_per_px": UM_PER_PX,
        "width_px": WIDTH_PX,
        "height_px": HEIGHT_PX,
        "view": "wet",
        "balls": balls,
        "counts": counts,
    }


def _permit(*allowed: str, reason: str) -> dict[str, Any]:
    names = ("start", "hold", "resume", "stop", "abort", "reset", "clear")
    return {
        name: {"allowed": name in allowed, "reason": None if name in allowed else reason.format(name=name)}
        for name in names
    }


def running() -> Snapshot:
    """The station in the middle of the third board of ten."""
    return {
        "station": {
            "name": "Dip-and-place 01",
            "software_version": "0.1.0",
            "simulated": True,
            "time_utc": "2026-11-22T08:14:03Z",
        },
        "state": {
            "name": "Execute",
            "number": 6,
            "mode": "Production",
            "text": "Running",
            "sub_step": "Dip",
            "since_s": 1267.0,
        },
        "commands": _permit("hold", "stop", "abort", reason="not while running"),
        "job": {
            "id": "job-7",
            "recipe": "pop_12x12_168",
            "recipe_hash": "sha256:9f27ab10c4",
            "state": "running",
            "boards_done": 2,
            "boards_total": 10,
            "placed": 29,
            "rejected": 1,
            "unplaced": 1,
            "cycle_s": 6.42,
        },
        "board": {
            "serial": "PB-000342",
            "size_x_um": 100_000,
            "size_y_um": 80_000,
            "fiducials": [
                {"name": "F1", "x_um": 4_000, "y_um": 4_000},
                {"name": "F2", "x_um": 96_000, "y_um": 4_000},
                {"name": "F3", "x_um": 96_000, "y_um": 76_000},
            ],
            "sites": _sites(),
        },
        "film": {
            "height_um": 50.6,
            "target_um": 50.0,
            "tolerance_um": 3.0,
            "age_s": 2.1,
            "generation": 31,
            "trend": [50 + 1.6 * math.sin(n / 2.3) + 0.5 * math.sin(n * 1.7) for n in range(31)],
        },
        "tray": {
            "number": 2,
            "lot": "LOT-2",
            "pocket": 17,
            "failed_picks": 0,
            "failed_picks_max": 4,
            "window_picks": 10,
        },
        "force": _force(),
        "camera": _camera(),
        "offset": {"x_um": 4.2, "y_um": -7.1, "theta_deg": 0.021, "limit_um": 25.0},
        "alarms": [],
        "devices": [
            {"name": name, "connected": True, "age_s": 0.05, "round_trip_s": 0.002}
            for name in ("plc", "dip_unit", "head", "film_gauge", "lights", "board_reader", "up_camera", "down_camera")
        ],
        "safety": {
            "estop_ok": True,
            "door_closed": True,
            "drives_enabled": True,
            "air_ok": True,
            "vacuum_supply_ok": True,
            "key_manual": False,
            "bin_in_place": True,
            "bin_full": False,
            "on_battery": False,
        },
    }


def alarmed() -> Snapshot:
    """Held with a thin film and three answers, and a second, lesser alarm behind it."""
    snapshot = copy.deepcopy(running())
    snapshot["state"] |= {"name": "Held", "number": 11, "text": "Paused, action needed", "since_s": 14.0}
    snapshot["state"]["sub_step"] = "Measure film"
    snapshot["commands"] = _permit("stop", "abort", reason="answer the alarm first")
    snapshot["film"]["height_um"] = 31.5
    snapshot["tray"]["failed_picks"] = 3
    snapshot["film"]["trend"] = [*snapshot["film"]["trend"], 41.2, 36.0, 31.5]
    snapshot["alarms"] = [
        {
            "id": "a-19",
            "number": 401,
            "title": "Film too thin",
            "text": "Film 31.5 µm, wanted 47 to 53 µm after 3 wipes. Check material level and blade, then Retry.",
            "cause": "The reservoir runs empty, the blade is worn, or the gap does not belong to this material.",
            "remedy": [
                "Check the material level in the reservoir and refill it.",
                "Check the blade edge for dried material and clean it.",
                "Then choose Retry: the film is wiped and measured again before any package is dipped.",
            ],
            "answers": [
                {
                    "id": "retry",
                    "label": "Retry",
                    "consequence": "does again: Level film, Measure film, Judge film",
                    "redoes": ["Level film", "Measure film", "Judge film"],
                    "uses_part": False,
                },
                {"id": "skip_site", "label": "Skip site", "consequence": "U8 stays unplaced"},
                {"id": "new_part", "label": "Reject part, take a new one", "consequence": "uses 1 part"},
            ],
            "severity": "S",
            "raised_at": "2026-11-22T08:13:49Z",
            "objects": {"op_id": None, "site": "U8", "board": "PB-000342", "step": "Measure film"},
            "position_trusted": True,
            "state_token": "t-55",
        },
        {
            "id": "a-18",
            "number": 405,
            "title": "Reservoir low",
            "cause": "The dip unit reports LOW.",
            "remedy": ["Refill within 20 dips."],
            "answers": [],
            "severity": "W",
            "raised_at": "2026-11-22T08:10:02Z",
            "objects": {"device": "dip_unit"},
            "position_trusted": True,
            "state_token": "t-41",
        },
    ]
    return snapshot


def idle() -> Snapshot:
    """No job, no board, nothing measured: every part of the page must stand without its data."""
    snapshot = copy.deepcopy(running())
    snapshot["state"] |= {"name": "Idle", "number": 4, "text": "Ready", "sub_step": None, "since_s": 61.0}
    snapshot["commands"] = _permit("abort", reason="no job loaded")
    snapshot |= {"job": None, "board": None, "force": None, "camera": None, "offset": None}
    snapshot["film"] |= {"height_um": None, "age_s": None, "trend": []}
    return snapshot
