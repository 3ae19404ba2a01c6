"""Stories of opening the store: every file or directory it cannot trust is refused with a sentence, never replaced."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from station.store import open_store
from station.store.database import DATABASE_NAME, connect_read_only
from station.store.errors import (
    CannotOpen,
    CorruptFile,
    DatabaseReadOnly,
    DirectoryNotWritable,
    ForeignFile,
    LockedByAnotherStation,
    OtherSchema,
)
from tests.store.support import HandClock
from tests.support import virtual


def test_a_second_station_on_the_same_directory_is_refused_by_name_of_the_first(tmp_path: Path) -> None:
    first = open_store(tmp_path, HandClock())
    with pytest.raises(LockedByAnotherStation, match=rf"process {os.getpid()}\). Stop that station"):
        open_store(tmp_path, HandClock())
    first.close()
    open_store(tmp_path, HandClock()).close()


def test_a_text_file_in_the_place_of_the_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / DATABASE_NAME
    path.write_text("x_um,y_um\n" * 100)
    with pytest.raises(ForeignFile, match="is not a station database"):
        open_store(tmp_path, HandClock())
    assert path.read_text().startswith("x_um")


def test_the_database_of_another_program_is_refused(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / DATABASE_NAME)
    other.execute("CREATE TABLE songs (title TEXT)")
    other.commit()
    other.close()
    with pytest.raises(ForeignFile, match="belongs to another program"):
        open_store(tmp_path, HandClock())


def test_the_layout_of_another_version_is_refused(tmp_path: Path) -> None:
    open_store(tmp_path, HandClock()).close()
    other = sqlite3.connect(tmp_path / DATABASE_NAME)
    other.execute("PRAGMA user_version = 99")
    other.close()
    with pytest.raises(OtherSchema, match="has layout 99, this software writes layout 1"):
        open_store(tmp_path, HandClock())


@virtual
async def test_a_damaged_database_is_refused(tmp_path: Path) -> None:
    store = open_store(tmp_path, HandClock())
    for number in range(500):
        store.events.append("state.changed", {"note": f"{number:0200d}"})
    await store.commit()
    store.close()
    path = tmp_path / DATABASE_NAME
    content = bytearray(path.read_bytes())
    content[4096 * 5 : 4096 * 9] = b"\xa5" * (4096 * 4)
    path.write_bytes(content)
    with pytest.raises(CorruptFile, match=r"is damaged .*restore the last backup"):
        open_store(tmp_path, HandClock())


def test_a_file_in_the_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(DirectoryNotWritable, match="cannot be written"):
        open_store(tmp_path / "data" / "station", HandClock())


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_directory_without_write_access_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(DirectoryNotWritable, match="Give the station's user write access"):
        open_store(tmp_path, HandClock())


@virtual
async def test_a_write_to_a_database_that_became_read_only_is_said_in_words(tmp_path: Path) -> None:
    store = open_store(tmp_path, HandClock())
    store.database.writer_connection.exec_driver_sql("PRAGMA query_only = ON")
    store.database.writer_connection.rollback()
    store.events.append("state.changed")
    with pytest.raises(DatabaseReadOnly, match="is read-only"):
        await store.commit()
    store.close()


def test_reading_needs_no_lock_but_an_existing_station_database(tmp_path: Path) -> None:
    with pytest.raises(CannotOpen, match="There is no station database"):
        connect_read_only(tmp_path / DATABASE_NAME)
    store = open_store(tmp_path, HandClock())
    beside = connect_read_only(tmp_path / DATABASE_NAME)
    assert beside.exec_driver_sql("SELECT count(*) FROM events").scalar_one() == 0
    beside.close()
    store.close()


def test_a_killed_station_loses_only_what_it_had_not_committed(tmp_path: Path) -> None:
    program = textwrap.dedent(
        """
        import asyncio, os, signal, sys
        from pathlib import Path
        from station.store import open_store
        from tests.store.support import HandClock

        async def main():
            store = open_store(Path(sys.argv[1]), HandClock())
            place = store.journal.intent("place", {"site": "U1"})
            pick = store.journal.intent("pick", {"pocket": 1})
            store.journal.closed(pick, "done")
            await store.commit()
            store.journal.observed(place, {"contact_z_um": 1.0})
            await store.commit()
            store.journal.closed(place, "done")
            os.kill(os.getpid(), signal.SIGKILL)

        asyncio.run(main())
        """
    )
    ended = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False, timeout=60)
    assert ended.returncode == -signal.SIGKILL

    @virtual
    async def after_restart() -> None:
        store = open_store(tmp_path, HandClock())
        assert [event.kind for event in await store.events.read()] == [
            "journal.intent",
            "journal.intent",
            "journal.closed",
            "journal.observed",
        ]
        [left] = store.journal.open_intents()
        assert (left.op_id, left.step, left.args) == (1, "place", {"site": "U1"})
        assert left.evidence == {"contact_z_um": 1.0}
        store.journal.closed(left.op_id, "ambiguous", "crash between contact and verdict")
        await store.commit()
        assert store.journal.open_intents() == ()
        assert (await store.verify()).is_sound
        store.close()

    after_restart()
