"""Images and curves by the hash of their content, and smaller pictures of big images.

Nothing here stores anything.
"""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query
from fastapi.responses import Response

from station.api import problems
from station.api.access import needs
from station.api.problems import described
from station.people.roles import Right
from station.store import Store

JPEG_QUALITY = 80  # good for the eye; evidence is the stored image
IMAGE_BYTES_LIMIT = 25_000_000
IMMUTABLE = "public, max-age=31536000, immutable"

CONTENT = {
    "description": "the blob; an image with `width` as JPEG",
    "content": {
        kind: {"schema": {"type": "string", "format": "binary"}}
        for kind in ("image/png", "image/jpeg", "application/octet-stream")
    }
    | {"application/json": {"schema": {}}},
}


def router(store: Store) -> APIRouter:
    """The routes of this noun."""
    routes = APIRouter(prefix="/v1/blobs", tags=["blobs"])

    @routes.get(
        "/{digest}",
        response_class=Response,
        responses={**described(), 200: CONTENT, 304: {"description": "known"}},
        dependencies=[needs(Right.SEE)],
    )
    async def blob(
        digest: Annotated[str, Path(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the content, hexadecimal")],
        width: Annotated[int | None, Query(ge=16, le=4096, description="pixels; never larger than stored")] = None,
        if_none_match: Annotated[str | None, Header()] = None,
    ) -> Response:
        """The content. It never changes, so it may be kept for ever."""
        tag = f'"{digest}{f"-{width}" if width else ""}"'
        headers = {"cache-control": IMMUTABLE, "etag": tag}
        content, media_type = await store.blobs.get(digest)
        if if_none_match == tag:
            return Response(status_code=304, headers=headers)
        if width is not None:
            if not media_type.startswith("image/"):
                raise problems.Trouble(422, "not-an-image", "Only images have a width.")
            content = await asyncio.get_running_loop().run_in_executor(None, smaller, content, width)
            media_type = "image/jpeg"
        return Response(content, media_type=media_type, headers=headers)

    return routes


def smaller(content: bytes, width_px: int) -> bytes:
    """The image as JPEG, at most `width_px` wide. Runs in an executor: decoding takes tens of milliseconds.

    raises   problems.Trouble when the bytes are no image or too many
    """
    # Loaded when first needed: the service starts in a fraction of the time.
    import cv2
    import numpy as np

    if len(content) > IMAGE_BYTES_LIMIT:
        raise problems.Trouble(422, "image-too-large", f"Only images up to {IMAGE_BYTES_LIMIT} bytes are made smaller.")
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise problems.Trouble(422, "not-an-image", "The stored bytes are no image.")
    rows, columns = image.shape[:2]
    if columns > width_px:
        size = (width_px, max(1, round(rows * width_px / columns)))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return encoded.tobytes()
