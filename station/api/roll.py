"""The people of the running station: their file read again when it changed, and every change noted in the log.

What was noted last stands in the store, so that a change made while the station stood still is noted at the next start,
and a file that is gone is missed. Nothing here knows HTTP.
"""

from __future__ import annotations

import json
from typing import Any

from station.people.register import Damaged, Person, Register, holder
from station.store import Store

NOTED = "people"
"""name of the fact that holds what was noted last"""


class Roll:
    """Who is known now.

    is_open      nobody need be known: simulated, called from this computer only, and nobody was ever added
    damaged      why the file of people cannot be used, empty where it can: nobody is known then
    """

    def __init__(self, store: Store, *, simulated: bool, is_local: bool) -> None:
        self._store, self._register = store, Register(store.data_dir)
        self._simulated, self._is_local = simulated, is_local
        self._why_closed = "" if simulated else "This station drives a real machine. "
        if not is_local:
            self._why_closed += "This station can be called from other computers. "
        self._people: tuple[Person, ...] = ()
        self._signature: object = self
        """none of a file yet"""
        self._noted: dict[str, dict[str, Any]] = json.loads(store.remembered(NOTED) or "{}")
        self._told_open: bool | None = None
        self.damaged = ""

    @property
    def is_open(self) -> bool:
        return self._simulated and self._is_local and not self._noted and not self.damaged

    @property
    def why_nobody(self) -> str:
        """Why nobody at all can be let in, empty where somebody can."""
        if self.damaged:
            return self.damaged
        if not self._people:
            return f"{self._why_closed}Nobody has been added yet. At the machine: station people add NAME --role admin"
        return ""

    def look(self) -> None:
        """Read the file again where it changed; what changed is in the log before anything that follows."""
        signature = self._register.signature()
        if signature != self._signature:
            self._signature = signature
            self._read()
        if self.is_open is not self._told_open:
            self._told_open = self.is_open
            said = {"is_open": self.is_open, "simulated": self._simulated, "is_local": self._is_local}
            self._store.events.append("access.changed", said)

    def _read(self) -> None:
        try:
            self._people = self._register.read()
            if self._noted and not self._people:
                raise Damaged(
                    f"{self._register.path} is gone; {len(self._noted)} people were in it. Restore it from a backup, "
                    "or add everybody anew."
                )
        except Damaged as damaged:
            self._people = ()
            if str(damaged) != self.damaged:
                self.damaged = str(damaged)
                self._store.events.append("people.damaged", {"text": self.damaged})
            return
        if self.damaged:
            self.damaged = ""
            self._store.events.append("people.repaired", {"people": len(self._people)})
        self._note()

    def _note(self) -> None:
        now = {person.name: _as_noted(person) for person in self._people}
        for name, entry in now.items():
            before = self._noted.get(name)
            if before is None or before["key"] != entry["key"]:
                self._store.events.append("person.added", {"name": name, **entry, "is_revoked": False})
                before = {**entry, "is_revoked": False}
            if before["role"] != entry["role"] or before["expires_at"] != entry["expires_at"]:
                self._store.events.append("person.changed", {"name": name, **entry})
            if entry["is_revoked"] and not before["is_revoked"]:
                self._store.events.append("person.revoked", {"name": name, "key": entry["key"]})
        for name in self._noted.keys() - now.keys():
            self._store.events.append("person.revoked", {"name": name, "key": self._noted[name]["key"]})
        if now != self._noted:
            self._noted = now
            self._store.remember(NOTED, json.dumps(now, sort_keys=True))

    def holder(self, key: str) -> Person | None:
        """Whose key it is, also one that opens nothing any more."""
        return holder(self._people, key)

    def by_key_hash(self, key_hash: str) -> Person | None:
        """Whose key has this hash."""
        return next((person for person in self._people if person.key_hash == key_hash), None)

    def why_not(self, person: Person) -> str:
        """Why this key opens nothing now, empty where it does."""
        return person.why_not(self._store.clock.utc())


def _as_noted(person: Person) -> dict[str, Any]:
    return {
        "role": person.role.value,
        "key": person.key_id,
        "expires_at": None if person.expires_at is None else person.expires_at.isoformat(),
        "is_revoked": person.revoked_at is not None,
    }
