"""All planted bugs, by key."""

from __future__ import annotations

from tests.campaign.planted.bugs_process import PROCESS_BUGS
from tests.campaign.planted.bugs_run import RUN_BUGS
from tests.campaign.planted.bugs_wire import WIRE_BUGS
from tests.campaign.planted.model import Bug

BUGS: dict[str, Bug] = {bug.key: bug for bug in (*WIRE_BUGS, *PROCESS_BUGS, *RUN_BUGS)}
