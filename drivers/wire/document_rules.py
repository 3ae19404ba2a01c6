"""The rules of the wires in words, for `document`: what no table of registers can say. No rule is carried out here."""

from __future__ import annotations

from drivers.wire.common import (
    CONTROL_ADDRESS,
    IDENTITY_ADDRESS,
    MAP_VERSION,
    PATTERN_I32_UM,
    PATTERN_U16,
    PATTERN_U32,
    STATUS_ADDRESS,
)
from drivers.wire.handshake import ARG_COUNT, EVIDENCE_COUNT, HEARTBEAT_PERIOD_S, WATCHDOG_LIMIT_S
from drivers.wire.serial_frames import LINE_LIMIT_BYTES, line_crc

_BEAT_MS = round(HEARTBEAT_PERIOD_S * 1000)
_WATCHDOG_MS = round(WATCHDOG_LIMIT_S * 1000)


def _line(mark: str, body: str) -> str:
    return f"{mark}{body}*{line_crc(body.encode()):04X}"


HEAD = f"""
# Registers and frames

Generated from `drivers/wire` by `station registers write`; do not edit. Version {MAP_VERSION} of the map.

Everything that passes between the station and its devices: enough to build a device, or to replace one, without reading
the source. Lengths are in um, angles in deg anticlockwise seen from above, forces in N, pressures in kPa relative to
ambient. A number on the wire is a count; *scale* is engineering units per count, so 1234 counts at scale 0.1 are 123.4.
Counts are whole numbers, negative ones in two's complement.

"Engineering choice" in the column *source* means: chosen for the reference machine, free to be another number in the
map of another machine.
"""

HANDSHAKE = f"""
## Command handshake

The same on every device that moves, on registers and on lines. Its purpose: a command is executed once, whatever is
lost on the way, and the host knows or says that it does not know.

The host writes SESSION, CMD_SEQ, CMD_CODE, {ARG_COUNT} ARGS (unused ones 0) and CMD_CRC in one request. Arguments are
absolute targets. The device answers, for each channel, ACK_SESSION, ACK_SEQ, BUSY, DONE_SEQ, RESULT, {EVIDENCE_COUNT}
EVIDENCE, REJECT_SEQ and REJECT_REASON.

Device rules, in this order:

1. CMD_CRC wrong: reject, BAD_CRC.
2. SESSION is 0 or not the one announced by the last heartbeat: reject, WRONG_SESSION. A session that another has
   replaced is never accepted again.
3. CMD_SEQ equals the last accepted number: no effect at all; the status reports that command again.
4. CMD_SEQ is not the last accepted number + 1 (the first number of a session is 1): reject, WRONG_SEQUENCE.
5. The command before still runs: reject, BUSY. Unknown code: UNKNOWN_CODE. Argument outside its limits: BAD_ARGUMENT.
6. Otherwise accept: ACK_SESSION and ACK_SEQ take the new values, BUSY = 1, RESULT = 0, then begin. A command that may
   not begin (interlock, not homed, stop requested, host silent) is accepted and ends at once with that RESULT.
7. At the end: EVIDENCE as measured, RESULT, BUSY = 0, DONE_SEQ = ACK_SEQ, all in the same scan.
8. A rejected block changes only REJECT_SEQ (the number rejected) and REJECT_REASON. BOOT_ID is another number at every
   start of the device; a start forgets session, numbers and references.

Host rules: after any doubt (no reply, damaged reply, reset) it reads before it writes. ACK_SEQ is the number: wait for
DONE_SEQ. It is not: write the same block again, which rule 3 makes harmless. BOOT_ID has changed: the outcome is
unknown and nothing is repeated. Nothing is ever sent again under a new number.

Heartbeat: the host raises host_heartbeat by 1 in every beat, every {_BEAT_MS} ms while a command runs and
otherwise at least every 250 ms, and expects host_heartbeat_echo to follow and device_heartbeat to move at least
every 100 ms. Watchdog: when host_heartbeat has not changed for {_WATCHDOG_MS} ms while a command runs, the device stops
by itself in a controlled way and ends the command with WATCHDOG. A limit above {_WATCHDOG_MS} ms or of 0, or an action
other than stop, is refused by the host at connect and once an hour. Losing the connection is no reason to forget
anything: the host may come back with the same session.

stop_request is a level, sent with every beat. Above 0 a running command is stopped and ends with STOPPED when the
device stands; a new one is accepted and ends at once with STOPPED. Back at 0 nothing continues by itself.
"""

