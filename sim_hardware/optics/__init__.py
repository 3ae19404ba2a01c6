"""What the simulated cameras see: scenes with known truth, rendered to pixels or to measured-noise observations.

Nothing here measures: no file of this package uses the finders that the station looks with.
"""
