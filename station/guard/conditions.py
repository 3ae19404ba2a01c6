"""The conditions: what can be true or not of the machine, each with the words in which a person reads it.

A condition holds only when a fresh reading says so. Which action needs which condition stands in the table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter

from station.guard.facts import Facts, Place

PLC, HEAD, DIP_UNIT, STATION = "plc", "head", "dip unit", "station"

Ask = Callable[[Facts], bool | None]


@dataclass(frozen=True, slots=True)
class Condition:
    """One column of the table.

    title        what is wanted
    broken       what is the matter where it does not hold, and what to do about it
    source       the device whose reading tells; more than one: joined by "and"
    of_the_chain whether it belongs to the hard-wired safety chain: then more than this one motion is over
    """

    id: str
    title: str
    broken: str
    source: str
    ask: Ask
    of_the_chain: bool = False

    @property
    def sources(self) -> list[str]:
        """Names of the devices that have to be read."""
        return self.source.split(" and ")

    def holds(self, facts: Facts) -> bool:
        """Positive evidence only: what is not known does not hold."""
        return self.ask(facts) is True

    def reason(self, facts: Facts) -> str:
        """Why it does not hold now."""
        if self.ask(facts) is None:
            return f"it is not known whether this is so: {self.title.lower()} (no fresh reading from the {self.source})"
        return self.broken


def _not(name: str) -> Ask:
    value = attrgetter(name)

    def ask(facts: Facts) -> bool | None:
        found = value(facts)
        return None if found is None else not found

    return ask


def _over(*places: Place) -> Ask:
    return lambda facts: None if facts.place is None else facts.place in places


def _head_clear_of_plate(facts: Facts) -> bool | None:
    """Up is clear wherever it stands; low is clear only where it is known to stand elsewhere."""
    if facts.z_is_safe is True and facts.z_referenced is True:
        return True
    if facts.place is None or facts.axes_referenced is not True:
        return None if facts.z_is_safe is None else False
    return facts.place is not Place.PLATE


def _is(name: str) -> Ask:
    return attrgetter(name)


def _touches_or_holds_nothing(facts: Facts) -> bool | None:
    return True if facts.in_contact or facts.nothing_held else facts.in_contact


STATE_MOVES = Condition(
    "state_moves",
    "Station in a state that moves",
    "the station is at rest: nothing moves before Reset or Start",
    STATION,
    _is("may_move"),
)

STATE_FEEDS = Condition(
    "state_feeds",
    "Station in a state that moves, or waits for supply",
    "the station is at rest: no board or tray is brought before Reset or Start",
    STATION,
    _is("may_feed"),
)
JOG_HELD = Condition(
    "jog_held",
    "Jog button held in mode Manual",
    "no jog button is held in mode Manual with the station at rest",
    STATION,
    _is("may_jog"),
)
ESTOP = Condition(
    "estop_released",
    "Emergency stop released",
    "the emergency stop is pressed; release it when nobody is in danger",
    PLC,
    _is("estop_ok"),
    of_the_chain=True,
)
DOOR = Condition("door_closed", "Door closed", "the door is open; close it", PLC, _is("door_closed"), of_the_chain=True)
DRIVES = Condition(
    "drives_enabled",
    "Drives enabled",
    "the drives have no power; switch them on, then home",
    PLC,
    _is("drives_enabled"),
    of_the_chain=True,
)
KEY = Condition(
    "key_automatic",
    "Key switch on automatic",
    "the key switch stands on manual; turn it to automatic",
    PLC,
    _not("key_manual"),
)
KEY_MANUAL = Condition(
    "key_manual",
    "Key switch on manual",
    "the key switch stands on automatic; turn it to manual at the machine",
    PLC,
    _is("key_manual"),
)
AIR = Condition("air", "Compressed air there", "compressed air is missing; open the supply", PLC, _is("air_ok"))
VACUUM = Condition(
    "vacuum_supply",
    "Vacuum supply there",
    "the vacuum supply is missing; check pump and filter",
    PLC,
    _is("vacuum_supply_ok"),
)
BIN_THERE = Condition(
    "bin_in_place", "Reject bin in place", "the reject bin is missing; put it in", PLC, _is("bin_in_place")
)
BIN_ROOM = Condition("bin_has_room", "Reject bin has room", "the reject bin is full; empty it", PLC, _not("bin_full"))
MAINS = Condition(
    "mains", "Power from the mains", "the power supply runs on its battery; wait for the mains", PLC, _not("on_battery")
)
BOARD_THERE = Condition(
    "board_in_nest",
    "Board at the stop pins",
    "no board touches the stop pins; look at the conveyor",
    PLC,
    _is("board_at_stop"),
)
CLAMPED = Condition("clamp_closed", "Clamp closed", "the clamp is open; the board could shift", PLC, _is("clamped"))
UNCLAMPED = Condition("clamp_open", "Clamp open", "the clamp is closed; open it first", PLC, _not("clamped"))
TRAY_THERE = Condition("tray_in_place", "Tray in place", "no tray is in place; bring one", PLC, _is("tray_in_place"))
AXES_REFERENCED = Condition(
    "axes_referenced",
    "X, Y and theta referenced",
    "the position of X, Y and theta is not to be trusted; home",
    PLC,
    _is("axes_referenced"),
)
AXES_SOUND = Condition(
    "axes_without_fault",
    "X, Y and theta without fault",
    "a drive of X, Y or theta has tripped; look for a jam, then home",
    PLC,
    _not("axes_fault"),
)
AXES_STAND = Condition(
    "axes_stand",
    "X, Y and theta at rest",
    "X, Y or theta is moving; Z stays up until they stand",
    PLC,
    _is("axes_stand"),
)
Z_REFERENCED = Condition(
    "z_referenced", "Z referenced", "the position of Z is not to be trusted; home", HEAD, _is("z_referenced")
)
Z_SOUND = Condition(
    "z_without_fault", "Z without fault", "the Z drive has tripped; look for a jam, then home", HEAD, _not("z_fault")
)
Z_UP = Condition(
    "head_up",
    "Head at travel height",
    "the head is too low to travel; jog Z up, or Reset homes it first",
    HEAD,
    _is("z_is_safe"),
)
CONTACT_STOP = Condition(
    "contact_stop_armed",
    "Contact stop of the Z drive armed",
    "the Z drive would not stop at a contact; check the force sensor, then home",
    HEAD,
    _is("contact_stop_armed"),
)
FREE_AIR = Condition(
    "nozzle_in_free_air",
    "Nozzle in free air",
    "something touches the nozzle; lift it first",
    HEAD,
    _not("in_contact"),
)
PRESSING = Condition(
    "nozzle_pressing",
    "Nozzle in contact",
    "the nozzle presses on nothing: a part let go now would fall",
    HEAD,
    _is("in_contact"),
)
OVER_TRAY = Condition(
    "over_tray", "Nozzle over the tray", "the nozzle does not stand over the tray", PLC, _over(Place.TRAY)
)
OVER_PLATE = Condition(
    "over_plate", "Nozzle over the dip plate", "the nozzle does not stand over the dip plate", PLC, _over(Place.PLATE)
)
OVER_BOARD = Condition(
    "over_board", "Nozzle over the board", "the nozzle does not stand over the board", PLC, _over(Place.BOARD)
)
OVER_HOLDER = Condition(
    "over_holder",
    "Nozzle over the glass holder",
    "the nozzle does not stand over the holder of the glass part",
    PLC,
    _over(Place.HOLDER),
)
OVER_BIN = Condition(
    "over_bin", "Nozzle over the reject bin", "the nozzle does not stand over the reject bin", PLC, _over(Place.BIN)
)
JOG_DOWN_HERE = Condition(
    "jog_down_here",
    "Nozzle over the reject bin, the one place to jog down to",
    "below travel height Z is jogged over the reject bin only: board, film, tray or camera may stand under it",
    PLC,
    _over(Place.BIN),
)
NOTHING_HELD = Condition(
    "nothing_held",
    "Nothing on the nozzle, as the open valve shows",
    "the nozzle may hold a part: it is let go only where it may lie",
    HEAD,
    _is("nothing_held"),
)
LIES_OR_NOTHING_HELD = Condition(
    "lies_or_nothing_held",
    "Nozzle in contact, or nothing on it",
    "the nozzle touches nothing and may hold a part: let go now it would fall",
    HEAD,
    _touches_or_holds_nothing,
)
OVER_SURFACE = Condition(
    "over_a_surface",
    "Nozzle over tray, plate, board or glass holder",
    "the nozzle stands over nothing that it may press on",
    PLC,
    _over(Place.TRAY, Place.PLATE, Place.BOARD, Place.HOLDER),
)
HEAD_OFF_PLATE = Condition(
    "head_off_plate",
    "Head clear of the dip plate",
    "the head is low over the dip plate; blade and gauge must stay away",
    f"{PLC} and {HEAD}",
    _head_clear_of_plate,
)
PLATE_LOCKED = Condition(
    "plate_locked", "Dip plate locked", "the dip plate is not locked; lock it", DIP_UNIT, _is("plate_locked")
)
COVER_CLOSED = Condition(
    "cover_closed",
    "Cover of the dip unit closed",
    "the cover of the dip unit is open; close it",
    DIP_UNIT,
    _not("cover_open"),
)
BLADE_REFERENCED = Condition(
    "blade_referenced",
    "Blade referenced",
    "the position of the blade is not to be trusted; home",
    DIP_UNIT,
    _is("blade_referenced"),
)
BLADE_RESTS = Condition(
    "blade_rests",
    "Blade at rest",
    "the blade is moving over the plate; wait until it is parked",
    DIP_UNIT,
    _is("blade_rests"),
)
