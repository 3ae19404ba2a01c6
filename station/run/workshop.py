"""What every job of this station is built with: cell, store, eyes, and the controller's own hooks.

It lasts as long as the service; a run of one job is made here and forgotten with the job.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from drivers.devices.camera import CameraFrame
from recipes import RecipeProblems
from station.alarms.catalogue import Answer, ProcessAlarm
from station.cell import Cell
from station.clock import Clock
from station.eyes import Eyes
from station.process.outcomes import Dipped, Findings
from station.process.step import Step, Work
from station.run.gate import Gate
from station.run.job import Job, JobRun
from station.run.record import Frame
from station.run.settle import AtSite
from station.run.site_look import look_at_site, site_of
from station.run.steps import OpenAct, StepRunner
from station.run.tray import TrayCount
from station.shelf import RecipeRefused, RecipeSource
from station.store.store import Store
from station.version import SOFTWARE_VERSION
from vision.fingerprint import fingerprint


@dataclass(frozen=True)
class Identity:
    """Who this station is, for records."""

    station: str = "station-1"
    simulated: bool = False


@dataclass(frozen=True)
class Workshop:
    """Everything a job needs besides its recipe.

    ask          holds the station and waits for a person's answer
    wait         suspends the station until something from outside is there
    before_try   called before a step runs, and before its intent is written
    left_open    told of an act whose end nobody saw
    boards_done  serial -> number of placement records, for boards that were here before
    """

    station: str
    cell: Cell
    store: Store
    eyes: Eyes
    clock: Clock
    gate: Gate
    keep_image: Callable[[CameraFrame], Awaitable[str]]
    keep_balls: bool
    utc: Callable[[], str]
    ask: Callable[[ProcessAlarm, dict[str, Any]], Awaitable[Answer]]
    wait: Callable[[ProcessAlarm, dict[str, Any]], Awaitable[None]]
    show: Callable[[str], None]
    before_try: Callable[[Step, Work], Awaitable[None]]
    left_open: Callable[[OpenAct], None]
    recipes: RecipeSource
    tray: TrayCount
    findings: Findings = field(default_factory=Findings)
    boards_done: dict[str, int] = field(default_factory=dict)

    async def look_at_site(self, act: OpenAct) -> tuple[AtSite, str]:
        """What the camera sees where this placement was to go. Raises as `site_look.look_at_site`."""
        self.show("Look at the site")
        args = act.args
        begun = args["recipe"]
        try:
            recipe = self.recipes.begun_with(begun["name"], begun["hash"])
        except (RecipeProblems, RecipeRefused) as error:
            return AtSite.UNSEEN, f"its recipe cannot be read any more: {error}"
        site = None if recipe is None else site_of(recipe, begun["hash"], args["site"])
        if recipe is None or site is None:
            return AtSite.UNSEEN, f"recipe {begun['name']} is not here any more as it was begun with"
        work = Work(recipe=recipe, eyes=self.eyes, clock=self.clock, keep_image=self.keep_image, site=site)
        return await look_at_site(self.cell, work, args["board"])

    def run_of(self, job: Job) -> JobRun:
        """The run of one job. Of what was found before only the last dip is kept: no film is used twice."""
        calibration_hash = self.cell.known_calibration.hash
        self.findings.by_kind = {Dipped: kept} if (kept := self.findings.find(Dipped)) else {}
        steps = StepRunner(
            self.cell,
            self.store.events,
            self.store.journal,
            self.gate,
            self.ask,
            self.wait,
            lambda step: self.show(step.title if step else ""),
            self.before_try,
            {
                "job_id": job.id,
                "software_version": SOFTWARE_VERSION,
                "vision_hash": fingerprint(),
                "calibration_hash": calibration_hash,
            },
            self.left_open,
            self.tray,
        )
        work = Work(
            recipe=job.recipe,
            eyes=self.eyes,
            clock=self.clock,
            keep_image=self.keep_image,
            findings=self.findings,
            boards_done=self.boards_done,
        )
        frame = Frame(
            station=self.station,
            job_id=job.id,
            software_version=SOFTWARE_VERSION,
            vision_hash=fingerprint(),
            calibration_hash=calibration_hash,
            part_lot="",
            material_lot="",
            pot_life_left_s=None,
            floor_life_left_s=None,
        )
        return JobRun(
            job,
            self.cell,
            self.store,
            steps,
            work,
            frame,
            self.utc,
            self.ask,
            self.tray,
            self.boards_done,
            keep_balls=self.keep_balls,
        )
