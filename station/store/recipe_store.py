"""Recipe revisions as the station keeps them: immutable, named by the hash of their content, draft until approved.

Nothing here understands a recipe; whether one is sound was decided before it came here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from sqlalchemy import Connection, select, text

from station.store import schema
from station.store.errors import NotStored, StoreError
from station.store.event_log import Clock, EventLog
from station.store.writing import Writing

RecipeState = Literal["draft", "approved", "retired"]

APPROVED_VISION = "approved_vision "
"""name of the fact, before the hash of the revision: which vision it was approved under. Beside the table and not in
it: a memory of before needs no other layout, its approvals just name no vision"""


class WrongRecipeState(StoreError):
    """The revision cannot go from the state it is in to the one asked for."""


@dataclass(frozen=True)
class StoredRecipe:
    """One revision.

    hash              hex digest of its content; a job pins it
    document          its content as canonical JSON
    approved_vision   fingerprint of the vision under which it was last approved; empty: it was not, or none was named
    """

    hash: str
    name: str
    revision: str
    state: RecipeState
    document: str
    stored_at: str
    approved_vision: str = ""


class RecipeStore:
    """All revisions, held in memory (a plant has some hundreds) and written with the next commit."""

    def __init__(self, writing: Writing, log: EventLog, clock: Clock, *, stored: list[StoredRecipe]) -> None:
        self._writing = writing
        self._log = log
        self._clock = clock
        self._revisions = {one.hash: one for one in stored}

    def put(self, name: str, revision: str, content_hash: str, document: str) -> StoredRecipe:
        """Keep a revision as a draft; the same content again changes nothing."""
        known = self._revisions.get(content_hash)
        if known is not None:
            return known
        stored_at = self._clock.utc().isoformat(timespec="milliseconds")
        kept = StoredRecipe(content_hash, name, revision, "draft", document, stored_at)
        self._writing.queue(schema.INSERT_RECIPE, (content_hash, name, revision, "draft", document, stored_at))
        self._log.append("recipe.modified", {"name": name, "revision": revision, "hash": content_hash, "to": "draft"})
        self._revisions[content_hash] = kept
        return kept

    def approve(self, content_hash: str, vision: str) -> StoredRecipe:
        """Approve a revision under this vision; one approved under another is approved anew, the same again changes
        nothing.

        raises   NotStored, WrongRecipeState: it is retired
        """
        known = self.get(content_hash)
        if known.state == "retired":
            raise WrongRecipeState(
                f"Recipe {known.name} revision {known.revision} is retired, it cannot become approved. "
                "Store a new revision."
            )
        if (known.state, known.approved_vision) == ("approved", vision):
            return known
        self._writing.queue(schema.SET_FACT, (APPROVED_VISION + content_hash, vision))
        return self._changed(replace(known, state="approved", approved_vision=vision), approved_vision=vision)

    def retire(self, content_hash: str) -> StoredRecipe:
        """Retire a revision, for good; retiring it again changes nothing.  raises NotStored"""
        known = self.get(content_hash)
        return known if known.state == "retired" else self._changed(replace(known, state="retired"))

    def _changed(self, now: StoredRecipe, **more: str) -> StoredRecipe:
        self._writing.queue(schema.UPDATE_RECIPE_STATE, (now.state, now.hash))
        told = {"name": now.name, "revision": now.revision, "hash": now.hash, "to": now.state, **more}
        self._log.append("recipe.modified", told)
        self._revisions[now.hash] = now
        return now

    def get(self, content_hash: str) -> StoredRecipe:
        """One revision by its hash.

        raises   NotStored
        """
        try:
            return self._revisions[content_hash]
        except KeyError:
            raise NotStored(f"There is no recipe revision {content_hash[:80]}. List the recipes.") from None

    def revisions(self, name: str | None = None, state: RecipeState | None = None) -> list[StoredRecipe]:
        """Revisions in the order they were stored."""
        return [
            one
            for one in self._revisions.values()
            if (name is None or one.name == name) and (state is None or one.state == state)
        ]


def stored_recipes(connection: Connection) -> list[StoredRecipe]:
    """Every revision, in the order in which they were stored."""
    table, facts = schema.recipes, schema.facts
    named = table.outerjoin(facts, facts.c.name == APPROVED_VISION + table.c.hash)
    # Not by their time: two may share a millisecond, and the wall clock of the host may have been set back between.
    rows = connection.execute(select(table, facts.c.value).select_from(named).order_by(text("recipes.rowid")))
    return [
        StoredRecipe(row.hash, row.name, row.revision, row.state, row.document, row.stored_at, row.value or "")
        for row in rows
    ]
