"""What is known of the machine at one instant, as far as readings are fresh; what is not known is None.

Nothing here judges: the conditions do. A place of the nozzle is told by its measured position alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite

from drivers.devices.commanded_device import CommandedDevice
from drivers.errors import DriverError
from drivers.wire import dip_unit as dip_wire
from drivers.wire import head as head_wire
from drivers.wire import motion_plc as plc_wire
from drivers.wire.encoding import Number
from drivers.wire.handshake import WATCHDOG_LIMIT_S
from station.cell import OPEN_HIGH_KPA, OPEN_LOW_KPA, Cell
from station.profile import MachineProfile

FRESH_S = WATCHDOG_LIMIT_S
"""a reading may be this old: a device silent for longer has stopped by itself"""
FIELD_MARGIN_UM = 2_000.0
"""tray, plate and nest as taught lie within this of where they are. Estimate"""
SPOT_RADIUS_UM = 5_000.0
"""what is taught as a point, bin and glass holder, is at least this wide. Estimate"""


class Place(StrEnum):
    """Over what the nozzle stands."""

    TRAY = "tray"
    PLATE = "dip plate"
    BOARD = "board"
    HOLDER = "glass holder"
    BIN = "reject bin"
    ELSEWHERE = "elsewhere"


@dataclass(frozen=True, slots=True)
class Facts:
    """One field for each thing that a condition may ask. None: no fresh reading says it."""

    may_move: bool = False
    """the station's state is one in which it moves anything at all"""
    may_feed: bool = False
    """boards and trays may be brought: also while the station waits for them"""
    may_jog: bool = False
    """mode Manual, a state at rest, and a hand on a jog button just now"""
    estop_ok: bool | None = None
    door_closed: bool | None = None
    drives_enabled: bool | None = None
    key_manual: bool | None = None
    air_ok: bool | None = None
    vacuum_supply_ok: bool | None = None
    bin_in_place: bool | None = None
    bin_full: bool | None = None
    on_battery: bool | None = None
    board_at_stop: bool | None = None
    clamped: bool | None = None
    tray_in_place: bool | None = None
    axes_referenced: bool | None = None
    axes_fault: bool | None = None
    axes_stand: bool | None = None
    place: Place | None = None
    z_referenced: bool | None = None
    z_fault: bool | None = None
    z_is_safe: bool | None = None
    contact_stop_armed: bool | None = None
    in_contact: bool | None = None
    nothing_held: bool | None = None
    """the valve is open and the vacuum that of a free nozzle; with the valve closed nothing is known"""
    plate_locked: bool | None = None
    cover_open: bool | None = None
    blade_referenced: bool | None = None
    blade_rests: bool | None = None


def place_at(profile: MachineProfile, x_um: float, y_um: float) -> Place | None:
    """Over what a nozzle at this measured position stands; None where the position is no number."""
    if not (isfinite(x_um) and isfinite(y_um)):
        return None
    tray, plate, nest = profile.tray, profile.plate, profile.nest
    half_um = tray.pitch_um / 2
    fields = (
        (Place.TRAY, tray.x_um - half_um, tray.y_um - half_um, tray.columns * tray.pitch_um, tray.rows * tray.pitch_um),
        (Place.PLATE, plate.x_um - plate.size_um / 2, plate.y_um - plate.size_um / 2, plate.size_um, plate.size_um),
        (Place.BOARD, nest.x_um, nest.y_um, nest.size_x_um, nest.size_y_um),
    )
    for place, left_um, lower_um, width_um, depth_um in fields:
        if (
            -FIELD_MARGIN_UM <= x_um - left_um <= width_um + FIELD_MARGIN_UM
            and -FIELD_MARGIN_UM <= y_um - lower_um <= depth_um + FIELD_MARGIN_UM
        ):
            return place
    for place, spot in ((Place.HOLDER, profile.holder), (Place.HOLDER, profile.holder.lower), (Place.BIN, profile.bin)):
        if (x_um - spot.x_um) ** 2 + (y_um - spot.y_um) ** 2 <= SPOT_RADIUS_UM**2:
            return place
    return Place.ELSEWHERE


def fresh(device: CommandedDevice) -> Mapping[str, Number] | None:
    """The newest status, None when it is too old or never came."""
    try:
        return device.newest(max_age_s=FRESH_S).values
    except DriverError:
        return None


