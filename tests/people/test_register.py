"""The file of people: who gets in by which key, what is kept of it, and what a file that cannot be trusted means."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from station.people.register import Damaged, NotPossible, Register, holder
from station.people.roles import RIGHTS, Right, Role, roles_with

NOW = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)


def test_a_key_is_shown_once_and_only_its_hash_is_kept(tmp_path: Path) -> None:
    register = Register(tmp_path)
    anna, ben = register.add("anna", Role.OPERATOR, NOW), register.add("ben", Role.VIEWER, NOW)
    assert len(anna) >= 43, "256 bits"
    assert anna != ben
    text = register.path.read_text()
    assert anna not in text
    assert register.path.stat().st_mode & 0o777 == 0o600
    people = register.read()
    assert [(one.name, one.role) for one in people] == [("anna", Role.OPERATOR), ("ben", Role.VIEWER)]
    found = holder(people, ben)
    assert found is not None
    assert found.name == "ben"
    for wrong in ("", anna[:-1], anna + "a", people[0].key_hash, "\udcff"):
        assert holder(people, wrong) is None


def test_a_key_opens_until_it_expires_or_is_revoked(tmp_path: Path) -> None:
    register = Register(tmp_path)
    register.add("anna", Role.OPERATOR, NOW, NOW + timedelta(days=1))
    (anna,) = register.read()
    assert anna.why_not(NOW + timedelta(hours=23)) == ""
    assert "expired" in anna.why_not(NOW + timedelta(days=1))
    register.revoke("anna", NOW)
    (anna,) = register.read()
    assert "revoked" in anna.why_not(NOW)
    new = register.add("anna", Role.ADMIN, NOW)
    (anna,) = register.read()
    assert holder((anna,), new) is anna
    assert anna.why_not(NOW + timedelta(days=9)) == ""


def test_changes_that_are_none_are_refused_with_a_sentence_and_change_nothing(tmp_path: Path) -> None:
    register = Register(tmp_path)
    register.add("anna", Role.OPERATOR, NOW)
    before = register.path.read_bytes()
    for wrong in (
        lambda: register.add("anna", Role.ADMIN, NOW),
        lambda: register.add("nobody", Role.ADMIN, NOW),
        lambda: register.add("a b", Role.ADMIN, NOW),
        lambda: register.add("ben", Role.VIEWER, NOW, NOW),
        lambda: register.revoke("ben", NOW),
        lambda: register.give_role("ben", Role.ADMIN),
    ):
        with pytest.raises(NotPossible):
            wrong()
    assert register.path.read_bytes() == before


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"version": 2, "people": []}',
        b'{"version": 1, "people": [{"name": "anna"}]}',
        b'{"version": 1, "people": [], "open": true}',
        b"\xff\xfe",
    ],
)
def test_a_damaged_file_holds_nobody_and_is_never_written_over(tmp_path: Path, content: bytes) -> None:
    register = Register(tmp_path)
    register.path.write_bytes(content)
    register.path.chmod(0o600)
    with pytest.raises(Damaged, match=r"people\.json cannot be read"):
        register.read()
    with pytest.raises(Damaged):
        register.add("anna", Role.ADMIN, NOW)
    assert register.path.read_bytes() == content


def test_a_file_that_others_may_write_or_that_names_somebody_twice_holds_nobody(tmp_path: Path) -> None:
    register = Register(tmp_path)
    register.add("anna", Role.OPERATOR, NOW)
    register.path.chmod(0o660)
    with pytest.raises(Damaged, match="chmod 600"):
        register.read()
    register.path.chmod(0o600)
    content = json.loads(register.path.read_text())
    content["people"] *= 2
    register.path.write_text(json.dumps(content))
    with pytest.raises(Damaged, match="twice"):
        register.read()


def test_two_who_change_it_at_once_lose_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "station", "people", "add"]
    options = ["--role", "viewer", "--data-dir", str(tmp_path)]
    adding = [subprocess.Popen([*command, f"p{n}", *options], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
              for n in range(4)]  # fmt: skip
    assert [one.wait(30) for one in adding] == [0] * 4
    assert sorted(one.name for one in Register(tmp_path).read()) == ["p0", "p1", "p2", "p3"]
    assert sorted(os.listdir(tmp_path)) == ["people.json"]


def test_the_roles_as_the_operators_page_of_the_manual_tells_them() -> None:
    reads = {Right.SEE, Right.TRACE}
    assert RIGHTS[Role.VIEWER] == reads
    assert RIGHTS[Role.OPERATOR] == reads | {Right.ORDER, Right.OPERATE}
    assert RIGHTS[Role.ENGINEER] - RIGHTS[Role.OPERATOR] == {Right.RECIPES}
    assert RIGHTS[Role.MAINTENANCE] - RIGHTS[Role.OPERATOR] == {Right.MAINTAIN}
    assert RIGHTS[Role.ADMIN] == set(Right)
    assert RIGHTS[Role.MES] == {Right.TRACE, Right.ORDER}
    assert roles_with(Right.MAINTAIN) == "maintenance or admin"
    assert roles_with(Right.OPERATE) == "operator, engineer, maintenance or admin"
