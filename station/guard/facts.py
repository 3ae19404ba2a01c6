"""What is known of the machine at one instant, as far as readings are fresh; what is not known is None.

Nothing here judges: the conditions do. A place of the nozzle is told by its measured position alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from drivers.devices.commanded_device import CommandedDevice
from drivers.errors import DriverError
from drivers.wire import dip_unit as dip_wire
from drivers.wire import head as head_wire
from drivers.wire import motion_plc as plc_wire
from drivers.wire.encoding import Number
from drivers.wire.handshake import WATCHDOG_LIMIT_S
from station.cell import Z_TOLERANCE_UM, Cell
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
    estop_ok: bool | None = None
    door_closed: bool | None = None
    drives_enabled: bool | None = None
    key_manual: bool | None = None
    air_ok: bool | None = None
    vacuum_supply_ok: bool | None = None
    bin_in_place: bool | None = None
    bin_full: bool | None = None
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
    plate_locked: bool | None = None
    cover_open: bool | None = None
    blade_referenced: bool | None = None
    blade_rests: bool | None = None


@dataclass(frozen=True, slots=True)
class Referenced:
    """What the drives themselves say of their positions; None where no fresh reading says it."""

    z: bool | None
    gantry: bool | None
    blade: bool | None


def place_at(profile: MachineProfile, x_um: float, y_um: float) -> Place:
    """Over what a nozzle at this measured position stands."""
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
    for place, spot in ((Place.HOLDER, profile.holder), (Place.BIN, profile.bin)):
        if (x_um - spot.x_um) ** 2 + (y_um - spot.y_um) ** 2 <= SPOT_RADIUS_UM**2:
            return place
    return Place.ELSEWHERE


def fresh(device: CommandedDevice) -> Mapping[str, Number] | None:
    """The newest status, None when it is too old or never came."""
    try:
        return device.newest(max_age_s=FRESH_S).values
    except DriverError:
        return None


def referenced(cell: Cell) -> Referenced:
    """Which drives have a reference by their own word."""
    plc, head, dip = fresh(cell.plc), fresh(cell.head), fresh(cell.dip_unit)
    return Referenced(
        z=None if head is None else bool(int(head["flags"]) & head_wire.Flags.HOMED),
        gantry=None if plc is None else int(plc["axis_flags"]) & plc_wire.HOMED_ALL == plc_wire.HOMED_ALL,
        blade=None if dip is None else bool(int(dip["inputs"]) & dip_wire.Inputs.HOMED),
    )


def read_facts(cell: Cell, *, may_move: bool) -> Facts:
    """What is known now, without what positions are worth: that is more than a reading can say."""
    found: dict[str, bool | Place | None] = {"may_move": may_move}
    if (plc := fresh(cell.plc)) is not None:
        found |= _of_plc(plc, cell)
    if (head := fresh(cell.head)) is not None:
        flags = int(head["flags"])
        found |= {
            "z_fault": bool(flags & head_wire.Flags.FAULT),
            "z_is_safe": head["z_um"] <= cell.profile.head.safe_z_um + Z_TOLERANCE_UM,
            "contact_stop_armed": bool(flags & head_wire.Flags.CONTACT_STOP_ARMED),
            "in_contact": bool(flags & head_wire.Flags.IN_CONTACT),
        }
    if (dip := fresh(cell.dip_unit)) is not None:
        inputs = int(dip["inputs"])
        found |= {
            "plate_locked": bool(inputs & dip_wire.Inputs.PLATE_LOCKED),
            "cover_open": bool(inputs & dip_wire.Inputs.COVER_OPEN),
            "blade_rests": not dip[f"{dip_wire.CHANNEL}_busy"] and not cell.dip_unit.channels[dip_wire.CHANNEL].is_busy,
        }
    return Facts(**found)  # type: ignore[arg-type]


def _of_plc(plc: Mapping[str, Number], cell: Cell) -> dict[str, bool | Place | None]:
    bits, flags = int(plc["inputs"]), int(plc["axis_flags"])
    inputs = plc_wire.Inputs
    return {
        "estop_ok": bool(bits & inputs.ESTOP_OK),
        "door_closed": bool(bits & inputs.DOOR_CLOSED),
        "drives_enabled": bool(bits & inputs.DRIVES_ENABLED),
        "key_manual": bool(bits & inputs.KEY_MANUAL),
        "air_ok": bool(bits & inputs.AIR_OK),
        "vacuum_supply_ok": bool(bits & inputs.VACUUM_SUPPLY_OK),
        "bin_in_place": bool(bits & inputs.BIN_IN_PLACE),
        "bin_full": bool(bits & inputs.BIN_FULL),
        "board_at_stop": bool(bits & inputs.BOARD_AT_STOP),
        "clamped": bool(bits & inputs.CLAMPED),
        "tray_in_place": bool(bits & inputs.TRAY_IN_PLACE),
        "axes_fault": bool(flags & plc_wire.AxisFlags.FAULT),
        "axes_stand": bool(flags & plc_wire.AxisFlags.IN_POSITION) and not cell.plc.channels["gantry"].is_busy,
        "place": place_at(cell.profile, plc["x_um"], plc["y_um"]),
    }
