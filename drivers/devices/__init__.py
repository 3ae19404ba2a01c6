"""One class per device of the station, each the only implementation. Nothing here decides what happens next."""
