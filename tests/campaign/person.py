"""The person of a schedule: acts when the instant has come, beside the operator who answers."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

from sim_hardware.faults import FaultSpec, Phase
from sim_hardware.schedule import Act
from station.alarms.active import ActiveAlarm, AnswerRefused
from station.run.controller import CommandRefused
from station.run.packml import Command, State
from station.store.errors import StoreFailed
from tests.campaign import house, jogging
from tests.campaign.operator import LOOKS_EVERY_S, Operator
from tests.campaign.watcher import OPERATOR, Watcher
from tests.scenarios.bench import Bench

LONG_HOLD_S = 75.0
"""longer than film and dipped package may wait"""
HAND_S = 1.0
"""from the open door to the hand at the nozzle, and back"""
_BY_HAND = {"hand": ("part_taken", "film_touched"), "swap": ("board_swapped",)}
"""what a hand does through the open door in Held"""
KEY_S = 1.0
"""a key switch is turned for at least so long by a hand"""
KILLED_FOR_S = 2.0
"""from the end of a service that was killed to its next start; the devices have stopped by themselves meanwhile"""

_VERBS = {
    "hold_long": "hold",
    "hold_stop": "hold",
    "hand": "hold",
    "swap": "hold",
    **dict.fromkeys(jogging.ACTS, "stop"),
}
"""what an act presses, where it is called otherwise"""


class Person:
    """Acts when their instant has come, beside the operator who answers."""

    def __init__(self, watcher: Watcher, store_folder: Path, *, repairs: bool = True) -> None:
        """store_folder: where a station that is started anew finds what it wrote."""
        self.store_folder = store_folder
        self._watcher, self._repairs = watcher, repairs
        self._acts: list[Act] = []
        self._answers: list[Act] = []
        self._announced: Counter[str] = Counter()
        self._seen: list[Act] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._bench: Bench | None = None
        self._operator: Operator | None = None
        self.done: list[str] = []
        self.is_killed, self.dead_for_s = False, 0.0
        watcher.on_phase.append(self._reached)

    def before_the_start(self, data_dir: Path) -> None:
        """What a service finds when it starts."""
        for act in [act for act in self._acts if act.act in house.AT_START]:
            self._acts.remove(act)
            house.damaged_at_start(data_dir, act.act, self._watcher)
            self.done.append(act.act)

    def takes(self, acts: list[Act]) -> None:
        """What there is to do from now on."""
        self._acts += [act for act in acts if act.act != "answer"]
        self._answers += [act for act in acts if act.act == "answer"]

    def at(self, b: Bench) -> Operator:
        self._bench = b
        self._operator = Operator(b, self._watcher, script=self._answers, repairs=self._repairs)
        return self._operator

    async def gone(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _reached(self, name: str, phase: Phase) -> None:
        if phase is Phase.BEFORE:
            self._announced[name] += 1
        for act in list(self._acts):
            is_announced = phase is Phase.BEFORE and name == act.step and self._announced[name] >= act.step_nth
            if is_announced and not (act.command and act.phase is not Phase.BEFORE):
                self._begin(act)
            elif is_announced and act not in self._seen:
                self._seen.append(act)
            elif act in self._seen and name == act.command and phase is _seen_as(act.phase):
                self._begin(act)

    def _begin(self, act: Act) -> None:
        self._acts.remove(act)
        self._tasks.append(asyncio.get_running_loop().create_task(self._do(act), name=f"person {act.act}"))

    async def _do(self, act: Act) -> None:
        b, plant = self._bench, self._watcher.plant
        assert b is not None
        await asyncio.sleep(act.after_s)
        self._watcher.add(OPERATOR, f"does {act.act}", {})
        if act.act in house.ACTS:
            await self._house(b, act.act)
        self.done.append(act.act)
        controller = b.controller
        try:
            if act.act in ("stop", "abort", "hold"):
                await self._press(b, Command(act.act))
            elif act.act in ("hold_long", "hold_stop", "hand", "swap"):
                await self._hold(b, act.act)
            elif act.act == "start_twice":
                assert self._operator is not None
                assert self._operator.job is not None
                controller.start_job(self._operator.job)
                self._watcher.add(OPERATOR, "was not refused", {})
            elif act.act == "second_board":
                assert self._operator is not None
                self._operator.jobs_wanted += 1
            elif act.act in jogging.ACTS:
                assert self._operator is not None
                self._operator.waits = True
                await jogging.by_hand(b, self._watcher, act.act)
                self._operator.waits = False
            elif act.act == "press_on":
                await self._press_on(b)
            elif act.act == "wrong_answers":
                await self._answer_wrongly(b)
            elif act.act in ("power_cut", "kill"):
                self.is_killed = True
                self.dead_for_s = KILLED_FOR_S if act.act == "kill" else 0.0
                b.store.writing.failure, b.is_dead = StoreFailed("the process is gone"), True
                for name in plant.cabling.devices() if act.act == "power_cut" else ():
                    plant.reboot(name)
                await b.die()
        except CommandRefused as refused:
            self._watcher.add(OPERATOR, "was refused", {"verb": _VERBS.get(act.act, act.act), "text": str(refused)})

    async def _house(self, b: Bench, act: str) -> None:
        """Nobody reaches a service that stands still."""
        assert self._operator is not None
        self._operator.waits = act in house.STAND_STILL
        await house.ACTS[act](b, self._watcher)
        self._operator.waits = False

    async def _hold(self, b: Bench, act: str) -> None:
        self._watcher.add(OPERATOR, "presses hold", {})
        assert self._operator is not None
        await b.controller.command(Command.HOLD)
        # A hold that was refused is nobody's turn at the station: from here on it is.
        self._operator.waits = True
        if await b.rest(State.HELD, State.STOPPED, State.ABORTED) is not State.HELD:
            # Something else has stopped the station meanwhile: that is the operator's business.
            self._operator.waits = False
            return
        if act in _BY_HAND:
            plant = self._watcher.plant
            plant.set_safety(door_closed=False)
            await asyncio.sleep(HAND_S)
            for kind in _BY_HAND[act]:
                plant.faults.inject(FaultSpec(kind), plant.now())
            await asyncio.sleep(HAND_S)
            plant.set_safety(door_closed=True)
            await asyncio.sleep(HAND_S)
        elif act == "hold_stop":
            await self._press(b, Command.STOP)
        else:
            await asyncio.sleep(LONG_HOLD_S)
        self._operator.waits = False

    async def _press(self, b: Bench, command: Command) -> None:
        self._watcher.add(OPERATOR, f"presses {command.value}", {})
        await b.controller.command(command)
        found = {"found": b.controller.packml.state.title}
        self._watcher.add(OPERATOR, f"finds after {command.value.title()}", found)

    async def _press_on(self, b: Bench) -> None:
        """Retry, whatever stands there, until the station asks for the key; then with the key, and the fault goes."""
        assert self._operator is not None
        self._operator.waits = True
        alarms, plant = b.controller.alarms, self._watcher.plant
        while not alarms.stands("gate_pressed"):
            for question in alarms.questions[:1]:
                self._retry(b, question)
            await asyncio.sleep(LOOKS_EVERY_S)
        try:
            self._retry(b, alarms.questions[0])
            self._watcher.add(OPERATOR, "was not refused", {})
        except AnswerRefused as refused:
            self._watcher.add(OPERATOR, "was refused", {"text": str(refused)})
        for position, words in ((True, "turns the key to manual"), (False, "turns the key back")):
            self._watcher.add(OPERATOR, words, {})
            plant.set_safety(key_manual=position)
            await asyncio.sleep(KEY_S)
        self._operator.waits = False

    def _retry(self, b: Bench, question: ActiveAlarm) -> None:
        number = question.definition.number
        self._watcher.add(OPERATOR, f"answers {number} with retry", {"alarm": number})
        b.answer(question, "retry")

    async def _answer_wrongly(self, b: Bench) -> None:
        assert self._operator is not None
        self._operator.waits = True
        await b.rest(State.HELD)
        alarm = b.controller.alarms.standing[0]
        for answer, token in (("was_placed", alarm.state_token), ("retry", "T999")):
            try:
                b.controller.answer(alarm.id, answer, token)
                self._watcher.add(OPERATOR, "was not refused", {})
            except AnswerRefused as refused:
                self._watcher.add(OPERATOR, "was refused", {"text": str(refused)})
        self._watcher.plant.boards[-1].missing_fiducials = ()
        b.answer(alarm, "retry")
        try:
            b.answer(alarm, "retry")
            self._watcher.add(OPERATOR, "was not refused", {})
        except AnswerRefused as refused:
            self._watcher.add(OPERATOR, "was refused", {"text": str(refused)})
        self._operator.waits = False


def _seen_as(phase: Phase) -> Phase:
    """A person sees a press under way, not the instant of its contact."""
    return Phase.RUNNING if phase is Phase.CONTACT else phase
