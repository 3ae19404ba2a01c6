"""Relations about what lies there and how well it is seen: order and place of boards, noise."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from unittest.mock import patch

import numpy as np

from recipes import Recipe
from sim_hardware.faults import Faults, FaultSpec
from sim_hardware.optics import measured, observation_common, observation_down, observation_up
from sim_hardware.plant import Plant
from sim_hardware.world import errors_drawn
from sim_hardware.world.boards import make_board
from sim_hardware.world.machine import Fidelity
from sim_hardware.world.packages import make_package
from sim_hardware.world.places import Tray
from sim_hardware.world.things import BoardTruth, PackageTruth
from tests.campaign.compared import CONTENTS, Records, Within, differing, verdicts
from tests.campaign.paired import Run, Stage, Told
from tests.campaign.relations import (
    NOT_COMPARED,
    PARTS,
    SETTLED,
    VALUES,
    Lines,
    Pair,
    by_attempt,
    by_package,
    by_pocket,
    outcome,
    relation,
)
from tests.scenarios.bench import recipe

CLAIM_SIGMAS = 5.0
"""of a claimed uncertainty: more is not chance"""
KINDS_OF_BOARD = ("good", *PARTS, "bottom_missing", "bottom_turned")
"""what costs a package or a site; a board that ends its job leaves the others unbuilt"""
EXTRA_PARTS = 3
"""packages of a board beyond one for each site: as many as a bad one can cost"""


class BoardOfItsOwn:
    """A board with what is wrong with it and the packages that will be built on it, all drawn from its own number:
    whoever was before it leaves no trace in it."""

    def __init__(self, seed: int, number: int, drawn: Recipe, plant: Plant) -> None:
        chance = random.Random(f"board {seed} {number}")
        rng = np.random.default_rng((seed, number))
        self.kind = chance.choice(KINDS_OF_BOARD)
        spec = FaultSpec(self.kind, nth=1, value=VALUES.get(self.kind, 0.0)) if self.kind != "good" else None
        on_board = Faults([spec] if spec and self.kind == "bottom_missing" else [])
        on_part = Faults([spec] if spec and self.kind in PARTS else [])
        scenario = plant.scenario
        self.board: BoardTruth = make_board(scenario.board, number, rng, Fidelity.REAL, on_board)
        self.turn_deg = 90.0 if self.kind == "wrong_part" else 0.0
        if self.kind == "bottom_turned":
            self.board.sites[0].bottom_dtheta_deg += 90.0
        self.packages: list[PackageTruth] = [
            make_package(scenario.top, f"{self.board.serial}-{n}", rng, Fidelity.REAL, on_part)
            for n in range(len(drawn.board.sites) + EXTRA_PARTS)
        ]

    def lay_into(self, tray: Tray) -> None:
        """The packages of this board are the next ones of the tray."""
        free = [pocket for pocket in tray.pockets if pocket.package is not None]
        for pocket, package in zip(free, self.packages, strict=False):
            pocket.package, pocket.dtheta_deg = package, 0.0
        free[0].dtheta_deg = self.turn_deg


def _in_order(seed: int, numbers: tuple[int, ...], plant: Plant) -> None:
    own = [BoardOfItsOwn(seed, number, recipe(), plant) for number in numbers]
    bring_tray = plant.bring_tray

    def board() -> None:
        come = own[len(plant.boards)]
        plant.boards.append(come.board)
        plant.board_in_nest = come.board
        plant.record("board in", serial=come.board.serial)
        if plant.tray is not None:
            come.lay_into(plant.tray)

    def tray() -> None:
        bring_tray()
        if plant.boards and plant.tray is not None:
            own[len(plant.boards) - 1].lay_into(plant.tray)

    plant.bring_board, plant.bring_tray = board, tray  # type: ignore[method-assign]


async def _three_boards(stage: Stage) -> None:
    await stage.build(3)


@relation("order")
def order(seed: int) -> Iterator[Pair]:
    """Boards with their packages, each with a defect of its own, come in another order: each gets the same records."""
    chance = random.Random(f"order {seed}")
    numbers: tuple[int, ...] = (1, 2, 3)
    shuffled = numbers
    while shuffled == numbers:
        shuffled = tuple(chance.sample(numbers, 3))
    base = Run(seed, is_noisy=seed % 2 == 1, work=_three_boards)
    one, other = (replace(base, prepare=partial(_in_order, seed, way)).told() for way in (numbers, shuffled))
    a, b = by_attempt(one), by_attempt(other)
    broken = differing(outcome(one), outcome(other), Within(), ())
    if base.is_noisy:
        broken += differing(verdicts(a), verdicts(b), Within(), ())
    else:
        broken += differing(a, b, OTHER_PLACES, (*NOT_COMPARED, *COUNTS))
        broken += differing(_on_the_board(a), _on_the_board(b), SETTLED, CONTENTS)
    yield Pair(f"boards in the order {shuffled}", broken)


COUNTS = ("board.index", "package.pocket", "package.tray", "film.generation", "film.levels")
OTHER_PLACES = Within(um=8.0, deg=0.02, n=0.01, kpa=0.1, probability=1e-6)
"""from another pocket of a tray that no axis runs along exactly a package hangs elsewhere on the nozzle"""


def _on_the_board(records: Records) -> Records:
    """Of every record what does not depend on the pocket."""
    return {key: {"site": record["vision"]["site"], "verify": record["verify"]} for key, record in records.items()}


class _Truth:
    """Which pockets of the first tray held a package that must not be placed."""

    def __init__(self) -> None:
        self.bad: set[int] = set()

    def watch(self, plant: Plant) -> None:
        bring_tray = plant.bring_tray

        def tray() -> None:
            bring_tray()
            assert plant.tray is not None
            for index, pocket in enumerate(plant.tray.pockets):
                assert pocket.package is not None
                short = any(not b.present or b.height_um < SHORT_RATIO * b.site.height_um for b in pocket.package.balls)
                if short or abs(pocket.dtheta_deg) > TURNED_DEG:
                    self.bad.add(index)

        plant.bring_tray = tray  # type: ignore[method-assign]


SHORT_RATIO = 0.7
"""a ball shorter than this was shortened by a fault: those of real parts differ by a few per cent"""
TURNED_DEG = 45.0
NOISE_SIGMAS = (
    "SETTLE_SIGMA_UM",
    "SETTLE_SIGMA_DEG",
    "Z_SETTLE_SIGMA_UM",
    "FORCE_NOISE_N",
    "GAUGE_NOISE_UM",
)
"""of the machine; the vacuum of the simulator has no noise of its own"""


def noisier(ratio: float) -> ExitStack:
    """While it is open, cameras measure and axes, force and film gauge repeat so many times worse."""
    sigmas, stack = measured.SIGMAS, ExitStack()
    worse = replace(sigmas, **{name: ratio * getattr(sigmas, name) for name in sigmas.__slots__})
    for module in (measured, observation_common, observation_down, observation_up):
        stack.enter_context(patch.object(module, "SIGMAS", worse))
    for name in NOISE_SIGMAS:
        stack.enter_context(patch.object(errors_drawn, name, ratio * getattr(errors_drawn, name)))
    return stack


SPOILT_RATIO = 0.12
"""share of packages that each fault of a part spoils"""


@relation("noise")
def noise(seed: int) -> Iterator[Pair]:
    """Twice the noise never lets a package with a true defect onto a board, and a good one still passes."""
    faults = tuple(FaultSpec(kind, value=VALUES.get(kind, 0.0), probability=SPOILT_RATIO) for kind in PARTS)
    truth = _Truth()
    base = Run(seed, is_noisy=True, faults=faults, prepare=truth.watch, work=_three_boards)
    one = base.told()
    with noisier(2.0):
        other = base.told()
    before, after = by_package(one), by_package(other)
    broken: Lines = []
    for pocket in sorted(before.keys() & after.keys()):
        was, now = before[pocket], after[pocket]
        is_bad = pocket in truth.bad
        is_placed = [became.startswith("placed") for became in (was, now)]
        if (is_bad and any(is_placed)) or (not is_bad and is_placed == [True, False]):
            about = f"pocket {pocket}, {'bad' if is_bad else 'good'}"
            broken.append((f"{about}: {was}", f"{about}: {now}"))
    yield Pair("twice the noise", broken)


@relation("place")
def place_of_board(seed: int) -> Iterator[Pair]:
    """A board that lies further off in the nest, or turned, gets its packages at the same places of the board, within
    what the records claim."""
    chance = random.Random(f"place {seed}")
    base = Run(seed, is_noisy=seed % 2 == 1)
    dx_um, dy_um = chance.uniform(-500, 500), chance.uniform(-500, 500)
    turn_deg = chance.choice((-1, 1)) * chance.uniform(0.05, 0.2)

    def shifted(plant: Plant) -> None:
        bring_board = plant.bring_board

        def board() -> None:
            bring_board()
            come = plant.boards[-1]
            come.nest_dx_um += dx_um
            come.nest_dy_um += dy_um
            come.nest_dtheta_deg += turn_deg

        plant.bring_board = board  # type: ignore[method-assign]

    one, other = base.told(), replace(base, prepare=shifted).told()
    broken = differing(outcome(one), outcome(other), Within(), ())
    broken += differing(verdicts(by_pocket(one)), verdicts(by_pocket(other)), Within(), ())
    if not base.is_noisy:
        broken += differing(_true_places(one), _true_places(other), SETTLED, ())
    for run, moved in ((one, "as it comes"), (other, "moved")):
        broken += [(f"{moved}: {record}", f"{moved}: {true}") for record, true in _false_claims(run)]
    yield Pair(f"a board moved by {dx_um:.0f}, {dy_um:.0f} um and {turn_deg:.3f} deg", broken)


def _true_places(told: Told) -> Records:
    offsets = ("offset_x_um", "offset_y_um", "offset_theta_deg")
    return {" ".join(where): {name: placed[name] for name in offsets} for where, placed in told.placed.items()}


def _false_claims(told: Told) -> Iterator[tuple[str, str]]:
    """Offsets of records that lie farther from the truth than they claim."""
    for record in told.records:
        if record["result"] != "placed":
            continue
        where = (record["board"]["serial"], record["site"])
        for axis in ("x_um", "y_um", "theta_deg"):
            told_here, sigma = record["verify"][f"offset_{axis}"], record["verify"][f"sigma_{axis}"]
            true = told.placed[where][f"offset_{axis}"]
            if not abs(told_here - true) <= CLAIM_SIGMAS * sigma:
                yield (
                    f"{where[1]}: offset_{axis} = {told_here:.4f} +- {sigma:.4f}",
                    f"{where[1]}: true {axis} {true:.4f}",
                )
