"""Calibration: what the machine measures about itself before it builds anything."""
