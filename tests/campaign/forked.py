"""Runs that share their beginning: a process is split where they part, instead of living through it again each time.

A child has everything of its parent in memory, the machine, the station, the loop and its clock. What it must not share
is the database: it gets a copy of the files as they are on the disk at that moment.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from station.store.database import LOCK_NAME, Database
from station.store.store import Store

CHILD_LIMIT_S = 120
"""real seconds after which a child counts as hanging, on a busy computer"""
_ABANDONED: list[Any] = []
"""connections of the parent: a child neither uses nor closes them, it only keeps them from being collected"""


class Brood:
    """The children of one process, `at_once` of them at a time; results come in the order of their birth."""

    def __init__(self, at_once: int = 1, enough: Callable[[Any, dict[str, Any]], bool] | None = None) -> None:
        """enough: told of every result; True ends the parent's run as if there were no more to bear."""
        self.at_once = max(1, at_once)
        self._enough = enough
        self.is_child = False
        self._alive: list[tuple[int, int, Any]] = []
        self._done: list[tuple[Any, dict[str, Any]]] = []
        self._to_parent = -1

    def split(self, tag: Any) -> bool:
        """Whether this is the child now. The parent goes on as if nothing had been."""
        while len(self._alive) >= self.at_once:
            self._collect()
        sys.stdout.flush()
        from_child, to_parent = os.pipe()
        loop = asyncio.get_running_loop()
        pid = os.fork()
        if pid:
            os.close(to_parent)
            self._alive.append((pid, from_child, tag))
            return False
        os.close(from_child)
        # asyncio forgets the running loop in a child, since a selector would be shared; this loop has none.
        asyncio._set_running_loop(loop)
        self.is_child, self._to_parent, self._alive = True, to_parent, []
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(CHILD_LIMIT_S)
        return True

    def tell(self, value: dict[str, Any]) -> None:
        """The child's last word: nothing of it is closed, cleared or collected."""
        data = json.dumps(value).encode()
        while data:
            data = data[os.write(self._to_parent, data) :]
        os._exit(0)

    def results(self) -> Iterator[tuple[Any, dict[str, Any]]]:
        """(tag, what the child told); `error` where it did not come so far."""
        while self._alive:
            with suppress(AllSplit):
                self._collect()
        yield from self._done
        self._done.clear()

    def _collect(self) -> None:
        pid, from_child, tag = self._alive.pop(0)
        with os.fdopen(from_child, "rb") as pipe:
            told = pipe.read()
        _, status = os.waitpid(pid, 0)
        if status or not told:
            self._done.append((tag, {"error": f"the child ended with {os.waitstatus_to_exitcode(status)}"}))
        else:
            self._done.append((tag, json.loads(told)))
        if self._enough is not None and self._enough(*self._done[-1]):
            raise AllSplit


def or_error(brood: Brood, work: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
    """Do the work; in a child tell the result or the error and end. None in a parent that has only split."""
    try:
        value = work()
    except AllSplit:
        return None
    except Exception as error:
        if not brood.is_child:
            raise
        value = {"error": f"{type(error).__name__}: {error}"[:300]}
    if brood.is_child:
        brood.tell(value)
    return value


class AllSplit(Exception):
    """The parent has no more children to bear and need not go on."""


def copied(folder: Path, tag: Any) -> Path:
    """A copy of the database as it is on the disk, without the lock of whoever has it open."""
    copy = folder.with_name(f"{folder.name}-{tag}")
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns(LOCK_NAME, "*-shm"))
    return copy


def move_to(store: Store, folder: Path) -> None:
    """The station of a child writes on in `folder`."""
    database = store.database
    _ABANDONED.append(dict(vars(database)))
    vars(database).update(vars(Database(folder, durability="normal")))


def abandon(store: Store) -> None:
    """The station of a child is dead; its open files belong to the parent and are closed by nobody here."""
    database = store.database
    _ABANDONED.append(dict(vars(database)))
    database.close = _nothing  # type: ignore[method-assign]


def _nothing() -> None:
    return None
