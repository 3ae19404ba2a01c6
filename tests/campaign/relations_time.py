"""Relations about when: slower links, a new start, a hold, a fault that never comes. none may change a verdict."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from sim_hardware.fault_kinds import KINDS
from sim_hardware.faults import FaultSpec
from sim_hardware.plant import Plant
from station.alarms.catalogue import definition
from station.process.sheet import ALL_STEPS
from tests.campaign.compared import Records, Within, differing
from tests.campaign.paired import Run, Stage, Told
from tests.campaign.relations import SETTLED, Lines, Pair, by_package, compared, relation, usual
from tests.campaign.schedule import STEPS
from tests.scenarios.bench import recipe

FILMS_LAID = ("film.generation", "film.levels")
"""a package that is rejected while its film is being measured leaves a film that nobody has judged: the next one is
laid anew, and whether it came so far is a matter of time"""
LATENCY_S = 0.001
"""what the links of the usual machine need"""


def _slower(ratio: float, plant: Plant) -> None:
    for name, cable in plant.cabling.cables.items():
        cable.latency_s = 0.0 if name == "control" else LATENCY_S * ratio
    for camera in (plant.up_camera, plant.down_camera):
        camera.truth = replace(camera.truth, readout_s=camera.truth.readout_s * ratio)


@relation("latency")
def latency(seed: int) -> Iterator[Pair]:
    """Links and cameras that need two and four times as long change no verdict, and no value by more than the axes
    still move when a picture is taken."""
    _, base = usual(seed, "latency")
    once = base.told()
    for ratio in (2.0, 4.0):
        told = replace(base, prepare=partial(_slower, ratio)).told()
        yield Pair(
            f"links and cameras {ratio:.0f} times as slow",
            compared(once, told, SETTLED, values=not base.is_noisy, but=FILMS_LAID),
        )


async def _two_jobs(stage: Stage) -> None:
    await stage.build()
    await stage.build()


async def _two_lives(stage: Stage) -> None:
    await stage.build()
    await stage.restart()
    await stage.build()


@relation("restart")
def restart(seed: int) -> Iterator[Pair]:
    """A service that is ended in order and started again between two boards: the second board gets the same records."""
    _, base = usual(seed, "restart")
    one, other = replace(base, work=_two_jobs).told(), replace(base, work=_two_lives).told()
    yield Pair(
        "a new start between two boards",
        compared(one, other, Within(um=0.15, deg=1e-3, n=1e-6), values=not base.is_noisy),
    )


NEVER_S = 1e6
NEVER_TH = 10_000
WITHIN_LIMIT_S = 0.02
"""later than usual, and far within what the drivers wait for any reply"""
WIRED = ("plc", "dip_unit", "head", "film_gauge", "lights", "board_reader", "up_camera", "down_camera")


OCCASIONS = (
    "axis_fault",
    "ball_missing",
    "film_thin",
    "frame_lost",
    "part_lost",
    "pick_fail",
    "reply_cut",
    "reply_flipped",
    "reply_lost",
    "request_lost",
)
"""kinds that count their occasions"""
ON_BOARD = tuple(step.id for step in ALL_STEPS)


@relation("idle_fault")
def idle_fault(seed: int) -> Iterator[Pair]:
    """A fault that waits for what never comes changes no byte of anything that the station writes; a reply that comes
    late within its limit changes times only."""
    chance = random.Random(f"idle fault {seed}")
    base = Run(seed, is_noisy=True)
    once = base.told()
    kind, target = chance.choice(sorted(KINDS)), chance.choice(WIRED)
    for spec in (
        FaultSpec(kind, nth=1, target=target, step=chance.choice(STEPS), step_nth=NEVER_TH),
        FaultSpec(kind, nth=1, target=target, at_s=NEVER_S),
        FaultSpec(chance.choice(OCCASIONS), nth=NEVER_TH, target=target),
    ):
        told = replace(base, faults=(spec,)).told()
        broken = compared(once, told, Within(), values=True) if told.last_hash != once.last_hash else []
        if told.last_hash != once.last_hash and not broken:
            broken = [(f"last hash of the log: {once.last_hash}", f"last hash of the log: {told.last_hash}")]
        broken += [("nothing strikes", f"{struck} strikes") for struck in told.struck]
        yield Pair(f"a fault that strikes nobody, {spec.kind}", broken)
    late = FaultSpec(
        "reply_late", value=chance.uniform(0.001, WITHIN_LIMIT_S), target=target, step=chance.choice(ON_BOARD)
    )
    told = replace(base, faults=(late,)).told()
    yield Pair(
        f"replies of {target} {late.value * 1e3:.1f} ms later from {late.step} on",
        compared(once, told, SETTLED, values=False),
    )


HOLD_AT_S = (0.0, 15.0)
"""of a job of one board, from its start"""
HELD_S = ((0.1, 20.0), (31.0, 80.0))
"""shorter than anything may wait, longer than a dipped package or a film may"""
PRESS_S = 2.0
"""from the last look at the clock to the contact, and from Resume to that look"""
TOO_LATE = "dip_interlock"
TOO_OLD = definition("film_too_old").number


@relation("hold")
def hold(seed: int) -> Iterator[Pair]:
    """Hold and Resume at any instant change no verdict. Where a dipped package or a film became too old meanwhile, the
    one is rejected and the next package takes its place, the other is levelled again."""
    chance, base = usual(seed, "hold")
    at_s, for_s = chance.uniform(*HOLD_AT_S), chance.uniform(*HELD_S[seed % 4 // 2])
    held: list[float | None] = []

    async def held_once(stage: Stage) -> None:
        building = asyncio.get_running_loop().create_task(stage.build(), name="job")
        held.append(await stage.hold(at_s, for_s))
        await building

    one, other = base.told(), replace(base, work=held_once).told()
    late = {one["package"]["pocket"]: one for one in other.records if _code(one) == TOO_LATE}
    broken = differing(_sites(one), _sites(other), Within(), ())
    a, b = ({key: {"became": became} for key, became in by_package(told).items()} for told in (one, other))
    both = [key for key in a if key in b and key not in late]
    broken += differing({str(key): a[key] for key in both}, {str(key): b[key] for key in both}, Within(), ())
    broken += [(f"ended {one.ended}", f"ended {other.ended}")] * (one.ended != other.ended)
    if for_s < HELD_S[1][0]:
        broken += [("held shortly", f"pocket {pocket}: dipped too long ago") for pocket in late]
        broken += [("held shortly", "a film was too old")] * (TOO_OLD in other.alarms)
    broken += _waited_too_long(other, late, (held[0] or 0.0) + for_s)
    yield Pair(f"held at {at_s:.2f} s for {for_s:.1f} s", broken)


def _sites(told: Told) -> Records:
    """What became of every site in the end."""
    return {f"{one['board']['serial']} {one['site']}": {"result": one["result"]} for one in told.records}


def _code(record: Mapping[str, Any]) -> str:
    return str((record["reason"] or {}).get("code"))


def _waited_too_long(told: Told, late: Mapping[int, Any], resumed_s: float) -> Lines:
    """Dips and placements that came too late, and packages that were rejected as late and were not."""
    limits, broken = recipe(), Lines()
    dipped = {data["serial"]: at_s for at_s, kind, data in told.history if kind == "dipped"}
    placed = {data["serial"]: at_s for at_s, kind, data in told.history if kind == "placed"}
    limit_s, film_s = limits.place.dip_to_place_max_s, limits.film.max_age_s
    for serial, at_s in placed.items():
        if at_s - dipped[serial] > limit_s + PRESS_S:
            broken.append(
                (f"{serial}: {limit_s} s allowed", f"{serial}: placed {at_s - dipped[serial]:.1f} s after its dip")
            )
    for pocket in late:
        waited_s = resumed_s + PRESS_S - dipped[f"P{pocket + 1:06d}"]
        if waited_s < limit_s:
            broken.append((f"pocket {pocket}: dipped {waited_s:.1f} s ago", f"pocket {pocket}: rejected as too late"))
    for record in told.records:
        if record["film"] is not None and record["film"]["age_at_dip_s"] > film_s:
            broken.append((f"film: {film_s} s allowed", f"film: {record['film']['age_at_dip_s']:.1f} s at the dip"))
    return broken
