"""The cables: Modbus, serial lines, frame streams and a recorder for them. Nothing here knows what a number means."""
