"""Planted bugs of journal, records, recovery, states and store: what is written when, and what a restart believes."""

from __future__ import annotations

from tests.campaign.planted.model import bug

_STEPS, _JOB, _CONTROLLER = "station/run/steps.py", "station/run/job.py", "station/run/controller.py"
_SHEET, _ACTIVE, _PACKML, _GATE = (
    "station/process/sheet.py",
    "station/alarms/active.py",
    "station/run/packml.py",
    "station/run/gate.py",
)

RUN_BUGS = (
    bug(
        "intent not on the disk",
        "an act begins with its intent in memory only",
        (
            _STEPS,
            "                await self._log.commit()\n                op_id = intent",
            "                op_id = intent",
        ),
    ),
    bug(
        "intent after the act",
        "what is about to be done is written when it has been done",
        (
            _STEPS,
            "                intent = self._journal.intent(step.id, self._intent(work))\n"
            "                await self._log.commit()\n                op_id = intent",
            "                pass",
        ),
        (
            _STEPS,
            "                outcome = await step.run(self._cell, work)\n",
            "                outcome = await step.run(self._cell, work)\n            if step.irreversible:\n"
            "                op_id = self._journal.intent(step.id, self._intent(work))\n"
            "                await self._log.commit()\n",
        ),
    ),
    bug(
        "unknown end is an end",
        "an act whose end nobody saw is closed as failed, and nobody is asked about it",
        (
            _STEPS,
            "            if row.reaction in (Reaction.STOP, Reaction.ABORT):",
            "            if row is None:",
        ),
    ),
    bug(
        "record after the check",
        "a placement is closed when the nozzle has risen and recorded after its check: cut off in between by nobody",
        (_SHEET, "place, irreversible=True, is_looked_at=True", "place, irreversible=True"),
    ),
    bug(
        "unverified placement forgotten",
        "a run that ends before the package has its record asks nobody what became of it",
        (
            _STEPS,
            "        if act is not None and self._left_open is not None:\n",
            "        if act is not None and act.draft:\n",
        ),
    ),
    bug(
        "lock held in Held",
        "a step that asks a person counts as under way, so that Held is never reached",
        (
            _STEPS,
            "                decision = await self._settle(alarm, step, work)\n",
            "                await self._gate.enter()\n                try:\n"
            "                    decision = await self._settle(alarm, step, work)\n"
            "                finally:\n                    self._gate.leave()\n",
        ),
    ),
    bug(
        "ready after a crash",
        "a start with open acts opens in Stopped, as if nothing had been",
        (_CONTROLLER, "State.ABORTED if store.journal.open_intents() else State.STOPPED", "State.STOPPED"),
    ),
    bug(
        "resume after a restart",
        "a restart believes that an act in doubt was carried out",
        ("station/run/settle.py", "    if seen.is_part_held and step in _HELD:", "    if step in _HELD:"),
    ),
    bug(
        "retry counter reset",
        "every retry begins to count anew",
        (
            _STEPS,
            "        if decision.move is Move.RETRY:\n            self.retries[key] += 1\n",
            "        if decision.move is Move.RETRY:\n            self.retries[key] = 0\n",
        ),
    ),
    bug(
        "wrong site flag",
        "a site counts as taken only where the placement was verified",
        (_JOB, 'TAKEN = ("placed", "placed_unverified", "ambiguous")', 'TAKEN = ("placed",)'),
    ),
    bug(
        "site flag of any board",
        "a site counts as taken when it was taken on another board",
        (_JOB, "page(after, RECORDS_READ, board=serial)", "page(after, RECORDS_READ)"),
    ),
    bug(
        "record of another site",
        "every record names the first site of the board",
        ("station/run/record.py", '        "site": site.name,\n', '        "site": recipe.board.sites[0].name,\n'),
    ),
    bug(
        "everything was placed",
        "a package that was rejected by an alarm is recorded as placed",
        (
            _JOB,
            '                result = "unplaced" if verdict.fate is o.Fate.SKIP_SITE else "rejected"',
            '                result = "unplaced" if verdict.fate is o.Fate.SKIP_SITE else "placed"',
        ),
    ),
    bug(
        "board leaves unwritten",
        "the board is let go before its records are on the disk, and without an intent",
        (
            _JOB,
            "        # The board leaves only when everything about it is durable.\n        await self._store.commit()\n",
            "",
        ),
        (
            _JOB,
            "else verdict.fate.value)\n        await self._store.commit()\n",
            "else verdict.fate.value)\n",
        ),
        (
            "station/process/sheet.py",
            'BOARD_OUT = Step("board_out", "Board out", board_out, limit_s=60.0, irreversible=True)',
            'BOARD_OUT = Step("board_out", "Board out", board_out, limit_s=60.0)',
        ),
    ),
    bug(
        "a touched film is new",
        "a dip that broke off leaves its print in a film that is used again",
        (_JOB, "            self._forget_touched_film()\n", ""),
    ),
    bug(
        "stop for the software only",
        "Stop ends the task and tells the devices nothing",
        (
            _CONTROLLER,
            "        await self.cell.stop(level)\n        await self._end_task()\n",
            "        await self._end_task()\n",
        ),
    ),
    bug(
        "Held at once",
        "Held is shown while a step is still under way",
        (
            _GATE,
            "        self._open.clear()\n        self._check_quiet()",
            "        self._open.clear()\n        self._on_quiet()",
        ),
    ),
    bug(
        "old answers fire",
        "an answer to a question of before is taken for the present one",
        (_ACTIVE, "        if state_token != active.state_token:", "        if not state_token:"),
    ),
    bug(
        "any answer",
        "an answer that the alarm does not permit is taken",
        (_ACTIVE, "        if answer not in permitted:", "        if not answer:"),
    ),
    bug(
        "an alarm without an answer",
        "an alarm that asks nothing cannot be taken note of",
        (
            _ACTIVE,
            "answers=permitted if ask else (Answer.ACKNOWLEDGE,)",
            "answers=permitted if ask else ()",
        ),
    ),
    bug(
        "Stop not in Starting",
        "Stop is no transition while the station prepares",
        (_PACKML, "_NO_STOP = (State.STOPPING,", "_NO_STOP = (State.STARTING, State.STOPPING,"),
    ),
    bug(
        "a short cut between states",
        "Unhold leads to Execute without Unholding",
        (
            _PACKML,
            "(State.HELD, Command.UNHOLD): State.UNHOLDING,",
            "(State.HELD, Command.UNHOLD): State.EXECUTE,",
        ),
    ),
    bug(
        "homed not cleared",
        "a reference that a drive has lost stays trusted until the next homing",
        (
            "station/guard/facts.py",
            '    found["axes_referenced"] = flags & _HOMED_ALL == _HOMED_ALL\n',
            '    found["axes_referenced"] = True\n',
        ),
    ),
    bug(
        "failed commit tried again",
        "a commit that failed is tried again and believed",
        (
            "station/store/writing.py",
            "            elif isinstance(error, StoreFailed):\n                self.failure = error\n            if canc",
            "            elif isinstance(error, StoreFailed):\n"
            "                self.events, self._groups = events + self.events, groups[:-1] + self._groups\n"
            "                error = None\n            if canc",
        ),
    ),
    bug(
        "a full disk is no reason",
        "the station builds on when nothing can be written any more",
        (
            "station/run/watch.py",
            "                await self._noticed.store_failed(error)\n                return",
            "                continue",
        ),
        (
            _STEPS,
            "                await self._log.commit()\n                op_id = intent",
            "                op_id = intent",
        ),
    ),
    bug(
        "the broker is waited for",
        "a commit returns when every outlet has taken the news",
        (
            "station/store/event_log.py",
            "        await self._writing.commit()",
            "        await self._writing.commit()\n        while any(one._waiting for one in self._subscriptions):\n"
            "            await asyncio.sleep(0.01)",
        ),
    ),
    bug(
        "key saved after the job",
        "the key of a request is written with its answer, after the job",
        (
            "station/store/idempotency.py",
            "        self._writing.queue(schema.INSERT_ANSWER, (key, request_hash, None, None, now))\n",
            "",
        ),
        (
            "station/store/idempotency.py",
            "        self._writing.queue(schema.UPDATE_ANSWER, (status, body, key))",
            "        self._writing.queue(\n"
            "            schema.INSERT_ANSWER, (key, claim.request_hash, status, body, claim.stored_at)\n        )",
        ),
    ),
)
