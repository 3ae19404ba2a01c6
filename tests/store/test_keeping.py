"""Stories of what is kept beside the log: journal, records, blobs, recipes, answers and cursors."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from station.store import Store, open_store
from station.store.chain import canonical, record_hash
from station.store.database import DATABASE_NAME
from station.store.errors import NotStored
from station.store.journal import FLOOR_STEP
from station.store.recipe_store import WrongRecipeState
from tests.store.support import HandClock, record
from tests.support import virtual


def opened(data_dir: Path, clock: HandClock | None = None) -> Store:
    return open_store(data_dir, clock or HandClock(), durability="normal")


@virtual
async def test_an_intent_that_stays_open_for_a_whole_shift_is_still_found_after_a_restart(tmp_path: Path) -> None:
    store = opened(tmp_path)
    forgotten = store.journal.intent("place", {"site": "U7"})
    for _ in range(FLOOR_STEP * 2 // 3):
        store.journal.closed(store.journal.intent("pick", {}), "done")
        store.events.append("stage.completed")
    await store.commit()
    store.close()

    second = opened(tmp_path)
    assert [one.op_id for one in second.journal.open_intents()] == [forgotten]
    second.journal.closed(forgotten, "ambiguous")
    for _ in range(FLOOR_STEP):
        second.journal.closed(second.journal.intent("pick", {}), "done")
    await second.commit()
    second.close()

    third = opened(tmp_path)
    assert third.journal.open_intents() == ()
    assert third.journal.is_quiet
    third.close()


@virtual
async def test_closing_what_is_not_open_is_a_bug_and_said_so(tmp_path: Path) -> None:
    store = opened(tmp_path)
    op_id = store.journal.intent("dip", {})
    store.journal.closed(op_id, "done")
    with pytest.raises(ValueError, match=f"no intent {op_id} is open"):
        store.journal.closed(op_id, "done")
    store.close()


@virtual
async def test_records_are_chained_announced_and_found_by_board_site_and_result(tmp_path: Path) -> None:
    store = opened(tmp_path)
    first = store.records.append(record("U1"))
    second = store.records.append(record("U2", result="rejected"))
    store.records.append(record("U1", board="B-0002"))
    assert second["previous_hash"] == first["hash"] == record_hash(first)
    assert (await store.records.page()).items == []
    await store.commit()

    assert (await store.records.get(first["record_id"])) == first
    assert [one["site"] for one in (await store.records.page(board="B-0001")).items] == ["U1", "U2"]
    assert [one["board"]["serial"] for one in (await store.records.page(site="U1")).items] == ["B-0001", "B-0002"]
    assert (await store.records.page(result="rejected")).items == [second]
    announced = await store.events.read(kinds=("placement.recorded",))
    assert [event.data["record_id"] for event in announced][:2] == [first["record_id"], second["record_id"]]
    with pytest.raises(NotStored, match="There is no record"):
        await store.records.get("unknown")
    store.close()


@virtual
async def test_pages_of_records_follow_each_other_without_gap_or_repeat(tmp_path: Path) -> None:
    store = opened(tmp_path)
    written = [store.records.append(record(f"U{number}"))["record_id"] for number in range(7)]
    await store.commit()
    read: list[str] = []
    after: int | None = 0
    while after is not None:
        page = await store.records.page(after, 3)
        assert len(page.items) <= 3
        read += [one["record_id"] for one in page.items]
        after = page.next_after
    assert read == written
    assert len(set(written)) == 7
    store.close()


@virtual
async def test_the_chain_of_records_goes_on_after_a_restart(tmp_path: Path) -> None:
    store = opened(tmp_path)
    first = store.records.append(record())
    store.close()
    second = opened(tmp_path)
    assert second.records.append(record())["previous_hash"] == first["hash"]
    await second.commit()
    assert (await second.verify()).record_count == 2
    second.close()


@virtual
async def test_the_same_image_is_stored_once_and_a_damaged_one_is_not_handed_out(tmp_path: Path) -> None:
    store = opened(tmp_path)
    reference = await store.blobs.put(b"\x89PNG picture", ".png")
    assert await store.blobs.put(b"\x89PNG picture", ".png") == reference
    assert await store.blobs.get(reference) == (b"\x89PNG picture", "image/png")
    [path] = [file for file in (tmp_path / "blobs").rglob("*") if file.is_file()]
    path.write_bytes(b"another picture")
    with pytest.raises(NotStored, match="damaged"):
        await store.blobs.get(reference)
    for no_reference in ("sha256:" + "0" * 64, "../../station.sqlite3", "sha256:..", ""):
        with pytest.raises(NotStored):
            await store.blobs.get(no_reference)
    with pytest.raises(ValueError, match="blobs end in"):
        await store.blobs.put(b"", ".exe")
    store.close()


@virtual
async def test_a_recipe_revision_never_changes_and_goes_from_draft_to_approved_to_retired(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.recipes.put("pop_12", "1", "a" * 64, "document")
    assert store.recipes.put("pop_12", "1", "a" * 64, "other").document == "document"
    store.recipes.approve("a" * 64, "vision-1")
    store.recipes.retire("a" * 64)
    with pytest.raises(WrongRecipeState, match="is retired, it cannot become approved"):
        store.recipes.approve("a" * 64, "vision-1")
    store.close()

    second = opened(tmp_path)
    [kept] = second.recipes.revisions("pop_12")
    assert (kept.state, kept.document) == ("retired", "document")
    assert [e.data["to"] for e in await second.events.read(kinds=("recipe.modified",))] == [
        "draft",
        "approved",
        "retired",
    ]
    second.close()


@virtual
async def test_an_approval_names_the_vision_it_was_given_under_and_is_given_anew_under_another(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.recipes.put("pop_12", "1", "a" * 64, "document")
    store.recipes.put("pop_12", "2", "b" * 64, "document")
    store.recipes.approve("a" * 64, "vision-1")
    store.recipes.approve("a" * 64, "vision-1")
    store.close()

    second = opened(tmp_path)
    assert [one.approved_vision for one in second.recipes.revisions()] == ["vision-1", ""]
    second.recipes.approve("a" * 64, "vision-2")
    second.close()

    third = opened(tmp_path)
    assert [one.approved_vision for one in third.recipes.revisions()] == ["vision-2", ""]
    told = [e.data for e in await third.events.read(kinds=("recipe.modified",)) if e.data["to"] == "approved"]
    assert [(one["hash"], one["approved_vision"]) for one in told] == [("a" * 64, "vision-1"), ("a" * 64, "vision-2")]
    third.close()


@virtual
async def test_an_approval_in_a_memory_of_before_is_kept_and_names_no_vision(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.recipes.put("pop_12", "1", "a" * 64, "document")
    store.recipes.approve("a" * 64, "vision-1")
    store.close()
    before = sqlite3.connect(tmp_path / DATABASE_NAME)
    before.execute("DELETE FROM facts")
    before.commit()
    before.close()

    second = opened(tmp_path)
    [kept] = second.recipes.revisions()
    assert (kept.state, kept.approved_vision) == ("approved", "")
    second.close()


@virtual
async def test_revisions_keep_the_order_in_which_they_were_stored_over_a_restart(tmp_path: Path) -> None:
    """The clock stands still: all of them have the same time."""
    hashes = ["c" * 64, "a" * 64, "b" * 64]
    store = opened(tmp_path)
    for number, content_hash in enumerate(hashes):
        store.recipes.put("pop_12", str(number), content_hash, "document")
    assert len({one.stored_at for one in store.recipes.revisions()}) == 1
    store.close()
    second = opened(tmp_path)
    assert [one.hash for one in second.recipes.revisions()] == hashes
    second.close()


@virtual
async def test_a_request_claimed_before_a_crash_is_known_but_its_outcome_is_not(tmp_path: Path) -> None:
    store = opened(tmp_path)
    assert store.answers.claim("k-1", "hash")[0] == "new"
    assert store.answers.claim("k-1", "hash")[0] == "running"
    assert store.answers.claim("k-1", "other")[0] == "other_request"
    store.answers.claim("k-2", "hash")
    store.answers.keep("k-2", 201, canonical({"id": "job-1"}))
    store.answers.claim("k-3", "hash")
    store.answers.release("k-3")
    store.close()

    second = opened(tmp_path)
    assert second.answers.claim("k-1", "hash")[0] == "unknown_outcome"
    finding, answer = second.answers.claim("k-2", "hash")
    assert answer is not None
    assert (finding, answer.status, answer.body) == ("replay", 201, '{"id":"job-1"}')
    assert second.answers.claim("k-3", "hash")[0] == "new"
    second.close()


@virtual
async def test_answers_are_forgotten_after_two_days_not_after_one(tmp_path: Path) -> None:
    clock = HandClock()
    store = opened(tmp_path, clock)
    store.answers.claim("k-1", "hash")
    store.answers.keep("k-1", 200, "{}")
    clock.now_s = 24 * 3600.0
    store.answers.claim("k-2", "hash")
    assert store.answers.claim("k-1", "hash")[0] == "replay"
    clock.now_s = 49 * 3600.0
    store.answers.claim("k-3", "hash")
    assert store.answers.claim("k-1", "hash")[0] == "new"
    store.close()


@virtual
async def test_a_cursor_only_moves_forward_and_survives_a_restart(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.cursors.advance("mqtt", 7)
    store.cursors.advance("mqtt", 5)
    await store.commit()
    store.close()
    second = opened(tmp_path)
    assert (second.cursors.position("mqtt"), second.cursors.position("mes")) == (7, 0)
    second.close()
