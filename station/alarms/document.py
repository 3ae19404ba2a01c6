"""The alarm catalogue as a page for people and as lines for programs, made from the rows themselves."""

from __future__ import annotations

import json as json_text

from station.alarms.catalogue import ANSWER_TEXT, AlarmDefinition, Reaction, all_definitions
from station.alarms.raised_by import shown_by
from station.alarms.translate import CATALOGUE_MODULES

CHAPTERS = (
    (100, "Links and devices"),
    (200, "Axes and safety"),
    (300, "Vacuum and handling"),
    (400, "Film and dip"),
    (500, "Vision"),
    (600, "Placement"),
    (700, "Board"),
    (800, "Records and software"),
    (900, "Recovery"),
)


def _definitions() -> list[AlarmDefinition]:
    assert CATALOGUE_MODULES  # importing them is what fills the catalogue
    return all_definitions()


def as_markdown() -> str:
    """The page docs/alarms.md."""
    lines = [
        "# Alarms",
        "",
        "Generated from the catalogue in `station/alarms`; `make docs` writes it, a test compares it.",
        "An alarm asks a person to act. Numbers never change their meaning. Whether the positions of the axes are to",
        "be trusted is no property of a row: the standing alarm says it, as it was when the alarm was raised.",
        "",
    ]
    for first, chapter in CHAPTERS:
        lines += [f"## {first // 100}xx {chapter}", ""]
        for row in _definitions():
            if first <= row.number < first + 100:
                lines += _chapter(row)
    return "\n".join(lines).rstrip() + "\n"


def _chapter(row: AlarmDefinition) -> list[str]:
    retries = (
        f"tries again {row.retries} times by itself, then: {row.reaction.value}" if row.retries else row.reaction.value
    )
    return [
        f"### {row.number} {row.title}",
        "",
        f"> {row.message}",
        "",
        f"- **Cause:** {row.cause}",
        f"- **Remedy:** {' '.join(row.remedy)}",
        f"- **The station:** {retries}",
        f"- **Answers:** {'; '.join(f'{ANSWER_TEXT[a][0]} ({ANSWER_TEXT[a][1]})' for a in row.answers)}",
        *([f"- **Nobody there:** {ANSWER_TEXT[row.unattended][0]}."] if row.reaction is Reaction.ASK else []),
        f"- **Shown by:** {shown_by(row.number)}",
        f"- **Severity:** {row.severity.value}. **Key:** `{row.key}`",
        "",
    ]


def as_lines(*, json: bool) -> list[str]:
    """One line per alarm."""
    if not json:
        return [f"{row.number}  {row.title}: {row.cause}" for row in _definitions()]
    return [
        json_text.dumps(
            {
                "number": row.number,
                "key": row.key,
                "title": row.title,
                "cause": row.cause,
                "remedy": list(row.remedy),
                "reaction": row.reaction.value,
                "retries": row.retries,
                "answers": [answer.value for answer in row.answers],
                "severity": row.severity.value,
            }
        )
        for row in _definitions()
    ]
