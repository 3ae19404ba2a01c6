"""The harness's line into the world: give faults, press the e-stop, read the truth. No part of the machine.

One JSON object a line, one JSON object back: {"ok": true, ...} or {"ok": false, "error": "..."}.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sim_hardware.faults import FaultSpec
from sim_hardware.mishaps import take_part_away
from sim_hardware.scenario import ScenarioError, from_plain
from sim_hardware.servers.cable import Cable, Plug
from sim_hardware.world.placement import dip_faults
from sim_hardware.world.things import PlacedTruth

if TYPE_CHECKING:
    from sim_hardware.devices.dip_unit import DipUnit
    from sim_hardware.devices.film_gauge import FilmGauge
    from sim_hardware.devices.head import Head
    from sim_hardware.devices.plc import MotionPlc
    from sim_hardware.plant import Plant

LINE_LIMIT_BYTES = 65_536
Z_LOOKS_BACK_S = 1e-4
Z_STANDS_UM = 0.01


class ControlError(ValueError):
    """A request that makes no sense; the message says why."""


def inject(plant: Plant, fault: FaultSpec) -> None:
    """Give the world a fault from now on."""
    plant.faults.inject(fault, plant.now())
    plant.record("fault given", fault=fault.kind)


def truth(plant: Plant) -> dict[str, Any]:
    """What is true now, as JSON: placements, parts rejected (and what was wrong with those that had been in the film),
    parts lost, boards, film, nozzle, what moves and which commands are under way, faults that struck."""
    now_s = plant.now()
    tip = plant.tip()
    return {
        "time_s": now_s,
        "placements": [
            _placed(placed, board.serial, site.site.name)
            for board in plant.boards
            for site in board.sites
            for placed in site.placed
        ],
        "rejected": [package.serial for package in plant.rejected],
        "rejected_dips": [
            {"serial": package.serial, **dip_faults(package)._asdict()}
            for package in plant.rejected
            if any(ball.immersion_um > 0.0 for ball in package.balls)
        ],
        "lost": [package.serial for package in plant.lost],
        "boards": [board.serial for board in plant.boards],
        "board_in_nest": plant.board_in_nest.serial if plant.board_in_nest is not None else None,
        "film_height_um": plant.film.mean_height_um(now_s),
        "film_generation": plant.film.generation,
        "nozzle": plant.held.part.serial if plant.held is not None else None,
        "nozzle_x_um": tip.x_um,
        "nozzle_y_um": tip.y_um,
        "nozzle_z_um": plant.head.z_um_at(now_s),
        **still(plant),
        "faults_struck": [{"time_s": at_s, "kind": kind} for at_s, kind in plant.faults.struck],
    }


def still(plant: Plant) -> dict[str, Any]:
    """Whether an axis moves now, and the commands that a device still carries out."""
    now_s = plant.now()
    z_moves = abs(plant.head.z_um_at(now_s) - plant.head.z_um_at(now_s - Z_LOOKS_BACK_S)) > Z_STANDS_UM
    devices = _commanded(plant)
    return {
        "time_s": now_s,
        "is_moving": plant.gantry.is_moving(now_s) or z_moves,
        "under_way": [
            f"{device.name}.{channel.name}" for device in devices for channel in device.core.channels if channel.busy
        ],
    }


def heartbeat_gaps(plant: Plant) -> dict[str, float]:
    """The longest time between two heartbeats of the host that each device saw since this was asked last, s."""
    return {device.name: device.core.tell_longest_gap_s() for device in _commanded(plant)}


def _commanded(plant: Plant) -> tuple[MotionPlc | Head | DipUnit | FilmGauge, ...]:
    """The devices that know a heartbeat and carry out commands."""
    return (plant.plc, plant.head, plant.dip_unit, plant.film_gauge)


def _placed(placed: PlacedTruth, board: str, site: str) -> dict[str, Any]:
    return {
        "board": board,
        "site": site,
        **{name: getattr(placed, name) for name in PlacedTruth.__slots__ if name != "package"},
    }


def answer(plant: Plant, request: Mapping[str, Any]) -> dict[str, Any]:
    """One request of the harness. Raises ControlError with a sentence."""
    do = request.get("do")
    action = _ACTIONS.get(do) if isinstance(do, str) else None
    if action is None:
        raise ControlError(f"do = {do!r}: known are {', '.join(_ACTIONS)}")
    return action(plant, {key: value for key, value in request.items() if key != "do"})


def _inject(plant: Plant, rest: dict[str, Any]) -> dict[str, Any]:
    inject(plant, from_plain(FaultSpec, rest, "inject"))
    return {}


def _announce(plant: Plant, rest: dict[str, Any]) -> dict[str, Any]:
    step = rest.get("step")
    if not isinstance(step, str) or not step:
        raise ControlError(f"step = {step!r}: expected the name of the step that begins")
    plant.faults.announce(step, plant.now())
    return {}


def _heal(plant: Plant, rest: dict[str, Any]) -> dict[str, Any]:
    plant.faults.heal(rest.get("kind"))
    return {}


def _truth(plant: Plant, rest: dict[str, Any]) -> dict[str, Any]:
    return truth(plant)


def _still(plant: Plant, rest: dict[str, Any]) -> dict[str, Any]:
    return still(plant)


def _heartbeats(plant: Plant, rest: dict[str, Any]) -> dict[str, Any]:
    return {"longest_gap_s": heartbeat_gaps(plant)}


def _events(plant: Plant, rest: dict[str, Any]) -> dict[str, Any]:
    after = rest.get("after", 0)
    if not isinstance(after, int) or after < 0:
        raise ControlError(f"after = {after!r}: expected a count of events")
    return {"events": [{"time_s": at, "kind": kind, **data} for at, kind, data in plant.events[after:]]}


def _reboot(plant: Plant, rest: dict[str, Any]) -> dict[str, Any]:
    try:
        plant.reboot(str(rest.get("device")))
    except KeyError as error:
        raise ControlError(error.args[0]) from error
    return {}


def _safety(plant: Plant, rest: dict[str, Any]) -> dict[str, Any]:
    inputs = type(plant.safety).__slots__
    for name, value in rest.items():
        if name not in inputs or not isinstance(value, bool):
            raise ControlError(f"{name} = {value!r}: safety inputs are {', '.join(inputs)}, true or false")
    plant.set_safety(**rest)
    return {}


def _estop(plant: Plant, rest: dict[str, Any]) -> dict[str, Any]:
    plant.set_safety(estop_ok=not rest.get("pressed", True))
    return {}


def _cut(plant: Plant, rest: dict[str, Any]) -> dict[str, Any]:
    name, seconds = rest.get("port"), rest.get("refuse_s", 0.0)
    if name not in plant.cabling.cables or not isinstance(seconds, (int, float)):
        raise ControlError(f"port = {name!r}, refuse_s = {seconds!r}: ports are {', '.join(plant.cabling.cables)}")
    plant.cut_link(str(name), float(seconds))
    return {}


def _take_away(plant: Plant, rest: dict[str, Any]) -> dict[str, Any]:
    take_part_away(plant)
    return {}


_ACTIONS: dict[str, Callable[[Plant, dict[str, Any]], dict[str, Any]]] = {
    "inject": _inject,
    "heal": _heal,
    "announce": _announce,
    "truth": _truth,
    "still": _still,
    "heartbeats": _heartbeats,
    "events": _events,
    "reboot": _reboot,
    "safety": _safety,
    "estop": _estop,
    "cut": _cut,
    "take_part_away": _take_away,
}


class ControlLine(Plug):
    """One harness on the control port."""

    def __init__(self, plant: Plant, cable: Cable) -> None:
        super().__init__(cable)
        self._plant = plant

    def data_received(self, data: bytes) -> None:
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            if self._transport is not None:
                self._transport.write(json.dumps(self._reply(line)).encode() + b"\n")
        if len(self._buffer) > LINE_LIMIT_BYTES and self._transport is not None:
            self._transport.close()

    def _reply(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                raise ControlError("expected a JSON object")
            return {"ok": True, **answer(self._plant, request)}
        except (ControlError, ScenarioError, ValueError) as error:
            return {"ok": False, "error": str(error)}
