"""When something goes wrong in the simulated cell: faults by kind; by time, occasion, step, command or chance.

A fault here is only a fact with a name; what it does to the world stands where that part of the world is simulated.

A step is a word of whoever runs the machine. The machine does not know it: the harness announces it (`announce`, or
{"do": "announce", "step": "pick"} on the control port). What the machine knows is its own commands: every device says
when one was accepted and when it runs. A trigger may name a step, a command, or both: the first such command after the
announcement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from sim_hardware.fault_kinds import EVENTS, KINDS

__all__ = ["KINDS", "FaultSpec", "Faults", "Phase"]


class Phase(StrEnum):
    """Where in the life of a command a fault becomes possible."""

    BEFORE = "before"
    """when the step is announced, before the command is sent; without a step: when the device has received it"""
    COMMANDED = "commanded"
    """when the device has accepted the command, before its acknowledgement is on the wire"""
    RUNNING = "running"
    """after the acknowledgement, before the end of the command"""
    CONTACT = "contact"
    """when a press touches what lies below"""


@dataclass(frozen=True, slots=True)
class FaultSpec:
    """One fault to come.

    at_s          when it can first act, simulated s; None = from the moment it is given, or from its trigger
    nth           1 = at the first occasion after that, 2 = at the second ...; 0 = at every occasion. On a wire every
                  reply (or request) of the port is an occasion
    value         how much, in the unit that the kind names; where bytes are damaged, which byte or bit
    duration_s    how long it lasts from `at_s`; None = for ever (or once, where `nth` is given)
    target        port, device or input, where the kind names one
    step          it waits until this step is announced
    step_nth      for the how-manieth time since the fault was given: 1 = the next announcement
    command       it then waits until this command of a device ("head.press") reaches `phase`
    after_s       and then for so long
    probability   chance that an occasion is hit, drawn from the seed of the run
    """

    kind: str
    at_s: float | None = None
    nth: int = 0
    value: float = 0.0
    duration_s: float | None = None
    target: str = ""
    step: str = ""
    command: str = ""
    phase: Phase = Phase.BEFORE
    after_s: float = 0.0
    probability: float = 1.0
    step_nth: int = 1

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault {self.kind!r}; known: {', '.join(sorted(KINDS))}")
        if self.nth < 0:
            raise ValueError(f"fault {self.kind}: nth = {self.nth}, allowed 0 (every occasion) or more")
        if not 0.0 < self.probability <= 1.0:
            raise ValueError(f"fault {self.kind}: probability = {self.probability}, allowed above 0 up to 1")
        if self.after_s < 0.0:
            raise ValueError(f"fault {self.kind}: after_s = {self.after_s}, allowed 0 or more")
        if self.step_nth < 1:
            raise ValueError(f"fault {self.kind}: step_nth = {self.step_nth}, allowed 1 or more")
        if self.phase is not Phase.BEFORE and not self.command:
            raise ValueError(f"fault {self.kind}: phase {self.phase} needs a command, for instance head.press")


class _Armed:
    """A fault that was given, with the occasions it has seen."""

    __slots__ = ("is_told", "occasions", "since_s", "spec")

    def __init__(self, spec: FaultSpec, given_s: float) -> None:
        self.spec = spec
        self.since_s = given_s if spec.at_s is None else spec.at_s
        self.occasions = 0
        self.is_told = False

    def lasts(self, now_s: float) -> bool:
        if now_s < self.since_s:
            return False
        # link_drop uses its duration for how long the port refuses, not for how long it waits for its occasion.
        if self.spec.duration_s is None or self.spec.kind == "link_drop":
            return True
        return now_s < self.since_s + self.spec.duration_s

    def fits(self, target: str) -> bool:
        return not self.spec.target or not target or self.spec.target == target


@dataclass(slots=True)
class _Waiting:
    """A fault that waits for its step and command."""

    spec: FaultSpec
    has_step: bool
    announced: int = 0


Happen = Callable[[FaultSpec, float], None]
"""Make an event happen at a time: (spec, when_s)."""


class Faults:
    """All faults of one run. Physics asks `active` for states, `strikes` for occasions; events come by themselves."""

    def __init__(self, specs: Iterable[FaultSpec] = ()) -> None:
        self._armed: dict[str, list[_Armed]] = {}
        self._waiting: list[_Waiting] = []
        self._happen: Happen | None = None
        self._chance: Callable[[], float] = lambda: 0.0
        self.struck: list[tuple[float, str]] = []
        """every occasion that was hit, every state that was met for the first time, every event: (time, kind)"""
        self._early: list[FaultSpec] = []
        for spec in specs:
            self.inject(spec, 0.0)

    def bind(self, happen: Happen, chance: Callable[[], float]) -> None:
        """The world is complete: events can happen. chance: a number of the run's seed, 0 to 1, for each draw."""
        self._happen, self._chance = happen, chance
        early, self._early = self._early, []
        for spec in early:
            self._arm(spec, 0.0)

    @property
    def are_none(self) -> bool:
        """Nothing was ever given, or all is still to come: the quick way past all questions."""
        return not self._armed

    @property
    def are_waited_for(self) -> bool:
        """Some fault waits for a step or a command."""
        return bool(self._waiting)

    def inject(self, spec: FaultSpec, now_s: float) -> None:
        if spec.step or spec.command:
            self._waiting.append(_Waiting(spec, has_step=not spec.step))
        else:
            self._arm(spec, now_s)

    def _arm(self, spec: FaultSpec, now_s: float) -> None:
        if spec.kind in EVENTS:
            if self._happen is None:
                self._early.append(spec)
                return
            self._happen(spec, max(now_s, spec.at_s or 0.0) + spec.after_s)
        else:
            self._armed.setdefault(spec.kind, []).append(_Armed(spec, now_s + spec.after_s))

    def heal(self, kind: str | None = None) -> None:
        """Forget all faults, or those of one kind."""
        if kind is None:
            self._armed.clear()
            self._waiting.clear()
        else:
            self._armed.pop(kind, None)
            self._waiting = [one for one in self._waiting if one.spec.kind != kind]

    # -- triggers -----------------------------------------------------------------------------------------------

    def announce(self, step: str, now_s: float) -> None:
        """Whoever runs the machine begins this step."""
        for one in list(self._waiting):
            if one.spec.step != step or one.has_step:
                continue
            one.announced += 1
            if one.announced < one.spec.step_nth:
                continue
            if one.spec.phase is Phase.BEFORE:
                self._fire(one, now_s)
            else:
                one.has_step = True

    def reached(self, command: str, phase: Phase, now_s: float) -> None:
        """A device reports: this command has come so far."""
        for one in list(self._waiting):
            if one.has_step and one.spec.command == command and one.spec.phase is phase:
                self._fire(one, now_s)

    def _fire(self, one: _Waiting, now_s: float) -> None:
        self._waiting.remove(one)
        self._arm(one.spec, now_s)

    def told(self, spec: FaultSpec, now_s: float) -> None:
        """An event has happened."""
        self.struck.append((now_s, spec.kind))

    # -- questions of physics -----------------------------------------------------------------------------------

    def active(self, kind: str, now_s: float, target: str = "") -> FaultSpec | None:
        """A state: the fault of this kind that holds now, the first given first. Does not count occasions."""
        for armed in self._armed.get(kind, ()):
            if armed.lasts(now_s) and armed.fits(target):
                if not armed.is_told:
                    armed.is_told = True
                    self.struck.append((now_s, kind))
                return armed.spec
        return None

    def value(self, kind: str, now_s: float, default: float = 0.0, target: str = "") -> float:
        """The value of `active`, or `default` where all is well."""
        spec = self.active(kind, now_s, target)
        return default if spec is None else spec.value

    def strikes(self, kind: str, now_s: float, target: str = "") -> FaultSpec | None:
        """An occasion (a pick, a move, a new package): count it and say which fault hits it, if any."""
        hit: FaultSpec | None = None
        for armed in self._armed.get(kind, ()):
            if not (armed.lasts(now_s) and armed.fits(target)):
                continue
            armed.occasions += 1
            if hit is None and armed.spec.nth in (0, armed.occasions) and self._is_hit(armed.spec):
                hit = armed.spec
        if hit is not None:
            self.struck.append((now_s, kind))
        return hit

    def _is_hit(self, spec: FaultSpec) -> bool:
        return spec.probability >= 1.0 or self._chance() < spec.probability
