"""Records line by line: which lines two runs of one thing must share, and how closely.

It runs nothing, and does not know what was changed between the two runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Records = Mapping[str, Mapping[str, Any]]
"""what names a record in both runs -> the record"""

IDENTITIES = ("record_id", "job_id", "hash", "previous_hash", "calibration_hash")
TIMES = ("started_at", "ended_at", "spans", "cycle", "floor_life_left_s", "pot_life_left_s", "film.age_at_dip_s")
CONTENTS = (
    "dip.curve",
    "place.curve",
    "verify.image",
    "vision.dry.image",
    "vision.wet.image",
    "vision.dry.balls",
    "vision.wet.balls",
)
"""hashes of pictures, curves and ball lists: another sample of the same thing"""
VERDICT = ("result", "reason.code", "board.serial", "site", "level")
TWO_WITNESSES = ("ball_without_material", "imprint_incomplete")
"""one verdict: noise decides whether the print or the wet picture is the first to show that material is missing"""
MISSING = "(not there)"


@dataclass(frozen=True, slots=True)
class Within:
    """How far values may lie apart, by the unit in their name; whatever has no unit of these must be equal."""

    um: float = 0.0
    deg: float = 0.0
    n: float = 0.0
    kpa: float = 0.0
    probability: float = 0.0

    def allows(self, path: str, one: Any, other: Any) -> bool:
        if not (_is_number(one) and _is_number(other)):
            return bool(one == other)
        name = next(part for part in reversed(path.split(".")) if not part.isdigit())
        unit = name.rsplit("_", 1)[-1]
        limit = self.probability if name.endswith("probability") else getattr(self, unit, 0.0)
        return bool(abs(one - other) <= float(limit))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def lines(record: Mapping[str, Any]) -> dict[str, Any]:
    """Every value of a record under its path: {"vision.wet.found": 168, ...}."""
    return dict(_lines("", record))


def _lines(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, part in value.items():
            yield from _lines(f"{path}.{key}" if path else key, part)
    elif isinstance(value, (list, tuple)) and value:
        for index, part in enumerate(value):
            yield from _lines(f"{path}.{index}", part)
    else:
        yield path, value


def differing(one: Records, other: Records, within: Within, but: Sequence[str]) -> list[tuple[str, str]]:
    """The lines that differ by more than they may, in pairs; `but`: beginnings of paths that are not compared.

    Sentences are never compared: they repeat rounded what stands beside them as a number.
    """
    found = []
    for key in (*one, *(key for key in other if key not in one)):
        if key not in one or key not in other:
            found.append((f"{key}: {_result(one.get(key))}", f"{key}: {_result(other.get(key))}"))
            continue
        mine, its = lines(one[key]), lines(other[key])
        for path in (*mine, *(path for path in its if path not in mine)):
            if path.endswith(".text") or any(path == skipped or path.startswith(f"{skipped}.") for skipped in but):
                continue
            a, b = mine.get(path, MISSING), its.get(path, MISSING)
            if not within.allows(path, a, b):
                found.append((f"{key}: {path} = {a}", f"{key}: {path} = {b}"))
    return found


def _result(record: Mapping[str, Any] | None) -> str:
    return MISSING if record is None else f"{record.get('result')}, {record.get('reason') or 'no reason'}"


def verdicts(records: Records) -> dict[str, dict[str, Any]]:
    """Of every record only what was judged."""
    return {
        key: {path: _one_word(value) for path, value in lines(record).items() if path in VERDICT}
        for key, record in records.items()
    }


def became(record: Mapping[str, Any]) -> str:
    """Result and reason in a few words."""
    code = (record["reason"] or {}).get("code")
    return f"{record['result']} {_one_word(code)}" if code else str(record["result"])


def _one_word(value: Any) -> Any:
    return "too little material" if value in TWO_WITNESSES else value
