"""The reading page of the API, whole from this machine: no script, style or picture comes from outside.

Nothing here describes a route; that is the published schema.
"""

from __future__ import annotations

from pathlib import Path

import fastapi_offline
from fastapi import FastAPI
from fastapi.responses import HTMLResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles

from station.api.access import needs
from station.people.roles import Right

SCHEMA_ADDRESS = "/v1/openapi.json"
PAGE_ADDRESS = "/v1/docs"

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Dip-and-place station: API</title>
<link rel="icon" href="/v1/docs/files/favicon.png">
<link rel="stylesheet" href="/v1/docs/files/swagger-ui.css">
</head>
<body>
<div id="api"></div>
<script src="/v1/docs/files/swagger-ui-bundle.js"></script>
<script src="/v1/docs/start.js"></script>
</body>
</html>
"""
START = f'SwaggerUIBundle({{ url: "{SCHEMA_ADDRESS}", dom_id: "#api", deepLinking: true, validatorUrl: null }});\n'
# The page's library sets styles in the page and draws with data: pictures; scripts come from files only.
POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def install(app: FastAPI) -> None:
    """Serve the description, the page, its starter and the library's files."""

    @app.get(SCHEMA_ADDRESS, include_in_schema=False, dependencies=[needs(Right.SEE)])
    async def schema() -> JSONResponse:
        return JSONResponse(app.openapi())

    @app.get(PAGE_ADDRESS, include_in_schema=False, dependencies=[needs(Right.SEE)])
    async def page() -> HTMLResponse:
        return HTMLResponse(PAGE, headers={"content-security-policy": POLICY})

    @app.get("/v1/docs/start.js", include_in_schema=False, dependencies=[needs(Right.SEE)])
    async def start() -> Response:
        return Response(START, media_type="text/javascript")

    files = Path(fastapi_offline.__file__).parent / "static"
    app.mount("/v1/docs/files", StaticFiles(directory=files), name="docs files")
