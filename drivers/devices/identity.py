"""Who answers on a wire: the checks that must pass before a device may move anything.

A wrong word order, a swapped cable or a dead-man that is switched off is found here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping

from drivers.errors import WatchdogNotArmed, WrongDevice
from drivers.wire.common import MAP_VERSION
from drivers.wire.encoding import Number
from drivers.wire.handshake import WATCHDOG_LIMIT_S, WatchdogAction


def check_pattern(device: str, values: Mapping[str, Number], expected: Mapping[str, Number]) -> None:
    """Raises WrongDevice when a number that is always the same does not arrive as that number."""
    for name, wanted in expected.items():
        if abs(values[name] - wanted) > 1e-6:
            raise WrongDevice(
                f"{device}: {name} arrives as {values[name]}, it is always {wanted}. "
                "Word order, sign or scale differ: compare the register maps.",
                device=device,
                details={name: values[name]},
            )


def check_identity(device: str, values: Mapping[str, Number], device_kind: int, serial_number: int | None) -> None:
    """Raises WrongDevice when another kind, version or (where one is expected) serial number answers."""
    expected = {"map_version": MAP_VERSION, "device_kind": device_kind}
    if serial_number is not None:
        expected["serial_number"] = serial_number
    for name, wanted in expected.items():
        if values[name] != wanted:
            raise WrongDevice(
                f"{device}: {name} is {values[name]}, expected {wanted}. Another device answers here: check the cable "
                "and the machine profile.",
                device=device,
                details={name: values[name]},
            )


def check_watchdog(device: str, values: Mapping[str, Number]) -> None:
    """Raises WatchdogNotArmed when the device would run on without its host."""
    limit_s, action, runs = values["watchdog_limit_s"], values["watchdog_action"], values["watchdog_runs"]
    if 0 < limit_s <= WATCHDOG_LIMIT_S + 1e-9 and action == WatchdogAction.STOP and runs == 1:
        return
    raise WatchdogNotArmed(
        f"{device}: watchdog limit {limit_s:.3f} s, action {action}, runs {runs}; allowed: above 0 up to "
        f"{WATCHDOG_LIMIT_S:g} s, action {int(WatchdogAction.STOP)} (stop), runs 1. Set the device's parameters.",
        device=device,
        details={"watchdog_limit_s": limit_s, "watchdog_action": action, "watchdog_runs": runs},
    )
