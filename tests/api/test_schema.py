"""The published schema is kept: requests made up from it get only answers that it describes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks as openapi_checks

from station.api.app import create_app
from station.people.register import Register
from station.people.roles import Role
from station.store import open_store
from tests.api.support import ObedientController, bearer, shelf_of
from tests.store.support import HandClock, record

ENDLESS = r"/v1/(events/)?stream$"
HOSTS = ("127.0.0.1", "localhost", "testserver")


@pytest.fixture(scope="module")
def app() -> Iterator[FastAPI]:
    with tempfile.TemporaryDirectory() as directory:
        store = open_store(Path(directory), HandClock(), durability="normal")
        for number in range(3):
            store.records.append(record(f"U{number}"))
        store.writing.commit_now()
        yield create_app(
            ObedientController(store),
            store,
            shelf_of(store),
            simulated=True,
            hosts=HOSTS,
            screens=Path(directory) / "none",
        )
        store.close()


@pytest.fixture(scope="module")
def admin(app: FastAPI) -> dict[str, str]:
    """Of a station that can be called by other names than this computer's own, and so is never open."""
    store = app.state.access.acts._store
    return bearer(Register(store.data_dir).add("admin", Role.ADMIN, store.clock.utc()))


CHECKS = [
    not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_schema_conformance,
]


def test_every_answer_is_one_that_the_schema_describes(app: FastAPI, admin: dict[str, str]) -> None:
    document = schemathesis.openapi.from_asgi("/v1/openapi.json", app, headers=admin)
    operations = [found.ok() for found in document.exclude(path_regex=ENDLESS).get_all_operations()]
    assert len(operations) >= 22
    for operation in operations:

        @settings(
            max_examples=12,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def any_request_is_answered_as_described(case: schemathesis.Case) -> None:
            case.validate_response(case.call(headers=admin), checks=CHECKS)

        any_request_is_answered_as_described()


def test_every_route_describes_its_answers_and_needs_no_other_host(app: FastAPI) -> None:
    document = app.openapi()
    assert document["openapi"].startswith("3.1")
    assert "servers" not in document
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            codes = operation["responses"]
            assert "422" in codes, f"{method} {path}"
            assert "application/problem+json" in codes["422"]["content"], f"{method} {path}"
            assert operation["tags"]
            assert operation.get("summary")


def test_every_quantity_of_the_schema_carries_its_unit(app: FastAPI) -> None:
    endings = ("_um", "_n", "_s", "_deg", "_degc", "_kpa", "_px", "_um_per_px", "_ratio", "_bytes")
    plain = {
        "seq", "epoch", "head_seq", "event_seq", "status", "boards", "boards_done", "boards_total", "placed",
        "rejected", "unplaced", "number", "generation", "event_count", "record_count", "frame_id",
        "pocket", "log_lines_dropped", "failed_picks", "failed_picks_max", "window_picks",
    }  # fmt: skip
    for name, schema in app.openapi()["components"]["schemas"].items():
        for field, description in schema.get("properties", {}).items():
            kinds = [description, *description.get("anyOf", [])]
            if any(kind.get("type") in ("number", "integer") for kind in kinds):
                assert field in plain or field.endswith(endings), f"{name}.{field}"
