"""When the station is killed: at the nth commit, step of a task, or byte on a wire, counted from a moment on."""

from __future__ import annotations

import asyncio
import contextvars
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sim_hardware import virtual_time
from sim_hardware.plant import Plant
from tests.campaign.host_loop import MAIN_TASK
from tests.scenarios.bench import Bench


class At(StrEnum):
    """Where the counting is done."""

    BEFORE_COMMIT = "before commit"
    AFTER_COMMIT = "after commit"
    TASK_STEP = "task step"
    BYTE_OUT = "written byte"
    """the nth byte that the station writes to any device: those before it arrive, it does not"""
    BYTE_IN = "read byte"
    """the nth byte that comes from any device: the station has read those before it"""
    ACT = "act of the machine"
    """the nth time that something happened which cannot be undone: its intent is open, and nobody has heard of it"""


@dataclass(frozen=True, slots=True)
class Point:
    """The nth occasion after the order was given; n = 0 kills nobody and counts.

    again      the restarted station is killed too, at this occasion after it has begun to start; 0: it is not
    again_at   what is counted then
    """

    at: At
    n: int
    again: int = 0
    again_at: At = At.TASK_STEP

    def __str__(self) -> str:
        return f"{self.at.value} {self.n}" + (f", again at {self.again_at.value} {self.again}" if self.again else "")


ACTS = ("picked", "dipped", "placed", "rejected", "board out")
Reached = Callable[[At, int], bool]
Carry = Callable[[int, int], object]


class Killer:
    """Counts occasions while it is armed; at a wanted one it kills where `reached` says so.

    is_mute   the process is gone: nothing that is left of it reaches a wire or finds a device, until `revive`
    """

    def __init__(self, wanted: Iterable[Point], reached: Reached = lambda *_: True) -> None:
        self.counts: Counter[At] = Counter()
        self.is_armed = False
        self.has_killed = self.is_mute = False
        self.kill: Callable[[], None] = lambda: None
        self.want(wanted, reached)

    def want(self, wanted: Iterable[Point], reached: Reached = lambda *_: True) -> None:
        self._numbers: dict[At, list[int]] = {at: [] for at in At}
        for point in wanted:
            self._numbers[point.at].append(point.n)
        self._numbers = {at: sorted(set(numbers)) for at, numbers in self._numbers.items()}
        self._reached = reached

    def arm(self, kill: Callable[[], None]) -> None:
        self.counts.clear()
        self.kill, self.is_armed, self.has_killed = kill, True, False

    def revive(self) -> None:
        """What was killed is buried, another process may speak."""
        self.is_mute = False

    def occasion(self, at: At) -> None:
        self.pass_until(at, 1)

    def pass_until(self, at: At, size: int, carry: Carry = lambda *_: None, port: int = 0) -> None:
        """So many occasions at once, the bytes of a frame at a port. `carry` takes along those from one to another
        that come before a kill."""
        before = self.counts[at]
        if not self.is_armed or self.has_killed:
            carry(0, size)
            return
        numbers = self._numbers[at]
        for number in numbers[bisect_right(numbers, before) :]:
            if number > before + size:
                break
            if self._reached(at, number):
                self.counts[at], self.has_killed = number, True
                carry(0, number - before - 1)
                self.is_mute = True
                self.kill()
                return
        self.counts[at] = before + size
        carry(0, size)

    def watch_commits(self, b: Bench, durable: dict[int, str]) -> None:
        """`durable` grows: number and hash of every event that was told to be on the disk."""
        writing = b.store.writing
        write = writing._database.write

        def written(groups: Any) -> None:
            self.occasion(At.BEFORE_COMMIT)
            if writing.failure is not None:
                raise writing.failure
            write(groups)
            self.occasion(At.AFTER_COMMIT)

        writing._database.write = written  # type: ignore[method-assign]
        writing.after_commit.append(lambda rows: durable.update({row[0]: row[6] for row in rows}))

    def watch_acts(self, plant: Plant) -> None:
        record = plant.record

        def recorded(kind: str, **data: Any) -> None:
            record(kind, **data)
            if kind in ACTS:  # in the next turn of the loop: not in the middle of what the machine does
                plant.loop.call_soon(self.occasion, At.ACT)

        plant.record = recorded  # type: ignore[method-assign]


class KillersLoop(virtual_time.VirtualTimeLoop):
    """Tells the killer of every step of a task that is not the test's own (the machine has no tasks), and of bytes."""

    killer: Killer

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., Any], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        owner = getattr(callback, "__self__", None)
        if isinstance(owner, asyncio.Task) and owner.get_name() != MAIN_TASK:
            return super().call_soon(self._step, callback, args, context=context)
        return super().call_soon(callback, *args, context=context)

    def _step(self, callback: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.killer.occasion(At.TASK_STEP)
        callback(*args)

    async def create_connection(self, *args: Any, **more: Any) -> Any:
        if self.killer.is_mute:
            raise ConnectionRefusedError("the process is gone")
        near, protocol = await super().create_connection(*args, **more)
        write, deliver, port = near.write, near.deliver, near.get_extra_info("peername")[1]

        def written(data: Any) -> None:
            if not self.killer.is_mute:
                self.killer.pass_until(At.BYTE_OUT, len(data), lambda low, high: write(data[low:high]), port)

        def delivered(data: bytes) -> None:
            def carry(low: int, high: int) -> None:
                if high > low:
                    deliver(data[low:high])

            if not self.killer.is_mute:
                self.killer.pass_until(At.BYTE_IN, len(data), carry, port)

        near.write, near.deliver = written, delivered  # type: ignore[method-assign]
        return near, protocol
