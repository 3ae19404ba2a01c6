"""What a step is, and what it is given. The runner supplies pause points, deadlines, journal and recovery around it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from drivers.devices.camera import CameraFrame
from recipes import Recipe
from recipes.board import Site
from station.cell import Cell
from station.clock import Clock
from station.eyes import Eyes
from station.process.outcomes import Findings, Outcome


@dataclass
class Work:
    """What is being built now. Steps read it; only the runner writes it.

    pocket, tray      where the next package is taken from
    boards_done       serial -> number of placement records, for boards that were here before
    keep_image        stores a picture and returns its reference by content
    """

    recipe: Recipe
    eyes: Eyes
    clock: Clock
    keep_image: Callable[[CameraFrame], Awaitable[str]]
    findings: Findings = field(default_factory=Findings)
    site: Site | None = None
    pocket: int = 0
    tray: int = 0
    material_lot: str = ""
    material_since_s: float = 0.0
    """when this lot of dip material was first seen on the plate, on the loop's clock"""
    boards_done: Mapping[str, int] = field(default_factory=dict)

    @property
    def the_site(self) -> Site:
        if self.site is None:
            raise LookupError("no site is being built")
        return self.site

    def expected_theta_deg(self) -> float:
        """Nozzle angle at which a package from the tray will stand as its site wants it, before anything was seen."""
        from station.process.outcomes import BoardLocated

        board = self.findings.find(BoardLocated)
        return (self.site.theta_deg if self.site else 0.0) + (board.theta_deg if board else 0.0)


@dataclass(frozen=True)
class Step:
    """One line of the process sheet.

    limit_s        the runner's deadline: far above anything the devices' own deadlines allow
    irreversible   an intent is made durable before it, its evidence right after
    is_looked_at   what it did is looked at by later steps: its act stays open until the package has its record
    """

    id: str
    title: str
    run: Callable[[Cell, Work], Awaitable[Outcome]]
    limit_s: float = 20.0
    irreversible: bool = False
    is_looked_at: bool = False
