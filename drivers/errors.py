"""Everything that can go wrong between the station and a device, as one tree.

    DriverError
    |-- LinkError                the wire, not the device
    |   |-- LinkLost             the connection ended, or the device was silent too long
    |   |-- LinkRefused          nobody listens, or the other end refuses the request itself
    |   |-- ReplyTimeout         no reply in time; the request may or may not have been obeyed
    |   `-- BadReply             a reply that is damaged, torn, late or not to this request
    |-- DeviceError              the device answered: the command ended, but not as commanded
    |   |-- Rejected             the command was not accepted and nothing was executed
    |   |-- DeviceStopped        ended by a stop request of the host
    |   |-- WatchdogBit          the device stopped itself because the host was silent
    |   |-- InterlockOpen        e-stop, door, enable, air, or a neighbour in the way
    |   |-- NotHomed             the axis has no trusted position
    |   |-- LimitExceeded        target outside the soft limits of the device
    |   |-- NoContact            Z limit reached without touching anything
    |   |-- EarlyContact         touched before the allowed Z window
    |   |-- ForceLimitExceeded   the drive stopped itself above the force limit
    |   |-- AxisFault            following error, stall, drive fault
    |   |-- DeviceTimedOut       not ended within the time that physics allows
    |   |-- NothingThere         no board, tray, part or material where one was needed
    |   `-- NoSignal             a measurement without usable signal
    |-- OutcomeUnknown           the device or the link restarted in the middle: look before doing anything
    |-- StaleReading             a reading that is older than its use allows
    |-- WrongDevice              another device answers here, or numbers are read with a wrong scale
    |-- WatchdogNotArmed         the device would run on without its host
    `-- FrameError               a camera frame that is damaged, old or of another camera

A message says what happened, what was measured, what is allowed and what to do next. Nothing here decides a reaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType


class DriverError(Exception):
    """Base of all. `device` and `command` name where it happened, `details` holds the measured values by name."""

    def __init__(
        self,
        message: str,
        *,
        device: str = "",
        command: str = "",
        details: Mapping[str, float | int | str] | None = None,
    ) -> None:
        super().__init__(message)
        self.device = device
        self.command = command
        self.details: Mapping[str, float | int | str] = MappingProxyType(dict(details or {}))


class LinkError(DriverError):
    """The wire failed; says nothing about what the device did."""


class LinkLost(LinkError):
    """The connection ended, or the device showed no sign of life for longer than allowed."""


class LinkRefused(LinkError):
    """Nobody listens at this address, or the other end refuses the request (Modbus exceptions 1 to 4)."""


class ReplyTimeout(LinkError):
    """No reply in time. The request may have been obeyed: read before writing again."""


class BadReply(LinkError):
    """A reply that is damaged, torn, late or not an answer to this request; its content was not used."""


class DeviceError(DriverError):
    """The device answered; `details` holds the evidence it measured when the command ended."""


class Rejected(DeviceError):
    """The command was not accepted; nothing was executed."""


class DeviceStopped(DeviceError):
    """Ended by a stop request of the host."""


class WatchdogBit(DeviceError):
    """The device stopped itself: it had not heard from the host for longer than its watchdog allows."""


class InterlockOpen(DeviceError):
    """E-stop, door, enable, air, or a neighbour in the way."""


class NotHomed(DeviceError):
    """The axis has no trusted position."""


class LimitExceeded(DeviceError):
    """Target outside the soft limits of the device."""


class NoContact(DeviceError):
    """The Z limit was reached without touching anything."""


class EarlyContact(DeviceError):
    """Something was touched above the allowed Z window."""


class ForceLimitExceeded(DeviceError):
    """The drive stopped itself above the force limit of the profile."""


class AxisFault(DeviceError):
    """Following error, stall or drive fault."""


class DeviceTimedOut(DeviceError):
    """The command did not end within the time that physics allows, or the device gave up waiting for a sensor."""


class NothingThere(DeviceError):
    """No board, tray, part or material where one was needed."""


class NoSignal(DeviceError):
    """A measurement without usable signal."""


class OutcomeUnknown(DriverError):
    """Device or link restarted while a command was under way. Never resolved by doing it again."""


class StaleReading(DriverError):
    """The newest reading is older than its use allows."""


class WrongDevice(DriverError):
    """Another device answers here, or its numbers arrive with a wrong order, sign or scale."""


class WatchdogNotArmed(DriverError):
    """The dead-man of the device is off, too slow or set to continue."""


class FrameError(DriverError):
    """A camera frame that is damaged, old or of another camera."""
