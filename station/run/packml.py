"""The PackML state machine of the station (ISA-TR88.00.02): 17 states, 10 commands, nothing else changes state.

States are sent by name and number. What happens in an acting state is not decided here.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum, StrEnum


class State(IntEnum):
    CLEARING = 1
    STOPPED = 2
    STARTING = 3
    IDLE = 4
    SUSPENDED = 5
    EXECUTE = 6
    STOPPING = 7
    ABORTING = 8
    ABORTED = 9
    HOLDING = 10
    HELD = 11
    UNHOLDING = 12
    SUSPENDING = 13
    UNSUSPENDING = 14
    RESETTING = 15
    COMPLETING = 16
    COMPLETE = 17

    @property
    def title(self) -> str:
        return self.name.capitalize()


class Command(StrEnum):
    RESET = "reset"
    START = "start"
    STOP = "stop"
    HOLD = "hold"
    UNHOLD = "unhold"
    SUSPEND = "suspend"
    UNSUSPEND = "unsuspend"
    COMPLETE = "complete"
    ABORT = "abort"
    CLEAR = "clear"


WAIT_STATES = (State.STOPPED, State.IDLE, State.SUSPENDED, State.ABORTED, State.HELD, State.COMPLETE)

MOVING_STATES = (
    State.RESETTING,
    State.STARTING,
    State.EXECUTE,
    State.HOLDING,
    State.UNHOLDING,
    State.SUSPENDING,
    State.UNSUSPENDING,
    State.COMPLETING,
)
"""In these a motion may be begun; in all others there is at most one that ends."""
FEEDING_STATES = (*MOVING_STATES, State.SUSPENDED)
"""In these boards and trays may be brought."""

_NO_STOP = (State.STOPPING, State.STOPPED, State.CLEARING, State.ABORTING, State.ABORTED)
_NO_ABORT = (State.ABORTING, State.ABORTED)

TRANSITIONS: dict[tuple[State, Command], State] = {
    (State.STOPPED, Command.RESET): State.RESETTING,
    (State.COMPLETE, Command.RESET): State.RESETTING,
    (State.IDLE, Command.START): State.STARTING,
    (State.EXECUTE, Command.HOLD): State.HOLDING,
    (State.HELD, Command.UNHOLD): State.UNHOLDING,
    (State.EXECUTE, Command.SUSPEND): State.SUSPENDING,
    (State.SUSPENDED, Command.UNSUSPEND): State.UNSUSPENDING,
    (State.EXECUTE, Command.COMPLETE): State.COMPLETING,
    (State.ABORTED, Command.CLEAR): State.CLEARING,
    **{(state, Command.STOP): State.STOPPING for state in State if state not in _NO_STOP},
    **{(state, Command.ABORT): State.ABORTING for state in State if state not in _NO_ABORT},
}

COMPLETIONS: dict[State, State] = {
    State.CLEARING: State.STOPPED,
    State.STOPPING: State.STOPPED,
    State.ABORTING: State.ABORTED,
    State.RESETTING: State.IDLE,
    State.STARTING: State.EXECUTE,
    State.HOLDING: State.HELD,
    State.UNHOLDING: State.EXECUTE,
    State.SUSPENDING: State.SUSPENDED,
    State.UNSUSPENDING: State.EXECUTE,
    State.EXECUTE: State.COMPLETING,
    State.COMPLETING: State.COMPLETE,
}

OPERATOR_TEXT: dict[State, str] = {
    State.CLEARING: "Clearing the fault",
    State.STOPPED: "Stopped",
    State.STARTING: "Preparing",
    State.IDLE: "Ready",
    State.SUSPENDED: "Waiting",
    State.EXECUTE: "Running",
    State.STOPPING: "Stopping",
    State.ABORTING: "Stopping for safety",
    State.ABORTED: "Stopped for safety",
    State.HOLDING: "Pausing",
    State.HELD: "Paused, action needed",
    State.UNHOLDING: "Resuming",
    State.SUSPENDING: "Going to wait",
    State.UNSUSPENDING: "Resuming",
    State.RESETTING: "Homing and checking",
    State.COMPLETING: "Finishing",
    State.COMPLETE: "Finished",
}


class Refused(Exception):
    """The command is not legal in this state; nothing was changed."""

    def __init__(self, state: State, command: Command) -> None:
        self.state, self.command = state, command
        allowed = ", ".join(c.value for c in Command if (state, c) in TRANSITIONS)
        super().__init__(f"{command.value} is refused in state {state.title}; allowed now: {allowed}")


class Packml:
    """Where the station is. `on_change(old, new)` is called after every change."""

    def __init__(self, state: State, on_change: Callable[[State, State], None]) -> None:
        self.state = state
        self._on_change = on_change

    def allows(self, command: Command) -> bool:
        return (self.state, command) in TRANSITIONS

    def command(self, command: Command) -> State:
        """Carry out a command. Raises Refused and changes nothing where it is not legal."""
        target = TRANSITIONS.get((self.state, command))
        if target is None:
            raise Refused(self.state, command)
        return self._go(target)

    def completed(self, acting: State) -> State:
        """The acting state `acting` reached its end. Does nothing where another command has left it meanwhile."""
        if self.state is acting:
            self._go(COMPLETIONS[acting])
        return self.state

    def _go(self, target: State) -> State:
        old, self.state = self.state, target
        self._on_change(old, target)
        return target
