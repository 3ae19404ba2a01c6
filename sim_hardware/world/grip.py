"""What the nozzle does to the world: it seals, takes, dips, leaves the film, puts down, drops.

Nothing here moves Z or speaks to a host; the head device calls it at the instants of its plans.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sim_hardware.world.boards import bottom_pose
from sim_hardware.world.contact import Contact, Wet, askew, nowhere, spring_of
from sim_hardware.world.dipping import enter, immerse, leave, squeeze_n_s, tack_n, weight_n
from sim_hardware.world.gantry import TruePose
from sim_hardware.world.geometry import Array, BallField, places
from sim_hardware.world.machine import Fidelity
from sim_hardware.world.placement import placed_truth
from sim_hardware.world.places import GlassPart, HeldPart
from sim_hardware.world.surfaces import (
    SUPPORTED_RATIO,
    Floor,
    Lying,
    Surface,
    hanging_um,
    held_from,
    opening_um,
    part_pose,
    support_ratio,
    surface_below,
)
from sim_hardware.world.tacked import Clinging, falls_back, pressed
from sim_hardware.world.things import PackageTruth
from sim_hardware.world.vacuum import RELEASE_KPA, Seal, Vacuum, hold_force_n
from sim_hardware.world.z_path import PressPlan

if TYPE_CHECKING:
    from sim_hardware.plant import Plant

COAT_SPREAD = {Fidelity.IDEAL: 0.0, Fidelity.CALIBRATED: 0.05, Fidelity.REAL: 0.10}
"""Spread of the coat from ball to ball; estimate, 8 to 12 %."""
SLIP_UM = {Fidelity.IDEAL: 0.0, Fidelity.CALIBRATED: 0.5, Fidelity.REAL: 2.0}
"""How far a package slips when it is pressed on the lands, one sigma; estimate."""
SLIP_DEG = {Fidelity.IDEAL: 0.0, Fidelity.CALIBRATED: 0.003, Fidelity.REAL: 0.010}
LEAK_SUPPORT_RATIO = 0.7
TOUCH_UM = 0.5


@dataclass(slots=True)
class Below:
    """What is below the nozzle where it stands now, for what hangs on it."""

    surface: Surface
    contact: Contact
    tip: TruePose
    field: BallField | None = None
    """balls of the package on the nozzle"""

    def is_touched(self, z_um: float) -> bool:
        return z_um >= self.contact.touch_z_um - TOUCH_UM

    def is_wet(self, z_um: float) -> bool:
        wet = self.contact.wet
        return wet is not None and z_um > self.contact.touch_z_um - wet.film_um


class Grip:
    """The nozzle tip and its vacuum, acting on the plant."""

    def __init__(self, plant: Plant) -> None:
        self.plant = plant
        self.vacuum = Vacuum(plant.machine.vacuum_tau_s)
        self.is_pick_spoiled = False
        """the pick under way will not grip"""
        self.last_press: PressPlan | None = None
        self.clinging = Clinging(plant)
        self._rng = plant.rng("grip")
        top = plant.scenario.top
        self._package_um = top.body_height_um + max((ball.height_um for ball in top.balls), default=0.0)
        """from the top of a package as drawn to its longest ball"""
        self._dipped_um: dict[str, float] = {}
        """film height under each package when it was dipped, by serial"""

    # -- looking ------------------------------------------------------------------------------------------------

    def look_below(self, t_s: float, stiffer_ratio: float = 1.0) -> Below:
        """What Z will meet where the gantry stands at `t_s`; `t_s` may lie in the near future."""
        plant, machine = self.plant, self.plant.machine
        tip = plant.gantry.position_at(t_s)
        surface = surface_below(plant, tip.x_um, tip.y_um)
        if surface.floor is Floor.NOTHING:
            return Below(surface, nowhere(machine), tip)
        held = plant.held
        spring = spring_of(
            machine,
            surface.stiffness_n_per_um,
            with_part=held is not None or surface.lying is not None,
            stiffer_ratio=stiffer_ratio,
        )
        if held is None:
            return Below(surface, Contact(surface.z_um, spring), tip)
        if isinstance(held.part, GlassPart):
            return Below(surface, Contact(surface.z_um - hanging_um(held.part), spring), tip)
        field = self._field(held.part, tip.theta_deg + held.theta_deg, held.tilt_ratio)
        if held.tilt_ratio:
            spring = askew(spring, abs(held.tilt_ratio) * field.half_x_um)
        touch_z = surface.z_um - hanging_um(held.part, field)
        wet = None
        if surface.floor is Floor.PLATE:
            wet = self._wet(held, field, tip, t_s)
        return Below(surface, Contact(touch_z, spring, wet), tip, field)

    def _field(self, package: PackageTruth, theta_deg: float, tilt_ratio: float = 0.0) -> BallField:
        extras = self.plant.machine.extras
        tilt_x, tilt_y = tilt_ratio + extras.get("nozzle_tilt_x_ratio", 0.0), extras.get("nozzle_tilt_y_ratio", 0.0)
        return BallField.of(package).tilted(theta_deg, tilt_x, tilt_y)

    def _on_plate(self, held: HeldPart, field: BallField, tip: TruePose) -> tuple[Array, Array, float]:
        centre_x, centre_y = self.plant.plate_centre_um()
        x, y, theta_deg = part_pose(tip.x_um - centre_x, tip.y_um - centre_y, tip.theta_deg, held)
        return (*places(field.x_um, field.y_um, x, y, theta_deg), theta_deg)

    def _wet(self, held: HeldPart, field: BallField, tip: TruePose, t_s: float) -> Wet | None:
        film = self.plant.film
        x_um, y_um, _ = self._on_plate(held, field, tip)
        deepest = immerse(film, field, x_um, y_um, field.standing_um, t_s)
        immersed = deepest.depth_um > 0.0
        if not immersed.any():
            return None
        return Wet(
            squeeze_n_s=squeeze_n_s(field, immersed, film.viscosity_pa_s(t_s)),
            tack_n=tack_n(field, deepest.depth_um, film.material),
            film_um=deepest.film_um,
            mean_lift_um=field.mean_lift_um,
        )

    def is_in_film_zone(self, z_um: float, t_s: float, zone_um: float) -> bool:
        """The tip or its part hangs less than `zone_um` over the plate."""
        plant, machine = self.plant, self.plant.machine
        if z_um + plant.held_height_um() < machine.plate_z_um - zone_um:
            return False
        tip = plant.gantry.position_at(t_s)
        x_um, y_um = plant.plate_centre_um()
        reach_um = machine.plate_size_um / 2 + zone_um
        return abs(tip.x_um - x_um) <= reach_um and abs(tip.y_um - y_um) <= reach_um

    # -- vacuum ---------------------------------------------------------------------------------------------------

    def seal_on(self, below: Below | None, z_um: float) -> Seal:
        """What closes the nozzle now."""
        if self.plant.faults.active("bore_blocked", self.plant.now()) is not None:
            return Seal.SEALED
        if self.plant.held is not None:
            return Seal.OPEN if self.clinging.is_one else Seal.SEALED
        if below is None or self.is_pick_spoiled or below.surface.lying is None or not below.is_touched(z_um):
            return Seal.OPEN
        tip, nozzle_um = below.tip, self.plant.machine.nozzle_diameter_um
        support = support_ratio(tip.x_um, tip.y_um, nozzle_um, below.surface.lying)
        if support >= SUPPORTED_RATIO:
            return Seal.SEALED
        return Seal.LEAK if support >= LEAK_SUPPORT_RATIO else Seal.OPEN

    def hold_n(self, part: PackageTruth | GlassPart, t_s: float) -> float:
        opening = opening_um(self.plant.machine.nozzle_diameter_um, part)
        return hold_force_n(self.vacuum.pressure_kpa(t_s), opening)

    # -- going down -----------------------------------------------------------------------------------------------

    def dip_to(self, below: Below, z_um: float, t_s: float) -> None:
        """The package on the nozzle has gone to `z_um` in the film, or to the plate."""
        held = self.plant.held
        if held is None or below.field is None or not isinstance(held.part, PackageTruth) or not below.is_wet(z_um):
            return
        x_um, y_um, _ = self._on_plate(held, below.field, below.tip)
        gap_um = below.field.standing_um + max(0.0, below.contact.touch_z_um - z_um)
        immersion = immerse(self.plant.film, below.field, x_um, y_um, gap_um, t_s)
        enter(held.part, immersion)
        self._dipped_um[held.part.serial] = immersion.film_um

    # -- going up -------------------------------------------------------------------------------------------------

    def pull_n(self, below: Below, z_um: float, slow: tuple[float, float], fast_um_per_s: float) -> float:
        """Largest pull while leaving; `slow` is (speed, Z of its end)."""
        held, contact = self.plant.held, below.contact
        if held is None or contact.wet is None or not below.is_wet(z_um):
            return 0.0
        speed, slow_end_z = slow
        start_um = max(0.0, contact.touch_z_um - z_um)
        pull = contact.wet.suction_n(start_um, speed) if slow_end_z < z_um else 0.0
        rest_um = max(start_um, contact.touch_z_um - slow_end_z)
        if rest_um < contact.wet.film_um:
            pull = max(pull, contact.wet.suction_n(rest_um, fast_um_per_s))
        mass_g = held.part.mass_g if isinstance(held.part, GlassPart) else held.part.type.mass_g
        return pull + contact.wet.tack_n + weight_n(mass_g)

    def part_up(self, below: Below, z_um: float, pull_n: float, t_s: float) -> float:
        """Z begins to rise: does the part come along? Returns the pull that the head feels."""
        plant, held = self.plant, self.plant.held
        if held is None:
            return self._take(below, z_um, t_s)
        if pull_n <= 0.0:
            return 0.0
        hold_n = self.hold_n(held.part, t_s)
        stays = below.is_wet(z_um) and plant.faults.strikes("part_stays_in_film", t_s) is not None
        if pull_n <= hold_n and not stays:
            return pull_n
        plant.record("part left in film", serial=held.part.serial, pull_n=pull_n, hold_n=hold_n)
        self._lose(held)
        return hold_n

    def _take(self, below: Below, z_um: float, t_s: float) -> float:
        lying = below.surface.lying
        is_drawing = self.vacuum.pressure_kpa(t_s) <= RELEASE_KPA
        if below.surface.site is not None and lying is not None and not is_drawing:
            return falls_back(self.plant, below.surface.site, t_s)
        if lying is None or not is_drawing or self.seal_on(below, z_um) is Seal.OPEN:
            return 0.0
        part = lying.part
        resists_n = weight_n(part.mass_g if isinstance(part, GlassPart) else part.type.mass_g)
        if below.surface.site is not None and isinstance(part, PackageTruth):
            depth = np.array([ball.immersion_um for ball in part.balls])
            resists_n += tack_n(BallField.of(part), depth, self.plant.film.material)
        if self.hold_n(part, t_s) <= resists_n:
            return 0.0
        surface, tip = below.surface, below.tip
        self.plant.held = held_from(tip.x_um, tip.y_um, tip.theta_deg, lying)
        if surface.pocket is not None:
            surface.pocket.package, surface.pocket.below = surface.pocket.below, None
        elif surface.site is not None:
            surface.site.placed.pop()
        elif surface.floor is Floor.HOLDER:
            self.plant.holder.glass = None
        self.plant.record("picked", serial=part.serial, floor=surface.floor.value)
        return resists_n

    def out_of_film(self, below: Below, z_um: float, lift_um_per_s: float, t_s: float) -> None:
        """The package has left the film it was dipped into at `z_um`."""
        plant, held = self.plant, self.plant.held
        if held is None or below.field is None or not isinstance(held.part, PackageTruth):
            return
        x_um, y_um, theta_deg = self._on_plate(held, below.field, below.tip)
        gap_um = below.field.standing_um + max(0.0, below.contact.touch_z_um - z_um)
        immersion = immerse(plant.film, below.field, x_um, y_um, gap_um, t_s)
        spread = 1.0 + COAT_SPREAD[plant.fidelity] * self._rng.standard_normal(len(x_um))
        spread *= 1.0 - plant.faults.value("film_skinned", t_s)
        bridged = plant.faults.strikes("bridge", t_s) is not None
        marks_before = len(plant.film.marks)
        taken_nl = leave(
            plant.film,
            held.part,
            immersion,
            x_um,
            y_um,
            theta_deg,
            lift_um_per_s,
            spread,
            t_s,
            bridged_by_fault=bridged,
        )
        masked = plant.faults.strikes("imprint_masked", t_s)
        if masked is not None:
            del plant.film.marks[marks_before : marks_before + round(masked.value)]
        plant.record("dipped", serial=held.part.serial, film_um=immersion.film_um, taken_nl=taken_nl)

    # -- letting go -------------------------------------------------------------------------------------------------

    def let_go(self, below: Below | None, z_um: float, t_s: float) -> None:
        """The vacuum no longer holds: the part stays where it stands, or falls."""
        held = self.plant.held
        if held is None:
            return
        if below is None or not below.is_touched(z_um):
            self._fall(held, self.look_below(t_s))
            return
        tip = below.tip
        self._put_down(held, below, Lying(held.part, *part_pose(tip.x_um, tip.y_um, tip.theta_deg, held)), t_s)

    def _put_down(self, held: HeldPart, below: Below, lying: Lying, t_s: float) -> None:
        plant, surface, part = self.plant, below.surface, held.part
        if surface.floor is Floor.BIN:
            self._fall(held, below)
        elif isinstance(part, GlassPart):
            holder = plant.holder
            holder.glass, holder.in_lower_seat = part, surface.is_lower_seat
            centre_x, centre_y, _ = plant.seat_um(holder.in_lower_seat)
            holder.dx_um, holder.dy_um = lying.x_um - centre_x, lying.y_um - centre_y
            holder.dtheta_deg = lying.theta_deg
            plant.record("glass put down", floor=surface.floor.value)
            plant.release_part()
        elif surface.floor is Floor.SITE and surface.site is not None:
            self._place(part, below, lying, t_s)
            plant.release_part()
        elif surface.pocket is not None and surface.pocket.package is None and plant.tray is not None:
            centre_x, centre_y = plant.tray.centre_um(surface.pocket)
            pocket = surface.pocket
            pocket.package, pocket.dtheta_deg = part, lying.theta_deg
            pocket.dx_um, pocket.dy_um = lying.x_um - centre_x, lying.y_um - centre_y
            plant.record("put back", serial=part.serial)
            plant.release_part()
        else:
            plant.record("put down astray", serial=part.serial, floor=surface.floor.value)
            self._lose(held)

    def _place(self, part: PackageTruth, below: Below, lying: Lying, t_s: float) -> None:
        plant, site, board = self.plant, below.surface.site, self.plant.board_in_nest
        if site is None or board is None:
            return
        slip = self._rng.standard_normal(3).tolist()
        slip_um, slip_deg = SLIP_UM[plant.fidelity], SLIP_DEG[plant.fidelity]
        pose = (
            lying.x_um + slip_um * slip[0],
            lying.y_um + slip_um * slip[1],
            lying.theta_deg + slip_deg * slip[2],
        )
        slips = plant.faults.strikes("part_slips", t_s)
        if slips is not None:
            pose = (pose[0] + slips.value, pose[1], pose[2])
        press = self.last_press
        placed = placed_truth(
            part,
            pose,
            bottom_pose(plant.machine, board, site),
            time_s=t_s,
            contact_z_um=below.contact.touch_z_um,
            seated_z_um=press.end_z_um if press is not None else below.contact.touch_z_um,
            peak_force_n=press.peak_force_n if press is not None else 0.0,
            hold_force_n=press.hold_force_n if press is not None else 0.0,
            film_height_um=self._dipped_um.pop(part.serial, 0.0),
        )
        wrong = "" if site.bottom_present and not site.placed else "stacked" if site.placed else "no bottom"
        site.placed.append(placed)
        pressed(plant, site, t_s)
        plant.record("placed", serial=part.serial, board=board.serial, site=site.site.name, wrong=wrong)

    def _fall(self, held: HeldPart, below: Below) -> None:
        plant, part = self.plant, held.part
        into_bin = below.surface.floor is Floor.BIN and plant.safety.bin_in_place
        if into_bin and isinstance(part, PackageTruth):
            plant.record("rejected", serial=part.serial)
            plant.rejected.append(part)
            self._dipped_um.pop(part.serial, None)
            plant.release_part()
            return
        plant.record("part dropped", serial=part.serial, floor=below.surface.floor.value)
        self._lose(held)

    def _lose(self, held: HeldPart) -> None:
        plant = self.plant
        if isinstance(held.part, PackageTruth):
            plant.lost.append(held.part)
            self._dipped_um.pop(held.part.serial, None)
        else:
            # A fallen glass part is put back by hand, as it came.
            plant.holder.put_back(held.part)
        plant.release_part()

    # -- moving the gantry with Z down ------------------------------------------------------------------------------

    def highest_z_um(self) -> float:
        """Z of the highest thing in the cell that a moving tip could run into."""
        plant, machine = self.plant, self.plant.machine
        tops = [machine.plate_z_um, machine.tray_z_um - self._package_um, machine.bin_z_um]
        if plant.board_in_nest is not None:
            stack_um = plant.scenario.bottom.body_height_um + self._package_um
            tops.append(machine.board_z_um - plant.board_in_nest.height_um - stack_um)
        if plant.holder.glass is not None:
            tops.append(plant.seat_um(plant.holder.in_lower_seat)[2] - plant.holder.glass.height_um)
        return min(tops)
