"""From what a driver or the store says went wrong to the alarm that a person can act on.

Everything without a row here is a bug of ours: the machine is made safe and the traceback kept.
"""

from __future__ import annotations

import traceback

from drivers import errors as wrong
from station.alarms import rows_boards, rows_machine, rows_process
from station.alarms.catalogue import ProcessAlarm
from station.store.errors import StoreError

CATALOGUE_MODULES = (rows_machine, rows_process, rows_boards)

CAMERAS = ("up camera", "down camera")
_NOTHING_THERE = {"load_board": "no_board", "change_tray": "tray_empty"}

_BY_ERROR: tuple[tuple[type[wrong.DriverError], str], ...] = (
    (wrong.FrameError, "no_picture"),
    (wrong.OutcomeUnknown, "outcome_unknown"),
    (wrong.WrongDevice, "wrong_device"),
    (wrong.WatchdogNotArmed, "watchdog_not_armed"),
    (wrong.BadReply, "bad_reply"),
    (wrong.LinkError, "link_lost"),
    (wrong.StaleReading, "link_lost"),
    (wrong.InterlockOpen, "interlock_open"),
    (wrong.NotHomed, "not_homed"),
    (wrong.AxisFault, "axis_fault"),
    (wrong.LimitExceeded, "target_outside_limits"),
    (wrong.DeviceStopped, "device_stopped"),
    (wrong.WatchdogBit, "device_stopped"),
    (wrong.DeviceTimedOut, "device_timed_out"),
    (wrong.DeviceError, "command_refused"),
    (wrong.DriverError, "link_lost"),
)


def first_of(error: BaseException) -> Exception:
    """The first error of a group, however deep; what is no `Exception` keeps its words."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error if isinstance(error, Exception) else RuntimeError(str(error))


def alarm_for(error: Exception, step: str) -> ProcessAlarm:
    """The alarm that says `error` to a person; a bug becomes alarm 803."""
    if isinstance(error, ProcessAlarm):
        return error
    if isinstance(error, StoreError):
        return ProcessAlarm("store_failed", what=str(error))
    if isinstance(error, wrong.OutcomeUnknown) and error.details.get("link") == "lost":
        # What a person can act on is the cable; that the command is in doubt stands in the text.
        return ProcessAlarm("link_lost", device=error.device, what=_plain(error))
    if isinstance(error, wrong.ReplyTimeout | wrong.BadReply) and error.device in CAMERAS:
        return ProcessAlarm("no_picture", device=error.device, what=_plain(error))
    if isinstance(error, wrong.NothingThere) and error.command in _NOTHING_THERE:
        return ProcessAlarm(_NOTHING_THERE[error.command], device=error.device, what=_plain(error))
    if isinstance(error, wrong.DriverError):
        key = next(key for kind, key in _BY_ERROR if isinstance(error, kind))
        return ProcessAlarm(key, device=error.device, what=_plain(error))
    return ProcessAlarm("software_fault", what=f"{type(error).__name__} in '{step}': {error}")


def _plain(error: wrong.DriverError) -> str:
    """The words of the error without what the alarm's own sentence brings: the device before, the full stop behind."""
    return str(error).removeprefix(f"{error.device}: ").removesuffix(".")


def is_bug(alarm: ProcessAlarm) -> bool:
    return alarm.definition.key == "software_fault"


def bug_event(step: str, error: Exception) -> dict[str, str]:
    """What the event `bug` keeps for the maker: where it happened and the traceback."""
    return {"step": step, "traceback": "".join(traceback.format_exception(error))}
