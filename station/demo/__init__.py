"""Demonstrations and measured runs: the only part of the station that may start the simulator.

What runs inside is the station as it is; only the machine is simulated.
"""
