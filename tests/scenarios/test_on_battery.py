"""Stories of a station whose mains fail: what runs ends, the head goes up, and in ten seconds all is on the disk."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import recipes
from station.run.packml import Command, State
from tests.scenarios.bench import RECIPE, Bench, bench, numbers, recipe
from tests.support import virtual

WITHIN_S = 10.0
"""for so long a small supply carries station and machine"""


def _z_um(b: Bench) -> float:
    return b.plant.head.z_um_at(b.plant.now())


def _is_up(b: Bench) -> bool:
    return b.controller.cell.is_at_travel_height(_z_um(b))


async def _mains_fail(b: Bench) -> None:
    """And the station comes to rest with the head up, in time, with everything written down."""
    began_s = b.plant.now()
    b.plant.set_safety(on_battery=True)
    assert await b.rest(State.STOPPED) is State.STOPPED
    assert 210 in numbers(b.controller.alarms.standing)
    assert not b.is_moving()
    assert _is_up(b), f"z {_z_um(b):.0f} um"
    await b.until(lambda: b.store.events.durable_seq == b.store.events.head_seq)
    assert b.plant.now() - began_s < WITHIN_S
    await asyncio.sleep(WITHIN_S)
    assert b.store.events.durable_seq == b.store.events.head_seq
    assert not b.is_moving(), "nothing begins on battery"


@pytest.mark.parametrize(
    ("step", "is_down"),
    [
        ("pick", True),
        ("dip", True),
        ("place", True),
        ("go_to_plate", False),
        ("align", False),
        ("level_film", False),
        ("look_at_placed", False),
    ],
)
def test_the_step_under_way_comes_to_its_end_with_the_head_up_and_none_begins_after_it(
    step: str, is_down: bool, tmp_path: Path
) -> None:
    @virtual
    async def story() -> None:
        async with bench(tmp_path) as b:
            b.order()
            await b.step(step)
            if is_down:
                await b.until(lambda: not _is_up(b), 0.005)
            await _mains_fail(b)
            known = [event["step"] for event in await b.events("step.ended")]
            assert known.count(step) >= 1, "the step has ended"
            assert not await b.events("bug")
            if step == "place":
                assert len(b.placements()) == 1
            elif step == "align":
                assert (b.plant.held is not None) != (len(b.placements()) == 1), "held, or placed before it was noticed"
            elif step in ("pick", "dip", "go_to_plate"):
                assert b.plant.held is not None, "what hangs on the nozzle stays there"

    story()


@pytest.mark.parametrize(("section", "setting", "step"), [("dip", "dwell_s", "dip"), ("place", "hold_s", "place")])
def test_a_press_that_takes_longer_is_broken_off_and_the_head_lifted_with_what_it_holds(
    section: str, setting: str, step: str, tmp_path: Path
) -> None:
    @virtual
    async def story() -> None:
        data = recipe().as_data()
        patient = recipes.from_data({**data, section: {**data[section], setting: 10.0}}, RECIPE)
        async with bench(tmp_path, drawn=patient) as b:
            b.order()
            await b.step(step)
            await b.until(lambda: not _is_up(b), 0.005)
            await _mains_fail(b)
            assert b.plant.held is not None
            assert b.placements() == []
            asked = [alarm.definition.number for alarm in b.controller.alarms.standing]
            assert any(number >= 900 for number in asked), f"{asked}: what became of the act is asked about"

    story()


@virtual
async def test_a_calibration_under_way_is_broken_off_with_the_head_up(tmp_path: Path) -> None:
    async with bench(tmp_path, is_ready=False) as b:
        await b.controller.command(Command.RESET)
        await b.until(lambda: b.controller.sub_step == "Calibrate" and not _is_up(b), 0.005)
        await _mains_fail(b)
        assert not await b.events("bug")


@virtual
async def test_on_battery_no_board_is_loaded(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.plant.set_safety(on_battery=True)
        await asyncio.sleep(1.0)
        assert b.controller.packml.state is State.IDLE
        b.order()
        assert await b.rest(State.STOPPED) is State.STOPPED
        assert b.happened("board in") == []


@virtual
async def test_a_question_that_is_answered_meanwhile_lets_nothing_go_on(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.order()
        await b.step("dip")
        b.plant.set_safety(on_battery=True)
        await b.until(lambda: 210 in numbers(b.controller.alarms.standing))
        dips = len(b.happened("dipped"))
        await b.controller.command(Command.HOLD)
        await b.until(lambda: b.controller.packml.state in (State.HELD, State.STOPPED))
        if b.controller.packml.state is State.HELD:
            await b.controller.command(Command.UNHOLD)
        assert await b.rest(State.STOPPED) is State.STOPPED
        assert len(b.happened("dipped")) <= dips + 1
        begun = [event["step"] for event in await b.events("step.started")]
        assert begun[-1] in ("dip", "level_film", "measure_film", "judge_film", "judge_dry", "read_dip_curve")
