"""The jog faults (O10, O11) and their judge: what the invariant says when one dead-man, or both, are missing."""

from __future__ import annotations

import pytest

from sim_hardware.devices.jog import JogDeadMan
from sim_hardware.fault_list import STEPS
from sim_hardware.faults import Phase
from station.run import jog
from tests.campaign.run import Outcome, run
from tests.campaign.schedule import of_cell

STEP = next(step for step in STEPS if step.id == "S14")


def played(fault: str) -> Outcome:
    return run(of_cell(fault, STEP, Phase.RUNNING))


def test_the_devices_dead_man_suffices_where_the_services_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jog, "SILENCE_LIMIT_S", 60.0)
    outcome = played("O10")
    assert (outcome.struck, outcome.broken, outcome.is_finished) == (["jog_page_closes"], [], True)


def test_a_device_without_its_dead_man_is_found_where_the_service_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(JogDeadMan, "_due", lambda self: None)
    broken = played("O10").broken
    assert {number for number, _ in broken} == {10}
    assert "without a hand" in broken[0][1]


def test_a_jog_into_the_machine_is_refused_by_the_zone_and_by_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = played("O11")
    assert (outcome.reaction.letters.split()[0], outcome.broken) == ("refused", [])
