"""`station people`: the key goes to stdout alone, everything else is told in sentences."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner, Result

from station.cli.options import EXIT_INVALID, EXIT_UNREACHABLE, EXIT_USAGE
from station.cli.people import app
from station.people.register import Register, holder


def run(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--data-dir", str(folder)])


def test_somebody_is_added_listed_given_another_role_and_revoked(tmp_path: Path) -> None:
    added = run(tmp_path, "add", "anna", "--role", "operator", "--expires-days", "90")
    assert added.exit_code == 0
    key = added.stdout.strip()
    anna = holder(Register(tmp_path).read(), key)
    assert anna is not None
    assert anna.expires_at is not None
    assert (anna.expires_at - anna.added_at).days in (89, 90)
    assert "shown this once" in added.stderr
    assert run(tmp_path, "role", "anna", "engineer").exit_code == 0
    listed = run(tmp_path, "list")
    assert "anna" in listed.stdout
    assert "engineer" in listed.stdout
    assert anna.key_id in listed.stdout
    assert key not in listed.stdout
    assert run(tmp_path, "revoke", "anna").exit_code == 0
    assert "revoked" in run(tmp_path, "list").stdout


def test_what_cannot_be_done_is_a_sentence_and_a_code(tmp_path: Path) -> None:
    empty = run(tmp_path, "list")
    assert (empty.exit_code, empty.stdout) == (0, "")
    assert "station people add" in empty.stderr
    unknown = run(tmp_path, "revoke", "anna")
    assert (unknown.exit_code, "'anna'" in unknown.stderr) == (EXIT_USAGE, True)
    Register(tmp_path).path.write_text("no json")
    damaged = run(tmp_path, "add", "anna", "--role", "viewer")
    assert (damaged.exit_code, damaged.stdout) == (EXIT_INVALID, "")
    assert "add everybody anew" in damaged.stderr
    (tmp_path / "file").write_text("")
    nowhere = run(tmp_path / "file", "add", "anna", "--role", "viewer")
    assert nowhere.exit_code == EXIT_UNREACHABLE
    assert "Traceback" not in nowhere.stderr
