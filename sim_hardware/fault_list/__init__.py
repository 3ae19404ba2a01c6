"""The fault list: everything that is known to go wrong with such a machine, by a number that never changes.

Each row says how the simulator brings it about and in which cells (step x phase) of one board it can be, and for all
other cells why not. What the station should do about it is not known here.
"""

from __future__ import annotations

from sim_hardware.fault_list.buses import MODBUS_FAULTS, SERIAL_FAULTS
from sim_hardware.fault_list.house import HOST_FAULTS, NETWORK_FAULTS, OPERATOR_FAULTS
from sim_hardware.fault_list.looks import BOARD_FAULTS, VISION_FAULTS
from sim_hardware.fault_list.model import SECTIONS, Fault, Means
from sim_hardware.fault_list.motion import AXIS_FAULTS, VACUUM_FAULTS
from sim_hardware.fault_list.process import FILM_FAULTS, PLACEMENT_FAULTS
from sim_hardware.fault_list.steps import PHASES, STEPS, Step

__all__ = ["BY_ID", "FAULTS", "PHASES", "SECTIONS", "STEPS", "Fault", "Means", "Step"]

FAULTS: tuple[Fault, ...] = (
    *MODBUS_FAULTS,
    *SERIAL_FAULTS,
    *AXIS_FAULTS,
    *VACUUM_FAULTS,
    *FILM_FAULTS,
    *VISION_FAULTS,
    *PLACEMENT_FAULTS,
    *BOARD_FAULTS,
    *HOST_FAULTS,
    *NETWORK_FAULTS,
    *OPERATOR_FAULTS,
)
BY_ID: dict[str, Fault] = {fault.id: fault for fault in FAULTS}
