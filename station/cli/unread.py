"""Why a file that a program wrote cannot be used, in words for whoever named it on the command line."""

from __future__ import annotations

from json import JSONDecodeError

UNREAD = (OSError, ValueError, KeyError, TypeError)
"""what reading a file as JSON of a known shape may raise"""


def why(error: Exception) -> str:
    """One of UNREAD as the middle of a sentence."""
    match error:
        case OSError():
            return error.strerror or str(error)
        case JSONDecodeError():
            return f"no JSON from line {error.lineno}, column {error.colno} on"
        case UnicodeDecodeError():
            return "no text"
        case KeyError():
            return f"{error.args[0]} is missing"
        case TypeError():
            return "JSON of another shape"
        case _:
            return str(error)
