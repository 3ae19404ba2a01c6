"""What sensors prove after a power loss, row by row; and that a doubt is never settled."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from station.process import sheet
from station.run.settle import Seen, settle

HELD_UP = Seen(vacuum_kpa=-62.0, head_is_up=True, board_at_stop=True, clamped=True)
NOTHING = replace(HELD_UP, vacuum_kpa=-0.5)

TABLE: list[tuple[str, Seen, str | None, str]] = [
    ("pick", HELD_UP, "taken", ""),
    ("pick", NOTHING, None, ""),
    ("dip", HELD_UP, "rejected", ""),
    ("dip", NOTHING, None, ""),
    ("place", HELD_UP, "not_placed", "unplaced"),
    ("place", replace(HELD_UP, head_is_up=False), None, ""),
    ("place", NOTHING, None, ""),
    ("place", replace(HELD_UP, vacuum_kpa=-44.9), None, ""),
    ("place", replace(HELD_UP, vacuum_kpa=float("nan")), None, ""),
    ("bin_part", HELD_UP, "not_binned", ""),
    ("bin_part", NOTHING, None, ""),
    ("board_out", NOTHING, "not_out", ""),
    ("board_out", replace(NOTHING, clamped=False), None, ""),
    ("board_out", replace(NOTHING, board_at_stop=False), None, ""),
]


@pytest.mark.parametrize(("step", "seen", "verdict", "result"), TABLE)
def test_the_power_loss_table(step: str, seen: Seen, verdict: str | None, result: str) -> None:
    settled = settle(step, seen)
    assert (settled and settled.verdict) == verdict
    assert (settled.result if settled else "") == result


@pytest.mark.parametrize("step", [step.id for step in sheet.ALL_STEPS if step.irreversible])
def test_what_is_not_known_settles_nothing(step: str) -> None:
    assert settle(step, Seen()) is None
    needed = ("board_at_stop", "clamped") if step == "board_out" else ("vacuum_kpa", "head_is_up")
    assert set(needed) <= {field.name for field in fields(Seen)}
    for name in needed:
        assert settle(step, replace(HELD_UP, **{name: None})) is None
