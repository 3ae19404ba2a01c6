"""All 170 pairs of state and command of the PackML table; 36 are legal, and the others change nothing."""

from __future__ import annotations

import pytest

from station.run.packml import COMPLETIONS, OPERATOR_TEXT, TRANSITIONS, WAIT_STATES, Command, Packml, Refused, State

S, C = State, Command
NO_STOP = {S.STOPPING, S.STOPPED, S.CLEARING, S.ABORTING, S.ABORTED}
NO_ABORT = {S.ABORTING, S.ABORTED}
# Written down a second time on purpose, from ISA-TR88.00.02 as OPC 30050 has it: command -> (from, to).
LEGAL = {
    C.RESET: ({S.STOPPED, S.COMPLETE}, S.RESETTING),
    C.START: ({S.IDLE}, S.STARTING),
    C.STOP: (set(State) - NO_STOP, S.STOPPING),
    C.HOLD: ({S.EXECUTE}, S.HOLDING),
    C.UNHOLD: ({S.HELD}, S.UNHOLDING),
    C.SUSPEND: ({S.EXECUTE}, S.SUSPENDING),
    C.UNSUSPEND: ({S.SUSPENDED}, S.UNSUSPENDING),
    C.COMPLETE: ({S.EXECUTE}, S.COMPLETING),
    C.ABORT: (set(State) - NO_ABORT, S.ABORTING),
    C.CLEAR: ({S.ABORTED}, S.CLEARING),
}


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("command", Command)
def test_every_command_in_every_state_does_what_the_table_says_or_nothing(state: State, command: Command) -> None:
    changes: list[tuple[State, State]] = []
    machine = Packml(state, lambda old, new: changes.append((old, new)))
    sources, target = LEGAL[command]
    assert machine.allows(command) is (state in sources)
    if state in sources:
        assert machine.command(command) is target
        assert changes == [(state, target)]
        return
    with pytest.raises(Refused, match=f"{command.value} is refused in state {state.title}") as refused:
        machine.command(command)
    assert machine.state is state
    assert changes == []
    for allowed in (c for c in Command if state in LEGAL[c][0]):
        assert allowed.value in str(refused.value)


def test_36_of_170_pairs_are_legal() -> None:
    assert len(State) * len(Command) == 170
    assert len(TRANSITIONS) == 36 == sum(len(sources) for sources, _ in LEGAL.values())


def test_numbers_are_those_of_the_standard_and_every_state_has_words_for_people() -> None:
    numbers = {S.STOPPED: 2, S.IDLE: 4, S.SUSPENDED: 5, S.EXECUTE: 6, S.ABORTED: 9, S.HELD: 11, S.COMPLETE: 17}
    assert {state: int(state) for state in numbers} == numbers
    assert sorted(int(state) for state in State) == list(range(1, 18))
    assert set(OPERATOR_TEXT) == set(State)


def test_acting_states_end_by_themselves_and_waiting_states_never_do() -> None:
    assert set(COMPLETIONS) == set(State) - set(WAIT_STATES)
    assert COMPLETIONS[S.RESETTING] is S.IDLE
    assert COMPLETIONS[S.STARTING] is S.EXECUTE
    assert COMPLETIONS[S.EXECUTE] is S.COMPLETING


def test_an_acting_state_that_was_left_meanwhile_completes_nothing() -> None:
    machine = Packml(S.RESETTING, lambda old, new: None)
    machine.command(C.ABORT)
    assert machine.completed(S.RESETTING) is S.ABORTING
