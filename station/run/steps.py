"""One step with everything around it: pause point, deadline, journal, alarm, recovery. Steps know none of this."""

from __future__ import annotations

import asyncio
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from station.alarms.catalogue import Answer, ProcessAlarm
from station.alarms.translate import alarm_for, is_bug
from station.cell import Cell
from station.process.outcomes import Fate, Outcome, Verdict
from station.process.step import Step, Work
from station.run.evidence import evidence_of
from station.run.gate import Gate
from station.run.recovery import Decision, Move, decide, follow
from station.run.schedule import before_retry
from station.store.event_log import EventLog
from station.store.journal import Journal


class RunEnded(Exception):
    """The job cannot go on by itself. `alarm` says why; `abort` whether the machine must stop at once."""

    def __init__(self, alarm: ProcessAlarm, *, abort: bool) -> None:
        self.alarm, self.abort = alarm, abort
        super().__init__(alarm.text)


class PartSettled(Exception):
    """An alarm was settled by giving up this part or site; the verdict says how."""

    def __init__(self, verdict: Verdict, result: str = "") -> None:
        self.verdict, self.result = verdict, result
        super().__init__(verdict.text)


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
    Move.SKIP_SITE: (Fate.SKIP_SITE, ""),
    Move.AMBIGUOUS: (Fate.SKIP_SITE, "ambiguous"),
    Move.PLACED_UNVERIFIED: (Fate.QUARANTINE, "placed_unverified"),
}


class StepRunner:
    """Runs single steps of one job. Its only memory is how often an alarm was retried at the present site."""

    def __init__(
        self,
        cell: Cell,
        log: EventLog,
        journal: Journal,
        gate: Gate,
        ask: Ask,
        on_step: Callable[[Step | None], None],
        before_try: Callable[[Step, Work], Awaitable[None]],
    ) -> None:
        self._cell, self._log, self._journal, self._gate = cell, log, journal, gate
        self._ask, self._on_step, self._before_try = ask, on_step, before_try
        self.retries: Counter[str] = Counter()
        self.spans: list[Span] = []

    async def do(self, step: Step, work: Work, lane: str) -> Outcome:
        """Run a step until it has an outcome.

        raises   PartSettled when an alarm was settled by giving the part or the site up; RunEnded when the job must end
        """
        while True:
            try:
                return await self._once(step, work, lane)
            except ProcessAlarm as alarm:
                decision = await self._settle(alarm, step, work)
            for earlier in before_retry(decision.redo_from, step):
                await self.do(earlier, work, lane)

    async def _once(self, step: Step, work: Work, lane: str) -> Outcome:
        await self._gate.enter()
        self._on_step(step)
        loop = asyncio.get_running_loop()
        op_id: int | None = None
        try:
            await self._before_try(step, work)
            if step.irreversible:
                op_id = self._journal.intent(step.id, _what(work))
                await self._log.commit()
            start_s = loop.time()
            self._log.append("step.started", {"step": step.id, "site": work.site.name if work.site else None})
            async with asyncio.timeout(step.limit_s) as deadline:
                outcome = await step.run(self._cell, work)
        except TimeoutError as error:
            if not deadline.expired():
                raise self._failed(error, step, op_id) from error
            alarm = ProcessAlarm("step_overdue", step=step.title, limit_s=step.limit_s)
            raise self._failed(alarm, step, op_id) from error
        except Exception as error:
            raise self._failed(error, step, op_id) from error
        finally:
            self._gate.leave()
        span = Span(lane, step.title, step.id, start_s, loop.time())
        self.spans.append(span)
        work.findings.add(outcome)
        evidence = evidence_of(outcome)
        if op_id is not None:
            self._journal.observed(op_id, evidence)
            self._journal.closed(op_id, outcome.verdict.fate.value)
        ended = {"step": step.id, "lane": lane, "start_s": start_s, "verdict": outcome.verdict.fate.value, **evidence}
        self._log.append("step.ended", ended)
        if step.irreversible:
            await self._log.commit()
        return outcome

    def _failed(self, error: BaseException, step: Step, op_id: int | None) -> ProcessAlarm:
        """Everything that went wrong becomes an alarm; the traceback of a bug is kept."""
        if isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        alarm = alarm_for(error if isinstance(error, Exception) else RuntimeError(str(error)), step.title)
        if op_id is not None:
            self._journal.observed(op_id, {"alarm": alarm.definition.number, "text": alarm.text})
            if alarm.definition.position_trusted:
                self._journal.closed(op_id, "failed", alarm.text)
        if is_bug(alarm):
            self._log.append("bug", {"step": step.id, "traceback": "".join(traceback.format_exception(error))})
        return alarm

    async def _settle(self, alarm: ProcessAlarm, step: Step, work: Work) -> Decision:
        """Retry, ask, or give up. Returns only when the step is to be tried again."""
        key = alarm.definition.key
        decision = decide(alarm.definition, self.retries[key], _recipe_limit(key, work))
        objects = _what(work)
        self._log.append(
            "alarm.raised",
            {
                "number": alarm.definition.number,
                "text": alarm.text,
                "step": step.id,
                "does": decision.move.value,
                **objects,
            },
        )
        if decision.move is Move.ASK:
            answer = await self._ask(alarm, objects)
            self._log.append("alarm.answered", {"number": alarm.definition.number, "answer": answer.value})
            decision = follow(alarm.definition, answer)
        if decision.move is Move.RETRY:
            self.retries[key] += 1
            return decision
        if decision.move in _SETTLED:
            fate, result = _SETTLED[decision.move]
            raise PartSettled(Verdict(fate, key, alarm.text), result)
        if decision.move is Move.ABORT:
            await self._cell.make_safe()
        raise RunEnded(alarm, abort=decision.move is Move.ABORT)


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
        "film_out_of_tolerance": work.recipe.film.levels_max - 1,
        "film_uneven": work.recipe.film.levels_max - 1,
    }.get(key)
