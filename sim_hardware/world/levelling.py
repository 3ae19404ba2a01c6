"""How ripples in a thin viscous film level out: the law of Orchard with gravity, stopped by the yield stress.

Nothing here knows which ripples a blade or a dip makes.
source   S. Abbott, Practical Coatings, "Levelling": t(1/e) = 3 eta (lambda / 2 pi)^4 / (sigma h^3); the gravity term
         is linear lubrication theory
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from sim_hardware.world.things import Material

GRAVITY_M_PER_S2 = 9.81
UM_PER_M = 1e6


@dataclass(frozen=True, slots=True)
class Ripple:
    """One wave of the film surface across the wipe direction, as laid."""

    wavelength_um: float
    amplitude_um: float
    phase: float = 0.0


def levelling_rate_per_s(wavelength_um: float, height_um: float, viscosity_pa_s: float, material: Material) -> float:
    """Decay rate of the amplitude: h^3 (sigma k^4 + rho g k^2) / (3 eta), k = 2 pi / wavelength."""
    k = 2 * math.pi * UM_PER_M / wavelength_um
    drive = material.surface_tension_n_per_m * k**4 + material.density_kg_per_m3 * GRAVITY_M_PER_S2 * k**2
    return (height_um / UM_PER_M) ** 3 * drive / (3 * viscosity_pa_s)


def levelling_stress_pa(amplitude_um: float, wavelength_um: float, height_um: float, material: Material) -> float:
    """Shear stress at the plate that drives the levelling: h k (sigma k^2 + rho g) a."""
    k = 2 * math.pi * UM_PER_M / wavelength_um
    pressure = material.surface_tension_n_per_m * k**2 + material.density_kg_per_m3 * GRAVITY_M_PER_S2
    return height_um / UM_PER_M * k * pressure * amplitude_um / UM_PER_M


def levelled_um(
    amplitude_um: float,
    wavelength_um: float,
    height_um: float,
    viscosity_pa_s: float,
    material: Material,
    age_s: float,
) -> float:
    """Amplitude left after `age_s`. Levelling stops where its own stress falls below the yield stress."""
    if amplitude_um <= 0 or height_um <= 0:
        return max(0.0, amplitude_um)
    stress_pa = levelling_stress_pa(amplitude_um, wavelength_um, height_um, material)
    stands_um = amplitude_um * min(1.0, material.yield_stress_pa / stress_pa)
    rate_per_s = levelling_rate_per_s(wavelength_um, height_um, viscosity_pa_s, material)
    return max(stands_um, amplitude_um * math.exp(-rate_per_s * max(0.0, age_s)))
