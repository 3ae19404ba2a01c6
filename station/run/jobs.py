"""The jobs of this station: queued, running, ended; and those that an earlier life of the service left unfinished.

An interrupted job is listed, never resumed: what became of its boards stands in the records. Nothing here moves.
"""

from __future__ import annotations

import json
from typing import Any

from station.run.job import RUNNING, Job
from station.shelf import RecipeSource
from station.store.store import Store

BOARDS_MAX = 1_000_000


class CommandRefused(Exception):
    """The command does not fit the present state; nothing was changed."""


class Jobs:
    """All jobs by id, oldest first."""

    def __init__(self, store: Store, recipes: RecipeSource) -> None:
        self._store, self._recipes = store, recipes
        self._by_id: dict[str, Job] = {}
        self._interrupted: dict[str, dict[str, Any]] = {}
        self._count = 0

    def remember(self) -> None:
        """After a start of the service: a job that was running then is interrupted, for good."""
        left = self._store.remembered(RUNNING)
        if not left:
            return
        view = {**json.loads(left), "state": "interrupted"}
        self._interrupted[view["id"]] = view
        self._store.events.append("job.interrupted", view)
        self._store.remember(RUNNING, "")

    def submit(self, recipe_name: str, boards: int, revision: str = "") -> Job:
        """Order `boards` boards, 0: until stopped. What is built is fixed here, whatever becomes of the recipe later.

        revision   hash of the revision that the order insists on; empty: what the name stands for now
        raises     as `RecipeSource.to_build`; CommandRefused for a wrong number
        """
        if not 0 <= boards <= BOARDS_MAX:
            raise CommandRefused(f"boards = {boards}: allowed 0 (until stopped) to {BOARDS_MAX}")
        recipe = self._recipes.to_build(recipe_name, revision)
        self._count += 1
        job = Job(f"J{self._store.events.head_seq + 1}-{self._count}", recipe, boards)
        self._by_id[job.id] = job
        self._store.events.append("job.submitted", job.view())
        return job

    def find(self, job_id: str) -> Job | None:
        """A job of this life of the service."""
        return self._by_id.get(job_id)

    def next_queued(self) -> Job | None:
        return next((job for job in self._by_id.values() if job.state == "queued"), None)

    def view(self, job_id: str) -> dict[str, Any] | None:
        """One job as people see it, also an interrupted one."""
        job = self._by_id.get(job_id)
        return job.view() if job is not None else self._interrupted.get(job_id)

    def views(self) -> list[dict[str, Any]]:
        return [*self._interrupted.values(), *(job.view() for job in self._by_id.values())]

    def began(self, job: Job) -> None:
        """From the next commit on it is known that this job was running."""
        self._store.events.append("job.started", job.view())
        self._store.remember(RUNNING, json.dumps(job.view()))

    def ended(self, job: Job, state: str) -> None:
        """complete, stopped or aborted."""
        job.state = state
        self._store.remember(RUNNING, "")
        self._store.events.append("job.completed" if state == "complete" else "job.ended", job.view())

    def end_running(self, state: str) -> None:
        """Whatever runs has ended like this."""
        for job in self._by_id.values():
            if job.state == "running":
                self.ended(job, state)
