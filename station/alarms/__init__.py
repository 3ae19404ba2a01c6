"""Alarms: what can go wrong with the machine or its material, said so that a person can act."""
