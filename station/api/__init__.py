"""The station's HTTP interface. It speaks to the controller through one small port and never sees a driver.

Imports are left to the modules: the command line must start without the web framework.
"""
