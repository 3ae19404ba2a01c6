"""One line of the benchmark's table, and how the table is printed.

A module that adds lines exposes `rows(quick: bool) -> list[Row]`; `quick` asks for few pictures, for a smoke run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Row:
    """what, ours: as printed; ours carries its interval or count
    bound_or_unit   the bound, or the unit of the figures
    reach, stretch  figures to reach, in the same unit as `value`; None: none was set
    baselines       method -> figure as printed
    note            what the figure leaves out
    value           ours as a number, for the verdict; NaN: not measured
    larger_is_better  for figures such as d-prime or a share found
    limit           the value that the count tried can prove at 95 %, for rare events; NaN: the value itself counts
    """

    what: str
    ours: str
    bound_or_unit: str
    reach: float | None
    stretch: float | None
    baselines: dict[str, str] = field(default_factory=dict)
    note: str = ""
    value: float = math.nan
    larger_is_better: bool = False
    limit: float = math.nan

    @property
    def verdict(self) -> str:
        """stretch | reached | missed | open (too few were tried to tell); empty without a figure to reach."""
        if self.reach is None:
            return ""
        sign = -1.0 if self.larger_is_better else 1.0
        if not sign * self.value <= sign * self.reach:
            return "missed"
        proven = self.value if math.isnan(self.limit) else self.limit
        if self.stretch is not None and sign * proven <= sign * self.stretch:
            return "stretch"
        return "reached" if sign * proven <= sign * self.reach else "open"


def number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3g}" if value < 1e5 else f"{value:,.0f}"


def printed(rows: list[Row], title: str) -> str:
    """The rows as a table of plain text; baselines and notes go beneath the line they belong to."""
    head = ("what", "ours", "bound / unit", "reach", "stretch", "")
    body = [(r.what, r.ours, r.bound_or_unit, number(r.reach), number(r.stretch), r.verdict) for r in rows]
    widths = [max(len(line[i]) for line in [head, *body]) for i in range(len(head))]

    def line(cells: tuple[str, ...]) -> str:
        return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths)).rstrip()

    lines = [title, "", line(head), line(tuple("-" * width for width in widths))]
    for row, cells in zip(rows, body):
        lines.append(line(cells))
        if row.baselines:
            lines += _wrapped("; ".join(f"{name} {figure}" for name, figure in row.baselines.items()))
        if row.note:
            lines += _wrapped(row.note)
    return "\n".join(lines) + "\n"


def _wrapped(text: str, width: int = 112) -> list[str]:
    lines, line = [], ""
    for word in text.split(" "):
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = ""
        line = f"{line} {word}" if line else word
    return [f"    {part}" for part in [*lines, line]]
