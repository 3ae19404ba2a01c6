"""What must never happen under the unforeseen faults, asked of what the machine truly did and of the records.

Each check yields one sentence for every time that it happened.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from math import hypot

from sim_hardware.optics.balls import arrays_of, coat_um
from sim_hardware.world.things import PlacedTruth
from tests.campaign.judged import Judged
from tests.campaign.watcher import OPERATOR, PLANT, STATION, Entry
from tests.scenarios.bench import Bench

Never = Callable[[Judged, Bench], Iterator[str]]

THIN_COAT_UM = 6.0
"""mean coat below which a ball got next to nothing: a dip leaves about 20 um"""
CREPT_UM = 25.0
"""how far a package may creep after its look before somebody should have looked again"""
FORCE_SLACK_N = 0.05
THICK_FILM_RATIO = 1.5
"""film laid above its target by more was made by a gap that was opened on a wrong reading"""
AFTER_LOOK = ("alarm.raised", "fault.raised")
SEATED_SLACK_UM = 40.0


def placed(run: Judged) -> Iterator[tuple[str, str, PlacedTruth]]:
    """(board, site, package) of everything that truly stands on a board."""
    for board in run.plant.boards:
        for site in board.sites:
            yield from ((board.serial, site.site.name, one) for one in site.placed)


def passed_as_good(run: Judged, board: str, site: str) -> bool:
    """Whether a record says `placed` and nothing against it."""
    own = [r for r in run.records if (r["board"]["serial"], r["site"]) == (board, site) and r["result"] == "placed"]
    return any(record["reason"] is None for record in own)


def bad_product_passed(run: Judged, _: Bench) -> Iterator[str]:
    limits = run.recipe.place
    for board, site, one in placed(run):
        if not passed_as_good(run, board, site):
            continue
        off_um = hypot(one.offset_x_um, one.offset_y_um)
        thin = sum(coat_um(arrays_of(one.package)) < THIN_COAT_UM)
        if off_um > limits.offset_limit_um or abs(one.offset_theta_deg) > limits.theta_limit_deg:
            yield f"{board} {site} passed {off_um:.0f} um and {one.offset_theta_deg:.2f} deg off"
        if one.balls_dry or one.balls_half or one.bridges or thin:
            yield f"{board} {site} passed with {max(one.balls_dry, int(thin))} dry balls, {one.bridges} bridges"


def dragged_and_passed(run: Judged, bench: Bench) -> Iterator[str]:
    yield from bad_product_passed(run, bench)
    board = run.plant.boards[0].serial
    for entry in run.plant_events("bottom dragged"):
        if passed_as_good(run, board, entry.data["site"]):
            yield f"{board} {entry.data['site']} passed with its stack dragged by {entry.data['by_um']:.0f} um"


def starved_film_used_again(run: Judged, bench: Bench) -> Iterator[str]:
    yield from bad_product_passed(run, bench)
    dips = [entry for entry in run.plant_events("dipped") if not _asked_before(run, entry.at_s)]
    if len(dips) > 1:
        yield f"{len(dips)} packages dipped before anybody was asked, the film judged by its points after a bad print"


def _asked_before(run: Judged, at_s: float) -> bool:
    return any(entry.at_s < at_s and entry.data["to"] == "Held" for entry in run.station("state.changed"))


def curve_without_contact(run: Judged, bench: Bench) -> Iterator[str]:
    for record in run.records:
        told = record["place"]
        if not told or not told["curve"] or record["reason"] is not None:
            continue
        points = json.loads(bench.store.blobs.get_now(told["curve"])[0])
        first_z_um = _first_z(points)
        if first_z_um > told["contact_z_um"] + 1.0 and told.get("curve_shows_contact", True):
            late_um = first_z_um - told["contact_z_um"]
            yield f"{record['site']}: the kept curve begins {late_um:.0f} um after the contact, and nothing says so"


def _first_z(points: object) -> float:
    if isinstance(points, dict):
        return float(points["z_um"][0])
    assert isinstance(points, list)
    return float(points[0][0])


def built_on_old_nozzle(run: Judged, _: Bench) -> Iterator[str]:
    struck_s = next((at_s for at_s, kind in run.plant.faults.struck if kind == "nozzle_tips"), None)
    for entry in run.plant_events("placed"):
        is_new = any(e.at_s > (struck_s or 0.0) for e in run.station("calibration.done") if e.at_s < entry.at_s)
        if struck_s is not None and entry.at_s > struck_s and not is_new:
            yield f"{entry.data['serial']} was placed with the calibration of the nozzle of before"


def touch_ignored(run: Judged, _: Bench) -> Iterator[str]:
    struck_s = next((at_s for at_s, kind in run.plant.faults.struck if kind == "nozzle_brushed"), None)
    stops = [e.at_s for e in run.station("alarm.raised", "state.changed") if e.data.get("to") in ("Aborting", "Held")]
    for entry in run.plant_events("placed"):
        if struck_s is not None and entry.at_s > struck_s and not any(struck_s <= s <= entry.at_s for s in stops):
            yield f"{entry.data['serial']} was placed after something had touched the nozzle in travel"
            return


def gap_opened_on_wrong_reading(run: Judged, bench: Bench) -> Iterator[str]:
    yield from bad_product_passed(run, bench)
    for entry in run.plant_events("film laid"):
        if entry.data["height_um"] > THICK_FILM_RATIO * run.recipe.film.target_um:
            yield f"a film of {entry.data['height_um']:.0f} um was laid for {run.recipe.film.target_um:.0f} um"
            return


def dipped_in_wrong_film(run: Judged, bench: Bench) -> Iterator[str]:
    yield from bad_product_passed(run, bench)
    target_um = run.recipe.film.target_um
    for entry in run.plant_events("dipped"):
        if not abs(entry.data["film_um"] - target_um) <= 2 * run.recipe.film.tolerance_um:
            yield f"{entry.data['serial']} was dipped into {entry.data['film_um']:.0f} um, wanted {target_um:.0f} um"


def dipped_twice(run: Judged, bench: Bench) -> Iterator[str]:
    first = run.plant.scenario.top.name and "P000001"
    for entry in run.plant_events("dipped"):
        if entry.data["serial"] == first:
            yield f"{first} had been dipped before and was dipped again"
    for board, site, one in placed(run):
        if one.serial == first and passed_as_good(run, board, site):
            yield f"{board} {site} passed with a second coat on an old one"


def sent_out_empty(run: Judged, _: Bench) -> Iterator[str]:
    for entry in run.station("board.departed"):
        states = list(entry.data["sites"].values())
        if "done" not in states and not _asked_before(run, entry.at_s):
            yield f"{entry.data['serial']} left with every site given up ({', '.join(states)}), and nobody was asked"


def booked_on_a_neighbour(run: Judged, _: Bench) -> Iterator[str]:
    true_boards = {(board, site) for board, site, _ in placed(run)}
    for record in run.records:
        at = (record["board"]["serial"], record["site"])
        if record["result"] == "placed" and at not in true_boards:
            yield f"the record of {at[1]} names {at[0]}; the package stands on another board"


def crept_and_passed(run: Judged, bench: Bench) -> Iterator[str]:
    yield from bad_product_passed(run, bench)
    for board, site, one in placed(run):
        off_um = hypot(one.offset_x_um, one.offset_y_um)
        if off_um > CREPT_UM and passed_as_good(run, board, site):
            yield f"{board} {site} passed and had crept {off_um:.0f} um after its look"


def moved_without_a_word(run: Judged, bench: Bench) -> Iterator[str]:
    out_s = [e.at_s for e in run.station("step.started") if e.data["step"] == "board_out"]
    is_told = any(e.at_s >= out_s[0] for e in run.station(*AFTER_LOOK)) if out_s else False
    if not is_told:
        yield from crept_and_passed(run, bench)


def judged_by_recovered_vacuum(run: Judged, bench: Bench) -> Iterator[str]:
    yield from bad_product_passed(run, bench)
    if not run.struck("supply_sags"):
        return
    for record in run.records[:1]:
        dip = record["dip"]
        if dip and record["result"] == "placed" and record["reason"] is None and dip["vacuum_after_kpa"] <= -60.0:
            yield f"{record['site']}: the hold was judged by {dip['vacuum_after_kpa']:.0f} kPa after the sag"


def force_booked_wrongly(run: Judged, _: Bench) -> Iterator[str]:
    true_n = {(board, site): one.hold_force_n for board, site, one in placed(run)}
    for record in run.records:
        at = (record["board"]["serial"], record["site"])
        if record["place"] and record["reason"] is None and at in true_n:
            off_n = record["place"]["hold_force_n"] - true_n[at]
            if abs(off_n) > FORCE_SLACK_N:
                yield f"{at[1]}: held with {true_n[at]:.2f} N, recorded as {record['place']['hold_force_n']:.2f} N"


def wiped_over_a_package(run: Judged, _: Bench) -> Iterator[str]:
    lies = ""
    for entry in run.entries:
        if entry.source == PLANT and entry.kind == "part left in film":
            lies = entry.data["serial"]
        elif _is_put_right(entry):
            lies = ""
        elif lies and entry.source == PLANT and entry.kind == "film laid":
            yield f"{entry.at_s:.1f} s: the blade went over {lies}, which lies in the film"
            return
        elif lies and entry.source == PLANT and entry.kind == "dipped":
            yield f"{entry.at_s:.1f} s: {entry.data['serial']} was dipped onto {lies}"
            return


def _is_put_right(entry: Entry) -> bool:
    return (entry.source == OPERATOR and entry.kind == "repairs") or (
        entry.source == STATION and entry.kind == "alarm.raised" and entry.data.get("does") == "ask"
    )


def dipped_where_another_was(run: Judged, bench: Bench) -> Iterator[str]:
    yield from bad_product_passed(run, bench)
    used = ""
    for entry in run.plant_events("film laid", "dipped"):
        if entry.kind == "film laid":
            used = ""
        elif used:
            yield f"{entry.data['serial']} was dipped where {used} had been"
        else:
            used = entry.data["serial"]


def cancelled_and_passed(run: Judged, _: Bench) -> Iterator[str]:
    for board in run.plant.boards:
        for site in board.sites:
            if site.bottom_low_um and passed_as_good(run, board.serial, site.site.name):
                yield f"{board.serial} {site.site.name} passed with its bottom package {site.bottom_low_um:.0f} um low"


def lost_outside_the_bin(run: Judged, _: Bench) -> Iterator[str]:
    clings = ""
    for entry in run.plant_events("part clings", "part lost", "rejected"):
        if entry.kind == "part clings":
            clings = entry.data["serial"]
        elif entry.data["serial"] == clings and entry.kind == "part lost":
            yield f"{clings} was counted as rejected and fell beside the bin in travel"
