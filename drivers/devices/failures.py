"""What a device's result means for the caller: the error, and what to do, in words. Data only."""

from __future__ import annotations

from drivers.errors import (
    AxisFault,
    DeviceError,
    DeviceStopped,
    DeviceTimedOut,
    EarlyContact,
    ForceLimitExceeded,
    InterlockOpen,
    LimitExceeded,
    NoContact,
    NoSignal,
    NothingThere,
    NotHomed,
    WatchdogBit,
)
from drivers.wire.handshake import Result

FAILURES: dict[Result, tuple[type[DeviceError], str]] = {
    Result.STOPPED: (DeviceStopped, "was stopped by the host. Release the stop, look where it stands, then go on"),
    Result.WATCHDOG: (
        WatchdogBit,
        "was stopped by the device: it heard no heartbeat, or no jog frame. Check link and load of the host",
    ),
    Result.INTERLOCK: (InterlockOpen, "is forbidden by an interlock. Check e-stop, door, enable, air"),
    Result.NOT_HOMED: (NotHomed, "needs a reference. Home first"),
    Result.LIMIT: (LimitExceeded, "lies outside the soft limits of the device. Correct the target"),
    Result.NO_CONTACT: (NoContact, "reached its Z limit without contact. Is the surface there, and the height right?"),
    Result.EARLY_CONTACT: (EarlyContact, "touched something above its Z window. Look what is in the way"),
    Result.FORCE_LIMIT: (ForceLimitExceeded, "exceeded its force limit and stopped itself. Look at part and surface"),
    Result.AXIS_FAULT: (AxisFault, "ended with an axis fault. Look for a jam, then home"),
    Result.TIMED_OUT: (DeviceTimedOut, "was given up by the device: a sensor did not answer. Check the sensor"),
    Result.NOTHING_THERE: (NothingThere, "found nothing there. Check supply"),
    Result.NO_SIGNAL: (NoSignal, "measured without usable signal. Check sensor and surface"),
    Result.NONE: (DeviceError, "ended without a result. Check the device"),
}
"""Every result but DONE; the words follow the name of the command."""
