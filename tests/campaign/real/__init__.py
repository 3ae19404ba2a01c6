"""The campaign on real processes: machine and service as children on real sockets and a real disk, in real time."""
