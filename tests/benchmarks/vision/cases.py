"""The named cases of the benchmark and their public seeds.

Two splits share nothing but the laws: methods may be tuned on "tuning", figures come from "public" alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from tests.benchmarks.vision.packages import FULL_1023, PERIMETER_215, library
from tests.benchmarks.vision.scene import HEAVY, Deformed, Faults, Light, Package, Pose, Scene, Sensor

Split = Literal["public", "tuning"]
FIRST_SEED: dict[Split, int] = {"public": 1000, "tuning": 500_000}
OFFSET_UM = 1000.0
TURN_DEG = 5.0
UNEVEN = Light(gradient_ratio=0.8, vignetting_ratio=0.30, tilt_sigma_ratio=0.15)
COMMON = Light(common_tilt_ratio=0.20, common_tilt_deg=30.0)

Change = Callable[[Scene, np.random.Generator], Scene]


@dataclass(frozen=True)
class Case:
    """`change` turns the nominal scene of a seed into this case; `what` is its line in the table."""

    name: str
    what: str
    package: Package
    change: Change

    def scenes(self, count: int, split: Split = "public") -> list[Scene]:
        return [self.scene(FIRST_SEED[split] + i) for i in range(count)]

    def scene(self, seed: int) -> Scene:
        """Offset +-1 mm, any quarter turn and +-5 deg, then what the case changes."""
        rng = np.random.Generator(np.random.PCG64([seed, *self.name.encode()]))
        turn = 90.0 * float(rng.integers(0, 4)) + rng.uniform(-TURN_DEG, TURN_DEG)
        pose = Pose(float(rng.uniform(-OFFSET_UM, OFFSET_UM)), float(rng.uniform(-OFFSET_UM, OFFSET_UM)), float(turn))
        return self.change(Scene(self.name, seed, self.package, pose), rng)


def with_sensor(**changes: float) -> Change:
    return lambda scene, _: replace(scene, sensor=replace(scene.sensor, **changes))


def with_light(light: Light) -> Change:
    return lambda scene, _: replace(scene, light=light)


def with_faults(missing: int = 0, debris: int = 0) -> Change:
    """Balls missing at random, debris specks near the array."""

    def change(scene: Scene, rng: np.random.Generator) -> Scene:
        names = chosen(scene.package, missing, rng)
        return replace(scene, faults=replace(scene.faults, missing=names, debris_count=debris))

    return change


def chosen(package: Package, count: int, rng: np.random.Generator) -> tuple[str, ...]:
    """Balls drawn at random, none at a corner: a second empty corner would make the turn undecidable."""
    reach = np.abs(package.xy_um).max(axis=0)
    inner = np.flatnonzero((np.abs(package.xy_um) < 0.99 * reach).any(axis=1))
    return tuple(package.ball_names[i] for i in rng.choice(inner, count, replace=False))


def neighbour_pair(package: Package, without: tuple[str, ...], rng: np.random.Generator) -> tuple[str, str]:
    """A ball drawn at random and the one nearest to it, neither of them among `without`."""
    free = np.array([name not in without for name in package.ball_names])
    first = int(rng.choice(np.flatnonzero(free)))
    distance = np.where(free, np.hypot(*(package.xy_um - package.xy_um[first]).T), np.inf)
    distance[first] = np.inf
    return package.ball_names[first], package.ball_names[int(distance.argmin())]


def mixed(scene: Scene, rng: np.random.Generator) -> Scene:
    """Everything at once, moderately: faults of every kind, soft, noisy, tilted and uneven light, scale unknown."""
    package = scene.package
    names = chosen(package, 6, rng)
    outside = float(np.abs(package.xy_um).max()) + 400.0
    faults = Faults(
        missing=names[:3],
        extra_um=((outside, float(rng.uniform(-outside, outside))),),
        deformed=tuple(Deformed(name, 0.75, float(rng.uniform(0, 180))) for name in names[3:5]),
        bridged=(neighbour_pair(package, names, rng),),
        debris_count=10,
    )
    return replace(
        scene,
        faults=faults,
        sensor=Sensor(psf_sigma_px=float(rng.uniform(1.0, 2.5)), noise_factor=float(rng.uniform(1, 8))),
        light=Light(gradient_ratio=0.4, gradient_deg=float(rng.uniform(0, 360)), tilt_sigma_ratio=0.08,
                    common_tilt_ratio=0.10, common_tilt_deg=float(rng.uniform(0, 360))),
        reflectivity_ratio=float(rng.uniform(0.6, 1.0)),
        scale_ratio=float(rng.uniform(0.99, 1.01)),
    )  # fmt: skip


def any_turn(scene: Scene, rng: np.random.Generator) -> Scene:
    pose = replace(scene.pose, theta_deg=float(rng.uniform(-180, 180)))
    return replace(scene, pose=pose, scale_ratio=float(rng.uniform(0.971, 1.029)))


def low_reflectivity(scene: Scene, _: np.random.Generator) -> Scene:
    return replace(scene, reflectivity_ratio=0.25, light=Light(gradient_ratio=0.6))


CASES = {
    case.name: case
    for case in (
        Case("nominal", "nominal", PERIMETER_215, lambda scene, _: scene),
        Case("noise16", "noise variance 16 x", PERIMETER_215, with_sensor(noise_factor=16.0)),
        Case("defocus", "defocus, PSF 3.5 px", PERIMETER_215, with_sensor(psf_sigma_px=3.5)),
        Case("uneven", "uneven light (a)", PERIMETER_215, with_light(UNEVEN)),
        Case("common", "one light segment dead (b)", PERIMETER_215, with_light(COMMON)),
        Case("missing20", "20 balls missing", PERIMETER_215, with_faults(missing=20)),
        Case("full1023", "1,023 balls", FULL_1023, lambda scene, _: scene),
        Case("wlcsp196", "196 balls, full square", library()["WLCSP 196"], lambda scene, _: scene),
        Case("small", "1280 x 1024 px, 14 um/px", PERIMETER_215, with_sensor(columns=1280, rows=1024, um_per_px=14.0)),
        Case("anyturn", "128 balls, any turn, scale +-3 %", library()["perimeter 128"], any_turn),
        Case("heavy", "heavy substrate", PERIMETER_215, lambda scene, _: replace(scene, substrate=HEAVY)),
        Case("debris", "3 missing, 20 debris", PERIMETER_215, with_faults(missing=3, debris=20)),
        Case("dim", "reflectivity 25 %, gradient 60 %", PERIMETER_215, low_reflectivity),
        Case("mixed", "everything, moderately", PERIMETER_215, mixed),
    )
}
