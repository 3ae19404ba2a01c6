"""B05, B09, D08, L09, M19: what no single step is about is looked at all the same: clamp, links, plate, who answers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from sim_hardware.faults import FaultSpec
from station.run.packml import Command, State
from tests.scenarios.bench import Bench, bench
from tests.scenarios.test_stopping import builds_a_board_again
from tests.support import virtual

NOTICED_WITHIN_S = 0.25
"""a status of a PLC at rest comes every 0.24 s, sooner while it carries out a command"""


def numbers(b: Bench) -> list[int]:
    return [alarm.definition.number for alarm in b.controller.alarms.standing]


@pytest.mark.parametrize("step_id", ["look_at_site", "pick", "expose_wet", "look_at_placed"])
def test_a_clamp_that_opens_stops_the_job_within_a_second_and_the_board_is_measured_anew(
    tmp_path: Path, step_id: str
) -> None:
    @virtual
    async def story() -> None:
        async with bench(tmp_path) as b:
            b.order()
            await b.step(step_id)
            opened_s = b.plant.now()
            b.plant.board_clamped = False
            assert await b.rest() is State.STOPPED
            assert b.plant.now() - opened_s < NOTICED_WITHIN_S + 0.3
            # Just before the press the interlock may ask sooner than the watch.
            assert {711, 209} & set(numbers(b)), b.alarm_text()
            assert "clamp" in b.alarm_text()
            await builds_a_board_again(b)

    story()


@virtual
async def test_a_clamp_that_opens_while_the_disk_is_slow_is_noticed_as_soon_as_ever(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.order()
        await b.step("expose_wet")
        await b.controller.command(Command.HOLD)
        await b.rest(State.HELD)
        writer: Any = b.store.database.writer
        writer.takes_s = 6.0
        b.store.events.append("station.online", {})
        await asyncio.sleep(3.0)  # every two seconds what is buffered is saved: the disk is at it
        assert b.store.writing.slowest_commit_s(b.plant.now()) > 0.5
        opened_s = b.plant.now()
        b.plant.board_clamped = False
        await b.until(lambda: 711 in numbers(b), 0.005)
        assert b.plant.now() - opened_s < NOTICED_WITHIN_S
        assert b.store.writing.slowest_commit_s(b.plant.now()) < 6.0, "the disk was slow all the while"
        writer.takes_s = 0.0
        assert await b.rest(State.STOPPED) is State.STOPPED


@virtual
async def test_a_board_that_is_taken_while_the_station_is_held_ends_the_job(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.order()
        await b.step("go_to_plate")
        await b.controller.command(Command.HOLD)
        await b.rest(State.HELD)
        b.plant.board_clamped = False
        b.plant.take_board_out()
        assert await b.rest(State.STOPPED) is State.STOPPED
        assert "board at the stop pins" in b.alarm_text()


@virtual
async def test_a_slow_link_is_asked_about_before_it_is_lost_and_retry_goes_on(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.order()
        await b.step("look_at_site")
        b.plant.faults.inject(FaultSpec("reply_late", value=0.1, target="plc"), b.plant.now())
        alarm = await b.alarm()
        assert await b.rest() is State.HELD
        assert alarm.definition.number == 106
        assert "plc" in alarm.text
        b.plant.faults.heal()
        await asyncio.sleep(1.0)
        b.answer(alarm, "retry")
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        assert len(b.placements()) == 2


@pytest.mark.parametrize("attended", [True, False])
def test_a_slow_link_ends_the_job_when_told_so_or_when_nobody_is_there(tmp_path: Path, attended: bool) -> None:
    @virtual
    async def story() -> None:
        async with bench(tmp_path, attended=attended) as b:
            b.order()
            await b.step("look_at_site")
            b.plant.faults.inject(FaultSpec("reply_late", value=0.1, target="plc"), b.plant.now())
            if attended:
                await b.answer_next(106, "stop")
            assert await b.rest(State.STOPPED) is State.STOPPED
            assert (numbers(b) == []) == attended, b.alarm_text()
            b.plant.faults.heal()
            await builds_a_board_again(b)

    story()


@virtual
async def test_a_stop_takes_the_question_about_a_slow_link_back(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.order()
        await b.step("look_at_site")
        b.plant.faults.inject(FaultSpec("reply_late", value=0.1, target="plc"), b.plant.now())
        await b.rest(State.HELD)
        await b.controller.command(Command.STOP)
        assert numbers(b) == []


@pytest.mark.parametrize("target", ["plc", "head", "film_gauge", "board_reader"])
def test_a_device_with_another_serial_number_is_refused_at_connect(tmp_path: Path, target: str) -> None:
    @virtual
    async def story() -> None:
        async with bench(tmp_path, FaultSpec("identity_wrong", target=target), is_ready=False) as b:
            await b.controller.command(Command.RESET)
            assert await b.rest(State.STOPPED) is State.STOPPED
            assert numbers(b) == [104], b.alarm_text()
            assert "serial_number" in b.alarm_text()
            b.plant.faults.heal()
            b.answer(b.controller.alarms.standing[0], "acknowledge")
            await b.ready()

    story()


@pytest.mark.parametrize("warm_from", ["", "pick"])
def test_no_film_is_laid_or_used_on_a_plate_of_the_wrong_temperature(tmp_path: Path, warm_from: str) -> None:
    @virtual
    async def story() -> None:
        async with bench(tmp_path) as b:
            b.order()
            if warm_from:
                await b.step(warm_from)
            b.plant.faults.inject(FaultSpec("plate_temperature", value=15.0), b.plant.now())
            alarm = await b.alarm()
            assert alarm.definition.number == 421, b.alarm_text()
            assert b.happened("dipped") == []
            b.plant.faults.heal()
            await asyncio.sleep(1.0)
            b.answer(alarm, "retry")
            assert await b.rest() is State.COMPLETE, b.alarm_text()

    story()


@pytest.mark.parametrize("kind", ["request_lost", "reply_lost", "reply_cut"])
@pytest.mark.parametrize("target", ["plc", "dip_unit", "head", "lights"])
def test_one_lost_exchange_while_connecting_is_no_lost_device(tmp_path: Path, kind: str, target: str) -> None:
    @virtual
    async def story() -> None:
        async with bench(tmp_path, FaultSpec(kind, nth=1, target=target), is_ready=False) as b:
            await b.ready()
            assert [struck for _, struck in b.plant.faults.struck] == [kind]

    story()


@virtual
async def test_a_device_that_falls_silent_at_rest_is_told_of_and_heard_again_after_a_reset(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.plant.faults.inject(FaultSpec("link_silent", target="plc", duration_s=5.0), b.plant.now())
        silent_s = b.plant.now()
        await b.until(lambda: numbers(b) == [107], 0.05)
        assert "plc" in b.alarm_text()
        assert b.plant.now() - silent_s < 4.0
        assert b.controller.packml.state is State.IDLE, "a warning stops nothing"
        await asyncio.sleep(5.0)
        assert numbers(b) == [107], "told once, and a link that was lost for long does not come back by itself"
        await b.controller.command(Command.STOP)
        assert await b.rest() is State.STOPPED
        await b.controller.command(Command.RESET)
        assert await b.rest(State.IDLE) is State.IDLE
        await b.until(lambda: numbers(b) == [], 0.05)


@pytest.mark.parametrize("silent_for_s", [0.4, 0.9])
def test_a_short_silence_at_rest_is_nothing_to_tell_of(tmp_path: Path, silent_for_s: float) -> None:
    @virtual
    async def story() -> None:
        async with bench(tmp_path) as b:
            b.plant.faults.inject(FaultSpec("link_silent", target="plc", duration_s=silent_for_s), b.plant.now())
            await asyncio.sleep(5.0)
            assert numbers(b) == []

    story()
