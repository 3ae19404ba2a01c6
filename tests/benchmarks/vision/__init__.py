"""A benchmark for finding ball arrays and judging every ball, against the noise bound: see README.md beside this file.

Nothing that draws or scores here knows the package `vision`; only `ours.py` calls it.
"""
