"""The controller: owns the cell, the PackML state and the jobs; people, MES and tests reach it by the verbs here.

Acting states are tasks of this class; what a step does, what may overlap and what an alarm permits stand elsewhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any

from drivers.devices.camera import CameraFrame
from drivers.wire.handshake import Stop
from station.alarms.active import RAISED, ActiveAlarm, AlarmList, clear_earlier
from station.alarms.catalogue import Answer, ProcessAlarm
from station.alarms.translate import alarm_for, bug_event, first_of, is_bug
from station.cell import Cell
from station.clock import Clock
from station.eyes import Eyes
from station.guard.guard import Guard
from station.guard.position import PositionTrust
from station.lateness import LoopLag
from station.process import sheet
from station.process.step import Step, Work
from station.run.after_hold import AfterHold
from station.run.asking import Asking
from station.run.finishing import Finishing
from station.run.gate import Gate
from station.run.homing import home_and_calibrate
from station.run.interrupted import InterruptedActs
from station.run.job import Job, JobRun
from station.run.jobs import CommandRefused as CommandRefused
from station.run.jobs import Jobs
from station.run.jog import Ended, Jog
from station.run.modes import Mode, Modes
from station.run.noticed import Noticed, end_task
from station.run.packml import OPERATOR_TEXT, WAIT_STATES, Command, Packml, State
from station.run.packml import Refused as PackmlRefused
from station.run.pressed import Pressed
from station.run.steps import OpenAct, RunEnded
from station.run.supply import Supply
from station.run.tray import TrayCount
from station.run.watch import Watch
from station.run.workshop import Identity as Identity
from station.run.workshop import Workshop
from station.shelf import RecipeSource
from station.store.errors import StoreError
from station.store.store import Store
from station.version import SOFTWARE_VERSION
from vision.fingerprint import fingerprint


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
        recipes: RecipeSource,
        *,
        keep_balls: bool = True,
        attended: bool = True,
    ) -> None:
        """attended: somebody is there to answer; else every alarm's row says what is done instead of asking."""
        self.cell, self.store, self.eyes, self.clock, self.identity = cell, store, eyes, clock, identity
        self._attended = attended
        self.alarms = AlarmList(store.events.append, store.events.epoch)
        self.jobs = Jobs(store, recipes)
        self.loop_lag = LoopLag(clock.mono_s)
        self.sub_step, self.since_s = "", 0.0
        self._left_open: list[OpenAct] = []
        limits = cell.profile.limits
        self.tray = TrayCount(store, limits.tray_faults_max, limits.tray_fault_picks)
        self.packml = Packml(State.ABORTED if store.journal.open_intents() else State.STOPPED, self._on_change)
        self.guard = Guard(cell, PositionTrust(store.events.append, self._utc), lambda: self.packml.state)
        self.modes = Modes(self.packml, store.events.append)
        self.jog = Jog(cell, self.guard, self.modes, self.packml, store.events.append)
        self._gate = Gate(self._quiet)
        self._after_hold = AfterHold(cell)
        question = partial(self._raise, ask=True)
        self._interrupted = InterruptedActs(store, identity.station, self._utc, question, self._raise)
        self.pressed = Pressed(self.alarms, limits.presses_max, self._place, self._raise)
        self._asking = Asking(
            self.packml, self._gate, self.alarms, self.pressed, question, store.commit, self.wait_for, self._is_attended
        )
        finishing = Finishing(cell, self._gate, self._end_task)
        self._noticed = Noticed(self.packml, self.alarms, self._asking, self._raise, self.command, finishing.finish)
        self._workshop = Workshop(
            station=identity.station,
            cell=cell,
            store=store,
            eyes=eyes,
            clock=clock,
            gate=self._gate,
            keep_image=keep_image,
            keep_balls=keep_balls,
            utc=self._utc,
            ask=self._asking.ask,
            wait=Supply(cell, self.packml, self._gate, self.alarms, self._raise, self.wait_for).wait,
            show=self._show,
            before_try=self._before_try,
            left_open=self._left_open.append,
            recipes=recipes,
            tray=self.tray,
        )
        self._task: asyncio.Task[None] | None = None
        self._background: tuple[asyncio.Task[None], ...] = ()
        self._changed = asyncio.Event()
        self.current: JobRun | None = None

    # -- life ------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to live: events are saved from now on, interrupted acts are settled or asked for. Moves nothing."""
        self.since_s = self.clock.mono_s()
        told = {
            "software_version": SOFTWARE_VERSION,
            "vision_hash": fingerprint(),
            "simulated": self.identity.simulated,
        }
        self.store.events.append("station.online", told)
        self.jobs.remember()
        await self.tray.remember()
        # The first word to every device is stop: what an earlier life of the service began is not let go on.
        await self.cell.stop(Stop.CONTROLLED)
        await clear_earlier(self.store.events)
        await self._interrupted.resolve_all_of_before(self.cell)
        await self.store.commit()
        watch = Watch(
            self.cell,
            self.store,
            self.packml,
            self.loop_lag,
            self._look,
            self._running,
            self.alarms,
            self._noticed,
        )
        self._background = (
            asyncio.create_task(watch.run(), name="watch"),
            asyncio.create_task(self.loop_lag.run(), name="loop lag"),
        )

    async def close(self) -> None:
        """End orderly: stop, save, disconnect."""
        if self.packml.allows(Command.STOP) and self.packml.state is not State.IDLE:
            await self.command(Command.STOP)
        await self._end_task()
        await self.jog.stand()
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        self.store.events.append("station.offline", {})
        with suppress(StoreError):  # a station that cannot write any more says so by alarm, and ends all the same
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
        while not self.alarms.questions:
            self._changed.clear()
            await self._changed.wait()

    # -- verbs -----------------------------------------------------------------------------------------------

    def submit(self, recipe_name: str, boards: int, revision: str = "") -> Job:
        """Order `boards` boards, 0: until stopped. Raises as `Jobs.submit`."""
        return self.jobs.submit(recipe_name, boards, revision)

    def start_job(self, job: Job) -> None:
        """Start a queued job. Raises CommandRefused."""
        if job.state != "queued":
            raise CommandRefused(f"job {job.id} is {job.state}; only a queued job can be started")
        self.modes.check(Command.START)
        self._command(Command.START)
        job.state = "running"
        self._task = asyncio.create_task(self._run_job(job), name=f"job {job.id}")

    async def command(self, command: Command) -> State:
        """Carry out a PackML command. Raises CommandRefused, changing nothing, where it is not legal.

        Stop is never refused: where it is no transition the station stands or soon will, and the devices are told anew.
        """
        if command is Command.STOP and not self.packml.allows(command):
            self.jog.end(Ended.STOPPED)
            aborting = self.packml.state in (State.ABORTING, State.ABORTED)
            await self.cell.stop(Stop.QUICK if aborting else Stop.CONTROLLED)
            return self.packml.state
        if command is Command.START:
            raise CommandRefused("start names a job: start the job itself")
        if command is Command.RESET and (stopping := self.alarms.stopping):
            raise CommandRefused(f"alarm {stopping[0].definition.number} stands; answer or clear it first")
        if command is Command.UNHOLD and self.alarms.questions:
            raise CommandRefused(
                f"alarm {self.alarms.questions[0].definition.number} waits for an answer; answer it first"
            )
        self.modes.check(command)
        self._command(command)
        match command:
            case Command.RESET:
                self._task = asyncio.create_task(self._reset(), name="reset")
            case Command.HOLD:
                self._asking.hold()
            case Command.UNHOLD:
                self._asking.go_on()
            case Command.STOP:
                await self._come_to_rest(Stop.CONTROLLED)
            case Command.ABORT:
                await self._come_to_rest(Stop.QUICK)
            case Command.CLEAR:
                self.alarms.clear()
                self.packml.completed(State.CLEARING)
        return self.packml.state

    def change_mode(self, wanted: Mode) -> None:
        """Production or Maintenance. Raises CommandRefused, changing nothing."""
        self.modes.change(wanted, key_manual=self.guard.facts().key_manual)

    def answer(self, alarm_id: str, answer: str, state_token: str) -> None:
        """A person's answer to an alarm. Raises AnswerRefused."""
        active = self.alarms.answer(alarm_id, answer, state_token)
        told = {"alarm": active.definition.number, "id": alarm_id, "answer": answer, "nth": active.nth}
        self.store.events.append("operator.answer", told)
        self._interrupted.answered(active, Answer(answer))

    def warn(self, alarm: ProcessAlarm) -> None:
        """Show what was noticed beside the machine and stops nothing; whoever did says to `alarms` when it is over."""
        self._raise(alarm)

    # -- acting states ---------------------------------------------------------------------------------------

    async def _reset(self) -> None:
        async def reset() -> None:
            await self.jog.stand()
            is_held = await home_and_calibrate(
                self.cell, self.eyes, self.clock, self.store, self.guard.position, self._show, self._asking.ask
            )
            await self._interrupted.look(is_held, self._workshop.look_at_site, self._asking.ask)

        if await self._guarded(reset, "Reset"):
            self.packml.completed(State.RESETTING)

    async def _run_job(self, job: Job) -> None:
        run = self.current = self._workshop.run_of(job)
        self.jobs.began(job)
        if not await self._guarded(run.prepare, "Starting"):
            return
        self.packml.completed(State.STARTING)
        if not await self._guarded(run.execute, "Execute"):
            return
        self.packml.completed(State.EXECUTE)
        self.jobs.ended(job, "complete")
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
        """The task that runs the machine ends at once, so that it begins nothing more; then the machine is stopped."""
        if self._task is not None:
            self._task.cancel()
        if (run := self._running()) is not None:
            run.cut_off()
        await self.cell.stop(level)
        await self._end_task()
        await self._rest()

    async def _rest(self) -> None:
        """The machine stands: from Stopping to Stopped, or from Aborting to Aborted."""
        acting = self.packml.state
        await self.cell.stand_still()
        if acting not in (State.STOPPING, State.ABORTING) or self.packml.state is not acting:
            return
        self.jobs.end_running("aborted" if acting is State.ABORTING else "stopped")
        self._asking.over()
        self._interrupted.ask_again()
        while self._left_open:
            self._interrupted.ask(self._left_open.pop(0))
        try:
            await self.store.commit()
        except StoreError as error:
            self._noticed.tell_store_failed(error)
        self.packml.completed(acting)

    async def _end_task(self) -> None:
        """And whatever is asked beside it."""
        task, self._task = self._task, None
        await end_task(task)
        await self._noticed.end()

    # -- called by the runner --------------------------------------------------------------------------------

    def _is_attended(self) -> bool:
        run = self._running()  # without one, whoever gave the Reset is there to look at the nozzle
        return run is None or (self._attended and run.job.recipe.recovery.attended)

    def _place(self) -> str:
        run = self._running()
        return "Reset" if run is None else run.place()

    def _running(self) -> JobRun | None:
        run = self.current
        return run if run is not None and run.job.state == "running" else None

    async def _before_try(self, step: Step, work: Work) -> None:
        await self._after_hold.check(step, work)
        if step is sheet.GO_TO_TRAY:
            work.pocket, work.tray = await self.tray.next(self.cell)
        await self.guard.require_for(step.id)
        if step is sheet.PICK:
            self.tray.pick_begins(work.pocket)

    # -- small things ----------------------------------------------------------------------------------------

    def _command(self, command: Command) -> None:
        try:
            self.packml.command(command)
        except PackmlRefused as refused:
            raise CommandRefused(str(refused)) from refused

    def _raise(self, alarm: ProcessAlarm, objects: dict[str, Any] | None = None, *, ask: bool = False) -> ActiveAlarm:
        is_trusted = self.guard.is_position_trusted
        active = self.alarms.raise_(alarm, self._utc(), objects or {}, ask=ask, position_trusted=is_trusted)
        self.store.events.append(RAISED, active.view())
        self._changed.set()
        return active

    def _on_change(self, old: State, new: State) -> None:
        self.since_s = self.clock.mono_s()
        self.jog.end(Ended.STATE)
        self.store.events.append(
            "state.changed", {"from": old.title, "to": new.title, "number": int(new), "text": OPERATOR_TEXT[new]}
        )
        if new is State.HELD:
            self._after_hold.held()
        if new in WAIT_STATES:
            self.sub_step = ""
        self._changed.set()

    def _look(self) -> None:
        """What the drives say of their positions, and the key switch, are noted also while nobody asks for a motion."""
        key_manual = self.guard.facts().key_manual
        self.modes.look(key_manual)
        self.pressed.look(key_manual)

    def _show(self, sub_step: str) -> None:
        self.sub_step = sub_step

    def _quiet(self) -> None:
        self.packml.completed(State.HOLDING)
        self.packml.completed(State.SUSPENDING)

    def _utc(self) -> str:
        return self.clock.utc().isoformat()
