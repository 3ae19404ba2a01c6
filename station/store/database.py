"""The database file below the station's data directory: opened by one station only, checked, written by one thread.

Nothing here knows what an event or a record is. Work reaches the file through two executors, one thread each: on the
virtual loop both run inline, so a simulated shift uses no thread at all.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

from sqlalchemy import URL, Connection, Engine, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from station.store import schema
from station.store.errors import (
    CannotOpen,
    CorruptFile,
    DirectoryNotWritable,
    ForeignFile,
    LockedByAnotherStation,
    OtherSchema,
    open_failure,
    write_failure,
)

T = TypeVar("T")

DATABASE_NAME = "station.sqlite3"
LOCK_NAME = "lock"
BUSY_LIMIT_S = 2.0  # how long another program may hold the file before a write fails
SQLITE_HEADER = b"SQLite format 3\x00"

Durability = Literal["full", "normal"]
"""`full`: a commit survives power loss. `normal`: it survives a crash of the program; for simulated shifts."""

Group = tuple[str, list[tuple[Any, ...]]]
"""One statement and the rows to run it with."""


class DirectoryLock:
    """Holds the data directory for this process; the operating system frees it when the process dies."""

    def __init__(self, data_dir: Path) -> None:
        path = data_dir / LOCK_NAME
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(self._descriptor, 64).decode("ascii", "replace").strip() or "unknown"
            os.close(self._descriptor)
            raise LockedByAnotherStation(
                f"{data_dir} is in use by another station (process {holder}). "
                "Stop that station or name another data directory."
            ) from error
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, f"{os.getpid()}\n".encode("ascii"))

    def release(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _engine(path: Path, *, read_only: bool) -> Engine:
    mode = "ro" if read_only else "rwc"
    url = URL.create("sqlite+pysqlite", database=path.absolute().as_uri(), query={"mode": mode, "uri": "true"})
    # The threads take turns: each connection belongs to one executor of one thread.
    return create_engine(url, poolclass=NullPool, connect_args={"timeout": BUSY_LIMIT_S, "check_same_thread": False})


def connect_read_only(path: Path) -> Connection:
    """A connection that cannot write, also beside a running station.

    raises   StoreError when the file is missing, foreign, damaged or of another version
    """
    if not path.exists():
        raise CannotOpen(f"There is no station database at {path}. Name the data directory of a station.")
    try:
        connection = _engine(path, read_only=True).connect()
        _check(connection, path)
    except DBAPIError as error:
        raise open_failure(_driver_error(error), path) from error
    return connection


class Database:
    """One open database file with its lock, its writer and its reader.

    raises   StoreError subclasses when the directory or the file cannot be trusted
    """

    def __init__(self, data_dir: Path, *, durability: Durability = "full") -> None:
        self.path = data_dir / DATABASE_NAME
        _make_directory(data_dir)
        self._lock = DirectoryLock(data_dir)
        try:
            self.writer_connection = self._open_for_writing(durability)
            self._writer_driver = cast("sqlite3.Connection", self.writer_connection.connection.driver_connection)
            self._reader_connection = _engine(self.path, read_only=True).connect()
        except DBAPIError as error:
            self._lock.release()
            raise open_failure(_driver_error(error), self.path) from error
        except BaseException:
            self._lock.release()
            raise
        self.writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store-writer")
        self._reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store-reader")

    def _open_for_writing(self, durability: Durability) -> Connection:
        is_new = not self.path.exists() or self.path.stat().st_size == 0
        if not is_new:
            _check_header(self.path)
        connection = _engine(self.path, read_only=False).connect()
        try:
            if is_new:
                _create(connection)
            else:
                _check(connection, self.path)
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
            connection.exec_driver_sql(f"PRAGMA synchronous = {durability.upper()}")
            # A directory or file without write access shows only at the first write.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            connection.exec_driver_sql(f"PRAGMA user_version = {schema.SCHEMA_VERSION}")
            connection.commit()
        except BaseException:
            connection.close()
            raise
        return connection

    def write(self, groups: Sequence[Group]) -> None:
        """Run all groups in one transaction. Runs in the writer's thread.

        raises   StoreFailed; the transaction is rolled back
        """
        try:
            # Straight to the driver: its `with` commits or rolls back, and the statements are compiled already.
            with self._writer_driver:
                for statement, rows in groups:
                    self._writer_driver.executemany(statement, rows)
        except (sqlite3.Error, OSError) as error:
            raise write_failure(error, self.path) from error

    def read_now(self, question: Callable[[Connection], T]) -> T:
        """Ask in the calling thread; only before the loop runs and inside the reader's thread."""
        connection = self._reader_connection
        try:
            with connection.begin():
                return question(connection)
        except DBAPIError as error:
            raise open_failure(_driver_error(error), self.path) from error

    async def read(self, question: Callable[[Connection], T]) -> T:
        """Ask what is committed, in the reader's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._reader, self.read_now, question)

    def close(self) -> None:
        """Close both connections and let another station have the directory. May be called twice."""
        self.writer.shutdown(wait=True)
        self._reader.shutdown(wait=True)
        self._reader_connection.close()
        self.writer_connection.close()
        self._lock.release()


def _driver_error(error: DBAPIError) -> Exception:
    return error.orig if isinstance(error.orig, Exception) else error


def _make_directory(data_dir: Path) -> None:
    probe = data_dir / ".writable"
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise DirectoryNotWritable(
            f"{data_dir} cannot be written ({error.strerror}). "
            "Give the station's user write access or name another data directory."
        ) from error


def _check_header(path: Path) -> None:
    with path.open("rb") as file:
        header = file.read(len(SQLITE_HEADER))
    if header != SQLITE_HEADER:
        raise ForeignFile(
            f"{path} is not a station database. Move the file away or name another data directory, then start again."
        )


def _create(connection: Connection) -> None:
    connection.exec_driver_sql(f"PRAGMA application_id = {schema.APPLICATION_ID}")
    connection.exec_driver_sql(f"PRAGMA user_version = {schema.SCHEMA_VERSION}")
    schema.metadata.create_all(connection)
    connection.commit()


def _check(connection: Connection, path: Path) -> None:
    application_id = connection.exec_driver_sql("PRAGMA application_id").scalar_one()
    if application_id != schema.APPLICATION_ID:
        raise ForeignFile(
            f"{path} belongs to another program. Move the file away or name another data directory, then start again."
        )
    version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    if version != schema.SCHEMA_VERSION:
        raise OtherSchema(
            f"{path} has layout {version}, this software writes layout {schema.SCHEMA_VERSION}. "
            "Start the software version that wrote it, or name another data directory."
        )
    finding = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
    if finding != "ok":
        finding = " ".join(str(finding).split())
        raise CorruptFile(
            f"{path} is damaged ({finding}). Keep a copy of it and restore the last backup, then start again."
        )
    connection.rollback()
