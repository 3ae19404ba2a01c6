"""Acts whose end nobody saw: begun, and cut off by a lost link, a stop or a dead service.

What the sensors prove is settled and told; about all else a person is asked, once. Either closes the act, with a record
where a placement is in question. Nothing here moves anything, and nothing here is ever done again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from drivers.errors import DriverError
from station.alarms.active import ActiveAlarm
from station.alarms.catalogue import Answer, ProcessAlarm
from station.cell import Cell
from station.process import sheet
from station.process.outcomes import Fate
from station.run.record import UNVERIFIED, UNVERIFIED_TEXT, interrupted_record
from station.run.settle import Seen, Settled, settle
from station.run.steps import OpenAct
from station.store.journal import CLOSED, INTENT
from station.store.store import Store

_RESULTS = {
    Answer.WAS_PLACED: "placed_unverified",
    Answer.WAS_NOT_PLACED: "unplaced",
    Answer.UNKNOWN: "ambiguous",
}
_SHOWN = ("board", "site", "part")
_ENDED = (Fate.PASS.value, Fate.QUARANTINE.value)
"""verdicts with which a placement that truly happened is closed"""
EVENTS_BACK = 5_000
"""in which the last placement is looked for at a start: about 50 packages"""
RECORDS_OF_BOARD = 500


def _is_of(record: dict[str, Any], args: dict[str, Any]) -> bool:
    package = record["package"]
    return (record["site"], package["tray"], package["pocket"]) == (args["site"], args["tray"], args["pocket"])


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

    async def resolve_all_of_before(self, cell: Cell) -> None:
        """Acts that an earlier run of the service left open: by the sensors where they can tell, else by questions."""
        intents = self._store.journal.open_intents()
        if not intents:
            return
        seen = await look(cell)
        for intent in intents:
            act = OpenAct(intent.op_id, intent.step, intent.args, intent.evidence, intent.occurred_at)
            settled = settle(act.step, seen)
            if settled is None:
                self.ask(act)
            else:
                self._close(act, settled, seen)

    def _close(self, act: OpenAct, settled: Settled, seen: Seen) -> None:
        alarm = ProcessAlarm("act_settled", proof=settled.proof, **_about(act))
        self._store.journal.observed(act.op_id, asdict(seen))
        self._store.journal.closed(act.op_id, settled.verdict, settled.proof)
        if settled.result:
            record = interrupted_record(
                self._station, act.args, settled.result, alarm.text, [], act.begun_at, self._utc()
            )
            self._store.records.append(record)
        self._tell(alarm, {**{key: act.args.get(key) for key in _SHOWN}, "step": act.step, "op_id": act.op_id})

    async def record_the_unverified(self) -> None:
        """A placement that had ended when the service did, and has no record: it lies there, so it gets one.

        Only the last one can be such: a record is written before the next package is touched.
        """
        log = self._store.events
        after = max(0, log.durable_seq - EVENTS_BACK)
        intents = {event.seq: event for event in await log.read(after, EVENTS_BACK, (INTENT,))}
        for closed in reversed(await log.read(after, EVENTS_BACK, (CLOSED,))):
            intent = intents.get(closed.data["op_id"])
            if intent is None or intent.data["step"] != sheet.PLACE.id or closed.data["verdict"] not in _ENDED:
                continue
            args = intent.data["args"]
            known = await self._store.records.page(0, RECORDS_OF_BOARD, board=args["board"])
            if not any(_is_of(record, args) for record in known.items):
                self._store.records.append(
                    interrupted_record(
                        self._station,
                        args,
                        "placed_unverified",
                        UNVERIFIED_TEXT,
                        [],
                        intent.occurred_at,
                        closed.occurred_at,
                        UNVERIFIED,
                    )
                )
            return

    def ask(self, act: OpenAct) -> None:
        """Ask a person what became of it."""
        alarm = ProcessAlarm(
            "interrupted_act" if act.step == sheet.PLACE.id else "interrupted_handling",
            **_about(act),
            evidence="Nothing is known of its end." if act.evidence is None else f"Last seen: {act.evidence}.",
        )
        shown = {key: act.args.get(key) for key in _SHOWN}
        active = self._raise_question(alarm, {**shown, "step": act.step, "op_id": act.op_id})
        self._asked[active.id] = act

    def answered(self, active: ActiveAlarm, answer: Answer) -> None:
        """Close the act that this alarm asked about; any other alarm is left alone. The caller commits."""
        act = self._asked.pop(active.id, None)
        if act is None:
            return
        self._store.journal.closed(act.op_id, answer.value, "answered by a person")
        result = _RESULTS.get(answer)
        if result is not None:
            ended_at = self._utc()
            told = [{"alarm": active.definition.number, "answer": answer.value, "answered_at": ended_at}]
            record = interrupted_record(self._station, act.args, result, active.text, told, act.begun_at, ended_at)
            self._store.records.append(record)


def _about(act: OpenAct) -> dict[str, Any]:
    return {"step": act.step, **{key: act.args.get(key) for key in _SHOWN}}


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
