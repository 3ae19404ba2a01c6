"""Random scenes for the long run: in range over all packages, and adversarial ones that ask for a refusal.

Scene number i is drawn from i alone, so that a run can be taken up again. Pictures are cropped to the turned array,
its offset and a margin: what is left out holds substrate only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from tests.benchmarks.vision.cases import chosen, neighbour_pair
from tests.benchmarks.vision.packages import grid, irregular, library
from tests.benchmarks.vision.scene import HEAVY, NORMAL, Deformed, Faults, Light, Package, Pose, Scene, Sensor, Spread
from tests.benchmarks.vision.truth import turned

MARGIN_UM = 350.0
OFFSET_UM = 1000.0
ADVERSARIAL_EVERY = 10
FIRST = 7_000_000

Wanted = Literal["pose", "no turn", "nothing"]
"""What is true of a scene: it has a pose; its balls cannot tell the turn; the array asked for is not there."""


@dataclass(frozen=True)
class Task:
    """`drawn` is what stands before the camera, `asked` what the finder is told to look for."""

    kind: str
    drawn: Scene
    asked: Package
    wanted: Wanted


def task(number: int) -> Task:
    """In range, except every tenth, which is adversarial."""
    rng = np.random.Generator(np.random.PCG64([FIRST, number]))
    if number % ADVERSARIAL_EVERY == ADVERSARIAL_EVERY - 1:
        kinds = tuple(ADVERSARIAL)
        kind = kinds[number // ADVERSARIAL_EVERY % len(kinds)]
        return ADVERSARIAL[kind](kind, number, rng)
    package = tuple(library().values())[int(rng.integers(0, len(library())))]
    return Task("in range", in_range(package, number, rng), package, "pose")


def in_range(package: Package, number: int, rng: np.random.Generator) -> Scene:
    """Any turn, offset +-1 mm, scale +-3 %, soft and noisy within reason, uneven light, up to a few faults."""
    pose = Pose(float(rng.uniform(-OFFSET_UM, OFFSET_UM)), float(rng.uniform(-OFFSET_UM, OFFSET_UM)),
                float(rng.uniform(-180, 180)))  # fmt: skip
    scale = float(rng.uniform(0.971, 1.029))  # scattered balls measure a little more or less than the scale
    um_per_px = float(rng.choice([7.0, 8.0]))
    light = Light(
        gain_ratio=float(rng.uniform(0.8, 1.2)),
        gradient_ratio=float(rng.uniform(0, 0.5)),
        gradient_deg=float(rng.uniform(0, 360)),
        vignetting_ratio=float(rng.uniform(0, 0.25)),
        tilt_sigma_ratio=float(rng.uniform(0, 0.1)),
        common_tilt_ratio=float(rng.uniform(0, 0.2)),
        common_tilt_deg=float(rng.uniform(0, 360)),
    )
    scene = Scene(
        "in range", FIRST + number, package, pose,
        sensor=Sensor(psf_sigma_px=float(rng.uniform(0.8, 2.0)), noise_factor=float(2 ** rng.uniform(0, 3)),
                      um_per_px=um_per_px),
        light=light,
        substrate=HEAVY if rng.random() < 0.25 else NORMAL,
        spread=Spread(placement_um=float(rng.uniform(3, 10))),
        faults=_some_faults(package, rng),
        reflectivity_ratio=float(rng.uniform(0.7, 1.1)),
        scale_ratio=scale,
    )  # fmt: skip
    return cropped(scene)


def _some_faults(package: Package, rng: np.random.Generator) -> Faults:
    """Faults that leave the asymmetry of the package in sight: no ball lacks at a corner."""
    if rng.random() < 0.4:
        return Faults()
    names = chosen(package, 5, rng)
    missing = names[: int(rng.integers(0, 4))]
    deformed = tuple(Deformed(n, float(rng.uniform(0.6, 0.8)), float(rng.uniform(0, 180))) for n in names[4:])
    return Faults(
        missing=missing,
        deformed=deformed if rng.random() < 0.3 else (),
        bridged=(neighbour_pair(package, names, rng),) if rng.random() < 0.3 else (),
        debris_count=int(rng.integers(0, 8)),
    )


def cropped(scene: Scene, cut_um: float = 0.0) -> Scene:
    """The scene on a sensor that just holds the turned array at its offset, or lacks `cut_um` of it."""
    sites = turned(scene.scale_ratio * scene.package.xy_um, scene.pose)
    mark = scene.package.mark
    if mark is not None:
        sites = np.vstack([sites, turned(scene.scale_ratio * np.array([[mark.x_um, mark.y_um]]), scene.pose)])
    half_um = np.abs(sites).max(axis=0) + MARGIN_UM + scene.package.diameter_um - cut_um
    columns, rows = (2 * np.ceil(half_um / scene.sensor.um_per_px)).astype(int)
    return replace(scene, sensor=replace(scene.sensor, columns=int(columns), rows=int(rows)))


def _symmetric(kind: str, number: int, rng: np.random.Generator) -> Task:
    """No corner is empty and there is no mark: nothing tells the turn."""
    package = grid("perimeter 216, no mark", 29, 29, 400.0, 230.0, rings=2)
    return Task(kind, replace(in_range(package, number, rng), faults=Faults()), package, "no turn")


def _second_corner_lost(kind: str, number: int, rng: np.random.Generator) -> Task:
    """The one empty corner has a rival: another corner's ball is lost as well."""
    package = library()["perimeter 215"]
    corner = str(rng.choice(["R1C29", "R29C1", "R29C29"]))
    return Task(kind, replace(in_range(package, number, rng), faults=Faults(missing=(corner,))), package, "no turn")


