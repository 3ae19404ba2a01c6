"""What can be wrong with a question put to vision; an answer of "not seen" is a verdict, not an error.

Nothing here looks at pixels.

    VisionError
      BadFrame    the pixels or the scale cannot be an image
      BadMap      a ball map, land pattern or dot pattern cannot be searched for
      BadRequest  limits, poses or shots that make no sense
      TooFewPoints  a fit was asked from fewer points than it has unknowns
"""

from __future__ import annotations


class VisionError(Exception):
    """Base of all errors of this package; the message says what was given and what is allowed."""


class BadFrame(VisionError):
    """Not a two-dimensional uint8 picture of at least 32 x 32 px with a finite positive scale."""


class BadMap(VisionError):
    """Empty, not finite, of unequal lengths, or with sites on top of each other."""


class BadRequest(VisionError):
    """A search window, pose or set of shots that cannot be used."""


class TooFewPoints(VisionError):
    """Fewer point pairs than the fit needs, or all of them in one place or on one line."""
