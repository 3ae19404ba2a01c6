"""`python -m tests.campaign.planted.hunt [--bug KEY]`: campaign work in one fixed order, until it breaks something.

The hunter does not know what is planted, or whether anything is. It prints one line of JSON: what it found, in which
piece of work, and the processor time from its start. Without a bug it goes through all of the work: what the code as it
is shows there is known, and counts for nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from tests.campaign.planted.hunted import Hunt
from tests.campaign.planted.model import DoesNotApply, plant
from tests.campaign.planted.state import state_of_code
from tests.campaign.planted.work import ORDER


def main() -> int:
    parser = argparse.ArgumentParser("python -m tests.campaign.planted.hunt")
    parser.add_argument("--bug", default="", help="key of the bug that is planted; the hunter itself does not see it")
    parser.add_argument("--known", type=Path, help="JSON of what the hunter printed for the code as it is")
    options = parser.parse_args()
    if options.bug:
        from tests.campaign.planted.bugs import BUGS

        try:
            plant(BUGS[options.bug])
        except DoesNotApply as stale:
            sys.stderr.write(f"{stale}\n")
            return 3
    known: dict[str, list[str]] = json.loads(options.known.read_text())["seen"] if options.known else {}
    code = state_of_code()  # before the work: a file that is edited meanwhile was not imported
    sys.stdout.write(json.dumps({**hunt(known, stops=bool(options.bug)), "code": code}) + "\n")
    return 0


def hunt(known: dict[str, list[str]], *, stops: bool) -> dict[str, Any]:
    """The same work in the same order for every bug."""
    hunting = Hunt(known, stops=stops)
    for part in ORDER:
        try:
            part(hunting)
        except Exception as error:  # a station that does not load or never becomes ready is found as well
            hunting.note(part.__name__, [("error", f"{type(error).__name__}: {error}"[:300])])
        if hunting.found is not None:
            break
    return hunting.result()


if __name__ == "__main__":
    sys.exit(main())
