"""One step with everything around it: pause point, deadline, journal, alarm, recovery. Steps know none of this."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from station.alarms.catalogue import Answer, ProcessAlarm, Reaction
from station.alarms.translate import alarm_for, bug_event, first_of, is_bug
from station.cell import Cell
from station.process import sheet
from station.process.outcomes import Fate, Outcome, Verdict
from station.process.step import Step, Work
from station.run.evidence import evidence_of
from station.run.gate import Gate
from station.run.recovery import Decision, Move, decide, follow
from station.run.schedule import LANE_OF, LANES, before_retry
from station.store.event_log import EventLog
from station.store.journal import Journal


class RunEnded(Exception):
    """The job cannot go on by itself.

    abort      the machine must stop at once
    objects    what the alarm is about
    is_chosen  a person who was asked chose this end: nothing is left to be told
    """

    def __init__(
        self, alarm: ProcessAlarm, *, abort: bool, objects: dict[str, Any] | None = None, is_chosen: bool = False
    ) -> None:
        self.alarm, self.abort, self.objects, self.is_chosen = alarm, abort, objects or {}, is_chosen
        super().__init__(alarm.text)


class PartSettled(Exception):
    """An alarm was settled by giving up this part or site; the verdict says how."""

    def __init__(self, verdict: Verdict, result: str = "") -> None:
        self.verdict, self.result = verdict, result
        super().__init__(verdict.text)


@dataclass(frozen=True, slots=True)
class OpenAct:
    """One act that was begun and not closed. `evidence` is what was last seen of it, None where nothing was.

    has_ended   the step itself came to its end; what it did has not been looked at
    draft       what its record would say already, where the run that began it still knows; result and reason are open
    """

    op_id: int
    step: str
    args: dict[str, Any]
    evidence: dict[str, Any] | None
    begun_at: str
    has_ended: bool = False
    draft: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """When a step ran, on the loop's clock."""

    lane: str
    title: str
    step: str
    start_s: float
    end_s: float


Ask = Callable[[ProcessAlarm, dict[str, Any]], Awaitable[Answer]]

_SETTLED = {
    Move.REJECT_PART: (Fate.REJECT_PART, ""),
    Move.NOT_PLACED: (Fate.REJECT_PART, "rejected"),
    Move.SKIP_SITE: (Fate.SKIP_SITE, ""),
    Move.AMBIGUOUS: (Fate.SKIP_SITE, "ambiguous"),
    Move.PLACED_UNVERIFIED: (Fate.QUARANTINE, "placed_unverified"),
}


class PickWatch(Protocol):
    """Whoever keeps account of the tray."""

    def pick_ended(self, pocket: int, alarm: str) -> None: ...

    def answered(self, alarm: str, answer: Answer) -> None: ...


