"""One job: so many boards of one recipe. Boards in, every site built or given up with a record, boards out.

It knows the order of boards, sites and attempts; what a step does and what may overlap stands elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from drivers.devices.gantry import GantryPosition
from recipes import Recipe
from recipes.board import Site
from station.alarms.catalogue import Answer, ProcessAlarm
from station.cell import Cell
from station.process import outcomes as o
from station.process import sheet
from station.process.film import film_is_ready
from station.process.mark_again import moved_too_far
from station.process.step import Step, Work
from station.run import record as records
from station.run.critical_path import critical_path
from station.run.film_ahead import FilmAhead
from station.run.package import PackageRun
from station.run.schedule import FILM, HEAD, PREPARE_FILM, Film, Slot, film_ahead_after, package_slots
from station.run.steps import PartSettled, RunEnded, StepRunner
from station.run.tray import TrayCount
from station.store.store import Store

PART_FINDINGS = (
    o.SiteExposed,
    o.SiteLocated,
    o.AtTray,
    o.Picked,
    o.DryExposed,
    o.PackageInspected,
    o.AtPlate,
    o.ImprintExposed,
    o.ImprintChecked,
    o.WetExposed,
    o.DippedInspected,
    o.AtSite,
    o.DipCurve,
    o.Placed,
    o.PlaceCurve,
    o.PlacedExposed,
    o.MarkSeen,
    o.PlacedVerified,
)
"""Forgotten before every package; film and dip generation stay, so that no film is used twice."""

TAKEN = ("placed", "placed_unverified", "ambiguous")
"""results of records that forbid another package at that site"""

RECORDS_READ = 500

RUNNING = "running_job"
"""what outlives the service under this name: the job under way as last seen, empty where none is"""

MISSING_IN_A_ROW = 2
"""so many sites of a board without a bottom package one after another are a matter of the board. Estimate"""
REJECTS_IN_A_ROW = 5
"""so many packages rejected one after another is something systematic. Estimate"""


@dataclass(slots=True)
class Job:
    """One order and how far it came. Written by the run only."""

    id: str
    recipe: Recipe
    boards_total: int
    state: str = "queued"
    """queued, running, complete, stopped, aborted; after a restart interrupted"""
    boards_done: int = 0
    placed: int = 0
    rejected: int = 0
    unplaced: int = 0
    cycle_s: float | None = None
    site_states: dict[str, str] = field(default_factory=dict)

    def view(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "recipe": self.recipe.name,
            "recipe_hash": self.recipe.content_hash,
            "state": self.state,
            "boards_done": self.boards_done,
            "boards_total": self.boards_total,
            "placed": self.placed,
            "rejected": self.rejected,
            "unplaced": self.unplaced,
            "cycle_s": self.cycle_s,
        }


class JobRun:
    """Runs one job on the cell. Create one per job; `work` is what the snapshot shows."""

    def __init__(
        self,
        job: Job,
        cell: Cell,
        store: Store,
        steps: StepRunner,
        work: Work,
        frame: records.Frame,
        utc: Callable[[], str],
        ask: Callable[[ProcessAlarm, dict[str, Any]], Awaitable[Answer]],
        tray: TrayCount,
        boards_done: dict[str, int],
        *,
        keep_balls: bool,
    ) -> None:
        self.job, self.work = job, work
        self._cell, self._store, self._steps, self._frame, self._utc, self._ask = cell, store, steps, frame, utc, ask
        self._tray, self._boards_done = tray, boards_done
        self._keep_balls = keep_balls
        self._rejects_in_a_row = self._missing_in_a_row = 0
        self._last_placed_s: float | None = None
        self._started_at = ""
        self._started_from: GantryPosition | None = None
        self._began_s, self._picks_before = 0.0, 0
        self._slots: tuple[Slot, ...] = ()
        self._ahead = FilmAhead(steps)
        self._head_ended_s: float | None = None
        """when the head had done with the package before, on this board"""

    def place(self) -> str:
        """What is built just now, for people."""
        board = f"board {self.job.boards_done + 1} of job {self.job.id}"
        return board if self.work.site is None else f"site {self.work.site.name} of {board}"

    @property
    def has_clamped(self) -> bool:
        """Whether a board is in the clamp that must not open now."""
        return self.work.findings.find(o.BoardClamped) is not None

    def cut_off(self) -> None:
        """Its task was cancelled; so is what is made beside it, before the machine is stopped under it."""
        self._ahead.cancel()

    async def prepare(self) -> None:
        """What belongs to Starting: lights are set by the steps, the first film is laid and measured here.

        raises   RunEnded
        """
        await self._tray.bring(self._cell)
        self.work.material_lot = lot = await self._cell.board_reader.read_material_lot()
        self.work.material_since_s = self._tray.first_seen(lot, self.work.clock.mono_s())
        self._frame = replace(self._frame, material_lot=lot)
        for slot in PREPARE_FILM:
            await self._steps.do(slot.step, self.work, FILM)
        await self._store.commit()

    async def execute(self) -> None:
        """Build all boards. Raises RunEnded when the job cannot go on."""
        try:
            while not self.job.boards_total or self.job.boards_done < self.job.boards_total:
                await self._board()
                self.job.boards_done += 1
                self._store.remember(RUNNING, json.dumps(self.job.view()))
        finally:
            await self._ahead.drop()

    async def _board(self) -> None:
        self.work.findings.forget(o.BoardLoaded, o.BoardRead, o.BoardClamped, o.BoardLocated)
        self.work.site, self._head_ended_s, self._missing_in_a_row = None, None, 0
        self.job.site_states = {site.name: "pending" for site in self.job.recipe.board.sites}
        for step in sheet.BOARD_IN_STEPS:
            await self._on_board(step)
        serial = self.work.findings.the(o.BoardRead).serial
        sites = await self._free_sites(serial)
        for number, site in enumerate(sites):
            last = number == len(sites) - 1 and self.job.boards_done + 1 == self.job.boards_total
            await self._site(site, another_follows=not last)
        self.work.site = None
        self.work.findings.forget(o.BoardClamped)
        # The board leaves only when everything about it is durable.
        await self._store.commit()
        await self._on_board(sheet.BOARD_OUT)
        self._boards_done[serial] = len(self.job.site_states)
        self._store.events.append("board.departed", {"serial": serial, "sites": dict(self.job.site_states)})
        await self._store.commit()

    async def _free_sites(self, serial: str) -> list[Site]:
        """Sites that no record says to be taken. A placement that may have happened counts as one that did."""
        taken: dict[str, str] = {}
        after: int | None = 0
        while after is not None:
            page = await self._store.records.page(after, RECORDS_READ, board=serial)
            for record in page.items:
                if record["result"] in TAKEN:
                    taken[record["site"]] = record["result"]
            after = page.next_after
        for site, result in taken.items():
            self.job.site_states[site] = "done" if result == "placed" else "failed"
        return [site for site in self.job.recipe.board.sites if site.name not in taken]

    async def _on_board(self, step: Step) -> None:
        await self._steps.do(step, self.work, HEAD)

    async def _site(self, site: Site, *, another_follows: bool) -> None:
        self.work.site = site
        self.job.site_states[site.name] = "active"
        self._steps.retries.clear()
        parts_left = 1 + self.job.recipe.recovery.new_part_retries
        while parts_left > 0:
            parts_left -= 1
            try:
                verdict, result = await self._attempt(another_follows)
                is_given_up = await self._close(verdict, result)
            except BaseException:
                self._steps.cut_off(lambda: self._record(o.Verdict(), "", {}, {}))
                raise
            if result in ("placed", "placed_unverified"):
                self.job.site_states[site.name] = "done" if verdict.fate is o.Fate.PASS else "failed"
                return
            if is_given_up:
                break
            if verdict.fate is o.Fate.SKIP_SITE:
                self.job.site_states[site.name] = "failed" if result == "ambiguous" else "skipped"
                return
            self.job.site_states[site.name] = "retried"
        self.job.site_states[site.name] = "rejected"
        self.job.unplaced += 1

    async def _attempt(self, another_follows: bool) -> tuple[o.Verdict, str]:
        """One package for the present site. Returns the verdict and the result for the record."""
        self.work.findings.forget(*PART_FINDINGS)
        self._steps.spans.clear()
        self._steps.answers.clear()
        self._started_at, self._started_from = self._utc(), self._cell.gantry.position
        self._picks_before = self._tray.picks_begun
        self._began_s = self.work.clock.mono_s()
        imprint = self.job.recipe.dip.imprint_check
        self._slots = package_slots(
            Film.COMING if self._ahead.is_coming else Film.READY if film_is_ready(self.work) else Film.MISSING,
            imprint=imprint,
        )
        begin_ahead_after = film_ahead_after(imprint=imprint) if another_follows else ""
        try:
            verdict, result = (
                await PackageRun(self._steps, self.work, self._slots, self._ahead, begin_ahead_after).run(),
                "",
            )
        except PartSettled as settled:
            verdict, result = settled.verdict, settled.result
            self._forget_touched_film()
        if not result:
            if self.work.findings.find(o.Placed) is not None:
                result = "placed"
            else:
                result = "unplaced" if verdict.fate is o.Fate.SKIP_SITE else "rejected"
        return verdict, result

    def _dip(self) -> o.Dipped | None:
        """That of the present package; the one before stays known, because of the film that it touched."""
        dipped = self.work.findings.find(o.Dipped)
        return dipped if dipped is not None and dipped.at_s >= self._began_s else None

    def _forget_touched_film(self) -> None:
        """A dip that broke off may have left its print: nobody dips there again before the film is new."""
        if self.work.findings.find(o.AtPlate) is not None and self._dip() is None:
            self.work.findings.forget(o.FilmAccepted)

    async def _close(self, verdict: o.Verdict, result: str) -> bool:
        """Write the record of the attempt; a part that is still on the nozzle goes to the bin first.

        returns   whether a person has given the site up, so that it gets no further package
        """
        is_given_up = False
        found = self.work.findings
        # What hung on the nozzle before the pick belongs to nobody: it is never placed.
        is_foreign = verdict.code in ("nozzle_not_empty", "vacuum_implausible")
        if result in ("rejected", "unplaced", "ambiguous") and (is_foreign or found.find(o.Picked) is not None):
            await self._on_board(sheet.BIN_PART)
        await self._write_record(verdict, result)
        if result in ("placed", "placed_unverified"):
            self.job.placed += 1
            self._rejects_in_a_row = 0
            placed = found.find(o.Placed)
            if placed is not None:
                if self._last_placed_s is not None:
                    self.job.cycle_s = placed.at_s - self._last_placed_s
                self._last_placed_s = placed.at_s
        elif result == "rejected":
            self.job.rejected += 1
            self._rejects_in_a_row += 1
            if self._rejects_in_a_row >= REJECTS_IN_A_ROW:
                self._rejects_in_a_row = 0
                alarm = ProcessAlarm("too_many_rejects", count=REJECTS_IN_A_ROW, reason=verdict.text)
                is_given_up = await self._ask_about(alarm) is Answer.SKIP_SITE
        else:
            self.job.unplaced += 1
        self._missing_in_a_row = self._missing_in_a_row + 1 if verdict.code == "bottom_missing" else 0
        if self._missing_in_a_row == MISSING_IN_A_ROW:
            what = f"no bottom package at {MISSING_IN_A_ROW} sites one after another; is the board empty or turned?"
            await self._ask_about(ProcessAlarm("board_fit_implausible", what=what))
            await self._on_board(sheet.LOCATE_BOARD)
        moved = moved_too_far(found.find(o.MarkSeen))
        if moved is not None:
            await self._ask_about(moved)
            await self._on_board(sheet.LOCATE_BOARD)
        return is_given_up

    async def _ask_about(self, alarm: ProcessAlarm) -> Answer:
        """Something is the matter beyond one package; its record is written. Raises RunEnded when a person stops."""
        answer = await self._ask(alarm, {"site": self.work.the_site.name})
        if answer is Answer.STOP:
            raise RunEnded(alarm, abort=False, is_chosen=True)
        return answer

    async def _write_record(self, verdict: o.Verdict, result: str) -> None:
        found = self.work.findings
        curves = {}
        for name, outcome in (("dip", found.find(o.DipCurve)), ("place", found.find(o.PlaceCurve))):
            if outcome is not None and outcome.points:
                curves[name] = await self._store.blobs.put(_curve_json(outcome.points), ".json")
        balls = {}
        if self._keep_balls:
            states = records.ball_states(found.find(o.PackageInspected), found.find(o.DippedInspected))
            for view, listed in states.items():
                balls[view] = await self._store.blobs.put(json.dumps(listed).encode(), ".json")
        made = self._record(verdict, result, curves, balls)
        if result == "placed":
            made["cycle"] = self._cycle()
        self._store.records.append(made)
        self._steps.recorded("ambiguous" if result == "ambiguous" else verdict.fate.value)
        await self._store.commit()

    def _record(self, verdict: o.Verdict, result: str, curves: dict[str, str], balls: dict[str, str]) -> dict[str, Any]:
        return records.placement_record(
            self._lives(),
            self.work,
            board_index=self.job.boards_done,
            dipped=self._dip(),
            is_pick_begun=self._tray.picks_begun > self._picks_before,
            result=result,
            reason=verdict,
            spans=self._steps.spans,
            curves=curves,
            balls=balls,
            started_at=self._started_at,
            ended_at=self._utc(),
            operator=self._steps.answers,
        )

    def _lives(self) -> records.Frame:
        """The job's frame with the lot of the tray and what is left of open time and floor life."""
        now_s, material = self.work.clock.mono_s(), self.job.recipe.material
        floor_life_s = material.floor_life_s
        tray_since_s = self._tray.first_seen(self._tray.lot, now_s)
        return replace(
            self._frame,
            part_lot=self._tray.lot,
            pot_life_left_s=material.pot_life_s - (now_s - self.work.material_since_s),
            floor_life_left_s=None if floor_life_s is None else floor_life_s - (now_s - tray_since_s),
        )

    def _cycle(self) -> dict[str, Any]:
        """How long this package took the head, waiting included, and how long the axes would have needed.

        A package that follows another on the same board counts from the end of that one.
        """
        head = [span for span in self._steps.spans if span.lane == HEAD]
        ideal = critical_path(self._cell, self.work, self._slots, self._started_from)
        start_s = head[0].start_s if self._head_ended_s is None else self._head_ended_s
        self._head_ended_s = head[-1].end_s
        return {
            "actual_s": head[-1].end_s - start_s,
            "critical_path_s": ideal.total_s,
            "critical_steps": [[title, round(start_s, 4), round(end_s, 4)] for title, start_s, end_s in ideal.steps],
        }


def _curve_json(curve: tuple[tuple[float, float], ...]) -> bytes:
    z = ",".join([f"{z_um:.1f}" for z_um, _ in curve])
    force = ",".join([f"{force_n:.3f}" for _, force_n in curve])
    return f'{{"z_um":[{z}],"force_n":[{force}]}}'.encode()
