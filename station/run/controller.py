"""The controller: owns the cell, the PackML state and the jobs; people, MES and tests reach it by the verbs here.

Acting states are tasks of this class; what a step does, what may overlap and what an alarm permits stand elsewhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from drivers.devices.camera import CameraFrame
from drivers.wire.handshake import Stop
from recipes import Recipe
from station.alarms.active import ActiveAlarm, AlarmList
from station.alarms.catalogue import Answer, ProcessAlarm
from station.alarms.translate import alarm_for, bug_event, first_of, is_bug
from station.cell import Cell
from station.clock import Clock
from station.eyes import Eyes
from station.process import sheet
from station.process.outcomes import Dipped, Findings
from station.process.step import Step, Work
from station.run.gate import Gate
from station.run.homing import home_and_calibrate
from station.run.interrupted import InterruptedActs
from station.run.job import Job, JobRun, TrayCount
from station.run.packml import OPERATOR_TEXT, WAIT_STATES, Command, Packml, State
from station.run.packml import Refused as PackmlRefused
from station.run.record import Frame
from station.run.steps import OpenAct, RunEnded, StepRunner
from station.run.watch import watch
from station.store.errors import StoreError
from station.store.store import Store
from station.version import SOFTWARE_VERSION

BOARDS_MAX = 1_000_000


class CommandRefused(Exception):
    """The command does not fit the present state; nothing was changed."""


@dataclass(frozen=True)
class Identity:
    """Who this station is, for records."""

    station: str = "station-1"
    simulated: bool = False


class Controller:
    """One station. Call `start()` once, `close()` at the end."""

    def __init__(
        self,
        cell: Cell,
        store: Store,
        eyes: Eyes,
        clock: Clock,
        identity: Identity,
        keep_image: Callable[[CameraFrame], Awaitable[str]],
        find_recipe: Callable[[str], Recipe],
        *,
        keep_balls: bool = True,
    ) -> None:
        self.cell, self.store, self.eyes, self.clock, self.identity = cell, store, eyes, clock, identity
        self._keep_image, self._find_recipe, self._keep_balls = keep_image, find_recipe, keep_balls
        self.alarms = AlarmList()
        self.jobs: dict[str, Job] = {}
        self.work: Work | None = None
        self.sub_step = ""
        self.since_s = 0.0
        self.boards_done: dict[str, int] = {}
        self._interrupted = InterruptedActs(
            store, identity.station, self._utc, lambda alarm, objects: self._raise(alarm, objects, ask=True)
        )
        self._left_open: list[OpenAct] = []
        interrupted = bool(store.journal.open_intents())
        self.packml = Packml(State.ABORTED if interrupted else State.STOPPED, self._on_change)
        self._gate = Gate(self._quiet)
        self._tray = TrayCount()
        self._findings = Findings()
        self._task: asyncio.Task[None] | None = None
        self._background: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._job_count = 0
        self._is_held_by_person = False
        self.current: JobRun | None = None

    # -- life ------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to live: events are saved from now on, interrupted acts are asked for. Moves nothing."""
        self.since_s = self.clock.mono_s()
        self.store.events.append(
            "station.online", {"software_version": SOFTWARE_VERSION, "simulated": self.identity.simulated}
        )
        await self._tray.remember(self.store.events)
        self._interrupted.ask_about_all_of_before()
        await self.store.commit()
        self._background = asyncio.create_task(
            watch(self.cell, self.store, self.packml, self._on_chain_open, self._raise, self._on_store_failed),
            name="watch",
        )

    async def close(self) -> None:
        """End orderly: stop, save, disconnect."""
        if self.packml.allows(Command.STOP) and self.packml.state is not State.IDLE:
            await self.command(Command.STOP)
        await self._end_task()
        if self._background is not None:
            self._background.cancel()
            await asyncio.gather(self._background, return_exceptions=True)
        self.store.events.append("station.offline", {})
        await self.store.commit()
        await self.cell.close()

    async def wait_for(self, *states: State) -> State:
        """Wait until the station is in one of `states`."""
        while self.packml.state not in states:
            self._changed.clear()
            await self._changed.wait()
        return self.packml.state

    async def wait_for_question(self) -> None:
        """Wait until an alarm stands that a person has to answer."""
        while not self._questions():
            self._changed.clear()
            await self._changed.wait()

    # -- verbs -----------------------------------------------------------------------------------------------

    def submit(self, recipe_name: str, boards: int) -> Job:
        """Order `boards` boards, 0: until stopped.

        raises   what `find_recipe` raises; CommandRefused for a wrong number
        """
        if not 0 <= boards <= BOARDS_MAX:
            raise CommandRefused(f"boards = {boards}: allowed 0 (until stopped) to {BOARDS_MAX}")
        self._job_count += 1
        job = Job(f"J{self.store.events.head_seq + 1}-{self._job_count}", self._find_recipe(recipe_name), boards)
        self.jobs[job.id] = job
        self.store.events.append("job.submitted", job.view())
        return job

    def start_job(self, job: Job) -> None:
        """Start a queued job. Raises CommandRefused."""
        if job.state != "queued":
            raise CommandRefused(f"job {job.id} is {job.state}; only a queued job can be started")
        self._command(Command.START)
        job.state = "running"
        self._task = asyncio.create_task(self._run_job(job), name=f"job {job.id}")

    async def command(self, command: Command) -> State:
        """Carry out a PackML command. Raises CommandRefused, changing nothing, where it is not legal."""
        if command is Command.START:
            raise CommandRefused("start names a job: start the job itself")
        if command is Command.RESET and (stopping := self.alarms.stopping):
            raise CommandRefused(f"alarm {stopping[0].definition.number} stands; answer or clear it first")
        if command is Command.UNHOLD and self._questions():
            raise CommandRefused(f"alarm {self._questions()[0].definition.number} waits for an answer; answer it first")
        self._command(command)
        match command:
            case Command.RESET:
                self._task = asyncio.create_task(self._reset(), name="reset")
            case Command.HOLD:
                self._is_held_by_person = True
                self._gate.shut()
            case Command.UNHOLD:
                self._go_on()
            case Command.STOP:
                await self._come_to_rest(Stop.CONTROLLED)
            case Command.ABORT:
                await self._come_to_rest(Stop.QUICK)
            case Command.CLEAR:
                self.alarms.clear()
                self.packml.completed(State.CLEARING)
        return self.packml.state

    def answer(self, alarm_id: str, answer: str, state_token: str) -> None:
        """A person's answer to an alarm. Raises AnswerRefused."""
        active = self.alarms.answer(alarm_id, answer, state_token)
        self.store.events.append(
            "operator.answer", {"alarm": active.definition.number, "id": alarm_id, "answer": answer}
        )
        self._interrupted.answered(active, Answer(answer))

    # -- acting states ---------------------------------------------------------------------------------------

    async def _reset(self) -> None:
        async def reset() -> None:
            await home_and_calibrate(self.cell, self.eyes, self.clock, self.store.events, self._show, self._ask)

        if await self._guarded(reset, "Reset"):
            self.packml.completed(State.RESETTING)

    async def _run_job(self, job: Job) -> None:
        calibration_hash = self.cell.known_calibration.hash
        steps = StepRunner(
            self.cell,
            self.store.events,
            self.store.journal,
            self._gate,
            self._ask,
            lambda step: self._show(step.title if step else ""),
            self._before_try,
            {"job_id": job.id, "software_version": SOFTWARE_VERSION, "calibration_hash": calibration_hash},
            self._left_open.append,
        )
        work = Work(
            recipe=job.recipe,
            eyes=self.eyes,
            clock=self.clock,
            keep_image=self._keep_image,
            findings=self._findings,
            boards_done=self.boards_done,
        )
        self._findings.by_kind = {Dipped: kept} if (kept := self._findings.find(Dipped)) else {}
        self.work = work
        frame = Frame(
            station=self.identity.station,
            job_id=job.id,
            software_version=SOFTWARE_VERSION,
            calibration_hash=calibration_hash,
            part_lot="",
            material_lot="",
            pot_life_left_s=None,
            floor_life_left_s=None,
        )
        run = self.current = JobRun(
            job,
            self.cell,
            self.store,
            steps,
            work,
            frame,
            self._utc,
            self._ask,
            self._tray,
            self.boards_done,
            keep_balls=self._keep_balls,
        )
        self.store.events.append("job.started", job.view())

        if not await self._guarded(run.prepare, "Starting"):
            return
        self.packml.completed(State.STARTING)
        if not await self._guarded(run.execute, "Execute"):
            return
        job.state = "complete"
        self.packml.completed(State.EXECUTE)
        self.store.events.append("job.completed", job.view())
        await self.store.commit()
        self.packml.completed(State.COMPLETING)

    async def _guarded(self, activity: Callable[[], Awaitable[None]], name: str) -> bool:
        """Run an activity; whatever goes wrong ends in a wait state with an alarm. Returns whether it succeeded."""
        try:
            await activity()
            return True
        except RunEnded as ended:
            alarm, abort, objects = ended.alarm, ended.abort, ended.objects
            if ended.is_chosen:
                await self._end_by_itself(abort=abort)
                return False
        except Exception as failed:
            error = first_of(failed)
            alarm = alarm_for(error, name)
            if is_bug(alarm):
                self.store.events.append("bug", bug_event(name, error))
            abort, objects = alarm.definition.severity.value == "A", {}
        is_stopping = self.packml.state in (State.STOPPING, State.ABORTING)
        if is_stopping and alarm.definition.key == "device_stopped":
            # A person stops the station; that a step was cut off by it is no news.
            return False
        if self.packml.allows(Command.ABORT if abort else Command.STOP):
            self._raise(alarm, objects)
        await self._end_by_itself(abort=abort)
        return False

    async def _end_by_itself(self, *, abort: bool) -> None:
        command = Command.ABORT if abort else Command.STOP
        if self.packml.allows(command):
            self._command(command)
            await self.cell.stop(Stop.QUICK if abort else Stop.CONTROLLED)
            await self._rest()

    async def _come_to_rest(self, level: Stop) -> None:
        """Stop the machine first, then the task that ran it."""
        await self.cell.stop(level)
        await self._end_task()
        await self._rest()

    async def _rest(self) -> None:
        """The machine stands: from Stopping to Stopped, or from Aborting to Aborted."""
        acting = self.packml.state
        if acting not in (State.STOPPING, State.ABORTING):
            return
        for job in self.jobs.values():
            if job.state == "running":
                job.state = "aborted" if acting is State.ABORTING else "stopped"
        self._is_held_by_person = False
        self._gate.open()
        while self._left_open:
            self._interrupted.ask(self._left_open.pop(0))
        try:
            await self.store.commit()
        except StoreError as error:
            self._raise_store_failed(error)
        self.packml.completed(acting)

    def _raise_store_failed(self, error: StoreError) -> None:
        """Once: nothing is written any more until the service is started anew."""
        if all(alarm.definition.key != "store_failed" for alarm in self.alarms.standing):
            self._raise(alarm_for(error, "commit"))

    async def _end_task(self) -> None:
        task, self._task = self._task, None
        if task is not None and task is not asyncio.current_task() and not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    # -- called by the runner --------------------------------------------------------------------------------

    async def _ask(self, alarm: ProcessAlarm, objects: dict[str, Any]) -> Answer:
        """Hold and wait for a person's answer; the station runs on afterwards."""
        active = self._raise(alarm, objects, ask=True)
        assert active.answer is not None
        if self.packml.state is State.EXECUTE:
            self._command(Command.HOLD)
            self._gate.shut()
        await self.store.commit()
        try:
            answer = await active.answer
        finally:
            self.alarms.remove(active)
        if self.packml.state in (State.HELD, State.HOLDING) and not self._is_held_by_person and not self._questions():
            await self.wait_for(State.HELD)
            self._command(Command.UNHOLD)
            self._go_on()
        return answer

    def _go_on(self) -> None:
        self._is_held_by_person = False
        self.packml.completed(State.UNHOLDING)
        self._gate.open()

    def _questions(self) -> list[ActiveAlarm]:
        return [alarm for alarm in self.alarms.standing if alarm.answer is not None and not alarm.answer.done()]

    async def _before_try(self, step: Step, work: Work) -> None:
        if step is sheet.GO_TO_TRAY:
            work.pocket, work.tray = await self._tray.next(self.cell)

    # -- small things ----------------------------------------------------------------------------------------

    def _command(self, command: Command) -> None:
        try:
            self.packml.command(command)
        except PackmlRefused as refused:
            raise CommandRefused(str(refused)) from refused

    def _raise(self, alarm: ProcessAlarm, objects: dict[str, Any] | None = None, *, ask: bool = False) -> ActiveAlarm:
        active = self.alarms.raise_(alarm, self._utc(), objects or {}, ask=ask)
        self.store.events.append("fault.raised", active.view())
        self._changed.set()
        return active

    def _on_change(self, old: State, new: State) -> None:
        self.since_s = self.clock.mono_s()
        self.store.events.append(
            "state.changed", {"from": old.title, "to": new.title, "number": int(new), "text": OPERATOR_TEXT[new]}
        )
        if new in WAIT_STATES:
            self.sub_step = ""
        self._changed.set()

    def _show(self, sub_step: str) -> None:
        self.sub_step = sub_step

    def _quiet(self) -> None:
        self.packml.completed(State.HOLDING)

    def _utc(self) -> str:
        return self.clock.utc().isoformat()

    async def _on_chain_open(self, alarm: ProcessAlarm) -> None:
        self._raise(alarm)
        await self.command(Command.ABORT)

    async def _on_store_failed(self, error: StoreError) -> None:
        self._raise_store_failed(error)
        if self.packml.allows(Command.STOP):
            await self.command(Command.STOP)
