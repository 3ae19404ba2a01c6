"""What exists in the simulated cell and how it behaves, in closed form of time. Nothing here opens a port."""