# Plain numbers: a flag enumeration takes longer to ask than everything else here, and every command asks.
_INPUT_BITS = {
    "estop_ok": int(plc_wire.Inputs.ESTOP_OK),
    "door_closed": int(plc_wire.Inputs.DOOR_CLOSED),
    "drives_enabled": int(plc_wire.Inputs.DRIVES_ENABLED),
    "key_manual": int(plc_wire.Inputs.KEY_MANUAL),
    "air_ok": int(plc_wire.Inputs.AIR_OK),
    "vacuum_supply_ok": int(plc_wire.Inputs.VACUUM_SUPPLY_OK),
    "bin_in_place": int(plc_wire.Inputs.BIN_IN_PLACE),
    "bin_full": int(plc_wire.Inputs.BIN_FULL),
    "on_battery": int(plc_wire.Inputs.ON_BATTERY),
    "board_at_stop": int(plc_wire.Inputs.BOARD_AT_STOP),
    "clamped": int(plc_wire.Inputs.CLAMPED),
    "tray_in_place": int(plc_wire.Inputs.TRAY_IN_PLACE),
}
_HOMED_ALL, _AXES_FAULT = int(plc_wire.HOMED_ALL), int(plc_wire.AxisFlags.FAULT)
_IN_POSITION = int(plc_wire.AxisFlags.IN_POSITION)
_Z_FLAGS = {
    "z_referenced": int(head_wire.Flags.HOMED),
    "z_fault": int(head_wire.Flags.FAULT),
    "contact_stop_armed": int(head_wire.Flags.CONTACT_STOP_ARMED),
    "in_contact": int(head_wire.Flags.IN_CONTACT),
}
_DIP_INPUTS = {
    "blade_referenced": int(dip_wire.Inputs.HOMED),
    "plate_locked": int(dip_wire.Inputs.PLATE_LOCKED),
    "cover_open": int(dip_wire.Inputs.COVER_OPEN),
}


def place_now(cell: Cell) -> Place | None:
    """Over what the nozzle stands, None when no fresh reading tells."""
    plc = fresh(cell.plc)
    return None if plc is None else place_at(cell.profile, plc["x_um"], plc["y_um"])


def facts_of_plc(cell: Cell) -> dict[str, bool | Place | None]:
    """`axes_referenced` is what the drives claim."""
    plc = fresh(cell.plc)
    if plc is None:
        return {}
    bits, flags = int(plc["inputs"]), int(plc["axis_flags"])
    found: dict[str, bool | Place | None] = {name: bits & bit != 0 for name, bit in _INPUT_BITS.items()}
    found["axes_referenced"] = flags & _HOMED_ALL == _HOMED_ALL
    found["axes_fault"] = flags & _AXES_FAULT != 0
    found["axes_stand"] = flags & _IN_POSITION != 0 and not cell.plc.channels["gantry"].is_busy
    found["place"] = place_at(cell.profile, plc["x_um"], plc["y_um"])
    return found


def facts_of_head(cell: Cell) -> dict[str, bool | Place | None]:
    """`z_referenced` is what the drive claims."""
    head = fresh(cell.head)
    if head is None:
        return {}
    flags = int(head["flags"])
    found: dict[str, bool | Place | None] = {name: flags & bit != 0 for name, bit in _Z_FLAGS.items()}
    found["z_is_safe"] = cell.is_at_travel_height(head["z_um"])
    if flags & int(head_wire.Flags.VACUUM_ON):
        found["nothing_held"] = OPEN_LOW_KPA <= head["vacuum_kpa"] <= OPEN_HIGH_KPA
    return found


def facts_of_dip_unit(cell: Cell) -> dict[str, bool | Place | None]:
    """`blade_referenced` is what the drive claims."""
    dip = fresh(cell.dip_unit)
    if dip is None:
        return {}
    inputs = int(dip["inputs"])
    found: dict[str, bool | Place | None] = {name: inputs & bit != 0 for name, bit in _DIP_INPUTS.items()}
    channel = dip_wire.CHANNEL
    found["blade_rests"] = not dip[f"{channel}_busy"] and not cell.dip_unit.channels[channel].is_busy
    return found
