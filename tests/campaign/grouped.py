"""Every crash point of a job, in groups that leave the same behind: one kill speaks for its group, more are checked.

What a kill leaves behind is the disk, the machine and the time. One run of the job is recorded: at each point the
digest of disk and machine. Points in a row with one digest are a group: between them the station has changed nothing
outside itself, so what the machine does after a kill is the same whichever of them it is, and the next start finds the
same, at most as much later as the group is long. That this is true is not taken for granted: further members of the
groups, drawn by seed, are killed as well and must come to the same end as the first.
"""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from sim_hardware.plant import Plant
from tests.campaign.crash import Story, looped
from tests.campaign.folders import fast_folder
from tests.campaign.killer import At, Carry, Killer, Point
from tests.campaign.outside import Outside


class Why(StrEnum):
    """What a point is killed for."""

    FIRST = "first"
    """the first of its group, in the order of the job"""
    MEMBER = "member"
    """a further one: it must come to the same as the first"""
    FRAME = "frame"
    """the middle of a sort of frame: a member as well"""
    AGAIN = "again"
    """the first of its group, and the next start is killed too"""


AGAIN_WITHIN = {At.TASK_STEP: 1_000, At.BEFORE_COMMIT: 12, At.AFTER_COMMIT: 12, At.BYTE_OUT: 10_000, At.BYTE_IN: 60_000}
"""occasions of a restarted station, from its first step to its first pictures of the board"""

_PLURAL = {
    At.TASK_STEP: "steps of tasks",
    At.BYTE_OUT: "bytes written",
    At.BYTE_IN: "bytes read",
    At.BEFORE_COMMIT: "instants before a commit",
    At.AFTER_COMMIT: "instants after a commit",
    At.ACT: "acts of the machine",
}


@dataclass(slots=True)
class Group:
    """Points in a row that leave the same behind; `spans` are first and last number of each sort."""

    digest: bytes
    began_s: float
    ended_s: float
    spans: list[tuple[At, int, int]] = field(default_factory=list)

    @property
    def first(self) -> Point:
        at, number, _ = self.spans[0]
        return Point(at, number)

    def covers(self) -> dict[str, int]:
        counts: Counter[str] = Counter()
        for at, low, high in self.spans:
            counts[at.value] += high - low + 1
        return dict(counts)

    def drawn(self, chance: random.Random) -> Point:
        """Any point of it, each sort as likely as another: there are a hundred bytes to each step."""
        sorts = sorted({at for at, _, _ in self.spans})
        at = chance.choice(sorts)
        at, low, high = chance.choice([span for span in self.spans if span[0] is at])
        return Point(at, chance.randint(low, high))


