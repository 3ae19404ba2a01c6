"""How ripples in a thin viscous film level out: the law of Orchard with gravity, stopped by the yield stress.

Nothing here knows which ripples a blade or a dip makes.
source   S. Abbott, Practical Coatings, "Levelling": t(1/e) = 3 eta (lambda / 2 pi)^4 / (sigma h^3); the gravity term
         is linear lubrication theory
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim_hardware.world.things import Material

Values = float | NDArray[np.float64]
"""one number, or one for each of many waves"""

GRAVITY_M_PER_S2 = 9.81
UM_PER_M = 1e6


def levelling_rate_per_s(wavelength_um: Values, height_um: float, viscosity_pa_s: float, material: Material) -> Values:
    """Decay rate of the amplitude: h^3 (sigma k^4 + rho g k^2) / (3 eta), k = 2 pi / wavelength."""
    k = 2 * math.pi * UM_PER_M / wavelength_um
    drive = material.surface_tension_n_per_m * k**4 + material.density_kg_per_m3 * GRAVITY_M_PER_S2 * k**2
    return (height_um / UM_PER_M) ** 3 * drive / (3 * viscosity_pa_s)


def levelling_stress_pa(amplitude_um: float, wavelength_um: Values, height_um: float, material: Material) -> Values:
    """Shear stress at the plate that drives the levelling: h k (sigma k^2 + rho g) a."""
    k = 2 * math.pi * UM_PER_M / wavelength_um
    pressure = material.surface_tension_n_per_m * k**2 + material.density_kg_per_m3 * GRAVITY_M_PER_S2
    return height_um / UM_PER_M * k * pressure * amplitude_um / UM_PER_M


def levelled_um(
    amplitude_um: Values,
    wavelength_um: Values,
    height_um: float,
    viscosity_pa_s: float,
    material: Material,
    age_s: Values,
) -> NDArray[np.float64]:
    """Amplitude left after `age_s`. Levelling stops where its own stress falls below the yield stress."""
    amplitude_um = np.maximum(amplitude_um, 0.0)
    if height_um <= 0:
        return amplitude_um
    # The stress is in proportion to the amplitude.
    stands_um = material.yield_stress_pa / levelling_stress_pa(1.0, wavelength_um, height_um, material)
    rate_per_s = levelling_rate_per_s(wavelength_um, height_um, viscosity_pa_s, material)
    left_um = amplitude_um * np.exp(-rate_per_s * np.maximum(age_s, 0.0))
    return np.asarray(np.maximum(np.minimum(amplitude_um, stands_um), left_um))


@dataclass(frozen=True, slots=True)
class Ripples:
    """Waves of the film surface across the wipe direction, as laid; one entry for each wave."""

    wavelength_um: NDArray[np.float64]
    amplitude_um: NDArray[np.float64]
    phase: NDArray[np.float64]

    def heights_um(
        self,
        y_um: NDArray[np.float64],
        height_um: float,
        viscosity_pa_s: float,
        material: Material,
        age_s: float,
    ) -> NDArray[np.float64]:
        """What all waves together add at these places, in the shape of `y_um`."""
        left_um = levelled_um(self.amplitude_um, self.wavelength_um, height_um, viscosity_pa_s, material, age_s)
        turns = 2 * math.pi / self.wavelength_um * y_um[..., None] + self.phase
        return np.asarray((left_um * np.sin(turns)).sum(axis=-1))
