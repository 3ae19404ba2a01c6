"""The list of faults: complete, numbered, honest about what cannot be, and every injection one that the cell knows."""

from __future__ import annotations

from collections import Counter

import pytest

from sim_hardware.cabling import PORT_NAMES
from sim_hardware.fault_kinds import EVENTS, STATES
from sim_hardware.fault_list import BY_ID, FAULTS, PHASES, SECTIONS, STEPS, Fault, Means
from sim_hardware.scenario import from_plain, plain
from sim_hardware.world.places import SafetyInputs

INPUTS = set(SafetyInputs.__slots__)


def test_there_are_153_faults_in_eleven_sections_with_numbers_that_do_not_jump() -> None:
    counts = Counter(fault.id[0] for fault in FAULTS)
    assert counts == {letter: count for letter, (_, count) in SECTIONS.items()}
    assert len(FAULTS) == len(BY_ID) == 22 + 9 + 14 + 12 + 16 + 17 + 12 + 10 + 14 + 11 + 16 == 153
    for letter, count in counts.items():
        assert [fault.id for fault in FAULTS if fault.id[0] == letter] == [
            f"{letter}{n:02d}" for n in range(1, count + 1)
        ]


def test_the_steps_are_24() -> None:
    assert [step.id for step in STEPS] == [f"S{n:02d}" for n in range(1, 25)]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
def test_every_cell_has_an_injection_or_a_reason(fault: Fault) -> None:
    reached = 0
    for step in STEPS:
        for phase in PHASES:
            why_not = fault.why_not(step, phase)
            if why_not:
                assert len(why_not.split()) >= 4, f"{step.id} {phase}: {why_not!r} explains nothing"
            elif fault.means is Means.MACHINE:
                reached += 1
                for spec in fault.specs(step, phase):
                    assert spec.step
                    assert "PORT" not in spec.target
                    assert from_plain(type(spec), plain(spec), "fault") == spec
    assert (reached > 0) == (fault.means is Means.MACHINE)
    assert bool(fault.inject) == (fault.means is Means.MACHINE)
    assert fault.meaning
    assert fault.meaning != fault.name


def test_wires_devices_and_inputs_that_are_named_exist() -> None:
    for fault in FAULTS:
        for step, phase in fault.cells():
            for spec in fault.specs(step, phase):
                if spec.kind.startswith("input_"):
                    assert spec.target in INPUTS, fault.id
                elif spec.target:
                    assert spec.target in PORT_NAMES, (fault.id, step.id)


def test_no_kind_is_both_a_state_and_an_event() -> None:
    assert set(STATES) & set(EVENTS) == set()
