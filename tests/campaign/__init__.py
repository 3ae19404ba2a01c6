"""The fault campaign: every fault in every step and phase, every crash point, any schedule, judged by invariants."""
