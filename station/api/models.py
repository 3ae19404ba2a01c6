"""What the API says and takes, noun by noun: the published schemas except the station's snapshot.

Nothing here computes. Answers allow more fields than named, so that a newer station never breaks an older client.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

JobAction = Literal["start", "hold", "resume", "stop", "abort"]
StationCommand = Literal["start", "hold", "resume", "stop", "abort", "reset", "clear"]
STOPPING_WORDS = ("hold", "stop", "abort")
"""Taken without an Idempotency-Key and also when nothing can be stored: a repeat is harmless, a refusal is not."""


class Taken(BaseModel):
    """Base of requests: nothing unknown, no silent conversions."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Said(BaseModel):
    """Base of answers."""

    model_config = ConfigDict(extra="allow")


class NewJob(Taken):
    """A wish to build."""

    recipe: str = Field(min_length=1, max_length=200, description="name of a recipe")
    boards: int = Field(ge=0, le=1_000_000, description="boards to build; 0 = until stopped")
    revision: str | None = Field(
        None,
        pattern=r"^sha256:[0-9a-f]{64}$",
        description="hash of the revision to build; without it the newest that is approved",
    )


class ActionOnJob(Taken):
    """What shall happen to the job; never a toggle."""

    action: JobAction


class CommandToStation(Taken):
    """What the station shall do; never a toggle."""

    command: StationCommand


class ModeOfStation(Taken):
    """The mode that the station shall be in; Manual is the business of the key switch."""

    mode: Literal["Production", "Maintenance"]


class ModeResult(Said):
    """The mode in force after the request."""

    mode: str


class JogHold(Taken):
    """The button that is held. Z is positive downwards."""

    axis: Literal["x", "y", "z", "turn"]
    direction: Literal[-1, 1]
    speed: Literal["slow", "medium", "fast"]


class JogFrame(Taken):
    """One frame of the jog pad, each 50 ms while a button is held and once when it is let go."""

    token: str = Field(max_length=40, description="as the pad was given")
    n: int = Field(ge=1, le=2**53, description="number of the frame; higher than the one before")
    hold: JogHold | None = Field(description="null: nothing is held")


class AnswerToAlarm(Taken):
    """One of the answers that the alarm offers."""

    answer: str = Field(min_length=1, max_length=100, description="`id` of one of the alarm's answers")
    state_token: str = Field(min_length=1, max_length=200, description="as shown with the alarm: proves what was seen")


class Job(Said):
    """A job."""

    id: str
    recipe: str
    recipe_hash: str | None = Field(None, description="hash of the revision that is built, fixed with the order")
    state: str
    boards_done: int = 0
    boards_total: int = 0
    placed: int = 0
    rejected: int = 0
    unplaced: int = 0
    cycle_s: float | None = Field(None, description="seconds per package, the last ones")


class JobList(BaseModel):
    """All jobs of this run, oldest first."""

    items: list[Job]


class CommandResult(Said):
    """The command was taken; how it goes on is seen at `GET /v1/station`."""

    state: str | None = Field(None, description="PackML state after the command was taken")


class AlarmAnswered(Said):
    """The answer was taken."""


class RecipeSummary(BaseModel):
    """A recipe revision without its content."""

    name: str
    revision: str
    hash: str
    state: Literal["draft", "approved", "retired"]
    origin: Literal["library", "station"] = Field(description="came with the software, or stored by a client")
    stored_at: str | None = None
    approved_vision: str | None = Field(None, description="fingerprint of the vision under which it was approved")
    is_named: bool = Field(description="an order that names no revision means this one")
    refusal: str | None = Field(None, description="why an order of it is refused now; null where it is taken")


class RecipeList(BaseModel):
    """Recipe revisions: those that came with the software, then the stored ones, oldest first."""

    items: list[RecipeSummary]


class RecipeRevision(RecipeSummary):
    """A recipe revision with its content."""

    document: dict[str, Any] = Field(description="the recipe with everything resolved, units in the names")


class ActionOnRecipe(Taken):
    """Approve a draft, or anew what was approved under another vision; or retire a revision."""

    action: Literal["approve", "retire"]


class RecordPage(BaseModel):
    """Placement records, oldest first."""

    items: list[dict[str, Any]]
    next: str | None = Field(None, description="address of the next page; null on the last")


class ChainState(BaseModel):
    """What walking the hash chains found."""

    is_sound: bool
    event_count: int
    record_count: int
    head_hash: str
    sentence: str


class Event(BaseModel):
    """One entry of the event log. Gap-free by `seq`; know one again by station, epoch and seq."""

    seq: int
    epoch: int = Field(description="which opening of the log; `at_s` may be compared inside one epoch only")
    at_s: float = Field(description="monotonic seconds")
    occurred_at: str = Field(description="UTC, ISO 8601")
    id: str
    kind: str
    data: dict[str, Any]
    hash: str = Field(description="SHA-256 over the hash before and this event")


class EventPage(BaseModel):
    """Events after a number, oldest first."""

    items: list[Event]
    next: str | None = Field(None, description="address of what follows; null when the log ends here")
    head_seq: int = Field(description="number of the newest durable event")


class LoopLag(BaseModel):
    """How late the turns of the service's loop come. Heartbeats to the devices wait as long."""

    recent_max_s: float = Field(description="of the last ten seconds")
    median_s: float = Field(description="since the start, to 1 ms, as are the others")
    p99_s: float
    p999_s: float
    max_s: float


class Health(BaseModel):
    """Whether the service itself works; says nothing about the machine."""

    ok: bool
    simulated: bool
    software_version: str
    vision_hash: str = Field(description="fingerprint of what judges the pictures; approvals name it")
    store_failure: str | None = Field(description="why nothing is written any more")
    event_seq: int
    epoch: int
    free_bytes: int
    loop_lag: LoopLag | None = Field(description="null before it was measured")
    commit_recent_max_s: float = Field(description="longest commit of the last ten seconds, also one under way")
    log_lines_dropped: int = Field(description="of the service's own log on stderr, never of events or records")
