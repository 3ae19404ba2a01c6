"""docs/registers.md, written from the declarations: what a PLC programmer needs to build the other side.

The prose that no declaration carries (framing, handshake, heartbeat) is in `document_rules`. Nothing here opens a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from types import ModuleType

from drivers.wire import (
    board_reader,
    camera_frame,
    dip_unit,
    film_gauge,
    head,
    lights,
    motion_plc,
    serial_frames,
)
from drivers.wire.document_rules import CAMERA_RULES, HANDSHAKE, HEAD, MODBUS_RULES, SERIAL_RULES
from drivers.wire.encoding import Block, Quantity, crc16
from drivers.wire.handshake import CommandSpec, Reject, Result, Stop, WatchdogAction

_WORD_ORDER = {1: "", 2: "high word first"}


@dataclass(frozen=True)
class Chapter:
    """One device: its module, and where its frames or blocks are."""

    title: str
    intro: str
    module: ModuleType


MODBUS_DEVICES = (
    Chapter("Motion PLC", f"Modbus TCP, unit {motion_plc.UNIT}, device kind {motion_plc.DEVICE_KIND}.", motion_plc),
    Chapter("Dip unit", f"Modbus RTU, unit {dip_unit.UNIT}, device kind {dip_unit.DEVICE_KIND}.", dip_unit),
)
SERIAL_DEVICES = (
    Chapter("Placement head", f"Serial line, device kind {head.DEVICE_KIND}.", head),
    Chapter("Film gauge", f"Serial line, device kind {film_gauge.DEVICE_KIND}.", film_gauge),
    Chapter("Lights", f"Serial line, device kind {lights.DEVICE_KIND}. Moves nothing: no heartbeat, no CMD.", lights),
    Chapter(
        "Board reader", f"Serial line, device kind {board_reader.DEVICE_KIND}. No heartbeat, no CMD.", board_reader
    ),
)


def registers_document() -> str:
    """The whole document, ending with a newline."""
    parts = [HEAD, HANDSHAKE, *_codes(), MODBUS_RULES, _crc_example()]
    for chapter in MODBUS_DEVICES:
        parts += [f"## {chapter.title}\n\n{chapter.intro}", *_modbus_device(chapter.module)]
    parts += [SERIAL_RULES, *_common_serial()]
    for chapter in SERIAL_DEVICES:
        parts += [f"## {chapter.title}\n\n{chapter.intro}", *_serial_device(chapter.module)]
    parts += [CAMERA_RULES, *_camera_layout()]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


# -- tables -----------------------------------------------------------------------------------------------------


def _table(titles: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    def line(cells: Iterable[object]) -> str:
        return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"

    titles = list(titles)
    return "\n".join([line(titles), line("---" for _ in titles), *map(line, rows)])


def _limits(quantity: Quantity) -> str:
    if quantity.lower is None and quantity.upper is None:
        return ""
    low = "" if quantity.lower is None else f"{quantity.lower:.10g}"
    high = "" if quantity.upper is None else f"{quantity.upper:.10g}"
    return f"{low} to {high}"


def _source(quantity: Quantity) -> str:
    return quantity.source.removesuffix(" of the reference machine")


def _block(block: Block) -> str:
    rows = []
    for quantity in block.quantities:
        address = block.address_of(quantity.name)
        words = quantity.kind.words
        rows.append(
            (
                address,
                f"0x{address:04X}",
                quantity.name,
                quantity.kind.name,
                _WORD_ORDER[words],
                f"{quantity.scale:g}",
                quantity.unit,
                _limits(quantity),
                block.access,
                quantity.meaning,
                _source(quantity),
            )
        )
    titles = ("dec", "hex", "name", "type", "word order", "scale", "unit", "limits", "access", "meaning", "source")
    head_line = (
        f"### Block `{block.name}`: 0x{block.address:04X} ({block.address}), {block.word_count} words, {block.access}"
    )
    return f"{head_line}\n\n{block.meaning}.\n\n{_table(titles, rows)}"


def _quantities(quantities: Iterable[Quantity]) -> str:
    rows = (
        (index, q.name, q.kind.name, f"{q.scale:g}", q.unit, _limits(q), q.meaning, _source(q))
        for index, q in enumerate(quantities)
    )
    return _table(("field", "name", "type", "scale", "unit", "limits", "meaning", "source"), rows)


def _command(channel: str, spec: CommandSpec) -> str:
    meaning = spec.meaning[0].upper() + spec.meaning[1:]
    lines = [f"#### `{spec.name}`: channel {channel}, CMD_CODE {spec.code}", f"{meaning}."]
    for title, word, quantities in (("Arguments", "arg", spec.args), ("Evidence", "evidence", spec.evidence)):
        if not quantities:
            lines.append(f"{title}: none.")
            continue
        rows = (
            (f"{word}_{index}", q.name, f"{q.scale:g}", q.unit, _limits(q), q.meaning)
            for index, q in enumerate(quantities)
        )
        lines.append(f"{title}:\n\n" + _table(("register", "name", "scale", "unit", "limits", "meaning"), rows))
    return "\n\n".join(lines)


def _enum(enum: type[IntEnum] | type[IntFlag], documented: Mapping[str, str], title: str) -> str:
    """Raises KeyError when a member has no meaning: nothing undocumented may pass over a wire."""
    is_flags = issubclass(enum, IntFlag)
    rows = []
    for member in enum:
        bit = f"bit {member.value.bit_length() - 1}" if is_flags else member.value
        rows.append((bit, member.name, documented[str(member.name)]))
    return f"#### {title}\n\n" + _table(("bit" if is_flags else "value", "name", "meaning"), rows)


# -- chapters ---------------------------------------------------------------------------------------------------


def _codes() -> list[str]:
    return [
        _enum(Result, _RESULTS, "RESULT: how a command ended"),
        _enum(Reject, _REJECTS, "REJECT_REASON: why a command was not accepted"),
        _enum(Stop, _STOPS, "stop_request"),
        _enum(WatchdogAction, _WATCHDOGS, "watchdog_action"),
    ]


def _commands(commands: Mapping[str, tuple[CommandSpec, ...]]) -> list[str]:
    return ["### Commands", *(_command(channel, spec) for channel, specs in commands.items() for spec in specs)]


def _modbus_device(module: ModuleType) -> list[str]:
    parts = [_block(block) for block in module.BLOCKS]
    for name in ("Inputs", "AxisFlags", "Reservoir"):
        if hasattr(module, name):
            parts.append(_enum(getattr(module, name), _BITS, f"{name}: values of the register"))
    return parts + _commands(module.COMMANDS)


def _common_serial() -> list[str]:
    return [
        f"### {title}\n\n{fields.meaning}.\n\n{_quantities(fields.quantities)}"
        for title, fields in (
            ("`IDN` reply", serial_frames.IDENTITY),
            ("`BEA` request", serial_frames.BEAT),
            ("`CMD` request", serial_frames.COMMAND),
        )
    ]


def _serial_device(module: ModuleType) -> list[str]:
    parts = []
    if hasattr(module, "STATUS"):
        parts.append("### Status: reply to `BEA` and `CMD`\n\n" + _quantities(module.STATUS.quantities))
    if hasattr(module, "Flags"):
        parts.append(_enum(module.Flags, _BITS, "Flags: bits of the field `flags`"))
    if hasattr(module, "COMMANDS"):
        parts += _commands(module.COMMANDS)
    for verb, name in (("CRV", "CURVE_REQUEST"), ("JOG", "JOG_FRAME"), ("SET", "LIGHT"), ("REA", "READ")):
        if hasattr(module, name):
            fields = getattr(module, name)
            parts.append(f"### `{verb}`\n\n{fields.meaning}.\n\n{_quantities(fields.quantities)}")
    if module is head:
        parts.append(
            f"Reply to `CRV`: one field of text, 12 hexadecimal digits for each sample: index (3), Z in counts of "
            f"{head.UM:g} um (5), force in counts of {head.NEWTON:g} N plus 0x8000 (4). The buffer holds "
            f"{head.CURVE_CAPACITY} samples taken at {head.CURVE_SAMPLE_RATE_HZ} per second. Example: `00A3D09085DC` "
            "is sample 10, Z 0x3D090 = 250000 counts = 25000 um, force 0x85DC - 0x8000 = 1500 counts = 1.5 N."
        )
    if module is film_gauge:
        parts.append(f"The fixed reference step is {film_gauge.REFERENCE_STEP_UM:g} um high.")
    if module is board_reader:
        parts.append(
            f"Reply to `REA`: one field, the code as hexadecimal UTF-8, at most {board_reader.CODE_LIMIT} characters; "
            "no field when no code could be read. Example: `42313233` is `B123`."
        )
    return parts


def _camera_layout() -> list[str]:
    return [
        "### Trigger, host to camera\n\n" + _bytes_table(_TRIGGER_BYTES, camera_frame.TRIGGER_BYTES),
        "### Frame header, camera to host\n\n" + _bytes_table(_HEADER_BYTES, camera_frame.HEADER_BYTES),
        _enum(camera_frame.PixelFormat, _BITS, "pixel_format"),
    ]


def _bytes_table(layout: tuple[tuple[str, int, str], ...], total: int) -> str:
    rows, offset = [], 0
    for name, size, meaning in layout:
        rows.append((offset, size, name, meaning))
        offset += size
    if offset != total:
        raise ValueError(f"layout of {offset} bytes described, {total} bytes declared")
    return _table(("offset", "bytes", "name", "meaning"), rows) + f"\n\n{total} bytes."


def _crc_example() -> str:
    request = bytes.fromhex("02 03 00 00 00 02")
    low, high = crc16(request).to_bytes(2, "little")
    block = bytes.fromhex(
        "11223344 00000001 0002 002DC6C0 00124F85 FFF24460 0016E360 00030D40 00000000 00000000 00000000"
    )
    return (
        "### CRC-16, with worked examples\n\n"
        "CRC-16/MODBUS: start 0xFFFF; for every byte: xor it into the low byte of the register, then eight times shift "
        "right by one and, when a 1 fell out, xor 0xA001. No final xor. Check value of the nine characters "
        f"`123456789`: 0x{crc16(b'123456789'):04X}.\n\n"
        f"- An RTU frame, read two registers from address 0 of unit 2: `02 03 00 00 00 02` has CRC "
        f"0x{crc16(request):04X}, sent low byte first: `02 03 00 00 00 02 {low:02X} {high:02X}`.\n"
        f"- A command block, `move` of the gantry to x 300000.0 um, y 120000.5 um, theta -90 deg at 1500000 um/s and "
        f"20000000 um/s2, session 0x11223344, number 1. The 42 bytes `{block.hex(' ', 2)}` have CRC "
        f"0x{crc16(block):04X}, which is register `cmd_crc`."
    )


_RESULTS = {
    "NONE": "no command has ended yet",
    "DONE": "the commanded end was reached and measured",
    "STOPPED": "ended by a stop request from the host",
    "WATCHDOG": "the device stopped itself: the host was silent too long, or its jog frames ended",
    "INTERLOCK": "e-stop, door, enable, air or a neighbour in the way",
    "NOT_HOMED": "the axis has no trusted position",
    "LIMIT": "target outside the soft limits of the device",
    "NO_CONTACT": "Z limit reached without touching anything",
    "EARLY_CONTACT": "touched before the allowed Z window",
    "FORCE_LIMIT": "force limit of the profile exceeded; the drive stopped itself",
    "AXIS_FAULT": "following error, stall or drive fault",
    "TIMED_OUT": "the device gave up: a sensor did not answer in time",
    "NOTHING_THERE": "no board, tray, part or material where one was needed",
    "NO_SIGNAL": "a measurement without usable signal",
}
_REJECTS = {
    "NONE": "nothing was rejected",
    "BAD_CRC": "cmd_crc does not fit the block",
    "WRONG_SESSION": "not the session announced by the last heartbeat",
    "WRONG_SEQUENCE": "neither the last number nor the next",
    "UNKNOWN_CODE": "the channel has no such command",
    "BAD_ARGUMENT": "an argument outside its declared limits",
    "BUSY": "the command before is still running",
}
_WATCHDOGS = {
    "OFF": "the device runs on without its host: refused by the host",
    "CONTINUE": "the device only reports the silence: refused by the host",
    "STOP": "controlled stop; the only action that the host accepts",
}
_STOPS = {
    "RUN": "motion is allowed",
    "CONTROLLED": "decelerate on the path, then stand",
    "QUICK": "decelerate as fast as the drive can, outputs to their safe level, vacuum stays",
}
_BITS = {
    "ESTOP_OK": "emergency stop chain closed",
    "DOOR_CLOSED": "all doors closed",
    "DRIVES_ENABLED": "drives have power",
    "AIR_OK": "compressed air present",
    "VACUUM_SUPPLY_OK": "vacuum supply present",
    "KEY_MANUAL": "key switch stands on manual",
    "BOARD_AT_STOP": "a board touches the stop pins",
    "CLAMPED": "the board clamp is closed",
    "TRAY_IN_PLACE": "a tray stands in the feeder",
    "BIN_IN_PLACE": "the reject bin is there",
    "BIN_FULL": "the reject bin must be emptied",
    "ON_BATTERY": "mains lost, the power supply runs on its battery",
    "X_HOMED": "axis X has a trusted position",
    "Y_HOMED": "axis Y has a trusted position",
    "THETA_HOMED": "axis theta has a trusted position",
    "IN_POSITION": "all gantry axes stand inside their window around the last target",
    "FAULT": "drive fault",
    "PLATE_LOCKED": "the dip plate is locked in its seat",
    "COVER_OPEN": "the cover over blade and plate is open",
    "HOMED": "the axis has a trusted position",
    "CONTACT_STOP_ARMED": "the drive will stop itself on contact; read back before every move towards a surface",
    "VACUUM_ON": "the vacuum valve is open",
    "IN_CONTACT": "the nozzle touches something",
    "TARED": "the force was zeroed since power on",
    "FULL": "enough material",
    "LOW": "refill soon",
    "EMPTY": "no material left",
    "NONE": "no reservoir in place",
    "ERROR": "empty seen without low: the sensor cannot be trusted",
    "MONO8": "rows of 8-bit pixels, top row first, left pixel first; payload_bytes = width x height",
    "OBSERVATION": "JSON of what would have been measured; sent by a simulated camera only",
}
_TRIGGER_BYTES = (
    ("magic", 4, "`DPTR`"),
    ("version", 2, f"{camera_frame.VERSION}"),
    ("camera", 2, f"{camera_frame.UP} up camera, {camera_frame.DOWN} down camera"),
    ("trigger_number", 4, "counted by the host, repeated in the frame that it causes"),
    ("exposure_us", 4, "exposure time, us"),
)
_HEADER_BYTES = (
    ("magic", 4, "`DPFR`"),
    ("version", 2, f"{camera_frame.VERSION}"),
    ("camera", 2, "as in the trigger"),
    ("trigger_number", 4, "that of the trigger which caused this frame"),
    ("frame_number", 4, "counted by the camera; only grows"),
    ("exposure_start_us", 8, "start of exposure on the camera's own clock, us"),
    ("exposure_us", 4, "exposure time as measured, us"),
    ("width", 2, "pixels in a row"),
    ("height", 2, "rows"),
    ("pixel_format", 2, "see below"),
    ("gain_permille", 2, "analogue gain, 1000 = 1"),
    ("payload_bytes", 4, f"bytes that follow the header, at most {camera_frame.PAYLOAD_LIMIT_BYTES}"),
    ("payload_crc32", 4, "CRC-32 of the payload (ISO 3309, as in zlib; check value of `123456789`: 0xCBF43926)"),
)
