"""Schedules are data: what is written is what is read, and nonsense is answered with a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sim_hardware.fault_list import STEPS
from sim_hardware.faults import Faults, FaultSpec, Phase
from sim_hardware.schedule import Act, Plan, Schedule, dump, dump_plan, load, load_plan
from tests.campaign import matrix
from tests.campaign.__main__ import main
from tests.campaign.expected import EXPECTED
from tests.campaign.schedule import ACT_OF, check_names
from tests.campaign.shrink import shrink
from tests.campaign.swarm import schedule_of

WHOLE: Schedule = (
    FaultSpec("reply_lost", nth=2, target="head", step="place", command="head.press", phase=Phase.RUNNING),
    Act("stop", "dip"),
    FaultSpec("film_thin", value=30.0),
    FaultSpec("part_falls", at_s=31.5),
)


def test_a_schedule_survives_its_file() -> None:
    assert load(json.dumps(dump(WHOLE))) == WHOLE
    assert dump(WHOLE)[1] == {"act": "stop", "step": "dip"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is no JSON"),
        ("{}", "expected a list"),
        ("[1]", "entry 1: expected an object"),
        ('[{"kind": "gremlin"}]', "unknown fault 'gremlin'"),
        ('[{"act": "dance", "step": "dip"}]', "unknown act 'dance'"),
        ('[{"kind": "film_thin", "size": 3}]', "entry 1.size: unknown key"),
        ('[{"kind": "film_thin", "step_nth": 0}]', "step_nth = 0, allowed 1 or more"),
        ('[{"kind": "film_thin", "value": "much"}]', "entry 1.value = 'much': expected float"),
        ('[{"act": "stop"}]', "act stop: needs the step"),
        ('[{"act": "answer", "alarm": 501}]', "needs alarm .its number. and answer"),
        ('{"schedule": [], "boats": 2}', "boats: unknown key"),
        ('{"schedule": [], "boards": 0}', "boards = 0: allowed 1 or more"),
        ('{"schedule": [], "seed": "x"}', "seed = 'x': expected int"),
    ],
)
def test_nonsense_is_named(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        load(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[{"kind": "film_thin", "step": "levl_film"}]', "entry 1.step = 'levl_film': unknown step; known: boot, home"),
        ('[{"act": "stop", "step": "dip", "command": "head.squeeze"}]', "entry 1.command = 'head.squeeze': unknown"),
        ('[{"kind": "link_silent", "target": "phone"}]', "entry 1.target = 'phone': unknown target; known: plc"),
        ('[{"kind": "input_false"}]', "entry 1.target = '': unknown target; known: estop_ok"),
    ],
)
def test_a_fault_that_waits_for_what_never_comes_is_named(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check_names(load(text))


def test_a_plan_survives_its_file() -> None:
    plan = Plan((Act("answer", alarm=501, answer="retry"), *WHOLE), seed=3, recipe="pop_12x12_216", boards=2)
    assert load_plan(json.dumps(dump_plan(plan))) == plan
    assert load_plan("[]") == Plan(())


def test_a_fault_strikes_at_the_visit_of_its_step_that_it_names() -> None:
    faults = Faults([FaultSpec("pick_fail", nth=1, step="pick", step_nth=3)])
    for visit in (1, 2):
        faults.announce("pick", float(visit))
        assert faults.strikes("pick_fail", float(visit)) is None
    faults.announce("pick", 3.0)
    assert faults.strikes("pick_fail", 3.0) is not None


@pytest.mark.parametrize(
    ("told", "code", "words"),
    [
        ('[{"kind": "gremlin"}]', 2, "unknown fault 'gremlin'"),
        ("no json", 2, "is no JSON"),
        ('{"boards": 2, "schedule": [{"act": "answer", "alarm": 501, "answer": "stop"}]}', 0, "verdict: good"),
    ],
)
def test_the_schedule_of_a_stranger_gets_a_verdict_or_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], told: str, code: int, words: str
) -> None:
    file = tmp_path / "stranger.json"
    file.write_text(told, encoding="utf-8")
    assert main(["run", "--schedule", str(file), "--seed", "5"]) == code
    said = capsys.readouterr()
    assert words in said.out + said.err
    if code == 0:
        assert "records ['placed', 'placed', 'placed', 'placed']" in said.out
    else:
        assert said.err.startswith(str(file))
        assert said.err.count("\n") == 1


@pytest.mark.parametrize("words", ["M02,S20", "M99,S01,before", "M02,S01,before", "M02,S19,during"])
def test_a_cell_that_cannot_be_is_refused(words: str) -> None:
    with pytest.raises(ValueError):
        matrix.schedule_of(words)


def test_every_cell_has_an_expected_reaction_and_a_schedule() -> None:
    cells = matrix.cells()
    assert len(set(cells)) == len(cells)
    assert {cell.fault for cell in cells} == set(EXPECTED)
    assert set(ACT_OF) <= set(EXPECTED)
    for cell in cells:
        assert load(json.dumps(dump(matrix.schedule_of(f"{cell.fault},{cell.step},{cell.phase}"))))
    assert len(STEPS) == 24


def test_a_slice_holds_every_fault_in_the_order_of_the_list() -> None:
    cells = matrix.cells()
    part = matrix.sliced(cells, 200)
    assert len(part) == len(set(part)) == 200
    assert {cell.fault for cell in part} == {cell.fault for cell in cells}
    assert part == sorted(part, key=cells.index)


def test_a_swarm_of_one_seed_is_always_the_same() -> None:
    assert [schedule_of(seed) for seed in range(20)] == [schedule_of(seed) for seed in range(20)]
    assert len({schedule_of(seed) for seed in range(20)}) > 15


def test_shrinking_finds_the_one_entry_that_fails_and_makes_it_simple() -> None:
    guilty = FaultSpec("reply_lost", nth=3, target="head", step="place", command="head.press", phase=Phase.COMMANDED)
    many = (*WHOLE, guilty, *(FaultSpec("film_thin", value=float(i)) for i in range(9)))
    tries: list[Schedule] = []

    def fails(schedule: Schedule) -> bool:
        tries.append(schedule)
        return any(
            isinstance(e, FaultSpec) and e.kind == "reply_lost" and e.step == "place" and e.nth != 2 for e in schedule
        )

    assert shrink(many, fails) == (FaultSpec("reply_lost", nth=1, target="head", step="place"),)
    assert len(tries) < 60
    with pytest.raises(ValueError, match="does not fail"):
        shrink(WHOLE, fails)
