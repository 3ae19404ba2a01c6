"""Invariants 13 to 23: the package, the film, the board. Judged against what truly lies where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from sim_hardware.world.things import PlacedTruth
from station.alarms.catalogue import all_definitions
from tests.campaign.judged import Judged, invariant
from tests.campaign.watcher import COMMAND, PLANT, STATION

TAKEN = ("placed", "placed_unverified", "ambiguous")
"""results after which nobody may put a package there, written down from the process and not read out of the station"""
SLACK_S = 1.0
"""between the instant that the rule judges and the instant that the plant notes"""


def _placed(run: Judged) -> Iterator[PlacedTruth]:
    for board in run.plant.boards:
        for site in board.sites:
            yield from (placed for placed in site.placed if not placed.serial.startswith("BEFORE"))


@invariant(13, "no package that is not as drawn goes into the film, and no badly dipped one ever touches a board")
def well_dipped(run: Judged) -> Iterator[str]:
    for placed in _placed(run):
        if placed.balls_dry or placed.balls_half or placed.bridges:
            yield (
                f"{placed.serial} was placed with {placed.balls_dry} dry, {placed.balls_half} half dipped balls, "
                f"{placed.bridges} bridges"
            )
    dipped = {entry.data["serial"] for entry in run.plant_events("dipped")}
    for package in (*run.plant.rejected, *run.plant.lost):
        lacking = sum(not ball.present for ball in package.balls)
        if lacking > run.recipe.inspect.missing_allowed and package.serial in dipped:
            yield f"{package.serial} was dipped with {lacking} balls missing"


@invariant(14, "no package is placed without a passed picture since its pick")
def seen_before_placed(run: Judged) -> Iterator[str]:
    passed = False
    for entry in run.entries:
        if entry.source == PLANT and entry.kind == "picked":
            passed = False
        elif entry.source == STATION and entry.kind == "step.ended" and entry.data.get("step") == "judge_wet":
            passed = entry.data["verdict"] == "pass"
        elif entry.source == PLANT and entry.kind == "placed" and not passed:
            yield f"{entry.at_s:.3f} s: {entry.data['serial']} was placed without a passed inspection"


@invariant(15, "every dip goes into a film that is new, and young enough")
def film_new(run: Judged) -> Iterator[str]:
    laid_s, used = -1e9, True
    for entry in run.entries:
        if entry.source != PLANT:
            continue
        if entry.kind == "film laid":
            laid_s, used = entry.at_s, False
        elif entry.kind in ("part left in film", "film touched by hand"):
            used = True
        elif entry.kind == "dipped":
            age_s = entry.at_s - laid_s
            if used:
                yield f"{entry.at_s:.3f} s: {entry.data['serial']} was dipped where another or a hand was"
            if age_s > run.recipe.film.max_age_s + SLACK_S:
                yield f"{entry.at_s:.3f} s: {entry.data['serial']} was dipped into a film {age_s:.1f} s old"
            used = True


@invariant(16, "no package is placed too long after its dip")
def dipped_lately(run: Judged) -> Iterator[str]:
    dipped_s: dict[str, float] = {}
    for entry in run.plant_events("dipped", "placed"):
        serial = entry.data["serial"]
        if entry.kind == "dipped":
            dipped_s[serial] = entry.at_s
        elif entry.at_s - dipped_s.get(serial, -1e9) > run.recipe.place.dip_to_place_max_s + SLACK_S:
            yield f"{entry.at_s:.3f} s: {serial} was placed too long after its dip, or never dipped"


@invariant(17, "no picture is judged that was exposed while the gantry moved")
def exposed_at_rest(run: Judged) -> Iterator[str]:
    for entry in run.plant_events("exposed"):
        if entry.is_moving:
            yield f"{entry.at_s:.3f} s: {entry.data['camera']} was exposed while the gantry moved"


@invariant(18, "every number in records is finite")
def finite(run: Judged) -> Iterator[str]:
    for record in run.records:
        if any(isinstance(value, float) and value != value for value in record.values()):
            yield f"the record of {record['site']} holds a value that is no number"


@invariant(20, "no site ever carries two packages, and none is begun that a record says to be taken")
def one_at_a_site(run: Judged) -> Iterator[str]:
    for carrier in run.plant.boards:
        for site in carrier.sites:
            if len(site.placed) > 1:
                yield f"{carrier.serial} {site.site.name}: {', '.join(placed.serial for placed in site.placed)}"
    taken: set[tuple[str, str]] = set()
    board = ""
    for entry in run.entries:
        if entry.source == PLANT and entry.kind == "placed" and entry.data["wrong"]:
            yield f"{entry.at_s:.3f} s: {entry.data['serial']} was placed wrongly: {entry.data['wrong']}"
        elif entry.source == PLANT and entry.kind == "board in":
            board = entry.data["serial"]
        elif entry.source == STATION and entry.kind == "placement.recorded" and entry.data["result"] in TAKEN:
            taken.add((entry.data["board_serial"], entry.data["site"]))
        elif entry.source == STATION and entry.kind == "step.started" and entry.data["step"] == "look_at_site":
            begun = (board, entry.data["site"])
            if begun in taken:
                yield f"{entry.at_s:.3f} s: {board} {entry.data['site']} is begun, its record says that it is taken"


@invariant(21, "no package that fell, was rejected or belongs to nobody is ever placed")
def known_parts_only(run: Judged) -> Iterator[str]:
    gone: set[str] = set()
    for entry in run.plant_events("part lost", "rejected", "part dropped", "part given", "placed"):
        serial = entry.data["serial"]
        if entry.kind != "placed":
            gone.add(serial)
        elif serial in gone:
            yield f"{entry.at_s:.3f} s: {serial} was placed; it was foreign, had fallen or had been rejected"


@invariant(22, "a board is measured after its clamp closed and before anything is placed on it")
def measured_in_clamp(run: Judged) -> Iterator[str]:
    measured = measured_at_release = False
    for entry in run.entries:
        if entry.source == COMMAND and entry.kind == "head.vacuum_off":
            # From here on the drive lets go whatever happens: a clamp that opens now is too late for anybody.
            measured_at_release = measured
        elif (entry.source == COMMAND and entry.kind in ("plc.clamp", "plc.unclamp")) or (
            entry.source == PLANT and entry.kind == "mishap" and entry.data["fault"] == "clamp_opens"
        ):
            measured = False
        elif entry.source == STATION and entry.kind == "step.ended" and entry.data.get("step") == "locate_board":
            measured = True
        elif entry.source == PLANT and entry.kind == "placed" and not measured_at_release:
            yield f"{entry.at_s:.3f} s: {entry.data['serial']} was placed on a board not measured in this clamp"


@invariant(23, "nothing is retried more often than the catalogue allows")
def retries_bounded(run: Judged) -> Iterator[str]:
    by_number = {row.number: row for row in all_definitions()}
    counts: Counter[tuple[int, str]] = Counter()
    for entry in run.station("alarm.retried", "alarm.answered", "step.started", "job.started"):
        is_anew = entry.kind == "step.started" and entry.data["step"] == "look_at_site"
        if is_anew or entry.kind in ("alarm.answered", "job.started"):
            counts.clear()
        elif entry.kind == "alarm.retried":
            key = (entry.data["number"], entry.data["step"])
            counts[key] += 1
            if counts[key] > by_number[key[0]].retries:
                yield f"{entry.at_s:.3f} s: alarm {key[0]} in {key[1]} was retried {counts[key]} times"
