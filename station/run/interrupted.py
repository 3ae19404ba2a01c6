"""Acts whose end nobody saw: begun, and cut off by a lost link, a stop or a dead service. Each is asked about once.

The answer of a person closes the act, with a record where a placement is in question. Nothing here moves anything,
and nothing here is ever done again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from station.alarms.active import ActiveAlarm
from station.alarms.catalogue import Answer, ProcessAlarm
from station.process import sheet
from station.process.outcomes import Fate
from station.run.record import UNVERIFIED_TEXT, interrupted_record
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


class InterruptedActs:
    """The questions about open acts. `raise_question` puts an alarm on the list and keeps it there until answered."""

    def __init__(
        self,
        store: Store,
        station: str,
        utc: Callable[[], str],
        raise_question: Callable[[ProcessAlarm, dict[str, Any]], ActiveAlarm],
    ) -> None:
        self._store, self._station, self._utc, self._raise_question = store, station, utc, raise_question
        self._asked: dict[str, OpenAct] = {}

    def ask_about_all_of_before(self) -> None:
        """Acts that an earlier run of the service left open."""
        for intent in self._store.journal.open_intents():
            self.ask(OpenAct(intent.op_id, intent.step, intent.args, intent.evidence, intent.occurred_at))

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
                        None,
                        intent.occurred_at,
                        closed.occurred_at,
                    )
                )
            return

    def ask(self, act: OpenAct) -> None:
        """Ask a person what became of it."""
        alarm = ProcessAlarm(
            "interrupted_act" if act.step == sheet.PLACE.id else "interrupted_handling",
            step=act.step,
            part=act.args.get("part"),
            site=act.args.get("site"),
            board=act.args.get("board"),
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
            record = interrupted_record(
                self._station, act.args, result, active.text, answer.value, act.begun_at, self._utc()
            )
            self._store.records.append(record)
