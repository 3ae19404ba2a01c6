"""Acts whose end nobody saw: begun, and cut off by a lost link, a stop or a dead service.

What the sensors prove is settled and told; about all else a person is asked. For a placement he may let the station
look, in Reset, where motion is allowed. Each of the three closes the act, and a placement gets its record by it.
Nothing here moves anything, and nothing here is ever done again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

from drivers.errors import DriverError
from station.alarms.active import ActiveAlarm
from station.alarms.catalogue import Answer, ProcessAlarm
from station.cell import Cell
from station.process import sheet
from station.run.homing import GLASS_AWAY
from station.run.record import INTERRUPTED, interrupted_record
from station.run.settle import LOST, AtSite, Seen, Settled, settle, settle_placement
from station.run.steps import OpenAct, RunEnded
from station.store.store import Store

_RESULTS = {
    Answer.WAS_PLACED: "placed_unverified",
    Answer.WAS_NOT_PLACED: "unplaced",
    Answer.UNKNOWN: "ambiguous",
}
_SHOWN = ("board", "site", "part")
_NOZZLE = {True: "a package hung on the nozzle", False: "the nozzle is free", None: "the nozzle's sensor tells nothing"}

LOOK_WITHIN_S = 2.0
"""longest time for which a start of the service waits for the sensors"""


class InterruptedActs:
    """The open acts. `raise_question` puts an alarm on the list and keeps it there until answered, `tell` one that asks
    nothing."""

    def __init__(
        self,
        store: Store,
        station: str,
        utc: Callable[[], str],
        raise_question: Callable[[ProcessAlarm, dict[str, Any]], ActiveAlarm],
        tell: Callable[[ProcessAlarm, dict[str, Any]], object],
    ) -> None:
        self._store, self._station, self._utc = store, station, utc
        self._raise_question, self._tell = raise_question, tell
        self._asked: dict[str, OpenAct] = {}
        self._to_look_at: list[OpenAct] = []

    async def resolve_all_of_before(self, cell: Cell) -> None:
        """Acts that an earlier run of the service left open: by the sensors where they can tell, else by questions."""
        intents = self._store.journal.open_intents()
        if not intents:
            return
        seen = await look(cell)
        if self._store.remembered(GLASS_AWAY):
            # A calibration was cut off as well: what hangs on the nozzle may be its glass part, and proves nothing.
            seen = replace(seen, vacuum_kpa=None)
        for intent in intents:
            act = OpenAct(
                intent.op_id,
                intent.step,
                intent.args,
                intent.evidence,
                intent.occurred_at,
                has_ended=_has_ended(intent.evidence),
            )
            # What was let go as it should be may lie at its site, whatever hangs on the nozzle now.
            settled = None if act.has_ended else settle(act.step, seen)
            if settled is None:
                self.ask(act)
            else:
                self._tell(self._close(act, settled, asdict(seen)), _objects(act))

    def _close(self, act: OpenAct, settled: Settled, seen: dict[str, Any], key: str = "act_settled") -> ProcessAlarm:
        """As it was settled by what was seen; `key` names the alarm that tells it."""
        alarm = ProcessAlarm(key, proof=settled.proof, **_about(act))
        self._store.journal.observed(act.op_id, seen)
        self._store.journal.closed(act.op_id, settled.verdict, settled.proof)
        self._record(act, settled.result, alarm.text)
        return alarm

    def _record(self, act: OpenAct, result: str, text: str, told: Sequence[dict[str, Any]] = ()) -> None:
        if not result:
            return
        ended_at = self._utc()
        if act.draft is None:
            record = interrupted_record(self._station, act.args, result, text, told, act.begun_at, ended_at)
        else:
            reason, operator = {"code": INTERRUPTED, "text": text}, [*act.draft["operator"], *told]
            record = {**act.draft, "result": result, "reason": reason, "operator": operator, "ended_at": ended_at}
        self._store.records.append(record)

    # -- let the station look --------------------------------------------------------------------------------

    async def look(
        self,
        is_held: bool | None,
        at_site: Callable[[OpenAct], Awaitable[tuple[AtSite, str]]],
        ask: Callable[[ProcessAlarm, dict[str, Any]], Awaitable[Answer]],
    ) -> None:
        """In Reset, homed and calibrated: look at each site that a person left to the station, and settle or ask.

        is_held   what the open nozzle showed at the beginning of this Reset
        raises    RunEnded when a person answers to stop; what the devices say
        """
        while self._to_look_at:
            act = self._to_look_at[0]
            found, words = await at_site(act)
            seen = {"is_held": is_held, "at_site": found.name}
            settled = settle_placement(is_held, found)
            is_lost = settled is not None and settled.verdict == LOST
            if settled is None:
                alarm = ProcessAlarm("site_not_told", proof=f"{_NOZZLE[is_held]}, and {words}", **_about(act))
                answer = await ask(alarm, _objects(act))
                self._store.journal.observed(act.op_id, seen)
                self._close_by_answer(act, alarm.definition.number, alarm.text, answer)
            elif is_lost:
                alarm = self._close(act, settled, seen, "part_lost_at_site")
            else:
                self._tell(self._close(act, settled, seen), _objects(act))
            self._to_look_at.pop(0)
            await self._store.commit()
            if is_lost and await ask(alarm, _objects(act)) is Answer.STOP:
                raise RunEnded(alarm, abort=False, is_chosen=True)

    def ask_again(self) -> None:
        """The machine has come to rest before the station could look: a person decides anew."""
        while self._to_look_at:
            self.ask(self._to_look_at.pop(0))

    def ask(self, act: OpenAct) -> None:
        """Ask a person what became of it."""
        alarm = ProcessAlarm(
            "interrupted_act" if act.step == sheet.PLACE.id else "interrupted_handling",
            **_about(act),
            evidence=_evidence(act),
        )
        active = self._raise_question(alarm, _objects(act))
        self._asked[active.id] = act

    def answered(self, active: ActiveAlarm, answer: Answer) -> None:
        """Close the act that this alarm asked about; any other alarm is left alone. The caller commits."""
        act = self._asked.pop(active.id, None)
        if act is None:
            return
        if answer is Answer.LOOK:
            self._to_look_at.append(act)
        else:
            self._close_by_answer(act, active.definition.number, active.text, answer)

    def _close_by_answer(self, act: OpenAct, number: int, text: str, answer: Answer) -> None:
        self._store.journal.closed(act.op_id, answer.value, "answered by a person")
        told = [{"alarm": number, "answer": answer.value, "answered_at": self._utc()}]
        self._record(act, _RESULTS.get(answer, ""), text, told)


def _about(act: OpenAct) -> dict[str, Any]:
    return {"step": act.step, **{key: act.args.get(key) for key in _SHOWN}}


def _objects(act: OpenAct) -> dict[str, Any]:
    return {**_about(act), "op_id": act.op_id}


def _has_ended(evidence: dict[str, Any] | None) -> bool:
    """Whether the step came to its end: what it let go may lie at its site, whatever the vacuum says of the nozzle."""
    return evidence is not None and bool(evidence.get("is_let_go", "alarm" not in evidence))


def _evidence(act: OpenAct) -> str:
    if act.evidence is None:
        return "Nothing is known of its end."
    if act.has_ended and "text" in act.evidence:
        return f"It was let go; nobody has looked at it since. {act.evidence['text']}"
    if act.has_ended:
        return "It was let go; nobody has looked at it since."
    return f"Last seen: {act.evidence}."


async def look(cell: Cell) -> Seen:
    """Connect to what can tell, ask, move nothing. A device that does not answer in time has told nothing."""
    try:
        async with asyncio.timeout(LOOK_WITHIN_S):
            await cell.plc.connect()
            await cell.head.connect()
            status, conveyor = await cell.head.refresh(), cell.conveyor
    except (DriverError, TimeoutError):
        return Seen()
    return Seen(
        vacuum_kpa=status.vacuum_kpa,
        head_is_up=status.is_homed and cell.is_at_travel_height(status.z_um),
        board_at_stop=conveyor.is_board_present,
        clamped=conveyor.is_clamped,
    )
