"""The operator of the campaign: puts the machine right, looks at it, gives legal answers, and wants a board finished.

A person sees the machine: where a question is about a physical fact, the answer is the truth of the plant.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence

from sim_hardware.mishaps import take_part_away, unknown_part
from sim_hardware.schedule import Act
from sim_hardware.world.places import SafetyInputs
from sim_hardware.world.things import PackageTruth
from station.alarms.active import ActiveAlarm
from station.alarms.catalogue import definition
from station.run.controller import CommandRefused
from station.run.job import Job
from station.run.packml import Command, State
from station.shelf import RecipeRefused
from tests.campaign.watcher import OPERATOR, Watcher
from tests.scenarios.bench import WAITING, Bench

LOOKS_EVERY_S = 0.25
PATIENCE_S = 900.0
"""virtual seconds from the first act to the finished board, faults and answers included"""
REST_WITHIN_S = 120.0
"""virtual seconds without any change after which the station counts as hanging"""
REPAIR_S = 1.0
RETRIES = 2
"""so often the same question is answered with Retry before something else is tried"""
_BAD_BOARD = (501, 502, 702, 703, 704)
"""where Retry did not help, the board itself is bad"""
GLASS_ASKED = definition("glass_on_nozzle").number
"""wants the glass part to be taken off the nozzle by hand"""
_ORDER = ("retry", "new_part", "skip_site", "acknowledge", "stop")


def usual_answer(permitted: Sequence[str], asked: int) -> str:
    """What a person answers who knows no better; asked: how often this question has come by now."""
    for answer in _ORDER:
        if answer in permitted and (answer != "retry" or asked <= RETRIES):
            return answer
    return permitted[0]


class Hangs(AssertionError):
    """The station came to no wait state, or no board could be finished."""


class Operator:
    """One person at one station; `repairs` is what has been put right."""

    def __init__(
        self, bench: Bench, watcher: Watcher, *, script: list[Act] | None = None, repairs: bool = True
    ) -> None:
        """script: answers that are given first, each to the next question of its number; used up as they are given.
        repairs: False: a person who answers and presses, and puts nothing right."""
        self.repairs = repairs
        self.bench, self.watcher, self.script = bench, watcher, script if script is not None else []
        self.job: Job | None = None
        self.resets = self.orders = 0
        self.jobs_wanted = self.boards = 1
        self._takes_board = False
        self.before_look: Callable[[], None] = lambda: None
        """called before each look at the station; what it raises ends the story"""
        self.waits = False
        """somebody else is at the station"""
        self._asked: Counter[int] = Counter()
        self._deadline_s = bench.plant.now() + PATIENCE_S

    async def finish_a_board(self, boards: int = 1) -> None:
        """Do what the station needs until a job of so many boards is complete. Raises Hangs."""
        controller = self.bench.controller
        self.boards = boards
        self._deadline_s += PATIENCE_S * (boards - 1)
        changed_s, before = self.bench.plant.now(), controller.packml.state
        while controller.packml.state is not State.COMPLETE or self._wants_another():
            now_s = self.bench.plant.now()
            if now_s > self._deadline_s:
                raise Hangs(f"no board finished in {PATIENCE_S:.0f} s: {self._where()}")
            if controller.packml.state is not before:
                changed_s, before = now_s, controller.packml.state
            if controller.packml.state not in WAITING and now_s - changed_s > REST_WITHIN_S and not self._is_asked():
                raise Hangs(f"no wait state for {REST_WITHIN_S:.0f} s: {self._where()}")
            if self.bench.is_dead:
                return
            self.before_look()
            if not self.waits:
                await self._once()
            await asyncio.sleep(LOOKS_EVERY_S)

    async def _once(self) -> None:
        controller = self.bench.controller
        state = controller.packml.state
        if self.bench.store.failure is not None and state in WAITING:
            await self._start_the_service_anew()
            return
        if self._is_asked() or state in (State.ABORTED, State.HELD):
            await self._repair()
            self._look_for_motion()
        for alarm in list(controller.alarms.standing):
            if alarm.answer is not None or state in WAITING:
                self._answer(alarm)
        try:
            if state is State.ABORTED:
                await self._command(Command.CLEAR)
            elif state in (State.STOPPED, State.COMPLETE):
                if self._takes_board:
                    self._takes_board = False
                    self.watcher.add(OPERATOR, "takes the board out", {})
                    self.bench.plant.board_clamped = False
                    self.bench.plant.take_board_out()
                if self.resets and state is State.STOPPED:
                    # At the first start nobody knows of any fault yet.
                    await self._repair()
                self.resets += 1
                self.watcher.announce("home")
                await self._command(Command.RESET)
            elif state is State.IDLE:
                self.orders += 1
                self.watcher.announce("recipe_load")
                self.job = self.bench.order(self.boards)
            elif state is State.HELD and not self._is_asked() and not controller.alarms.standing:
                await self._command(Command.UNHOLD)
        except (CommandRefused, RecipeRefused) as refused:
            self.watcher.add(OPERATOR, "was refused", {"text": str(refused)})

    async def _start_the_service_anew(self) -> None:
        """What the alarm of a failed memory asks for, after the disk was put right."""
        self.watcher.add(OPERATOR, "starts the service anew", {})
        await asyncio.sleep(REPAIR_S)
        self._look_for_motion()
        await self.bench.die()

    def _look_for_motion(self) -> None:
        """A person who has put something right sees whether anything is still under way in a machine at rest."""
        plant, state = self.bench.plant, self.bench.controller.packml.state
        if state not in (State.STOPPED, State.ABORTED, State.HELD):
            return
        for device in (plant.plc, plant.head, plant.dip_unit, plant.film_gauge):
            for channel in device.core.channels:
                if channel.busy:
                    found = {"command": f"{device.name}.{channel.name}", "where": state.title}
                    self.watcher.add(OPERATOR, "finds a command under way at rest", found)

    def _wants_another(self) -> bool:
        """A job is complete: is it the last one that was wanted?"""
        self.jobs_wanted -= 1
        return self.jobs_wanted > 0

    async def _command(self, command: Command) -> None:
        self.watcher.add(OPERATOR, f"presses {command.value}", {})
        await self.bench.controller.command(command)

    def _is_asked(self) -> bool:
        return any(
            alarm.answer is not None and not alarm.answer.done() for alarm in self.bench.controller.alarms.standing
        )

    def _where(self) -> str:
        return f"{self.bench.controller.packml.state.title}, {self.bench.alarm_text()}"

    # -- hands ---------------------------------------------------------------------------------------------------

    async def _repair(self) -> None:
        """Put right what is wrong with the machine, as a person would before answering."""
        plant = self.bench.plant
        if not self.repairs or not self._is_something_wrong():
            return
        self.watcher.add(OPERATOR, "repairs", {})
        await asyncio.sleep(REPAIR_S)
        plant.faults.heal()
        for cable in plant.cabling.cables.values():
            cable.refuses_until_s, cable.kept = 0.0, None
        wrong = {name: value for name, value in _WELL.items() if getattr(plant.safety, name) is not value}
        if wrong:
            plant.set_safety(**wrong)
        if plant.film.reservoir_nl < 1_000_000:
            plant.film.refill()
        if self._hangs_wrongly():
            take_part_away(plant)
        await asyncio.sleep(REPAIR_S)

    def _is_something_wrong(self) -> bool:
        plant = self.bench.plant
        return (
            not plant.faults.are_none
            or any(getattr(plant.safety, name) is not value for name, value in _WELL.items())
            or plant.film.reservoir_nl < 1_000_000
            or any(cable.refuses_until_s > plant.now() for cable in plant.cabling.cables.values())
            or self._hangs_wrongly()
        )

    def _hangs_wrongly(self) -> bool:
        """A package of nobody."""
        held = self.bench.plant.held
        return held is not None and isinstance(held.part, PackageTruth) and unknown_part(held.part)

    def _answer(self, alarm: ActiveAlarm) -> None:
        answer = self._choose(alarm)
        self.watcher.add(
            OPERATOR, f"answers {alarm.definition.number} with {answer}", {"alarm": alarm.definition.number}
        )
        self.bench.answer(alarm, answer)
        if answer == "stop" and alarm.definition.number in _BAD_BOARD:
            self._takes_board = True

    def _choose(self, alarm: ActiveAlarm) -> str:
        number, permitted = alarm.definition.number, [answer.value for answer in alarm.answers]
        told = next((act for act in self.script if act.alarm == number and act.answer in permitted), None)
        if told is not None:
            self.script.remove(told)
            return told.answer
        if "look" in permitted:
            return "look"
        if "was_placed" in permitted:
            board, site = alarm.objects.get("board"), alarm.objects.get("site")
            there = any((p["board"], p["site"]) == (board, site) for p in self.bench.placements())
            return "was_placed" if there else "was_not_placed"
        if number == GLASS_ASKED:
            take_part_away(self.bench.plant)
        self._asked[number] += 1
        return usual_answer(permitted, self._asked[number])


_WELL = {name: getattr(SafetyInputs(), name) for name in SafetyInputs.__slots__}
