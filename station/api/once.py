"""Carrying a request out once: the same key gets the first answer again, another request under the key is refused.

Nothing here knows what the request does. What was begun is carried to its end and its answer kept, whoever still
listens: a client that is gone in the middle gets it when it asks again. Our own rules, in the spirit of the IETF draft
on the Idempotency-Key header (draft-ietf-httpapi-idempotency-key-header): only accepted requests are remembered, so a
refusal leaves the key free.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Annotated, Any

from fastapi import Header, Request
from fastapi.responses import JSONResponse, Response

from station.api import problems
from station.api.port import Invalid, NotFound, Refused
from station.store import Store
from station.store.chain import canonical
from station.store.errors import StoreError
from station.to_its_end import to_its_end

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[!-~]+$",
        description="Chosen by the client, new for every new wish. Sent again with the same body it gets the first "
        "answer again; answers are kept for 24 hours at least. Needed for everything but stopping.",
    ),
]


async def once(
    request: Request,
    store: Store,
    key: str | None,
    content: dict[str, Any],
    effect: Callable[[], Awaitable[dict[str, Any]]],
    *,
    status: int,
    location: Callable[[dict[str, Any]], str] | None = None,
) -> Response:
    """Run `effect` unless its answer is known, and answer with `status`.

    raises   problems.Trouble: 400 without a key, 422 for another request under the key, 409 while the first runs or
             when its outcome is lost
    """
    if key is None:
        raise problems.Trouble(
            400, "idempotency-key-missing", "Send an Idempotency-Key header, so that a repeat moves nothing twice."
        )
    text = canonical([request.method, request.url.path, content])
    finding, known = store.answers.claim(key, sha256(text.encode("ascii")).hexdigest())
    match finding:
        case "other_request":
            raise problems.Trouble(
                422,
                "idempotency-key-reused",
                "This key came with another request before. Use a new key for a new wish.",
            )
        case "running":
            raise problems.Trouble(
                409, "request-running", "The first request with this key is still running. Ask again.",
                headers={"retry-after": "1"},
            )  # fmt: skip
        case "unknown_outcome":
            raise problems.Trouble(
                409,
                "outcome-unknown",
                "The station stopped while it carried this request out. Look at the jobs and the station, "
                "then send a new wish with a new key if it is still needed.",
            )
        case "replay":
            assert known is not None
            assert known.status is not None
            return _answered(known.status, json.loads(known.body or "{}"), location, is_replay=True)
        case "new":
            first = asyncio.ensure_future(_first(store, key, effect, status, location))
            # Half an effect would leave its key running for ever, and the job that it may have made without an answer.
            cancellation = await to_its_end(first)
            if cancellation is not None:
                if not first.cancelled():
                    first.exception()  # nobody is left to be told
                raise cancellation
            return first.result()


async def _first(
    store: Store,
    key: str,
    effect: Callable[[], Awaitable[dict[str, Any]]],
    status: int,
    location: Callable[[dict[str, Any]], str] | None,
) -> Response:
    try:
        result = await effect()
    except (Refused, NotFound, Invalid, StoreError, problems.Trouble):
        store.answers.release(key)
        raise
    except BaseException as error:
        # Nobody knows how far it came: the same key must never try again.
        store.answers.keep(key, 500, canonical(problems.of_exception(error)))
        raise
    store.answers.keep(key, status, canonical(result))
    await store.commit()
    return _answered(status, result, location, is_replay=False)


def _answered(
    status: int, result: dict[str, Any], location: Callable[[dict[str, Any]], str] | None, *, is_replay: bool
) -> Response:
    headers = {"Idempotency-Replayed": "true"} if is_replay else {}
    if location is not None and status < 400:
        headers["Location"] = location(result)
    media_type = problems.MEDIA_TYPE if status >= 400 else "application/json"
    return JSONResponse(result, status, headers=headers, media_type=media_type)
