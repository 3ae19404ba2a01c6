"""What a kill leaves behind: a digest of all that is outside of the service, the machine and the disk.

Everything that the plant holds is walked through, object by object, and what is left out is named here with its reason:
what is new in the plant is in the digest without anybody thinking of it. The time is not in it, motions and processes
are: a plant is closed-form, so that what it holds changes only when something begins or ends.
"""

from __future__ import annotations

import asyncio
import hashlib
import marshal
from collections import deque
from collections.abc import Callable
from enum import Enum
from itertools import chain
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np

from sim_hardware.plant import Plant
from sim_hardware.virtual_time import VirtualTimeLoop
from station.store.database import LOCK_NAME

LEFT_OUT: dict[str, tuple[str, ...]] = {
    "Plant": ("events", "loop", "drawing_room"),
    "RegisterDevice": ("_scan",),
    "LineDevice": ("_replies",),
    "CommandChannel": ("_packed", "_fields", "_timers"),
    "BallTruth": ("site",),
    "Cable": ("_open", "_last_leaves_s", "port"),
}
"""Attributes that make no difference to a station that starts later, by class:

Plant           the history repeats what the rest holds, and only its length counts; the loop is the run's own
RegisterDevice, LineDevice   how often the status was read: a new station compares it with its own readings only
CommandChannel  kept bytes of what is walked anyway; timers are taken from the loop, with their time
BallTruth       its place in the drawing, which nobody can change
Cable           connections, which end with the service, and the half of a frame that they hold; `test_outside.py`
                proves for every kind of frame that nothing comes of it
"""
_OWN = ("sim_hardware.", "drivers.wire.", "recipes.")
_NOT_PLANT = "sim_hardware.virtual_time"
_PLAIN = (type(None), bool, int, float, str, bytes)
_PLAIN_KINDS = frozenset(_PLAIN)
_MANY = 16


class Outside:
    """Tells by `digest` whether two instants of one run leave the same behind."""

    def __init__(self, plant: Plant, folder: Path) -> None:
        self._plant, self._folder = plant, folder
        self._files: dict[str, tuple[int, int, bytes]] = {}
        self._names: dict[type, tuple[str, ...]] = {}

    def digest(self) -> bytes:
        tokens: list[Any] = [len(self._plant.events)]
        self._walk(self._plant, tokens, {})
        self._timers(tokens)
        whole = hashlib.blake2b(marshal.dumps(tokens, 2), digest_size=12)
        for path in sorted(self._folder.rglob("*")):
            if path.is_file() and not path.name.endswith("-shm") and path.name != LOCK_NAME:
                whole.update(path.name.encode() + self._of_file(path))
        return whole.digest()

    def _of_file(self, path: Path) -> bytes:
        stat = path.stat()
        size, at_ns, digest = self._files.get(str(path), (-1, -1, b""))
        if (size, at_ns) != (stat.st_size, stat.st_mtime_ns):
            digest = hashlib.blake2b(path.read_bytes(), digest_size=12).digest()
            self._files[str(path)] = (stat.st_size, stat.st_mtime_ns, digest)
        return digest

    def _timers(self, tokens: list[Any]) -> None:
        """What the plant will do by itself, and when."""
        loop = self._plant.loop
        assert isinstance(loop, VirtualTimeLoop)
        for when_s, _, timer in sorted(loop._timers, key=lambda entry: entry[:2]):
            callback: Callable[..., Any] = timer._callback
            module = getattr(callback, "__module__", "") or ""
            if module.startswith("sim_hardware.") and module != _NOT_PLANT:
                tokens += (when_s, callback.__qualname__)

    def _walk(self, value: Any, tokens: list[Any], seen: dict[int, int]) -> None:
        kind = type(value)
        if kind in _PLAIN:
            tokens.append(value)
            return
        if isinstance(value, Enum):
            tokens.append(value.name)
            return
        if id(value) in seen:
            tokens.append(seen[id(value)])
            return
        seen[id(value)] = len(seen)
        if isinstance(value, dict):
            for key, one in value.items():
                self._walk(key, tokens, seen)
                self._walk(one, tokens, seen)
        elif isinstance(value, (list, tuple, deque)):
            tokens.append(len(value))
            if not self._all_alike(value, tokens):
                for one in value:
                    self._walk(one, tokens, seen)
        elif isinstance(value, np.ndarray):
            tokens += (value.dtype.str, value.shape, value.tobytes())
        elif isinstance(value, np.generic):
            tokens.append(value.item())
        elif isinstance(value, np.random.Generator):
            self._walk(value.bit_generator.state, tokens, seen)
        elif isinstance(value, (set, frozenset)):
            tokens.append(sorted(map(repr, value)))
        elif kind.__module__.startswith(_OWN) and kind.__module__ != _NOT_PLANT:
            for name in self._names.get(kind) or self._names_of(value):
                one = getattr(value, name)
                if type(one) in _PLAIN:
                    tokens.append(one)
                else:
                    self._walk(one, tokens, seen)
        else:
            tokens.append(_called(value))

    def _all_alike(self, values: Any, tokens: list[Any]) -> bool:
        """Many of one sort that hold plain values only, as the balls of a full tray: the same, all at once."""
        if len(values) < _MANY or len(kinds := set(map(type, values))) > 1:
            return False
        names = self._names.get(kinds.pop())
        if names is None or len(names) < 2:
            return False
        flat = list(chain.from_iterable(map(attrgetter(*names), values)))
        if not _PLAIN_KINDS.issuperset(map(type, flat)):
            return False
        tokens += flat
        return True

    def _names_of(self, value: Any) -> tuple[str, ...]:
        """Names of what an object holds; kept where they are those of its class."""
        classes = type(value).__mro__
        left_out = {name for base in classes for name in LEFT_OUT.get(base.__name__, ())}
        slots = [name for base in classes for name in getattr(base, "__slots__", ())]
        held = getattr(value, "__dict__", None)
        names = tuple(name for name in [*slots, *sorted(held or ())] if name not in left_out)
        if held is None:
            self._names[type(value)] = names
        return names


def _called(value: Any) -> str:
    """What is no state: a function, a task, a connection."""
    if isinstance(value, asyncio.AbstractEventLoop):
        return "loop"
    return getattr(value, "__qualname__", type(value).__qualname__)
