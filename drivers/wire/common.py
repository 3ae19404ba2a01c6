"""What every Modbus device of the station shares: identity with a known pattern, host control with the heartbeat.

Reading the pattern back proves word order and scale before anything moves.
"""

from __future__ import annotations

from drivers.wire.encoding import Block, Kind, Quantity

MAP_VERSION = 1
IDENTITY_ADDRESS = 0x0000
STATUS_ADDRESS = 0x0040
CONTROL_ADDRESS = 0x0100

PATTERN_U32 = 0x12345678
PATTERN_I32_UM = -12345.6
PATTERN_U16 = 0xA55A

IDENTITY = Block(
    "identity",
    IDENTITY_ADDRESS,
    (
        Quantity("pattern_u32", "always 0x12345678: proves the word order", Kind.U32),
        Quantity("pattern_um", "always -12345.6 um: proves sign and scale", Kind.I32, 0.1, unit="um"),
        Quantity("pattern_u16", "always 0xA55A", Kind.U16),
        Quantity("map_version", "version of this register map", Kind.U16),
        Quantity("device_kind", "1 motion PLC, 2 dip unit", Kind.U16),
        Quantity("serial_number", "serial number of the device", Kind.U32),
        Quantity("watchdog_limit_s", "silence of the host after which the device stops", Kind.U16, 0.001, unit="s"),
        Quantity("watchdog_action", "0 off, 1 continue, 2 stop; only 2 is accepted", Kind.U16),
        Quantity("watchdog_runs", "1 while the watchdog is running", Kind.U16),
    ),
    "read",
    "who answers here, and is its dead-man armed; read at connect and once an hour",
)

CONTROL = Block(
    "control",
    CONTROL_ADDRESS,
    (
        Quantity("session", "random number of this host start", Kind.U32),
        Quantity("host_heartbeat", "+1 with every write: each 100 ms while a command runs, else within 250", Kind.U16),
        Quantity("stop_request", "0 run, 1 controlled stop, 2 quick stop; a level, not an edge", Kind.U16),
        Quantity("tower_light", "bits: 0 red, 1 amber, 2 green, 3 buzzer", Kind.U16),
    ),
    "write",
    "the host is alive and this is what it wants; written with function code 23 together with the status read",
)


def status_head() -> tuple[Quantity, ...]:
    return (
        Quantity("sequence_begin", "equals sequence_end in an untorn reading; +1 with every scan", Kind.U16),
        Quantity("boot_id", "changes at every start of the device", Kind.U32),
        Quantity("device_heartbeat", "counts up while the device runs", Kind.U16),
        Quantity("host_heartbeat_echo", "last heartbeat received from the host", Kind.U16),
    )


def status_tail() -> tuple[Quantity, ...]:
    return (Quantity("sequence_end", "equals sequence_begin in an untorn reading", Kind.U16),)
