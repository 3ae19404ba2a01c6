"""D01: the blade lays the film too thin. It is levelled again as learned, or a person is asked; never dipped."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sim_hardware.faults import FaultSpec
from station.run.packml import Command, State
from tests.scenarios.bench import Bench, bench, recipe
from tests.support import virtual

RETRIES_OF_A_PATIENT_PERSON = 2

RESTLESS_BLADE = tuple(FaultSpec("film_thin", nth=nth, value=60.0 * (-1) ** nth) for nth in range(1, 40))
"""one film is 60 um too thick, the next 60 um too thin: no gap is right"""


def film_at_each_dip(b: Bench) -> list[float]:
    """True film heights into which a package was dipped."""
    return [data["film_um"] for _, data in b.happened("dipped")]


@virtual
async def test_a_blade_that_wears_by_20_um_is_followed_and_no_package_meets_the_thin_film(tmp_path: Path) -> None:
    async with bench(tmp_path, FaultSpec("film_thin", value=20.0)) as b:
        b.order()
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        film = recipe().film
        assert len(b.placements()) == 2
        assert film_at_each_dip(b) == pytest.approx([film.target_um] * 2, abs=film.tolerance_um + 1.0)
        laid = [data["height_um"] for _, data in b.happened("film laid")]
        assert min(laid) < film.target_um - film.tolerance_um, "the fault never showed"


@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize("off_um", [30.0, -30.0, 60.0])
def test_one_bad_wipe_costs_one_levelling_and_teaches_nothing(tmp_path: Path, nth: int, off_um: float) -> None:
    @virtual
    async def story() -> None:
        async with bench(tmp_path, FaultSpec("film_thin", nth=nth, value=off_um)) as b:
            b.order()
            assert await b.rest() is State.COMPLETE, b.alarm_text()
            assert [event["number"] for event in await b.events("alarm.retried")] == [401]
            assert len(b.happened("film laid")) == 3, "two dips, and the bad wipe"
            film = recipe().film
            assert film_at_each_dip(b) == pytest.approx([film.target_um] * 2, abs=film.tolerance_um + 1.0)

    story()


@virtual
async def test_a_film_that_cannot_be_laid_asks_with_what_was_measured_and_nothing_is_picked_meanwhile(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path, *RESTLESS_BLADE) as b:
        b.order()
        alarm = await b.alarm()
        view = alarm.view()
        assert view["number"] == 401
        assert "wanted" in view["text"]
        assert view["cause"]
        assert view["remedy"]
        assert [answer["id"] for answer in view["answers"]] == ["retry", "stop"]
        assert b.snapshots.now()["alarms"] == [view]
        assert b.controller.packml.state is State.STARTING
        assert {data["floor"] for _, data in b.happened("picked")} == {"holder"}, "only the glass part was picked"
        assert film_at_each_dip(b) == []
        b.plant.faults.heal("film_thin")
        b.answer(alarm, "retry")
        # Nothing was learned from those films: the next one is right, or one more.
        for _ in range(RETRIES_OF_A_PATIENT_PERSON):
            await b.until(lambda: b.controller.alarms.standing != [] or b.controller.packml.state is State.COMPLETE)
            if b.controller.packml.state is State.COMPLETE:
                break
            b.answer(await b.alarm(), "retry")
            await asyncio.sleep(0.01)
        assert b.controller.packml.state is State.COMPLETE, b.alarm_text()
        film = recipe().film
        assert film_at_each_dip(b) == pytest.approx([film.target_um] * 2, abs=film.tolerance_um + 1.0)


@pytest.mark.parametrize(("command", "ends"), [(Command.STOP, State.STOPPED), (Command.ABORT, State.ABORTED)])
def test_stop_and_abort_are_obeyed_while_the_first_film_is_asked_about(
    tmp_path: Path, command: Command, ends: State
) -> None:
    @virtual
    async def story() -> None:
        async with bench(tmp_path, *RESTLESS_BLADE) as b:
            job = b.order()
            await b.alarm()
            assert await b.controller.command(command) is ends
            assert b.controller.alarms.standing == []
            assert job.state == ends.title.lower()
            b.plant.faults.heal()
            if ends is State.ABORTED:
                await b.controller.command(Command.CLEAR)
            await b.ready()
            b.order()
            assert await b.rest() is State.COMPLETE, b.alarm_text()

    story()


@virtual
async def test_the_answer_stop_ends_the_job_and_leaves_nothing_more_to_answer(tmp_path: Path) -> None:
    async with bench(tmp_path, *RESTLESS_BLADE) as b:
        b.order()
        b.answer(await b.alarm(), "stop")
        assert await b.rest() is State.STOPPED
        assert b.controller.alarms.standing == []
        assert (await b.events("operator.answer"))[0]["answer"] == "stop"
        assert b.happened("board in") == []


@pytest.mark.parametrize("nth", [1, 2])
def test_a_wipe_that_is_reported_done_and_laid_no_film_is_done_again_before_anything_is_measured(
    tmp_path: Path, nth: int
) -> None:
    @virtual
    async def story() -> None:
        async with bench(tmp_path, FaultSpec("wipe_skipped", nth=nth)) as b:
            b.order()
            assert await b.rest() is State.COMPLETE, b.alarm_text()
            told = await b.events("alarm.retried")
            assert [event["number"] for event in told] == [413]
            assert told[0]["step"] == "level_film"
            assert f"film {nth - 1} still lies" in told[0]["text"]
            assert len(b.happened("film laid")) == 2, "one for each dip"
            assert len([step for step in await b.events("step.ended") if step["step"] == "measure_film"]) == 2

    story()


@virtual
async def test_a_blade_that_never_lays_a_film_asks_a_person(tmp_path: Path) -> None:
    async with bench(tmp_path, *(FaultSpec("wipe_skipped", nth=nth) for nth in range(1, 9))) as b:
        b.order()
        alarm = await b.alarm()
        assert alarm.definition.number == 413
        assert b.happened("film laid") == []
        assert b.happened("dipped") == []
        await b.controller.command(Command.STOP)
