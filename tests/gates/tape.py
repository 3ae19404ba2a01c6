"""What a step was told by devices, eyes, clock and earlier findings, kept to be told again, one word changed.

The real steps run on it as they are. Settings, that is recipe, profile and calibration, are no evidence: they stay.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, is_dataclass, replace
from math import isfinite
from typing import Any

from drivers.errors import LimitExceeded
from station.cell import Cell
from station.process import sheet
from station.process.outcomes import Findings, Outcome
from station.process.step import Work

DEVICES = tuple(f.name for f in fields(Cell) if f.name not in ("profile", "calibration"))
TOLD_BY_THE_RUN = ("material_lot", "material_since_s", "boards_done")
"""of `Work`: what the run found out, as against what is to be built"""

Path = tuple[str | int, ...]
"""source, name, then fields and places in tuples, down to one value"""


class NotTold(Exception):
    """The step asked what it does not ask where all is well: it went another way."""


@dataclass
class Take:
    """One run of one step where all was well."""

    run: Callable[[Cell, Work], Awaitable[Outcome]]
    cell: Cell
    work: Work
    findings: dict[type[Outcome], Outcome]
    told: dict[tuple[str, str], list[Any]] = field(default_factory=dict)
    manner: dict[tuple[str, str], str] = field(default_factory=dict)

    def note(self, source: str, name: str, manner: str, value: Any) -> None:
        self.told.setdefault((source, name), []).append(value)
        self.manner[source, name] = manner

    async def again(self, change: Callable[[Path, Any], Any], without: str = "") -> tuple[Outcome, set[Path]]:
        """Run the step once more, everything it is told passed through `change`.

        without   name of a kind of finding that is missing
        returns   its outcome, and every value it has read
        """
        reads: set[Path] = set()
        told = {
            key: [rebuilt((*key, number), value, change, reads) for number, value in enumerate(values)]
            for key, values in self.told.items()
        }
        devices = {name: _Replayed(name, told, self.manner, reads) for name in DEVICES}
        eyes, clock = (_Replayed(name, told, self.manner, reads) for name in ("eyes", "clock"))
        findings = _Read(
            {
                kind: rebuilt(("findings", kind.__name__), outcome, change, reads)
                for kind, outcome in self.findings.items()
                if kind.__name__ != without
            }
        )
        findings.reads = reads

        async def keep_image(_: Any) -> str:
            return "picture"

        known = {name: rebuilt(("work", name), getattr(self.work, name), change, reads) for name in TOLD_BY_THE_RUN}
        work = replace(self.work, eyes=eyes, clock=clock, findings=findings, keep_image=keep_image, **known)  # type: ignore[arg-type]
        work.__class__ = _reading(Work, ("work",), known, reads)
        outcome = await self.run(replace(self.cell, **devices), work)  # type: ignore[arg-type]
        return outcome, reads


class _Recorded:
    def __init__(self, real: Any, source: str, take: Take) -> None:
        self._real, self._source, self._take = real, source, take

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._real, name)
        if not callable(value):
            self._take.note(self._source, name, "value", value)
            return value

        def call(*args: Any, **kwargs: Any) -> Any:
            found = value(*args, **kwargs)
            if not inspect.isawaitable(found):
                self._take.note(self._source, name, "call", found)
                return found

            async def waited() -> Any:
                answer = await found
                self._take.note(self._source, name, "await", answer)
                return answer

            return waited()

        return call


class _Replayed:
    def __init__(
        self, source: str, told: dict[tuple[str, str], list[Any]], manner: dict[tuple[str, str], str], reads: set[Path]
    ) -> None:
        self._source, self._told, self._manner, self._reads = source, told, manner, reads
        self._turn: dict[str, int] = {}

    def __getattr__(self, name: str) -> Any:
        manner = self._manner.get((self._source, name))
        if manner is None:
            raise NotTold(f"{self._source}.{name}")
        if manner == "value":
            return self._next(name)

        def call(*_: Any, **__: Any) -> Any:
            return self._next(name)

        async def waited(*args: Any, **kwargs: Any) -> Any:
            if self._source in DEVICES and not all(_can_be_sent(arg) for arg in (*args, *kwargs.values())):
                raise LimitExceeded(f"{self._source}.{name} was not sent: not a finite number")
            return self._next(name)

        return call if manner == "call" else waited

    def _next(self, name: str) -> Any:
        values = self._told[self._source, name]
        number = min(self._turn.get(name, 0), len(values) - 1)
        self._turn[name] = number + 1
        self._reads.add((self._source, name, number))
        return values[number]


def _can_be_sent(arg: Any) -> bool:
    """As the drivers send it: a register holds a finite number (`drivers.wire.encoding.Quantity.to_count`)."""
    if isinstance(arg, float):
        return isfinite(arg)
    if is_dataclass(arg) and not isinstance(arg, type):
        return all(_can_be_sent(getattr(arg, f.name)) for f in fields(arg))
    return True


class _Read(Findings):
    """Notes which kinds are asked for."""

    reads: set[Path]

    def the(self, kind: Any) -> Any:
        self.reads.add(("findings", kind.__name__))
        return super().the(kind)

    def find(self, kind: Any) -> Any:
        self.reads.add(("findings", kind.__name__))
        return super().find(kind)


def rebuilt(path: Path, value: Any, change: Callable[[Path, Any], Any], reads: set[Path]) -> Any:
    """A copy of a value, every value within changed as told, that notes each field that is read.

    Of a long tuple only the first and the last member are told apart: the others are like them.
    """
    changed = change(path, value)
    if changed is not value:
        return changed
    if isinstance(value, tuple):
        last = len(value) - 1
        parts = [rebuilt((*path, i), part, change, reads) if i in (0, last) else part for i, part in enumerate(value)]
        if not hasattr(value, "_fields"):
            return tuple(parts)
        inner = {name: rebuilt((*path, name), getattr(value, name), change, reads) for name in value._fields}
        return _reading(type(value), path, inner, reads)(*inner.values())
    if not is_dataclass(value) or isinstance(value, type):
        return value
    names = tuple(f.name for f in fields(value))
    held = {name: rebuilt((*path, name), getattr(value, name), change, reads) for name in names}

    return object.__new__(_reading(type(value), path, held, reads))


def _reading(kind: type, path: Path, held: dict[str, Any], reads: set[Path]) -> Any:
    """A class like `kind` whose fields are those in `held`; each that is asked for is noted."""

    def read(self: Any, name: str) -> Any:
        if name in held:
            reads.add((*path, name))
            return held[name]
        return object.__getattribute__(self, name)

    return type(kind.__name__, (kind,), {**({} if kind is Work else {"__slots__": ()}), "__getattribute__": read})


@contextmanager
def recording() -> Iterator[dict[str, Take]]:
    """While it lasts the first run of every step of the sheet that passes is kept."""
    takes: dict[str, Take] = {}
    kept = {step: step.run for step in sheet.ALL_STEPS}

    def recorded(step_id: str, run: Callable[[Cell, Work], Awaitable[Outcome]]) -> Any:
        async def run_recorded(cell: Cell, work: Work) -> Outcome:
            then = replace(work, boards_done=dict(work.boards_done))
            take = Take(run, cell, then, dict(work.findings.by_kind))
            devices = {name: _Recorded(getattr(cell, name), name, take) for name in DEVICES}
            heard = replace(
                work,
                eyes=_Recorded(work.eyes, "eyes", take),
                clock=_Recorded(work.clock, "clock", take),  # type: ignore[arg-type]
            )
            outcome = await run(replace(cell, **devices), heard)  # type: ignore[arg-type]
            if outcome.verdict.fate == "pass":
                takes.setdefault(step_id, take)
            return outcome

        return run_recorded

    try:
        for step, run in kept.items():
            object.__setattr__(step, "run", recorded(step.id, run))
        yield takes
    finally:
        for step, run in kept.items():
            object.__setattr__(step, "run", run)
