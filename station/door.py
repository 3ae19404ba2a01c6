"""The door between the API and the controller in one process: the API's verbs in terms of the controller's.

Nothing here decides; it translates words, and refusals into the API's own.
"""

from __future__ import annotations

from typing import Any

import recipes
from station.alarms.active import AnswerRefused
from station.api.port import Invalid, NotFound, Refused
from station.run.controller import CommandRefused, Controller
from station.run.job import Job
from station.run.jog import Axis, Hold, Speed
from station.run.modes import Mode
from station.run.packml import Command
from station.run.snapshot import Snapshots
from station.shelf import RecipeRefused, RecipeUnknown

_COMMANDS = {
    "hold": Command.HOLD,
    "resume": Command.UNHOLD,
    "stop": Command.STOP,
    "abort": Command.ABORT,
    "reset": Command.RESET,
    "clear": Command.CLEAR,
}


class Door:
    """Implements `station.api.port.ControllerPort` on a controller in the same loop."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._snapshots = Snapshots(controller)

    def snapshot(self) -> dict[str, Any]:
        return self._snapshots.now()

    def jobs(self) -> list[dict[str, Any]]:
        return self._controller.jobs.views()

    def job(self, job_id: str) -> dict[str, Any]:
        view = self._controller.jobs.view(job_id)
        if view is None:
            raise NotFound(f"no job {job_id}")
        return view

    async def submit_job(self, recipe: str, boards: int, revision: str = "") -> dict[str, Any]:
        try:
            return self._controller.submit(recipe, boards, revision).view()
        except recipes.RecipeProblems as problems:
            raise Invalid(tuple(str(problem) for problem in problems.problems)) from problems
        except RecipeUnknown as unknown:
            raise Invalid((str(unknown),)) from unknown
        except RecipeRefused as refused:
            raise Refused(refused.code, str(refused)) from refused
        except CommandRefused as refused:
            raise self._refused(refused) from refused

    async def job_action(self, job_id: str, action: str) -> dict[str, Any]:
        job = self._find(job_id)
        try:
            if action == "start":
                self._controller.start_job(job)
            elif job.state == "running":
                await self._controller.command(_COMMANDS[action])
            else:
                raise CommandRefused(f"job {job.id} is {job.state}, not running")
        except CommandRefused as refused:
            raise self._refused(refused) from refused
        return job.view()

    async def command(self, name: str) -> dict[str, Any]:
        try:
            if name == "start":
                self._controller.start_job(self._next_queued())
            else:
                await self._controller.command(_COMMANDS[name])
        except CommandRefused as refused:
            raise self._refused(refused) from refused
        state = self._controller.packml.state
        return {"state": state.title, "number": int(state)}

    async def change_mode(self, mode: str) -> dict[str, Any]:
        try:
            self._controller.change_mode(Mode(mode))
        except CommandRefused as refused:
            raise self._refused(refused) from refused
        return {"mode": self._controller.modes.mode.value}

    def take_jog(self) -> str:
        try:
            return self._controller.jog.take()
        except CommandRefused as refused:
            raise self._refused(refused) from refused

    def jog_frame(self, token: str, number: int, hold: tuple[str, int, str] | None) -> None:
        held = None if hold is None else Hold(Axis(hold[0]), hold[1], Speed(hold[2]))
        try:
            self._controller.jog.frame(token, number, held)
        except CommandRefused as refused:
            raise self._refused(refused) from refused

    def give_back_jog(self, token: str) -> None:
        self._controller.jog.give_back(token)

    def jog(self) -> dict[str, Any]:
        return self._controller.jog.view()

    def loop_lag(self) -> dict[str, Any] | None:
        return self._controller.loop_lag.view()

    async def answer(self, alarm_id: str, answer: str, state_token: str) -> dict[str, Any]:
        if all(alarm.id != alarm_id for alarm in self._controller.alarms.standing):
            raise NotFound(f"alarm {alarm_id} does not stand")
        try:
            self._controller.answer(alarm_id, answer, state_token)
            # What a person has said must outlive a crash from here on.
            await self._controller.store.commit()
        except AnswerRefused as refused:
            raise self._refused(refused) from refused
        return {"alarm": alarm_id, "answer": answer}

    def _find(self, job_id: str) -> Job:
        job = self._controller.jobs.find(job_id)
        if job is not None:
            return job
        if self._controller.jobs.view(job_id) is not None:
            raise self._refused(CommandRefused(f"job {job_id} was interrupted and is never resumed; submit a new one"))
        raise NotFound(f"no job {job_id}")

    def _next_queued(self) -> Job:
        job = self._controller.jobs.next_queued()
        if job is None:
            raise CommandRefused("no job is queued; submit one first")
        return job

    def _refused(self, refused: Exception) -> Refused:
        packml = self._controller.packml
        allowed = tuple(name for name, command in _COMMANDS.items() if packml.allows(command))
        if packml.allows(Command.START):
            allowed = ("start", *allowed)
        return Refused("wrong-state", str(refused), packml.state.title, allowed)
