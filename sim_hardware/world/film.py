"""The film of flux or paste on the dip plate: how it is laid, levels, ages, is dented by dips and runs out.

Nothing here moves the blade or a package. Plate coordinates: origin at the plate centre, axes like the machine's, um.
The film is a function of time, evaluated when it is read.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from drivers.wire.dip_unit import Reservoir
from sim_hardware.faults import Faults
from sim_hardware.world.levelling import Ripples, levelled_um
from sim_hardware.world.machine import Fidelity, MachineTruth
from sim_hardware.world.things import Material

Array = NDArray[np.float64]

RESERVOIR_NL = 30_000_000.0  # estimate: 5 to 30 cm3
RESERVOIR_LOW_RATIO = 0.10
WIPE_LOSS_NL = 5_000.0  # estimate: 5 to 20 mm3 a refresh
LEVEL_UNDER_LOW_RATIO = 0.05
DOUBLING_H = 6.0  # estimate: viscosity doubles in 4 to 8 h of open time
VISCOSITY_B_K = 5_500.0  # estimate: eta = eta25 exp(B (1/T - 1/298)), B 4000 to 7000 K
SHEAR_RATIO_PER_DECADE = 0.03  # estimate: a faster wipe thins the material by shear and comes nearer to the gap
SHEAR_SPEED_UM_PER_S = 20_000.0
REPEAT_SIGMA_UM = {Fidelity.IDEAL: 0.0, Fidelity.CALIBRATED: 0.5, Fidelity.REAL: 1.5}
"""Film repeatability from wipe to wipe; estimate, +-5 um at 3 sigma on a real unit."""
RIPPLES_UM = ((500.0, 5.0), (1_000.0, 3.0), (2_000.0, 1.5), (5_000.0, 0.8))
"""Blade streaks as laid: (wavelength, amplitude); estimates. Below 1_000 um they level within seconds."""
STREAK_LEFT_PER_STROKE = 0.6
RIDGE_UM = 8.0  # estimate: bead left where the stroke ends
RIDGE_SIGMA_UM = 1_000.0
UNEVEN_SPAN_UM = 10_000.0
BROKEN_RIDGE_HALF_UM = 5_000.0  # estimate: bead in front of a blade that stands still
BROKEN_RIDGE_UM = 40.0
FINGER_HALF_UM = 3_000.0  # estimate: a fingertip leaves a print of 6 mm
STRIP_Y_UM = 6_000.0
"""middle of a strip without material: between the outermost points of a gauge and the rim of a large package"""
STRIP_FILM_UM = 10.0  # estimate: what a blade leaves where no material comes
VISIBLE_DEPTH_UM = 1.0  # estimate: a crater at least this deep prints with full contrast
NOT_WIPING = -1.0


@dataclass(frozen=True, slots=True)
class Dent:
    """What one dip left: a turned rectangle lower by `depth_um`, in a frame higher by `rim_um`."""

    x_um: float
    y_um: float
    theta_deg: float
    half_x_um: float
    half_y_um: float
    depth_um: float
    rim_width_um: float = 0.0
    rim_um: float = 0.0


class Mark(NamedTuple):
    """Print of one ball: place, wetted diameter, crater depth as left, when."""

    x_um: float
    y_um: float
    diameter_um: float
    depth_um: float
    made_s: float


class Film:
    """The film on the plate and the reservoir that feeds it."""

    def __init__(
        self,
        machine: MachineTruth,
        material: Material,
        fidelity: Fidelity,
        rng: np.random.Generator,
        faults: Faults | None = None,
    ) -> None:
        self.machine = machine
        self.material = material
        self.fidelity = fidelity
        self.faults = faults if faults is not None else Faults()
        self._rng = rng
        self._ages = fidelity is Fidelity.REAL
        self.half_um = machine.plate_size_um / 2
        self.generation = 0
        self.laid_s = 0.0
        self.wiping_until_s = NOT_WIPING
        """the blade is over the plate until then"""
        self.dents: list[Dent] = []
        self.marks: list[Mark] = []
        self.dips_since_wipe = 0
        self.reservoir_nl = RESERVOIR_NL
        self.taken_nl = 0.0
        """carried away by packages since the start"""
        self.wasted_nl = 0.0
        """lost at the edges of the wipes and into the air since the start"""
        self._height_um = 0.0
        self._uneven_um = 0.0
        self._strip_um = 0.0
        """a strip along the wipe got no material"""
        self._ripples: Ripples | None = None
        self._wet_to_um = self.half_um
        """the blade ran dry here on its way from -x to +x; bare plate beyond"""
        self._level_offset_degc = float(rng.uniform(-0.4, 0.4)) if self._ages else 0.0

    # -- laying -----------------------------------------------------------------------------------------------

    def wipe(self, gap_um: float, speed_um_per_s: float, strokes: int, t_s: float) -> None:
        """The last stroke over the whole plate ended at `t_s`: the film is new everywhere, old dents are gone.

        source   film = ratio x gap, 0.5 for a Newtonian film, 0.6 to 0.7 measured for doctor blades
                 (Berni, Mennig, Schmidt: sol-gel coating); levelling by Orchard with gravity (Abbott, Levelling)
        """
        wanted_um = self.machine.film_ratio * gap_um
        if self._ages:
            wanted_um *= 1 + SHEAR_RATIO_PER_DECADE * math.log10(speed_um_per_s / SHEAR_SPEED_UM_PER_S)
        repeat_um = REPEAT_SIGMA_UM[self.fidelity] * float(self._rng.standard_normal())
        thin = self.faults.strikes("film_thin", t_s)
        uneven = self.faults.strikes("film_uneven", t_s)
        wanted_um = max(0.0, wanted_um + repeat_um - (thin.value if thin is not None else 0.0))
        before_nl = self.volume_nl(t_s)
        self.wasted_nl += self._laid_nl() - self._dents_nl() - before_nl
        nl_per_um = (2 * self.half_um) ** 2 * 1e-6
        loss_nl = min(WIPE_LOSS_NL, self.reservoir_nl + before_nl)
        available_nl = before_nl + self.reservoir_nl - loss_nl
        laid_nl = min(wanted_um * nl_per_um, available_nl)
        self._wet_to_um = self.half_um
        if laid_nl < wanted_um * nl_per_um:
            self._wet_to_um = 2 * self.half_um * laid_nl / (wanted_um * nl_per_um) - self.half_um
        self.reservoir_nl = available_nl - laid_nl
        self.wasted_nl += loss_nl
        self._height_um = wanted_um
        self._uneven_um = uneven.value if uneven is not None else 0.0
        strip = self.faults.strikes("film_strip", t_s)
        self._strip_um = strip.value if strip is not None else 0.0
        self._ripples = self._streaks(strokes) if self._ages else None
        self.dents.clear()
        self.marks.clear()
        self.dips_since_wipe = 0
        self.generation += 1
        self.laid_s = t_s
        self.wiping_until_s = NOT_WIPING

    def wipe_for_nothing(self) -> None:
        """The blade unit counts a stroke whose blade did not move: whatever lies there stays."""
        self.generation += 1
        self.wiping_until_s = NOT_WIPING

    def stop_wipe(self, t_s: float) -> None:
        """The blade stopped over the plate: no new film, and a ridge of material lies where it stood."""
        self.wiping_until_s = NOT_WIPING
        ridge = Dent(0.0, 0.0, 0.0, BROKEN_RIDGE_HALF_UM, self.half_um, -BROKEN_RIDGE_UM)
        fed_nl = min(self.reservoir_nl, -dent_volume_nl(ridge))
        self.reservoir_nl -= fed_nl
        self.dents.append(ridge)
        self.wasted_nl += fed_nl + dent_volume_nl(ridge)

    def _streaks(self, strokes: int) -> Ripples:
        wavelengths_um, amplitudes_um = np.array(RIPPLES_UM).T
        left = STREAK_LEFT_PER_STROKE ** (strokes - 1)
        phases = self._rng.uniform(0.0, 2 * math.pi, len(wavelengths_um))
        return Ripples(wavelengths_um, left * amplitudes_um, phases)

    def refill(self) -> None:
        self.reservoir_nl = RESERVOIR_NL

    def set_reservoir(self, ratio: float) -> None:
        self.reservoir_nl = RESERVOIR_NL * ratio

    def reservoir_state(self, t_s: float) -> Reservoir:
        fault = self.faults.active("reservoir_low", t_s)
        ratio = self.reservoir_nl / RESERVOIR_NL
        if fault is not None:
            ratio = min(ratio, fault.value or LEVEL_UNDER_LOW_RATIO)
        if self.reservoir_nl < WIPE_LOSS_NL:
            return Reservoir.EMPTY
        return Reservoir.LOW if ratio < RESERVOIR_LOW_RATIO else Reservoir.FULL

    # -- being there ------------------------------------------------------------------------------------------

    @property
    def height_um(self) -> float:
        """Mean height as laid; assigning it lays another height without a wipe (for the harness)."""
        return self._height_um

    @height_um.setter
    def height_um(self, value: float) -> None:
        self._height_um = value

    def mean_height_um(self, t_s: float) -> float:
        """Mean over the wetted part of the plate, without dents."""
        return self._height_um * self._dried_ratio(t_s)

    def _dried_ratio(self, t_s: float) -> float:
        if not self._ages:
            return 1.0
        return max(0.0, 1.0 - self.material.drying_ratio_per_h * max(0.0, t_s - self.laid_s) / 3600)

    def height_at(self, x_um: float, y_um: float, t_s: float) -> float:
        """True height over the bare plate at a point, um; 0 beside the plate."""
        return float(self.heights_at(np.array([x_um]), np.array([y_um]), t_s)[0])

    def heights_at(self, x_um: Array, y_um: Array, t_s: float) -> Array:
        """True heights at many points; arrays of one shape, or of a row and a column of a grid."""
        mean_um = self.mean_height_um(t_s)
        heights = np.full_like(x_um + y_um, mean_um, dtype=np.float64)
        machine = self.machine
        if machine.plate_wedge_um_per_mm_x or machine.plate_wedge_um_per_mm_y or self._uneven_um:
            slope_x = machine.plate_wedge_um_per_mm_x * 1e-3 + self._uneven_um / UNEVEN_SPAN_UM
            heights += slope_x * x_um + machine.plate_wedge_um_per_mm_y * 1e-3 * y_um
        if self._ripples is not None and mean_um > 0:
            age_s = t_s - self.laid_s
            heights += self._ripples.heights_um(y_um, mean_um, self.viscosity_pa_s(t_s), self.material, age_s)
            heights += RIDGE_UM * np.exp(-0.5 * ((x_um - self.half_um + 2 * RIDGE_SIGMA_UM) / RIDGE_SIGMA_UM) ** 2)
        for dent in self.dents:
            _add_dent(heights, dent, x_um, y_um)
        if self._strip_um:
            starved = np.broadcast_to(np.abs(y_um - STRIP_Y_UM) < self._strip_um / 2, heights.shape)
            heights[starved] = np.minimum(heights[starved], STRIP_FILM_UM)
        bare = (np.abs(x_um) > self.half_um) | (np.abs(y_um) > self.half_um) | (x_um > self._wet_to_um)
        heights[bare] = 0.0
        np.maximum(heights, 0.0, out=heights)
        return heights

    def temperature_degc(self, t_s: float) -> float:
        if not self._ages:
            return 25.0
        return 25.0 + self._level_offset_degc + 0.3 * math.sin(t_s / 1_800)

    def viscosity_pa_s(self, t_s: float) -> float:
        """At low shear, with temperature and open time since the start of the run."""
        eta = self.material.viscosity_pa_s * self.faults.value("material_cold", t_s, 1.0)
        if not self._ages:
            return eta
        kelvin = 273.15 + self.temperature_degc(t_s)
        return eta * math.exp(VISCOSITY_B_K * (1 / kelvin - 1 / 298.15)) * 2 ** (t_s / 3600 / DOUBLING_H)

    def marks_at(self, t_s: float) -> list[tuple[Mark, float]]:
        """Every print with its contrast, 1 = clear, 0 = levelled out. Yield stress keeps prints visible."""
        if not self.marks:
            return []
        eta, mean_um = self.viscosity_pa_s(t_s), self.mean_height_um(t_s)
        _, _, diameter_um, depth_um, made_s = np.array(self.marks).T
        # A crater is half a wave of twice its diameter.
        left_um = levelled_um(depth_um, 2 * diameter_um, mean_um, eta, self.material, t_s - made_s)
        return list(zip(self.marks, np.minimum(1.0, left_um / VISIBLE_DEPTH_UM).tolist(), strict=True))

    # -- being dipped into --------------------------------------------------------------------------------------

    def take(self, dent: Dent, volume_nl: float, marks: list[Mark]) -> None:
        """A package left with `volume_nl`; `dent` holds exactly that volume less what stands in its rim."""
        self.taken_nl += volume_nl
        self.dents.append(dent)
        self.marks.extend(marks)
        self.dips_since_wipe += 1

    def touch(self) -> None:
        """A fingertip in the middle of the plate goes down to it, and carries off what it meets."""
        dent = Dent(0.0, 0.0, 0.0, FINGER_HALF_UM, FINGER_HALF_UM, self._height_um)
        self.wasted_nl += dent_volume_nl(dent)
        self.dents.append(dent)

    def _laid_nl(self) -> float:
        return self._height_um * (self._wet_to_um + self.half_um) * 2 * self.half_um * 1e-6

    def _dents_nl(self) -> float:
        return sum(dent_volume_nl(dent) for dent in self.dents)

    def volume_nl(self, t_s: float) -> float:
        """Material on the plate now; streaks and wedge are taken as even out."""
        return self._laid_nl() * self._dried_ratio(t_s) - self._dents_nl()


def dent_volume_nl(dent: Dent) -> float:
    """Material missing in a dent, its rim counted back; nl = 1e6 um3."""
    inner = 4 * dent.half_x_um * dent.half_y_um
    outer = 4 * (dent.half_x_um + dent.rim_width_um) * (dent.half_y_um + dent.rim_width_um)
    return (inner * dent.depth_um - (outer - inner) * dent.rim_um) * 1e-6


def _add_dent(heights: Array, dent: Dent, x_um: Array, y_um: Array) -> None:
    c, s = math.cos(math.radians(dent.theta_deg)), math.sin(math.radians(dent.theta_deg))
    u = np.abs(c * (x_um - dent.x_um) + s * (y_um - dent.y_um))
    v = np.abs(c * (y_um - dent.y_um) - s * (x_um - dent.x_um))
    inside = (u <= dent.half_x_um) & (v <= dent.half_y_um)
    if dent.rim_um:
        rim = (u <= dent.half_x_um + dent.rim_width_um) & (v <= dent.half_y_um + dent.rim_width_um) & ~inside
        heights[rim] += dent.rim_um
    heights[inside] -= dent.depth_um