class StepRunner:
    """Runs single steps of one job. Its only memory is how often an alarm was retried at the present site."""

    def __init__(
        self,
        cell: Cell,
        log: EventLog,
        journal: Journal,
        gate: Gate,
        ask: Ask,
        wait: Callable[[ProcessAlarm, dict[str, Any]], Awaitable[None]],
        on_step: Callable[[Step | None], None],
        before_try: Callable[[Step, Work], Awaitable[None]],
        about: dict[str, Any] | None = None,
        left_open: Callable[[OpenAct], None] | None = None,
        picks: PickWatch | None = None,
    ) -> None:
        """wait: until something from outside is there; about: what every intent names besides part and site;
        left_open: told of an act whose end nobody saw; picks: told how picks end, and what was answered."""
        self._cell, self._log, self._journal, self._gate = cell, log, journal, gate
        self._ask, self._wait, self._on_step, self._before_try = ask, wait, on_step, before_try
        self._about, self._left_open, self._picks = about or {}, left_open, picks
        self._lanes = {lane: asyncio.Lock() for lane in LANES}
        self.retries: Counter[str] = Counter()
        self.spans: list[Span] = []
        self.answers: list[dict[str, Any]] = []
        """what was asked and answered over the present package; part of its record"""
        self._not_looked_at: OpenAct | None = None
        """an act that has ended and is closed with the record of its package"""

    async def quiet(self) -> None:
        """Wait until no step is under way."""
        await self._gate.quiet()

    async def do(self, step: Step, work: Work, lane: str) -> Outcome:
        """Run a step until it has an outcome.

        raises   PartSettled when an alarm was settled by giving the part or the site up; RunEnded when the job must end
        """
        asked: dict[int, int] = {}
        while True:
            try:
                outcome = await self._once(step, work, lane)
            except ProcessAlarm as alarm:
                decision = await self._settle(alarm, step, work)
                if alarm.nth:
                    asked[alarm.definition.number] = alarm.nth
            else:
                for number, times in asked.items():
                    # Passed by a good measurement; how often it had to be tried is worth knowing all the same.
                    self._log.append("gate.passed", {"step": step.id, "alarm": number, "asked": times, **_what(work)})
                return outcome
            for earlier in before_retry(decision.redo_from, step):
                found = await self.do(earlier, work, LANE_OF.get(earlier.id, lane))
                if found.verdict.fate is not Fate.PASS:
                    raise PartSettled(found.verdict)

    async def _once(self, step: Step, work: Work, lane: str) -> Outcome:
        # One step at a time on a lane's devices, also where a picture that cannot be judged sends the head back.
        async with self._lanes[lane]:
            return await self._alone(step, work, lane)

    async def _alone(self, step: Step, work: Work, lane: str) -> Outcome:
        await self._gate.enter()
        self._on_step(step)
        loop = asyncio.get_running_loop()
        op_id: int | None = None
        try:
            await self._before_try(step, work)
            if step.irreversible:
                intent = self._journal.intent(step.id, self._intent(work))
                await self._log.commit()
                op_id = intent
            start_s = loop.time()
            self._log.append("step.started", {"step": step.id, "site": work.site.name if work.site else None})
            async with asyncio.timeout(step.limit_s) as deadline:
                outcome = await step.run(self._cell, work)
        except TimeoutError as error:
            if not deadline.expired():
                raise self._failed(error, step, op_id, work) from error
            alarm = ProcessAlarm("step_overdue", step=step.title, limit_s=step.limit_s)
            raise self._failed(alarm, step, op_id, work) from error
        except asyncio.CancelledError:
            self._leave_open(op_id, step, work, None)
            raise
        except Exception as error:
            raise self._failed(error, step, op_id, work) from error
        finally:
            self._gate.leave()
        if step is sheet.PICK and self._picks is not None:
            self._picks.pick_ended(work.pocket, "")
        span = Span(lane, step.title, step.id, start_s, loop.time())
        self.spans.append(span)
        work.findings.add(outcome)
        evidence = evidence_of(outcome)
        if op_id is not None:
            self._journal.observed(op_id, evidence)
            if step.is_looked_at:
                self._not_looked_at = self._ended(op_id, step, work, evidence)
            else:
                self._journal.closed(op_id, outcome.verdict.fate.value)
        ended = {"step": step.id, "lane": lane, "start_s": start_s, "verdict": outcome.verdict.fate.value, **evidence}
        self._log.append("step.ended", ended)
        if step.irreversible:
            await self._log.commit()
        return outcome

    def _failed(self, failed: BaseException, step: Step, op_id: int | None, work: Work) -> ProcessAlarm:
        """Everything that went wrong becomes an alarm; the traceback of a bug is kept."""
        error = first_of(failed)
        alarm = alarm_for(error, step.title)
        row = alarm.definition
        if op_id is not None:
            evidence: dict[str, Any] = {"alarm": row.number, "text": alarm.text}
            if row.reaction in (Reaction.STOP, Reaction.ABORT):
                self._leave_open(op_id, step, work, evidence)
            elif row.is_placement_in_doubt:
                # Whoever is asked closes the act with the record; a run that ends before leaves it open.
                evidence["is_let_go"] = True
                self._journal.observed(op_id, evidence)
                self._not_looked_at = self._ended(op_id, step, work, evidence)
            else:
                # The step itself says how the act ended, and the part with it.
                self._journal.observed(op_id, evidence)
                self._journal.closed(op_id, "failed", alarm.text)
        if is_bug(alarm):
            self._log.append("bug", bug_event(step.id, error))
        return alarm

    def _leave_open(self, op_id: int | None, step: Step, work: Work, evidence: dict[str, Any] | None) -> None:
        """The act was begun and nobody saw its end: a person is asked, when the machine stands."""
        if op_id is None:
            return
        if evidence is not None:
            self._journal.observed(op_id, evidence)
        if self._left_open is not None:
            self._left_open(OpenAct(op_id, step.id, self._intent(work), evidence, _now(work)))

    def _ended(self, op_id: int, step: Step, work: Work, evidence: dict[str, Any]) -> OpenAct:
        return OpenAct(op_id, step.id, self._intent(work), evidence, _now(work), has_ended=True)

    def recorded(self, verdict: str) -> None:
        """The package has its record: it was looked at, or a person has said what became of it."""
        act, self._not_looked_at = self._not_looked_at, None
        if act is not None:
            self._journal.closed(act.op_id, verdict)

    def cut_off(self, draft: Callable[[], dict[str, Any]]) -> None:
        """The run ends before the package has its record: an act that nobody has looked at is left open."""
        act, self._not_looked_at = self._not_looked_at, None
        if act is not None and self._left_open is not None:
            self._left_open(replace(act, draft=draft()))

    def _intent(self, work: Work) -> dict[str, Any]:
        recipe = work.recipe
        return {
            **_what(work),
            "tray": work.tray,
            "pocket": work.pocket,
            "level": work.site.level if work.site else None,
            "package": recipe.package.name,
            "recipe": {"name": recipe.name, "revision": recipe.revision, "hash": recipe.content_hash},
            **self._about,
        }

    async def _settle(self, alarm: ProcessAlarm, step: Step, work: Work) -> Decision:
        """Retry, ask, or give up. Returns only when the step is to be tried again."""
        key = alarm.definition.key
        if step is sheet.PICK and self._picks is not None:
            self._picks.pick_ended(work.pocket, key)
        decision = decide(alarm.definition, self.retries[key], _recipe_limit(key, work))
        objects = _what(work)
        # What the station puts right by itself is no alarm for anybody; it is in the log all the same.
        self._log.append(
            "alarm.retried" if decision.move is Move.RETRY else "alarm.raised",
            {
                "number": alarm.definition.number,
                "text": alarm.text,
                "step": step.id,
                "does": decision.move.value,
                **objects,
            },
        )
        again = (*before_retry(alarm.definition.retry_from, step), step)
        alarm.redoes = tuple(one.title for one in again)
        if decision.move is Move.WAIT:
            await self._wait(alarm, objects)
            self.retries[key] = 0
            return Decision(Move.RETRY)
        is_chosen = decision.move is Move.ASK
        if is_chosen:
            answer = await self._ask(alarm, objects)
            told = {
                "number": alarm.definition.number,
                "text": alarm.text,
                "answer": answer.value,
                "by": alarm.answered_by,
                "nth": alarm.nth,
            }
            self.answers.append(told)
            self._log.append("alarm.answered", told)
            decision = follow(alarm.definition, answer)
            if self._picks is not None:
                self._picks.answered(key, answer)
            # Whoever answers Retry has done something about it: the station may try as often again.
            self.retries[key] = 0
        if decision.move is Move.RETRY:
            self.retries[key] += 1
            return decision
        if decision.move in _SETTLED:
            fate, result = _SETTLED[decision.move]
            raise PartSettled(Verdict(fate, key, alarm.text), result)
        if decision.move is Move.ABORT:
            await self._cell.make_safe()
        raise RunEnded(alarm, abort=decision.move is Move.ABORT, objects=objects, is_chosen=is_chosen)


def _now(work: Work) -> str:
    return work.clock.utc().isoformat(timespec="milliseconds")


def _what(work: Work) -> dict[str, Any]:
    """What an act or alarm is about: enough to find it again after a restart."""
    from station.process.outcomes import BoardRead

    board = work.findings.find(BoardRead)
    return {
        "board": board.serial if board else None,
        "site": work.site.name if work.site else None,
        "part": f"tray {work.tray} pocket {work.pocket}",
    }


def _recipe_limit(key: str, work: Work) -> int | None:
    recovery = work.recipe.recovery
    return {
        "fiducial_not_found": recovery.locate_retries,
        "site_not_found": recovery.locate_retries,
        "board_unreadable": recovery.reader_retries,
        "not_gripped": work.recipe.pick.attempts - 1,
        "film_out_of_tolerance": work.recipe.film.levels_max - 1,
        "film_uneven": work.recipe.film.levels_max - 1,
        "film_not_new": work.recipe.film.levels_max - 1,
    }.get(key)
