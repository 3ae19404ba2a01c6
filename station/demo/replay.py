"""A field journal, run again: the same orders, answers and buttons on the simulated machine, with the faults that make
it say what the journal says.

Which faults those were is not written anywhere; it is found by trying. Where the replay parts from the journal first,
every suspect for that word is given to the machine, and the one that carries the agreement on is kept.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import recipes
from sim_hardware import virtual_time
from sim_hardware.faults import FaultSpec
from sim_hardware.schedule import Act, Entry, Plan
from sim_hardware.world.machine import Fidelity
from station.demo.deeds import Deed, deeds_of
from station.demo.field_journal import FieldJournal
from station.demo.outcome import Difference, Outcome, agreement, first_difference, outcome_of
from station.demo.relive import Lived, relive
from station.demo.symptoms import suspected

TRIES_MAX = 400
"""runs; one takes a third of a second. Estimate: 30 faults with a dozen suspects each"""
KILLED_AFTER_S = (0.0, 0.1, 0.3, 0.6, 1.0, 1.6)
"""what may lie between the last thing that reached the disk and the kill; at the latest the next commit would show"""

Tell = Callable[[int, int, int], None]
"""(tries, words that agree, words in all)"""


@dataclass(frozen=True, slots=True)
class Guess:
    """Faults per life of the service, and how long after its last word each life was killed."""

    faults: tuple[tuple[FaultSpec, ...], ...]
    killed_after_s: tuple[float, ...]

    def with_fault(self, life: int, fault: FaultSpec) -> Guess:
        faults = list(self.faults)
        faults[life] = (*faults[life], fault)
        return replace(self, faults=tuple(faults))

    def killed_later(self, life: int, after_s: float) -> Guess:
        moments = list(self.killed_after_s)
        moments[life] = after_s
        return replace(self, killed_after_s=tuple(moments))

    @property
    def size(self) -> int:
        return sum(map(len, self.faults))


@dataclass(slots=True)
class Replayed:
    """What came of it.

    lives        what each life of the replay wrote
    agreed       words of the journal that the replay says as well, of `words`
    difference   where they part first, and in which life; None: the same outcome
    """

    journal: list[Outcome]
    lives: list[Lived]
    guess: Guess
    agreed: int
    words: int
    difference: tuple[int, Difference] | None
    tries: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def is_same(self) -> bool:
        return self.difference is None


class CannotReplay(ValueError):
    """The journal holds nothing that could be run."""


class Replay:
    """One journal on one machine; `search` finds the faults."""

    def __init__(self, journal: FieldJournal, *, seed: int, fidelity: Fidelity, library: str = "") -> None:
        """library: recipe that is built where the journal does not say which. Raises CannotReplay, RecipeProblems."""
        if not journal.lives:
            raise CannotReplay("The journal is empty: no station ever started with it.")
        self._lives, self._seed, self._fidelity = journal.lives, seed, fidelity
        self._outcomes = [outcome_of(life.told) for life in journal.lives]
        self._deeds = [deeds_of(life) for life in journal.lives]
        self.notes: list[str] = []
        self.recipe = self._drawn(journal, library)
        self.tries = 0

    def _drawn(self, journal: FieldJournal, library: str) -> recipes.Recipe:
        orders = [deed.about for deeds in self._deeds for deed in deeds if deed.verb == "start"]
        names = dict.fromkeys(order["recipe"] for order in orders)
        if len(names) > 1:
            self.notes.append(f"recipes {', '.join(names)}: the simulated machine is built for the first of them")
        name = next(iter(names), library)
        wanted = next((order["hash"] for order in orders), None)
        kept = next((stored for stored in journal.recipes if stored.hash == wanted), None)
        drawn = recipes.load(name) if kept is None else recipes.from_data(json.loads(kept.document), kept.name)
        if wanted is not None and drawn.content_hash != wanted:
            self.notes.append(f"recipe {name} is another revision today: the journal was written with {wanted[:22]}")
        return drawn

    def once(self, guess: Guess) -> Replayed:
        """One run with these faults."""
        self.tries += 1
        with tempfile.TemporaryDirectory(prefix="replay-", dir=_fast_folder()) as folder:
            lives = virtual_time.run(
                relive(
                    self._lives,
                    self._deeds,
                    guess.faults,
                    guess.killed_after_s,
                    Path(folder),
                    recipe=self.recipe,
                    seed=self._seed,
                    fidelity=self._fidelity,
                )
            )
        difference = None
        agreed = 0
        for number, (life, outcome, lived) in enumerate(zip(self._lives, self._outcomes, lives, strict=True)):
            said = outcome_of(lived.told)
            found = first_difference(outcome, said, is_cut_off=life.was_cut_off)
            agreed += agreement(outcome, said) + (found is None)
            if found is not None:
                difference = (number, found)
                break
        words = sum(outcome.count + 1 for outcome in self._outcomes)
        return Replayed(self._outcomes, lives, guess, agreed, words, difference, self.tries, self.notes)

    def search(self, tell: Tell = lambda *_: None, tries_max: int = TRIES_MAX) -> Replayed:
        """Explain the first difference, then the next, stepping back where no suspect leads on."""
        best = self.once(Guess(tuple(() for _ in self._lives), tuple(KILLED_AFTER_S[0] for _ in self._lives)))
        ways = [best]
        while ways and not best.is_same and self.tries < tries_max:
            here = ways.pop()
            found = []
            for guess in self._suspects(here):
                tried = self.once(guess)
                tell(self.tries, max(best.agreed, tried.agreed), tried.words)
                if tried.agreed > here.agreed:
                    found.append(tried)
                if tried.is_same or self.tries >= tries_max:
                    break
            # The last one is tried first: the one that says most of the journal with the fewest faults.
            ways += sorted(found, key=lambda tried: tried.agreed)
            best = max([best, *found], key=lambda tried: (tried.agreed, -tried.guess.size))
        best.tries = self.tries
        return best

    def _suspects(self, here: Replayed) -> Sequence[Guess]:
        assert here.difference is not None
        number, difference = here.difference
        guesses: list[Guess] = []
        if difference.told is not None:
            faults = dict.fromkeys(suspected(self._lives, number, difference.told))
            guesses = [here.guess.with_fault(life, fault) for life, fault in faults]
        if number and self._lives[number - 1].was_cut_off:
            guesses += [here.guess.killed_later(number - 1, after_s) for after_s in KILLED_AFTER_S[1:]]
        return guesses

    def plan(self, ran: Replayed) -> Plan:
        """The run as a schedule: faults, buttons and answers, for anybody's machine of this seed."""
        entries: list[Entry] = []
        before: Counter[str] = Counter()
        boards = 1
        for life, deeds, faults, lived, after_s in zip(
            self._lives, self._deeds, ran.guess.faults, ran.lives, ran.guess.killed_after_s, strict=True
        ):
            entries += [replace(fault, step_nth=fault.step_nth + before[fault.step]) for fault in faults]
            entries += [act for deed in deeds for act in _act_of(deed, before)]
            boards = next((deed.about["boards"] or 1 for deed in deeds if deed.verb == "start"), boards)
            if life is not self._lives[-1] and life.was_cut_off and lived.killed_in is not None:
                step, nth, since_s = lived.killed_in
                entries.append(Act("kill", step, step_nth=nth + before[step], after_s=round(since_s + after_s, 6)))
            before.update(lived.announced)
        return Plan(tuple(entries), self._seed, self.recipe.name, boards)


def _act_of(deed: Deed, before: Counter[str]) -> list[Act]:
    if deed.verb == "answer":
        return [Act("answer", alarm=deed.about["alarm"], answer=deed.about["answer"], after_s=round(deed.delay_s, 6))]
    kind, name = deed.occasion
    if kind == "step" and deed.verb in ("hold", "stop", "abort"):
        return [Act(deed.verb, name, step_nth=deed.nth + before[name], after_s=round(deed.delay_s, 6))]
    return []  # reset, clear, start, unhold: whoever wants a board does these by himself


def _fast_folder() -> str | None:
    memory = Path("/dev/shm")
    return str(memory) if memory.is_dir() else None
