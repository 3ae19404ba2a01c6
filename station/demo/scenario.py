"""From a recipe to the simulated world that suits it: the drawings that packages, boards and bottoms are made from.

Only drawings and material cross over; the simulator draws its own errors and the station never sees them.
"""

from __future__ import annotations

from recipes import Recipe
from recipes.board import USUAL_PART_RATIO, Fiducial
from sim_hardware.faults import FaultSpec
from sim_hardware.scenario import Rendering, Scenario
from sim_hardware.world.machine import Fidelity
from sim_hardware.world.things import (
    BallSite,
    BoardType,
    BottomType,
    FiducialSite,
    LandSite,
    Material,
    PackageType,
    PlacementSite,
)


def scenario_for(
    recipe: Recipe,
    *,
    seed: int,
    fidelity: Fidelity = Fidelity.REAL,
    rendering: Rendering = Rendering.FULL,
    boards: int = 0,
    faults: tuple[FaultSpec, ...] = (),
) -> Scenario:
    """The world in which this recipe can be built. boards 0: an endless supply."""
    package, bottom, board, material = recipe.package, recipe.bottom, recipe.board, recipe.material
    return Scenario(
        seed=seed,
        fidelity=fidelity,
        rendering=rendering,
        material=Material(
            name=material.name,
            kind=material.kind,
            viscosity_pa_s=material.viscosity_pa_s,
            tack_kpa=material.tack_kpa,
        ),
        top=PackageType(
            package.name,
            package.body_x_um,
            package.body_y_um,
            package.body_height_um,
            package.mass_g,
            tuple(BallSite(b.name, b.x_um, b.y_um, b.diameter_um, b.height_um) for b in package.balls),
            a1_x_um=package.a1_mark.x_um,
            a1_y_um=package.a1_mark.y_um,
            a1_diameter_um=package.a1_mark.diameter_um,
        ),
        bottom=BottomType(
            bottom.name,
            bottom.body_x_um,
            bottom.body_y_um,
            bottom.body_height_um,
            tuple(LandSite(n.name, n.x_um, n.y_um, n.diameter_um) for n in bottom.lands),
            bottom.a1_x_um,
            bottom.a1_y_um,
        ),
        board=BoardType(
            board.name,
            board.size_x_um,
            board.size_y_um,
            board.thickness_um,
            tuple(_mark(fiducial) for fiducial in board.fiducials),
            tuple(PlacementSite(s.name, s.x_um, s.y_um, s.theta_deg) for s in board.sites),
        ),
        board_count=boards,
        faults=faults,
    )


def _mark(drawn: Fiducial) -> FiducialSite:
    part_ratio = drawn.part_ratio or USUAL_PART_RATIO.get(drawn.shape, 0.0)
    is_bright = drawn.polarity == "bright"
    return FiducialSite(drawn.name, drawn.x_um, drawn.y_um, drawn.diameter_um, drawn.shape, part_ratio, is_bright)
