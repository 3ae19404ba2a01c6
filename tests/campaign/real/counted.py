"""What the lines of one campaign on real processes count, as words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def counted(lines: Sequence[dict[str, Any]]) -> str:
    """Every whole number of the lines, summed by name; times of starts as median and worst."""
    names = {name: None for line in lines for name, value in line.items() if type(value) is int and name != "seed"}
    sums = [f"{name.replace('_', ' ')} {sum(line.get(name, 0) for line in lines):,}" for name in names]
    starts = sorted(value for line in lines for value in line.get("starts_s", ()))
    if starts:
        sums.append(f"truthful start {starts[len(starts) // 2]:.1f} s median, {starts[-1]:.1f} s worst")
    return ", ".join(sums)
