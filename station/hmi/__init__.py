"""The operator page: static files of the browser, and the headers they are to be served with.

It serves nothing itself and knows no machine: the page talks to the public API only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

STATIC_FOLDER: Final = Path(__file__).resolve().parent / "static"
"""Root of the page; mount it as `/` behind the API routes (its own addresses are all relative)."""

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'self'; connect-src 'self'; img-src 'self' blob: data:; object-src 'none'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""No inline script, no inline style, no other host: a plant network has no internet and wants none."""

PAGE_HEADERS: Final[dict[str, str]] = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # Panels run for months: after an update the next reload must not mix old and new modules.
    "Cache-Control": "no-cache",
}
"""Headers of every static answer."""
