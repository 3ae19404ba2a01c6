"""Projectors of the event log to the outside; each has its own cursor, none is ever called by the process."""
