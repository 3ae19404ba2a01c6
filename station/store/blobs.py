"""Images and curves of the station, kept as files under the hash of their content.

Nothing here decodes them. A file appears whole or not at all, and the same content is stored once.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import re
from hashlib import sha256
from pathlib import Path

from station.store.database import Durability
from station.store.errors import NotStored, write_failure

MEDIA_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".json": "application/json",
    ".bin": "application/octet-stream",
}
PREFIX = "sha256:"
_REFERENCE = re.compile(r"^(?:sha256:)?([0-9a-f]{64})$")


class BlobStore:
    """Put bytes in, get a reference out; the reference goes into records."""

    def __init__(self, data_dir: Path, *, durability: Durability = "full") -> None:
        self._root = data_dir / "blobs"
        self._is_synced = durability == "full"
        self._drafts = itertools.count(1)

    async def put(self, content: bytes, suffix: str) -> str:
        """Store `content` and return `sha256:<hex>`; storing the same again costs a look.

        suffix   one of MEDIA_TYPES
        raises   StoreFailed when it cannot be written, ValueError for another suffix
        """
        return await asyncio.get_running_loop().run_in_executor(None, self.put_now, content, suffix)

    def put_now(self, content: bytes, suffix: str) -> str:
        """As `put`, in the calling thread."""
        if suffix not in MEDIA_TYPES:
            raise ValueError(f"blobs end in one of {', '.join(MEDIA_TYPES)}, not {suffix!r}")
        digest = sha256(content).hexdigest()
        path = self._path(digest, suffix)
        if not os.path.exists(path):
            try:
                self._write(path, content)
            except OSError as error:
                raise write_failure(error, Path(path)) from error
        return PREFIX + digest

    async def get(self, reference: str) -> tuple[bytes, str]:
        """Content and media type of a stored blob.

        reference   `sha256:<hex>` or the hex digest
        raises      NotStored, also for a reference that is none and for a file whose content no longer fits its name
        """
        return await asyncio.get_running_loop().run_in_executor(None, self.get_now, reference)

    def get_now(self, reference: str) -> tuple[bytes, str]:
        """As `get`, in the calling thread."""
        match = _REFERENCE.match(reference)
        if match is not None:
            for suffix, media_type in MEDIA_TYPES.items():
                try:
                    content = Path(self._path(match[1], suffix)).read_bytes()
                except FileNotFoundError:
                    continue
                if sha256(content).hexdigest() != match[1]:
                    raise NotStored(f"Blob {reference} is damaged on the disk. Restore it from a backup.")
                return content, media_type
        raise NotStored(f"There is no blob {reference[:80]}. Take the reference from a record.")

    def _path(self, digest: str, suffix: str) -> str:
        return f"{self._root}/{digest[:2]}/{digest}{suffix}"

    def _write(self, path: str, content: bytes) -> None:
        draft = f"{path}.{next(self._drafts)}.part"
        try:
            self._write_draft(draft, content)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            self._write_draft(draft, content)
        os.replace(draft, path)

    def _write_draft(self, draft: str, content: bytes) -> None:
        with open(draft, "wb") as file:
            file.write(content)
            if self._is_synced:
                file.flush()
                os.fsync(file.fileno())
