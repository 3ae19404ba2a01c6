"""The shared truth about the wires: every register, frame and code, declared once for driver and simulator alike.

Standard library only. Nothing here opens a connection or knows what a reading means for the process.
"""
