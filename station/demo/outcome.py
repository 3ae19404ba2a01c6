"""What a life of the station came to, in three lines of words: states, alarms, packages. Made to be compared.

Names that differ from run to run (board codes, ids) are numbered in the order in which they appear.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from station.demo.field_journal import Told

KINDS = ("alarms", "packages", "states")
"""causes before consequences: where two begin to differ at the same instant the first of these is told"""


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a line; `told` is the event that it was made from."""

    text: str
    told: Told


@dataclass(slots=True)
class Outcome:
    """The lines, by KINDS."""

    lines: dict[str, list[Word]] = field(default_factory=lambda: {kind: [] for kind in KINDS})

    @property
    def count(self) -> int:
        return sum(len(line) for line in self.lines.values())


@dataclass(frozen=True, slots=True)
class Difference:
    """Where two outcomes part first: line, place in it, and what either says there ("" where it has ended)."""

    kind: str
    index: int
    journal: str
    replay: str
    told: Told | None
    """the event of the journal, None where the journal has ended"""

    @property
    def sentence(self) -> str:
        said = self.journal or "nothing more"
        at = f" ({self.told.at_s:.3f} s after the start)" if self.told is not None else ""
        replay = self.replay or "nothing more"
        return f"{self.kind}, word {self.index + 1}: the journal says {said}{at}, the replay {replay}"


def outcome_of(told: Iterable[Told]) -> Outcome:
    made = Outcome()
    boards: dict[str, int] = {}
    for event in told:
        word = _word(event, boards)
        if word is not None:
            made.lines[word[0]].append(Word(word[1], event))
    return made


def _word(event: Told, boards: dict[str, int]) -> tuple[str, str] | None:
    data = event.data
    if event.kind == "state.changed":
        return "states", str(data["to"])
    if event.kind in ("alarm.retried", "alarm.raised"):
        return "alarms", f"{data['number']} in {data['step']}: {data['does']}"
    if event.kind == "fault.raised":
        answers = "/".join(answer["id"] for answer in data["answers"])
        return "alarms", f"{data['number']} shown: {answers}"
    if event.kind == "placement.recorded":
        serial = str(data.get("board_serial"))
        number = boards.setdefault(serial, len(boards) + 1)
        reason = f" ({data['reason']['code']})" if data.get("reason") else ""
        return "packages", f"board {number} site {data['site']}: {data['result']}{reason}"
    return None


def first_difference(journal: Outcome, replay: Outcome, *, is_cut_off: bool) -> Difference | None:
    """The one that comes first in the journal's time; None where the replay says what the journal says.

    is_cut_off   what the replay says after the journal's last word is no difference: nobody knows what came then
    """
    found = [
        difference
        for kind in KINDS
        if (difference := _parts(kind, journal.lines[kind], replay.lines[kind], is_cut_off)) is not None
    ]
    return min(found, key=_when, default=None)


def _when(difference: Difference) -> float:
    return difference.told.at_s if difference.told is not None else float("inf")


def _parts(kind: str, journal: Sequence[Word], replay: Sequence[Word], is_cut_off: bool) -> Difference | None:
    for index, (told, said) in enumerate(zip(journal, replay, strict=False)):
        if told.text != said.text:
            return Difference(kind, index, told.text, said.text, told.told)
    index = min(len(journal), len(replay))
    if len(journal) > index:
        return Difference(kind, index, journal[index].text, "", journal[index].told)
    if len(replay) > index and not is_cut_off:
        return Difference(kind, index, "", replay[index].text, None)
    return None


def agreement(journal: Outcome, replay: Outcome) -> int:
    """How many words of the journal the replay says, in all lines up to where each parts."""
    agreed = 0
    for kind in KINDS:
        for told, said in zip(journal.lines[kind], replay.lines[kind], strict=False):
            if told.text != said.text:
                break
            agreed += 1
    return agreed
