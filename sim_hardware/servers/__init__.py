"""The device ends of the wires: Modbus, serial lines, camera streams. Nothing here knows what a register means."""
