"""What can be wrong with the station's memory, each as one sentence that says what, where and what to do next.

Nothing here decides how the machine reacts: a failed store is an alarm of the controller.

    StoreError
    ├── CannotOpen                the station does not start
    │   ├── DirectoryNotWritable
    │   ├── LockedByAnotherStation
    │   ├── ForeignFile           not a database, or one of another program
    │   ├── CorruptFile
    │   └── OtherSchema           written by another version of this software
    ├── StoreFailed               a write failed: nothing more is written until a restart has checked the file
    │   ├── DiskFull
    │   ├── DatabaseReadOnly
    │   └── DatabaseBusy
    ├── ChainBroken               a stored event or record is not what was written
    └── NotStored                 no such blob, record or recipe revision
"""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

# Primary result codes of the library, https://www.sqlite.org/rescode.html
SQLITE_BUSY = 5
SQLITE_LOCKED = 6
SQLITE_READONLY = 8
SQLITE_CORRUPT = 11
SQLITE_FULL = 13
SQLITE_NOTADB = 26
PRIMARY_CODE_MASK = 0xFF


class StoreError(Exception):
    """Anything wrong with the station's memory; the message is fit for an operator."""


class CannotOpen(StoreError):
    """The store was not opened; nothing on the disk was changed."""


class DirectoryNotWritable(CannotOpen):
    """The data directory is missing and cannot be made, or this user may not write in it."""


class LockedByAnotherStation(CannotOpen):
    """Another station process holds the same data directory: two writers to one machine are never allowed."""


class ForeignFile(CannotOpen):
    """The file under the database's name is not a station database."""


class CorruptFile(CannotOpen):
    """The database is damaged."""


class OtherSchema(CannotOpen):
    """The database has the layout of another software version."""


class StoreFailed(StoreError):
    """A write failed. It is never tried again: what reached the disk is known only after a restart's check."""


class DiskFull(StoreFailed):
    """No space was left for a commit."""


class DatabaseReadOnly(StoreFailed):
    """The database may be read but not written."""


class DatabaseBusy(StoreFailed):
    """Another program held the database longer than the station waits."""


class ChainBroken(StoreError):
    """The hash chain does not fit: something was edited, removed or put between."""


class NotStored(StoreError):
    """The thing asked for is not in the store."""


def write_failure(error: Exception, path: Path) -> StoreFailed:
    """Translate a database or file error met while writing `path`."""
    code = getattr(error, "sqlite_errorcode", 0) & PRIMARY_CODE_MASK
    number = getattr(error, "errno", None)
    if code == SQLITE_FULL or number in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(f"No space is left to write {path}. Free space on this disk, then restart the station.")
    if code == SQLITE_READONLY or number in (errno.EROFS, errno.EACCES, errno.EPERM):
        return DatabaseReadOnly(
            f"{path} cannot be written: it or its disk is read-only. "
            "Give the station's user write access, then restart the station."
        )
    if code in (SQLITE_BUSY, SQLITE_LOCKED):
        return DatabaseBusy(
            f"{path} is held by another program. Close the program that has it open, then restart the station."
        )
    return StoreFailed(
        f"Writing {path} failed ({error}). Check the disk, then restart the station; the start checks the file."
    )


def open_failure(error: Exception, path: Path) -> StoreError:
    """Translate a database or file error met while opening `path`."""
    code = getattr(error, "sqlite_errorcode", 0) & PRIMARY_CODE_MASK
    if code == SQLITE_NOTADB:
        return ForeignFile(
            f"{path} is not a station database. Move the file away or name another data directory, then start again."
        )
    if code == SQLITE_CORRUPT:
        return CorruptFile(
            f"{path} is damaged ({error}). Keep a copy of it and restore the last backup, then start again."
        )
    if isinstance(error, sqlite3.Error | OSError):
        return write_failure(error, path)
    return CannotOpen(f"{path} cannot be opened ({error}). Check the data directory, then start again.")
