"""What happens to the machine at one instant: a hand, a hard-wired input, a restart, a leak, a shift.

States and occasions live where that part of the machine is simulated; here is what simply happens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from drivers.wire.common import CONTROL_ADDRESS
from sim_hardware.devices.registers import RegisterDevice
from sim_hardware.faults import FaultSpec
from sim_hardware.world.packages import make_package
from sim_hardware.world.places import GlassPart, HeldPart
from sim_hardware.world.things import PackageTruth
from sim_hardware.world.vacuum import SEALED_KPA

if TYPE_CHECKING:
    from sim_hardware.plant import Plant

SLIPS_TURN_DEG = 0.3  # estimate: of a package that slips on the nozzle
FOREIGN_SESSION = 0x0F0E16C0
"""of the host that nobody asked for"""


def happen(plant: Plant, spec: FaultSpec, when_s: float) -> None:
    """Make the event happen: in the next turn of the loop, so that no device is changed in the middle of an answer."""
    if when_s <= plant.now():
        plant.loop.call_soon(_now, plant, spec)
    else:
        plant.call_at(when_s, _now, plant, spec)


def _now(plant: Plant, spec: FaultSpec) -> None:
    plant.faults.told(spec, plant.now())
    plant.record("mishap", fault=spec.kind, target=spec.target)
    _EVENTS[spec.kind](plant, spec)


def _part_falls(plant: Plant, spec: FaultSpec) -> None:
    plant.lose_part()


def _part_taken(plant: Plant, spec: FaultSpec) -> None:
    take_part_away(plant)


def take_part_away(plant: Plant) -> None:
    """An operator's hand takes the part off the nozzle; the glass part goes back into its holder."""
    held = plant.held
    if held is None:
        return
    if isinstance(held.part, GlassPart):
        plant.holder.put_back(held.part)
    else:
        plant.rejected.append(held.part)
    plant.record("part taken by hand", serial=held.part.serial)
    plant.release_part()


def _part_given(plant: Plant, spec: FaultSpec) -> None:
    if plant.held is not None:
        return
    part = make_package(plant.scenario.top, "FOREIGN-1", plant.rng("foreign part"), plant.fidelity)
    plant.held = HeldPart(part, 0.0, 0.0, 0.0)
    vacuum, now_s = plant.head.grip.vacuum, plant.now()
    vacuum.set_seal(plant.head.grip.seal_on(None, 0.0), now_s)
    vacuum.open_valve(now_s)
    plant.record("part given", serial=part.serial)


def _part_turns(plant: Plant, spec: FaultSpec) -> None:
    if plant.held is not None:
        plant.held = replace(plant.held, theta_deg=plant.held.theta_deg + spec.value)


def _part_tilts(plant: Plant, spec: FaultSpec) -> None:
    if plant.held is not None:
        plant.held = replace(plant.held, tilt_ratio=spec.value)


def _vacuum_leaks(plant: Plant, spec: FaultSpec) -> None:
    plant.head.grip.vacuum.leak_to(spec.value, plant.now())


def _force_zero(plant: Plant, spec: FaultSpec) -> None:
    plant.head.cell.zero_n += spec.value


def _z_sags(plant: Plant, spec: FaultSpec) -> None:
    plant.head.sag(spec.value)


def _link_cut(plant: Plant, spec: FaultSpec) -> None:
    plant.cut_link(spec.target, spec.duration_s or 0.0)


def _endless_stream(plant: Plant, spec: FaultSpec) -> None:
    plant.cabling.cables[spec.target].babble(round(spec.value))


def _device_restarts(plant: Plant, spec: FaultSpec) -> None:
    plant.reboot(spec.target)


def _second_master(plant: Plant, spec: FaultSpec) -> None:
    device = plant.cabling.devices()[spec.target]
    if isinstance(device, RegisterDevice):
        device.write(CONTROL_ADDRESS, FOREIGN_SESSION.to_bytes(4, "big") + bytes((0, 1, 0, 0)))
    else:
        device.answer("BEA", (str(FOREIGN_SESSION), "1", "0"))


def _input(state: bool) -> Callable[[Plant, FaultSpec], None]:
    def turn(plant: Plant, spec: FaultSpec) -> None:
        before = getattr(plant.safety, spec.target)
        plant.set_safety(**{spec.target: state})
        if spec.duration_s is not None:
            plant.call_at(plant.now() + spec.duration_s, _back, plant, spec.target, before)

    return turn


def _back(plant: Plant, name: str, state: bool) -> None:
    plant.set_safety(**{name: state})


def _reservoir_empty(plant: Plant, spec: FaultSpec) -> None:
    plant.film.set_reservoir(spec.value)


def _film_aged(plant: Plant, spec: FaultSpec) -> None:
    plant.film.laid_s -= spec.value


def _board_shifts(plant: Plant, spec: FaultSpec) -> None:
    if plant.board_in_nest is not None:
        plant.board_in_nest.nest_dx_um += spec.value


def _clamp_opens(plant: Plant, spec: FaultSpec) -> None:
    plant.board_clamped = False


def _nozzle_brushed(plant: Plant, spec: FaultSpec) -> None:
    plant.head.cell.touched = spec.value, plant.now() + (spec.duration_s or 0.0)


def _nozzle_tips(plant: Plant, spec: FaultSpec) -> None:
    plant.machine.extras["nozzle_tilt_x_ratio"] = spec.value


def _supply_sags(plant: Plant, spec: FaultSpec) -> None:
    vacuum = plant.head.grip.vacuum
    vacuum.leak_to(spec.value, plant.now())
    plant.call_at(plant.now() + (spec.duration_s or 0.0), lambda: vacuum.leak_to(SEALED_KPA, plant.now()))


def _part_shifts(plant: Plant, spec: FaultSpec) -> None:
    if plant.held is not None:
        held = plant.held
        plant.held = replace(held, x_um=held.x_um + spec.value, theta_deg=held.theta_deg + SLIPS_TURN_DEG)


def _board_swapped(plant: Plant, spec: FaultSpec) -> None:
    if plant.board_in_nest is not None:
        plant.take_board_out()
        plant.bring_board()


def _film_touched(plant: Plant, spec: FaultSpec) -> None:
    plant.film.touch()
    plant.record("film touched by hand")


def _lost_steps(plant: Plant, spec: FaultSpec) -> None:
    plant.gantry.lose_steps(spec.value)


_EVENTS: dict[str, Callable[[Plant, FaultSpec], None]] = {
    "part_falls": _part_falls,
    "part_taken": _part_taken,
    "part_given": _part_given,
    "part_turns": _part_turns,
    "part_tilts": _part_tilts,
    "vacuum_leaks": _vacuum_leaks,
    "force_zero": _force_zero,
    "z_sags": _z_sags,
    "link_cut": _link_cut,
    "endless_stream": _endless_stream,
    "device_restarts": _device_restarts,
    "second_master": _second_master,
    "input_false": _input(False),
    "input_true": _input(True),
    "reservoir_empty": _reservoir_empty,
    "film_aged": _film_aged,
    "board_shifts": _board_shifts,
    "clamp_opens": _clamp_opens,
    "board_swapped": _board_swapped,
    "film_touched": _film_touched,
    "lost_steps": _lost_steps,
    "nozzle_brushed": _nozzle_brushed,
    "nozzle_tips": _nozzle_tips,
    "supply_sags": _supply_sags,
    "part_shifts": _part_shifts,
}


def unknown_part(part: PackageTruth) -> bool:
    """Whether nobody took this part from a tray."""
    return part.serial.startswith("FOREIGN")
