"""PackML modes: changed at rest only, and each does what it says and nothing more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from station.run.controller import CommandRefused
from station.run.modes import FORBIDDEN, Mode, Modes
from station.run.packml import WAIT_STATES, Command, Packml, State
from tests.scenarios.bench import bench
from tests.support import virtual


@pytest.mark.parametrize("state", State)
def test_a_mode_changes_in_wait_states_and_in_no_other(state: State) -> None:
    events: list[tuple[str, dict[str, Any]]] = []
    modes = Modes(Packml(state, lambda old, new: None), lambda kind, data: events.append((kind, data)))
    if state in WAIT_STATES:
        modes.change(Mode.MAINTENANCE, key_manual=False)
        modes.look(True)
        assert modes.mode is Mode.MANUAL
        assert [data["to"] for _, data in events] == ["Maintenance", "Manual"]
    else:
        with pytest.raises(CommandRefused, match="at rest only"):
            modes.change(Mode.MAINTENANCE, key_manual=False)
        modes.look(True)
        assert (modes.mode, events) == (Mode.PRODUCTION, [])


@pytest.mark.parametrize("wanted", [Mode.MANUAL, Mode.MAINTENANCE])
def test_manual_begins_and_ends_with_the_key(wanted: Mode) -> None:
    modes = Modes(Packml(State.STOPPED, lambda old, new: None), lambda kind, data: None)
    with pytest.raises(CommandRefused, match="key switch"):
        modes.change(wanted, key_manual=True)
    modes.look(True)
    with pytest.raises(CommandRefused, match="key switch"):
        modes.change(Mode.PRODUCTION, key_manual=True)
    modes.look(None)
    assert modes.mode is Mode.MANUAL
    modes.look(False)
    assert modes.mode is Mode.PRODUCTION


def test_no_mode_takes_away_a_way_to_stop() -> None:
    never = {Command.STOP, Command.ABORT, Command.HOLD, Command.CLEAR}
    assert not any(never & set(commands) for commands in FORBIDDEN.values())


@virtual
async def test_in_maintenance_the_station_homes_and_builds_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path, is_ready=False) as b:
        b.controller.change_mode(Mode.MAINTENANCE)
        await b.ready()
        shown = b.snapshots.now()
        assert shown["state"]["mode"] == "Maintenance"
        assert shown["commands"]["start"] == {"allowed": False, "reason": "not in mode Maintenance"}
        with pytest.raises(CommandRefused, match="change to Production"):
            b.order()
        assert b.controller.packml.state is State.IDLE
        b.controller.change_mode(Mode.PRODUCTION)
        b.order()
        with pytest.raises(CommandRefused, match="at rest only"):
            b.controller.change_mode(Mode.MAINTENANCE)
        assert await b.rest() is State.COMPLETE


@virtual
async def test_the_key_on_manual_is_a_mode_of_its_own_in_which_nobody_homes_from_afar(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.plant.set_safety(key_manual=True)
        await b.until(lambda: b.controller.modes.mode is Mode.MANUAL)
        with pytest.raises(CommandRefused, match="turn the key switch"):
            b.order()
        assert await b.controller.command(Command.STOP) is State.STOPPED
        with pytest.raises(CommandRefused, match="turn the key switch"):
            await b.controller.command(Command.RESET)
        b.plant.set_safety(key_manual=False)
        await b.until(lambda: b.controller.modes.mode is Mode.PRODUCTION)
        await b.ready()
        assert [(e["from"], e["to"]) for e in await b.events("mode.changed")] == [
            ("Production", "Manual"),
            ("Manual", "Production"),
        ]
