"""What the station should do about every fault, and the verdict on what it did.

Letters are those of `reaction`. `listed` is the reaction that the fault list asks for; `also` is what is accepted
beside it, and `why` says why. A reaction that is in neither is a failure, and so is a fault that did not strike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sim_hardware.fault_list import BY_ID, Means
from station.alarms.catalogue import definition
from tests.campaign.schedule import ACT_OF

FOLLOWS = frozenset(["J", "S", "Q", "R", "W"])
"""What an asked person or a new start brings along: the package at hand is rejected, a taken site skipped."""

CONNECT = "while connecting a second try is all there is: Reset ends in Aborted, and a person presses it again"
STRICTER = "stricter than the list"
REGAINED = "the link is dropped and opened again within a second, the command is asked for and goes on"


@dataclass(frozen=True, slots=True)
class Expected:
    """`goes_on_in`: steps in which nothing need happen; `why` tells that as well.

    told      alarms of which each must have come
    records   results of which one must be in a record; empty: any will do
    only_in   (step, letters): what alone is accepted in this step
    """

    listed: str
    also: str = ""
    why: str = ""
    goes_on_in: tuple[str, ...] = ()
    told: tuple[int, ...] = ()
    records: tuple[str, ...] = ()
    only_in: tuple[tuple[str, str], ...] = ()

    def accepts(self, letters: str, step: str) -> bool:
        found = set(letters.split())
        if step in dict(self.only_in):
            return found == set(dict(self.only_in)[step].split())
        wanted = {*self.listed.split(), *self.also.split()}
        if found == {"."}:
            return "." in wanted or step in self.goes_on_in
        follows = FOLLOWS if found & {"P", "C", "I"} else frozenset()
        return bool(found & wanted) and found <= wanted | follows


BEFORE_A_JOB = ("S01", "S02", "S03")
STARTED_ANEW = "what a start of the service after a break asks about, and what it tells of what became of it"
UNCONNECTED = ("S02",)
"""before Reset connects there is nothing to lose: the station announces itself afterwards"""
EXPECTED: dict[str, Expected] = {
    "M01": Expected(". R P"),
    "M02": Expected("."),
    "M03": Expected(". C"),
    "M04": Expected("I P"),
    "M05": Expected(". C"),
    "M06": Expected(". C"),
    "M07": Expected("P", "I .", f"{STRICTER}; a heartbeat that is refused once is answered by a new connection"),
    "M08": Expected("C", "I .", f"{STRICTER}; a heartbeat that is refused once is answered by a new connection"),
    "M09": Expected(". R C"),
    "M10": Expected(". R P"),
    "M11": Expected("C", "I", STRICTER),
    "M12": Expected("I C"),
    "M13": Expected(". C"),
    "M14": Expected(". R C"),
    "M15": Expected(". R"),
    "M16": Expected("C"),
    "M17": Expected("C P", "I", STRICTER, UNCONNECTED),
    "M18": Expected("I", goes_on_in=UNCONNECTED),
    "M19": Expected("P", "", "the board is out before three seconds are over", ("S24",)),
    "M20": Expected("C"),
    "M21": Expected("I P", "C", CONNECT),
    "M22": Expected("R C", "I", CONNECT),
    "L01": Expected(". R C"),
    "L02": Expected(". R C"),
    "L03": Expected(". P"),
    "L04": Expected("C", "I", STRICTER, ("S04",)),
    "L05": Expected(". R C"),
    "L06": Expected("."),
    "L07": Expected(". R C"),
    "L08": Expected("C", ".", REGAINED),
    "L09": Expected("C"),
    "A01": Expected("I"),
    "A02": Expected("I"),
    "A03": Expected("P", "R J", "measured outside where it is looked for: refused before it becomes a target"),
    "A04": Expected("I", "C", "the drive reports no stall: the host finds that the move takes too long"),
    "A05": Expected("I", "C", "found when the next move is refused", BEFORE_A_JOB),
    "A06": Expected("I", ". R", "a reading that jumps and comes back between two decisions is used by none of them"),
    "A07": Expected("P", "J Q R", "found as packages that lie beside their place; a homing makes it good", ("S02",)),
    "A08": Expected("P", "C", "homing runs in Resetting, where nobody is asked"),
    "A09": Expected("I", "", "", BEFORE_A_JOB),
    "A10": Expected(". I"),
    "A11": Expected("C"),
    "A12": Expected(
        "J",
        "Q . P",
        "turned back where the last picture shows it, else found by the look at the placed one; asked where its print "
        "is not where it should be",
    ),
    "A13": Expected("I", goes_on_in=("S07",)),
    "A14": Expected(". R P", "C", "longer than the move may take"),
    "V01": Expected("R P"),
    "V02": Expected("C P", "J", "where it falls before the lens, the picture shows no package: rejected"),
    "V03": Expected(
        "J C",
        "P",
        "asked as for a lost package; once it stands on its site nothing rests on the hold any more",
        ("S20",),
    ),
    "V04": Expected("P"),
    "V05": Expected("P"),
    "V06": Expected("J", "R P", "met too high and not taken: another package is taken instead"),
    "V07": Expected("C", "P", "asked, before anything is placed by assumption"),
    "V08": Expected("P", "R", "other packages are tried first"),
    "V09": Expected("P C", "R", "other packages are tried first", ("S24",)),
    "V10": Expected("P", ".", "the package lets go a little later, and the release is measured"),
    "V11": Expected("P", "R C", "the next pick finds the nozzle not empty"),
    "V12": Expected("P"),
    "D01": Expected("R P"),
    "D02": Expected("R P"),
    "D03": Expected("R P"),
    "D04": Expected("P", "R", "levelled and referenced again first"),
    "D05": Expected("P"),
    "D06": Expected("C"),
    "D07": Expected("P"),
    "D08": Expected("P"),
    "D09": Expected("R"),
    "D10": Expected("J", "R", "the film has aged as well"),
    "D11": Expected("C P"),
    "D12": Expected("J", "P", "a person looks first"),
    "D13": Expected("J", "C", "the press takes longer than it may"),
    "D14": Expected("R", "P", "levelled again"),
    "D15": Expected("P", "I C", f"{STRICTER}: the guard forbids to measure as well", ("S09",)),
    "D16": Expected("J"),
    "C01": Expected("R P"),
    "C02": Expected("R C"),
    "C03": Expected("R P", ". J", "other pictures of the step suffice; a package that is not seen is rejected"),
    "C04": Expected("R J P", ".", "the other pictures of the step suffice"),
    "C05": Expected("J P"),
    "C06": Expected("J"),
    "C07": Expected("J"),
    "C08": Expected("J"),
    "C09": Expected("J"),
    "C10": Expected("R P"),
    "C11": Expected("P", "R", "looked at once more first"),
    "C12": Expected("P", "R", "looked at once more first"),
    "C13": Expected("P"),
    "C14": Expected("J", "R P Q", "looked at once more first", only_in=(("S18", "J"),)),
    "C15": Expected("R P"),
    "C16": Expected("refused"),
    "C17": Expected("R P", ".", "the first picture suffices"),
    "P01": Expected("I P"),
    "P02": Expected("P"),
    "P03": Expected("J P"),
    "P04": Expected("P", "J Q", "found by the force that was held: the package is rejected, or the board quarantined"),
    "P05": Expected("P C"),
    "P06": Expected("J P"),
    "P07": Expected("Q"),
    "P08": Expected("P Q"),
    "P09": Expected("C P"),
    "P10": Expected("."),
    "P11": Expected("P", records=("placed_unverified", "ambiguous")),
    "P12": Expected("P", "Q", "found by the look at the placed package: the board goes to quarantine"),
    "B01": Expected("R P"),
    "B02": Expected("P"),
    "B03": Expected("P"),
    "B04": Expected("R P", "Q", "found after the placement; before it is measured it may lie anywhere", ("S06",)),
    "B05": Expected("C"),
    "B06": Expected("S"),
    "B07": Expected("S"),
    "B08": Expected("C P"),
    "B09": Expected("C P"),
    "B10": Expected("P"),
    "H01": Expected(".", "P S J R W", STARTED_ANEW),
    "H02": Expected("C", "P S J R", STARTED_ANEW),
    "H03": Expected("C", "P S J R", STARTED_ANEW),
    "H04": Expected("W", "R", "whatever aged meanwhile is done anew"),
    "H05": Expected("C", "P S J R", STARTED_ANEW),
    "H06": Expected("refused"),
    "H07": Expected("."),
    "H08": Expected(
        "I C P", "W R", "told of where no command was under way that the devices could stop; the film is made anew"
    ),
    "H09": Expected(".", "P S J R W", STARTED_ANEW),
    "H10": Expected("C", "I", STRICTER),
    "H11": Expected("C", "W I", "shorter than the dead-man of the devices: nothing was missed, it is told of"),
    "H12": Expected("refused"),
    "H13": Expected("refused"),
    "H14": Expected("."),
    "N01": Expected("W"),
    "N02": Expected("."),
    "N03": Expected("."),
    "N04": Expected("refused"),
    "N05": Expected("."),
    "N06": Expected("."),
    "N07": Expected("."),
    "N08": Expected("refused"),
    "N09": Expected("refused"),
    "N10": Expected("."),
    "N11": Expected("W"),
    "O05": Expected("P"),
    "O06": Expected("."),
    "O07": Expected("refused"),
    "O01": Expected("I", "", "", BEFORE_A_JOB),
    "O02": Expected("C I", "", "", BEFORE_A_JOB),
    "O03": Expected("P", "J R", "the package that is missing is asked for; the film is levelled again by itself"),
    "O04": Expected("refused"),
    "O08": Expected(
        ".", "S W", "the next Reset looks and tells (904) what became of a placement, or its site is given up"
    ),
    "O09": Expected("refused P", "R", "looked at once more first"),
    "O10": Expected(
        ". refused", "S P J R W", "after a Stop in the middle a person, or the look of Reset, tells what became of it"
    ),
    "O11": Expected(". refused", "S P J R W", "as for O10; over the bin nothing needs to be refused"),
    "O12": Expected(
        "P", "refused W", "what is withheld is refused, and told of, until the key was turned", told=(907,)
    ),
    "O13": Expected(".", "P S J R W", "what a start after a power loss asks about and tells"),
    "O14": Expected("I", "C", "found when the next move is refused", BEFORE_A_JOB),
    "O16": Expected("C", "", "", BEFORE_A_JOB),
    "O15": Expected("C", ". I", "stricter where the clamp needs air; elsewhere nothing needs it"),
}

MISTAKE = definition("software_fault").number
PLANTS_A_MISTAKE = ("H10",)
PROVED, OTHER, BROKEN, MISSED, HANGS, ERROR = "proved", "other reaction", "broken", "did not strike", "hangs", "error"


def verdict_of(line: dict[str, Any]) -> tuple[str, str]:
    """(verdict, why) of what one line of the matrix measured."""
    if "struck" not in line:
        return ERROR, line["why"]
    fault, broken, letters = BY_ID[line["fault"]], line["broken"], line["reaction"]
    wanted = {spec.kind for spec in fault.inject} if fault.means is Means.MACHINE else {ACT_OF[fault.id]}
    if not wanted <= set(line["struck"]):
        return MISSED, "the fault was given and never struck"
    others = [one for one in broken if one[0] != 36]
    if others:
        return BROKEN, f"invariant {others[0][0]}: {others[0][1]}"
    if not line["finished"]:
        return HANGS, broken[0][1] if broken else "no board was finished"
    if MISTAKE in line["alarms"] and fault.id not in PLANTS_A_MISTAKE:
        return OTHER, "the station met a mistake of its own"
    expected = EXPECTED[fault.id]
    if not expected.accepts(letters, line["step"]):
        return OTHER, f"did {letters}, listed is {expected.listed}"
    if not set(expected.told) <= set(line["alarms"]):
        return OTHER, f"told of {line['alarms']}, wanted {' and '.join(map(str, expected.told))}"
    if expected.records and not set(expected.records) & set(line["results"]):
        return OTHER, f"recorded {', '.join(line['results'])}, wanted {' or '.join(expected.records)}"
    return PROVED, ""
