"""What can be wrong with the files and numbers that an engineer brings."""

from __future__ import annotations


class BadInput(Exception):
    """A file that is no usable picture or ball map; the message says what, where, what is allowed and what to do."""


class BadNumber(Exception):
    """A number on the command line that makes no sense."""
