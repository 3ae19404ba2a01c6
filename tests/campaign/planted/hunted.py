"""What a hunt has done and found so far. It does no work itself."""

from __future__ import annotations

import resource
from typing import Any

Finding = tuple[str, str]
"""(what is broken: number of an invariant, reaction, limit, hangs, error; sentence)"""


class Hunt:
    """Goes through the work. stops: at the first thing that is not known; else everything is collected."""

    def __init__(self, known: dict[str, list[str]], *, stops: bool) -> None:
        self._known, self._stops = known, stops
        self.seen: dict[str, list[str]] = {}
        self.pieces = 0
        self.found: dict[str, Any] | None = None

    def note(self, name: str, findings: list[Finding]) -> bool:
        """A piece of work is done; True when the hunt is over."""
        self.pieces += 1
        for what, sentence in findings:
            self.seen.setdefault(name, []).append(what)
            if self._stops and self.found is None and what not in self._known.get(name, []):
                self.found = {"found": what, "at": name, "sentence": sentence}
        return self.found is not None

    def result(self) -> dict[str, Any]:
        mine, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        cpu_s = mine.ru_utime + mine.ru_stime + children.ru_utime + children.ru_stime
        found = self.found or {"found": None}
        return {**found, "pieces": self.pieces, "cpu_s": round(cpu_s, 1), "seen": {} if self._stops else self.seen}
