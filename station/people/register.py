"""The file of people: a name, a role and the hash of a key each, changed at the machine and read again when it changed.

Keys are 256 random bits, so a plain hash of one cannot be searched; the key itself is shown once and kept nowhere. A
file that cannot be trusted holds nobody: that keeps everybody out and never lets anybody in.
"""

from __future__ import annotations

import fcntl
import hmac
import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from station.people.roles import Role

PEOPLE_FILE = "people.json"
"""below the data directory, beside the database; readable for the station's user alone"""
KEY_BYTES = 32
FILE_MODE = 0o600
WRITABLE_BY_OTHERS = 0o022
SIZE_LIMIT_BYTES = 1_000_000
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$"
NOBODY = ("nobody", "unknown")
"""names that the log gives to whoever is none of the people"""


class Damaged(Exception):
    """The file is there and cannot be trusted; the message says why and what to do."""


class NotPossible(Exception):
    """A change that would be none or a wrong one; the file is as before."""


class Person(BaseModel):
    """One entry. `key_hash` is SHA-256 over the key's text; times are UTC."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=NAME_PATTERN)]
    role: Role
    key_hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    added_at: AwareDatetime
    expires_at: AwareDatetime | None = None
    revoked_at: AwareDatetime | None = None

    @property
    def key_id(self) -> str:
        """Tells the keys of one name apart, in the log and in lists."""
        return self.key_hash[:8]

    def why_not(self, now: datetime) -> str:
        """Why the key opens nothing, empty where it does."""
        if self.revoked_at is not None:
            return f"The key of {self.name} was revoked."
        if self.expires_at is not None and now >= self.expires_at:
            return f"The key of {self.name} expired at {self.expires_at:%Y-%m-%d %H:%M} UTC."
        return ""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    people: tuple[Person, ...] = ()


def key_hash(key: str) -> str:
    """What is kept of a key."""
    return sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def holder(people: tuple[Person, ...], key: str) -> Person | None:
    """Whose key it is, also an expired or revoked one. Takes the same time whoever it is, and whoever it is not."""
    wanted, found = key_hash(key), None
    for person in people:
        if hmac.compare_digest(person.key_hash, wanted):
            found = person
    return found


class Register:
    """The file in one data directory.

    Whoever changes it holds a lock on the directory, so that two changes at once are one after the other; whoever reads
    needs none, because a changed file takes the place of the old one in one piece.
    """

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir
        self.path = data_dir / PEOPLE_FILE

    def signature(self) -> tuple[int, ...] | None:
        """Another one whenever the file may have changed; None where there is none."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return (found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_size, found.st_mode)

    def read(self) -> tuple[Person, ...]:
        """Everybody, in the order of their coming; nobody where there is no file.

        raises   Damaged
        """
        try:
            if self.path.stat().st_mode & WRITABLE_BY_OTHERS:
                raise Damaged(f"{self.path} may be written by other users; chmod 600 it after a look at what it says.")
            with self.path.open("rb") as file:
                content = file.read(SIZE_LIMIT_BYTES + 1)
            people = _File.model_validate_json(content).people
        except FileNotFoundError:
            return ()
        except (OSError, ValidationError) as error:
            why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error.strerror
            raise Damaged(
                f"{self.path} cannot be read ({why}). Restore it from a backup, or remove it and add everybody anew."
            ) from error
        if len({person.name for person in people}) < len(people):
            raise Damaged(f"{self.path} names somebody twice. Restore it, or remove it and add everybody anew.")
        return people

    def add(self, name: str, role: Role, now: datetime, expires_at: datetime | None = None) -> str:
        """Give somebody a key, new or again after a revocation -> the key, which is kept nowhere.

        raises   NotPossible, Damaged, OSError
        """
        if name in NOBODY:
            raise NotPossible(f"{name!r} is what the log calls whoever is not logged in. Take another name.")
        if expires_at is not None and expires_at <= now:
            raise NotPossible(f"A key that expired at {expires_at:%Y-%m-%d %H:%M} UTC opens nothing.")
        key = secrets.token_urlsafe(KEY_BYTES)
        try:
            person = Person(name=name, role=role, key_hash=key_hash(key), added_at=now, expires_at=expires_at)
        except ValidationError as error:
            raise NotPossible(
                f"{name!r} is no name: 1 to 40 letters, digits, '_', '.' or '-', a letter or digit first."
            ) from error

        def added(people: tuple[Person, ...]) -> tuple[Person, ...]:
            before = [one for one in people if one.name == name]
            if before and before[0].revoked_at is None:
                raise NotPossible(f"{name} has a key already. Revoke it first; then add {name} again for a new one.")
            return (*(one for one in people if one.name != name), person)

        self._change(added)
        return key

    def revoke(self, name: str, now: datetime) -> None:
        """Their key opens nothing from now on. Raises NotPossible, Damaged, OSError."""
        self._update(name, lambda person: person.model_copy(update={"revoked_at": now}))

    def give_role(self, name: str, role: Role) -> None:
        """Another role under the same key. Raises NotPossible, Damaged, OSError."""
        self._update(name, lambda person: person.model_copy(update={"role": role}))

    def _update(self, name: str, change: Callable[[Person], Person]) -> None:
        def updated(people: tuple[Person, ...]) -> tuple[Person, ...]:
            known = [one for one in people if one.name == name and one.revoked_at is None]
            if not known:
                raise NotPossible(f"There is no {name!r} with a key that is not revoked. List the people.")
            return tuple(change(one) if one.name == name else one for one in people)

        self._change(updated)

    def _change(self, change: Callable[[tuple[Person, ...]], tuple[Person, ...]]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._locked() as folder:
            content = _File(people=change(self.read())).model_dump(mode="json")
            new = self.path.with_suffix(".new")
            new.unlink(missing_ok=True)
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(content, file, indent=1)
                file.flush()
                if os.geteuid() == 0:  # whoever the station runs as must be able to read it
                    owner = os.fstat(folder)
                    os.fchown(descriptor, owner.st_uid, owner.st_gid)
                os.fsync(descriptor)
            new.replace(self.path)
            os.fsync(folder)  # a revocation must not come undone by a power loss

    @contextmanager
    def _locked(self) -> Iterator[int]:
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield folder
        finally:
            os.close(folder)
