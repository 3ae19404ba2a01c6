"""Scenarios from and to JSON, and faults by time and by occasion."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sim_hardware.faults import KINDS, Faults, FaultSpec
from sim_hardware.plant import Plant
from sim_hardware.scenario import Scenario, ScenarioError, dump, load, load_file
from sim_hardware.world.machine import Fidelity
from tests.support import virtual


def test_a_scenario_survives_json_and_back() -> None:
    scenario = Scenario(seed=9, fidelity=Fidelity.REAL, faults=(FaultSpec("part_lost", at_s=3.0, nth=2, value=1.5),))
    assert load(json.loads(json.dumps(dump(scenario)))) == scenario


def test_missing_keys_keep_their_defaults_and_whole_numbers_stand_for_lengths() -> None:
    scenario = load({"seed": 3, "machine": {"film_ratio": 1, "x": dump(Scenario())["machine"]["x"]}})
    assert scenario == replace(Scenario(seed=3), machine=replace(Scenario().machine, film_ratio=1.0))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"sed": 1}, ["scenario.sed: unknown key", "known: seed, fidelity"]),
        ({"seed": "one"}, ["scenario.seed = 'one': expected int"]),
        ({"seed": True}, ["scenario.seed = True: expected int"]),
        ({"fidelity": "perfect"}, ["scenario.fidelity = 'perfect': allowed ideal, calibrated, real"]),
        ({"machine": {"film_ratio": float("nan")}}, ["scenario.machine.film_ratio = nan: not a finite number"]),
        ({"machine": []}, ["scenario.machine: expected an object, found list"]),
        ({"faults": [{"kind": "gremlin"}]}, ["scenario.faults[0]: unknown fault 'gremlin'", "part_lost"]),
        ({"faults": [{"at_s": 1}]}, ["scenario.faults[0].kind: missing"]),
        ({"top": {"name": "x", "balls": 3}}, ["scenario.top.balls: expected a list", "scenario.top.mass_g: missing"]),
    ],
)
def test_a_wrong_scenario_is_refused_with_every_place_named(data: dict[str, object], words: list[str]) -> None:
    with pytest.raises(ScenarioError) as refused:
        load(data)
    for text in words:
        assert text in str(refused.value)


def test_a_missing_file_and_a_broken_one_are_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="No such file"):
        load_file(tmp_path / "none.json")
    (tmp_path / "half.json").write_text("{")
    with pytest.raises(ScenarioError, match="no JSON"):
        load_file(tmp_path / "half.json")


def test_a_fault_of_the_second_occasion_strikes_the_second_and_no_other() -> None:
    faults = Faults([FaultSpec("pick_fail", nth=2)])
    assert [faults.strikes("pick_fail", now) is not None for now in range(4)] == [False, True, False, False]
    assert faults.struck == [(1, "pick_fail")]


def test_a_fault_waits_for_its_time_lasts_as_long_as_said_and_occasions_before_do_not_count() -> None:
    faults = Faults(
        [FaultSpec("film_thin", at_s=10.0, value=12.0, duration_s=5.0), FaultSpec("part_lost", 10.0, nth=1)]
    )
    assert [faults.value("film_thin", now) for now in (9.9, 10.0, 14.9, 15.0)] == [0.0, 12.0, 12.0, 0.0]
    assert [faults.strikes("part_lost", now) is not None for now in (1.0, 2.0, 11.0, 12.0)] == [
        False,
        False,
        True,
        False,
    ]


def test_a_fault_for_one_port_leaves_the_others_alone_and_can_be_healed() -> None:
    faults = Faults([FaultSpec("reply_late", value=0.1, target="head")])
    assert faults.value("reply_late", 0.0, target="head") == 0.1
    assert faults.active("reply_late", 0.0, target="plc") is None
    faults.heal("reply_late")
    assert faults.active("reply_late", 0.0, target="head") is None


def test_an_unknown_fault_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown fault 'gremlins'"):
        FaultSpec("gremlins")
    assert all(meaning for meaning in KINDS.values())


WORLD_OF_SEED_7 = """
from sim_hardware import virtual_time
from sim_hardware.plant import Plant
from sim_hardware.scenario import Scenario
from sim_hardware.world.machine import Fidelity

async def world():
    plant = Plant(Scenario(seed=7, fidelity=Fidelity.REAL))
    plant.bring_board()
    plant.bring_tray()
    return repr((plant.machine, plant.tray, plant.boards, plant.plc.core.boot_id, plant.tip()))

print(virtual_time.run(world()))
"""


def test_two_processes_with_different_hash_seeds_make_the_same_world() -> None:
    worlds = [
        subprocess.run(
            [sys.executable, "-c", WORLD_OF_SEED_7],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    ]
    assert len(worlds[0]) > 10_000
    assert worlds[0] == worlds[1]


@virtual
async def test_streams_of_chance_do_not_disturb_each_other() -> None:
    first, second = Plant(Scenario(seed=4)), Plant(Scenario(seed=4))
    second.rng("something new").random(100)
    assert first.rng("tray").random() == second.rng("tray").random()
    assert first.rng("tray").random() != Plant(Scenario(seed=5)).rng("tray").random()
