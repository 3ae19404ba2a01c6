"""The process, step by step. Read `sheet.py` first; every step is one small file beside it.

Steps use the cell, the recipe and the eyes; they hold no state, catch nothing and return a frozen outcome.
"""
