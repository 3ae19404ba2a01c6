"""Every "no" of the API as one document: problem+json of RFC 9457, with a stable code and what to do next.

Nothing here decides whether a request is refused.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from station.api.port import Invalid, NotFound, Refused
from station.store.errors import NotStored, StoreFailed
from station.store.recipe_store import WrongRecipeState

MEDIA_TYPE = "application/problem+json"
TYPE_ROOT = "/v1/problems/"  # relative reference, RFC 9457 section 3.1.1

log = logging.getLogger(__name__)


class Problem(BaseModel):
    """Why a request was not carried out (RFC 9457)."""

    type: str = Field(description="stable name of this kind of problem")
    title: str = Field(description="the kind of problem in words")
    status: int = Field(description="HTTP status")
    code: str = Field(description="stable word for programs, the last part of `type`")
    detail: str = Field(description="what happened here, and what to do next")
    state: str | None = Field(None, description="PackML state of the station, when it is the reason")
    allowed_actions: list[str] | None = Field(None, description="what would be accepted now")
    problems: list[str] | None = Field(None, description="one sentence for each thing wrong with the request")
    trace_id: str | None = Field(None, description="number of this request in the station's own log")


class Trouble(Exception):
    """A refusal with its status and code; raised anywhere below a route."""

    def __init__(self, status: int, code: str, detail: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})


_PROBLEM_CONTENT = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}


def described(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI description of the problems a route may answer with; 4xx that any route may give are added."""
    always = (400, 401, 403, 404, 405, 408, 413, 415, 421, 422, 429, 500, 503)
    return {
        status: {"description": HTTPStatus(status).phrase, "content": _PROBLEM_CONTENT}
        for status in sorted({*statuses, *always})
    }


def body(
    status: int,
    code: str,
    detail: str,
    *,
    state: str | None = None,
    allowed_actions: Sequence[str] | None = None,
    problems: Sequence[str] | None = None,
    trace_id: str | None = None,
) -> dict[str, Any]:
    """The document without its empty fields."""
    document = {
        "type": TYPE_ROOT + code,
        "title": code.replace("-", " ").capitalize(),
        "status": status,
        "code": code,
        "detail": detail,
        "state": state,
        "allowed_actions": None if allowed_actions is None else list(allowed_actions),
        "problems": None if problems is None else list(problems),
        "trace_id": trace_id,
    }
    return {key: value for key, value in document.items() if value is not None}


def of_exception(error: BaseException) -> dict[str, Any]:
    """The problem document that stands for an exception of the controller or of the store."""
    match error:
        case Trouble():
            return body(error.status, error.code, error.detail)
        case Refused():
            allowed = error.allowed_actions if error.state else None
            return body(409, error.code, error.message, state=error.state or None, allowed_actions=allowed)
        case NotFound() | NotStored():
            return body(404, "not-found", str(error))
        case Invalid():
            return body(422, "invalid", "The request cannot be carried out as it stands.", problems=error.problems)
        case WrongRecipeState():
            return body(409, "wrong-recipe-state", str(error))
        case StoreFailed():
            return body(503, "store-failed", str(error))
        case _:
            return body(
                500, "internal", "The station met an error of its own. Its log holds the details under the trace id."
            )


def response(request: Request, document: dict[str, Any], headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The document as the answer to a request."""
    trace_id = request.scope.get("trace_id")
    content = document if trace_id is None else {**document, "trace_id": trace_id}
    return JSONResponse(content, content["status"], headers=dict(headers or {}), media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Let every exception leave the app as a problem document."""

    async def known(request: Request, error: Exception) -> JSONResponse:
        headers = error.headers if isinstance(error, Trouble) else None
        return response(request, of_exception(error), headers)

    async def unknown(request: Request, error: Exception) -> JSONResponse:
        log.error("request %s failed", request.scope.get("trace_id"), exc_info=error)
        return response(request, of_exception(error))

    async def from_http(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
        detail = error.detail
        if error.status_code == 404:
            detail = f"There is nothing at {request.url.path[:200]}. The addresses are listed at /v1/docs."
        elif error.status_code == 405:
            detail = f"{request.method} is not possible at {request.url.path[:200]}. See /v1/docs."
        return response(request, body(error.status_code, code, detail), error.headers)

    async def from_validation(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        problems = [_sentence(one) for one in error.errors()]
        document = body(422, "invalid", "The request does not fit its description at /v1/docs.", problems=problems)
        return response(request, document)

    for kind in (Trouble, Refused, NotFound, NotStored, Invalid, WrongRecipeState, StoreFailed):
        app.add_exception_handler(kind, known)
    app.add_exception_handler(HTTPException, from_http)
    app.add_exception_handler(RequestValidationError, from_validation)
    app.add_exception_handler(Exception, unknown)


def _sentence(error: Mapping[str, Any]) -> str:
    place = ".".join(str(part) for part in error.get("loc", ()))
    return f"{place}: {error.get('msg', 'is wrong')}"