MODBUS_RULES = f"""
## Modbus devices

Holding registers only, 16 bits, big-endian; a 32-bit value is two registers, high word first. Function codes: 3 (read),
16 (write), 23 (write, then read, in one transaction), 6 (write one). Source: MODBUS Application Protocol Specification
V1.1b3, modbus.org. A request that names anything else is answered with exception 1 to 4.

- Identity at 0x{IDENTITY_ADDRESS:04X}: read with function code 3. The host refuses the device unless pattern_u32 reads
  0x{PATTERN_U32:08X}, pattern_um {PATTERN_I32_UM} um and pattern_u16 0x{PATTERN_U16:04X}: this proves word order, sign
  and scale before anything moves.
- Heartbeat: function code 23 writes the control block at 0x{CONTROL_ADDRESS:04X} and reads the status block at
  0x{STATUS_ADDRESS:04X}. The write comes first, so host_heartbeat_echo in the reply is the value just written; the host
  uses it to tell the reply from a late one, since RTU replies carry no number.
- Status is one scan: sequence_begin and sequence_end are written by the device at the begin and end of filling the
  block and differ in a torn reading, which the host does not use. They grow by 1 with every scan.
- The dip unit has no tower light and ignores that register.
- A command block is written whole with one function code 16. cmd_crc covers all registers of the block before it, each
  as two bytes, high byte first.
- The host sends one request at a time, waits 150 ms for the reply and repeats nothing by itself. On RTU it keeps quiet
  for another 100 ms after an error.
- RTU: 115200 baud, 8 data bits, no parity, 1 stop bit; frames may also be carried over a TCP connection as they are.
"""

SERIAL_RULES = f"""
## Serial devices

One line of ASCII text for each request and each reply, 115200 baud, 8 data bits, no parity, 1 stop bit; lines may also
be carried over a TCP connection as they are.

    line     = mark number SP verb *( SP field ) "*" crc CR LF
    mark     = "#" from the host, "@" from the device
    number   = 4 hexadecimal digits, upper case; +1 with every request, after FFFF comes 0000
    verb     = 3 letters A to Z
    field    = decimal whole number, or text without space and "*" where declared so
    crc      = 4 hexadecimal digits, upper case: CRC-16/IBM-3740 over all characters between mark and "*"

CRC-16/IBM-3740 (also CCITT-FALSE) is not the CRC of Modbus: start 0xFFFF; for every byte: xor it into the high byte of
the register, then eight times shift left by one and, when a 1 fell out, xor 0x1021. No final xor. Check value of the
nine characters `123456789`: 0x{line_crc(b"123456789"):04X}.

A line has at most {LINE_LIMIT_BYTES} bytes. The reply repeats number and verb of its request; the host takes no other
line for it. The device answers within 150 ms, the bytes of a line follow one another within 50 ms. A request that is
damaged or makes no sense is not answered. An adapter that echoes the host's own bytes is allowed: the mark differs.

| Verb | Devices | Request | Reply |
| --- | --- | --- | --- |
| `IDN` | all | no field | identity |
| `BEA` | head, film gauge | heartbeat | status |
| `CMD` | head, film gauge | command; the CRC of the line takes the place of CMD_CRC | status |
| `CRV` | head | which samples | samples of the force-Z curve |
| `SET` | lights | light of one camera | the same fields, as measured |
| `REA` | board reader | which reader | code |

Examples: identity request number 1: `{_line("#", "0001 IDN")}`; heartbeat 1 of session 0x11223344 = 287454020, request
number 2: `{_line("#", "0002 BEA 287454020 1 0")}`; film height asked for at x 1000 um, y -500 um, command 1:
`{_line("#", "0003 CMD 287454020 1 1 10000 -5000 0 0 0 0 0 0")}`. `CRV`, `SET` and `REA` change no command and may
be repeated.
"""

CAMERA_RULES = """
## Cameras

A TCP stream for each camera. The host sends a trigger, the camera exposes once and sends one frame: header, then
payload. Numbers are big-endian and unsigned. A trigger during exposure or readout is not obeyed and not answered. The
host uses a frame only when camera and trigger number are its own, the frame number has grown and the CRC fits.
"""
