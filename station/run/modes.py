"""PackML modes: Production builds, Maintenance homes and calibrates only, Manual leaves the machine to a person's key.

A mode changes in a wait state only, so that nothing under way changes its meaning. The key switch on manual goes before
everything: it brings Manual about, and only turning it back ends it.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from station.run.jobs import CommandRefused
from station.run.packml import WAIT_STATES, Command, Packml


class Mode(StrEnum):
    PRODUCTION = "Production"
    MAINTENANCE = "Maintenance"
    MANUAL = "Manual"


FORBIDDEN: dict[Mode, tuple[Command, ...]] = {
    Mode.PRODUCTION: (),
    Mode.MAINTENANCE: (Command.START, Command.UNHOLD, Command.UNSUSPEND),
    Mode.MANUAL: (Command.RESET, Command.START, Command.UNHOLD, Command.UNSUSPEND),
}
"""Commands of people and MES that a mode does not carry out. Stop, Abort, Hold and Clear are never among them."""

_WHY = {
    Mode.MAINTENANCE: "change to Production first",
    Mode.MANUAL: "turn the key switch to automatic first",
}


class Modes:
    """The mode in force. `append` writes an event."""

    def __init__(self, packml: Packml, append: Callable[[str, dict[str, Any]], object]) -> None:
        self._packml, self._append = packml, append
        self.mode = Mode.PRODUCTION

    def check(self, command: Command) -> None:
        """Raises CommandRefused for a command that is not for this mode."""
        if command in FORBIDDEN[self.mode]:
            raise CommandRefused(f"{command.value} is refused in mode {self.mode.value}; {_WHY[self.mode]}")

    def change(self, wanted: Mode, *, key_manual: bool | None) -> None:
        """Change to a mode; harmless where it is in force already. Raises CommandRefused, changing nothing."""
        if wanted is self.mode:
            return
        if self._packml.state not in WAIT_STATES:
            raise CommandRefused(
                f"the mode changes at rest only; the station is {self._packml.state.title}. Hold or stop it first"
            )
        if wanted is Mode.MANUAL or self.mode is Mode.MANUAL or key_manual is True:
            raise CommandRefused("Manual begins and ends with the key switch at the machine, not by command")
        self._go(wanted)

    def look(self, key_manual: bool | None) -> None:
        """Follow the key switch as soon as the state allows; a switch that is not known changes nothing."""
        if key_manual is None or self._packml.state not in WAIT_STATES:
            return
        if key_manual and self.mode is not Mode.MANUAL:
            self._go(Mode.MANUAL)
        elif not key_manual and self.mode is Mode.MANUAL:
            self._go(Mode.PRODUCTION)

    def _go(self, wanted: Mode) -> None:
        self._append("mode.changed", {"from": self.mode.value, "to": wanted.value})
        self.mode = wanted