def _other_package(kind: str, number: int, rng: np.random.Generator) -> Task:
    """Another package of the same pitch, or of no pitch at all."""
    asked = library()["perimeter 215"]
    others = (
        grid("perimeter 208", 28, 28, 400.0, 230.0, rings=2),
        grid("one row 112", 29, 29, 400.0, 230.0, rings=1),
        grid("three rows 312", 29, 29, 400.0, 230.0, rings=3),
        irregular("irregular 200", 200, 5600.0, 400.0, 230.0, 9),
    )
    other = others[int(rng.integers(0, len(others)))]
    return Task(kind, in_range(other, number, rng), asked, "nothing")


def _out_of_view(kind: str, number: int, rng: np.random.Generator) -> Task:
    """Balls of a corner, a side or more lie outside the picture: refused, or found where it is."""
    package = library()["perimeter 168"]
    return Task(kind, cropped(in_range(package, number, rng), float(rng.uniform(900, 2500))), package, "pose")


def _half_missing(kind: str, number: int, rng: np.random.Generator) -> Task:
    package = library()["perimeter 168"]
    scene = in_range(package, number, rng)
    return Task(kind, replace(scene, faults=Faults(missing=chosen(package, package.count // 2, rng))), package, "pose")


def _bare(kind: str, number: int, rng: np.random.Generator) -> Task:
    """Substrate, debris and bare lands, no ball."""
    package = library()["perimeter 215"]
    scene = in_range(package, number, rng)
    return Task(kind, replace(scene, faults=Faults(missing=package.ball_names, debris_count=40)), package, "nothing")


def _very_soft(kind: str, number: int, rng: np.random.Generator) -> Task:
    package = library()["perimeter 152"]
    scene = in_range(package, number, rng)
    sensor = replace(scene.sensor, psf_sigma_px=float(rng.uniform(4, 7)))
    return Task(kind, replace(scene, sensor=sensor), package, "pose")


def _glare(kind: str, number: int, rng: np.random.Generator) -> Task:
    """Three to five times too much light."""
    package = library()["perimeter 216"]
    scene = in_range(package, number, rng)
    return Task(kind, replace(scene, light=replace(scene.light, gain_ratio=float(rng.uniform(3, 5)))), package, "pose")


def _littered(kind: str, number: int, rng: np.random.Generator) -> Task:
    """A hundred specks, twenty balls missing, on a heavy substrate; in every other picture a corner is among them."""
    package = library()["perimeter 215"]
    scene = replace(in_range(package, number, rng), substrate=HEAVY)
    corner = () if rng.random() < 0.5 else (str(rng.choice(["R1C29", "R29C1", "R29C29"])),)
    faults = Faults(missing=(*chosen(package, 20, rng), *corner), debris_count=100)
    return Task(kind, replace(scene, faults=faults), package, "no turn" if corner else "pose")


ADVERSARIAL = {
    "symmetric, no mark": _symmetric,
    "second corner lost": _second_corner_lost,
    "another package": _other_package,
    "out of view": _out_of_view,
    "half the balls missing": _half_missing,
    "no ball at all": _bare,
    "very soft": _very_soft,
    "glare": _glare,
    "littered": _littered,
}