@dataclass(slots=True)
class Recording:
    """One job from its order to its end.

    groups   in the order of the job; each point of it is in exactly one
    frames   a point in the middle of the first frame of each sort that the station wrote: (port, length)
    """

    groups: list[Group] = field(default_factory=list)
    frames: dict[tuple[int, int], Point] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A kill that is planned. covers: points that it speaks for, by sort."""

    point: Point
    group: int
    why: Why
    covers: dict[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return {"group": self.group, "why": self.why.value, "covers": self.covers}


class _Recorder(Killer):
    """Kills nobody. Takes the digest before each point; within a written frame also before every byte of its sort."""

    def __init__(self, folder: Path) -> None:
        super().__init__([])
        self.recording = Recording()
        self._folder = folder
        self._outside: Outside | None = None
        self._now: Callable[[], float] = lambda: 0.0

    def of(self, plant: Plant) -> None:
        self._outside, self._now = Outside(plant, self._folder), plant.now

    def pass_until(self, at: At, size: int, carry: Carry = lambda *_: None, port: int = 0) -> None:
        if not self.is_armed:
            carry(0, size)
            return
        number = self.counts[at]
        is_new = at is At.BYTE_OUT and (port, size) not in self.recording.frames
        if is_new:
            self.recording.frames[port, size] = Point(at, number + size // 2 + 1)
        step = 1 if is_new else size
        for begin in range(0, size, step):
            self._join(at, number + begin + 1, number + begin + step)
            carry(begin, begin + step)
        self.counts[at] = number + size

    def _join(self, at: At, low: int, high: int) -> None:
        assert self._outside is not None
        groups, digest, now_s = self.recording.groups, self._outside.digest(), self._now()
        if not groups or groups[-1].digest != digest:
            groups.append(Group(digest, now_s, now_s))
        groups[-1].ended_s = now_s
        spans = groups[-1].spans
        if spans and spans[-1][0] is at and spans[-1][2] == low - 1:
            spans[-1] = (at, spans[-1][1], high)
        else:
            spans.append((at, low, high))


@cache
def record(seed: int = 11) -> Recording:
    """One job without a kill, with the digest of what is outside at each point; half a minute."""
    with tempfile.TemporaryDirectory(prefix="crash-", dir=fast_folder()) as folder:
        store = Path(folder) / "store"
        recorder = _Recorder(store)
        looped(Story(store, seed, recorder, lambda: Point(At.BEFORE_COMMIT, 0), on_plant=recorder.of))
        return recorder.recording


def planned(recording: Recording, *, every: int = 1, members: int = 0, again: int = 0, seed: int = 11) -> list[Wanted]:
    """The first of every nth group, the middle of each sort of frame, `members` drawn from all groups, and `again`
    groups with a second kill, spread over the job and over all that a new start does."""
    groups = list(enumerate(recording.groups))[::every]
    chance = random.Random(seed)
    wanted = [Wanted(group.first, number, Why.FIRST, group.covers()) for number, group in groups]
    if every == 1:
        wanted += [Wanted(point, _group_of(recording, point), Why.FRAME) for point in recording.frames.values()]
    have = {one.point for one in wanted}
    for _ in range(members):
        number, group = chance.choice(groups)
        point = group.drawn(chance)
        if point not in have:
            have.add(point)
            wanted.append(Wanted(point, number, Why.MEMBER))
    sorts = list(AGAIN_WITHIN)
    for nth in range(again):
        number, group = groups[nth * len(groups) // again % len(groups)]
        at = sorts[nth % len(sorts)]
        first = group.first
        point = Point(first.at, first.n, chance.randint(1, AGAIN_WITHIN[at]), at)
        wanted.append(Wanted(point, number, Why.AGAIN))
    return wanted


def _group_of(recording: Recording, point: Point) -> int:
    for number, group in enumerate(recording.groups):
        if any(at is point.at and low <= point.n <= high for at, low, high in group.spans):
            return number
    raise ValueError(f"{point} is in no group")


def unlike_their_group(lines: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Members that came to another end than the first of their group: the grouping would be wrong."""
    first = {line["group"]: line for line in lines if line["why"] == Why.FIRST}
    for line in lines:
        lead = first.get(line["group"])
        if line["why"] not in (Why.MEMBER, Why.FRAME) or lead is None:
            continue
        for key in ("asked", "ended", "broken", "problems"):
            if line[key] != lead[key]:
                yield f"{line['at']} {line['n']}: {key} {line[key]}, at {lead['at']} {lead['n']} {lead[key]}"


def summed(lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Counts of the kills and of the points they speak for, and a sentence on everything that is wrong."""
    covers: Counter[str] = Counter()
    for line in lines:
        covers.update(line["covers"])
    wrong = [
        f"{line['at']} {line['n']}, again {line['again']}: {line['broken'] or line['problems'] or 'nobody was killed'}"
        for line in lines
        if line["broken"] or line["problems"] or not line["killed"]
    ]
    return {
        "kills": dict(Counter(line["why"] for line in lines)),
        "covers": dict(covers),
        "killed_again": sum(line["killed_again"] for line in lines),
        "told_after_s": max((line["told_after_s"] for line in lines), default=0.0),
        "wrong": wrong + [f"not like its group: {sentence}" for sentence in unlike_their_group(lines)],
    }


def sentence(sums: dict[str, Any], whole: Mapping[At, int]) -> str:
    """What was covered, by how many kills."""
    kills, covers = sums["kills"], sums["covers"]
    points = ", ".join(f"{covers.get(at.value, 0):,} of {count:,} {_PLURAL[at]}" for at, count in whole.items())
    checks = kills.get(Why.MEMBER, 0) + kills.get(Why.FRAME, 0)
    return (
        f"Crash points of a job of one board with two packages: {points}. They fall into groups that leave the same "
        f"behind: {kills.get(Why.FIRST, 0):,} groups, each killed at its first point; {checks} further members "
        f"({kills.get(Why.FRAME, 0)} of them in the middle of a frame, one for each sort) killed to check that they "
        f"end alike; {sums['killed_again']} of {kills.get(Why.AGAIN, 0)} killed once more inside the next start. "
        f"{sum(kills.values()):,} kills, {len(sums['wrong'])} wrong. The slowest start said where it stands after "
        f"{sums['told_after_s']:.1f} s of virtual time."
    )
