"""The interlock table as a page for people, made from the rows themselves."""

from __future__ import annotations

from station.guard.guard import CONDITIONS
from station.guard.table import INTERLOCKS


def as_markdown() -> str:
    """The page docs/interlocks.md."""
    lines = [
        "# Interlocks",
        "",
        "Generated from the table in `station/guard`; `make docs` writes it, a test compares it.",
        "Before every motion all conditions of its row must be proven by a reading at most 0.5 s old. The hard-wired",
        "safety chain and the devices watch on their own besides; the guard is no safety function.",
        "",
        "## What each action needs",
        "",
        "| Action | Needs |",
        "| --- | --- |",
        *(f"| {action.value} | {'; '.join(row.title for row in rows)} |" for action, rows in INTERLOCKS.items()),
        "",
        "## Conditions",
        "",
        "| Condition | Read from | Where it does not hold | Alarm |",
        "| --- | --- | --- | --- |",
        *(f"| {row.title} | {row.source} | {row.broken} | {201 if row.of_the_chain else 209} |" for row in CONDITIONS),
        "",
        'Not known counts as not fulfilled; the reason then reads "it is not known whether ...". A device that does',
        "not answer at all is alarm 101.",
    ]
    return "\n".join(lines) + "\n"
