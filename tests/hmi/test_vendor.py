"""The browser libraries: locked, unchanged, free of addresses, and quick to check."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from station.hmi import STATIC_FOLDER, vendor


def test_the_lock_holds_an_integrity_hash_for_every_package_and_no_address() -> None:
    packages = json.loads(vendor.LOCK_FILE.read_text("utf-8"))["packages"]
    libraries = {name: entry for name, entry in packages.items() if name}
    assert {name.removeprefix("node_modules/") for name in libraries} == {*vendor.PACKAGES, "axe-core"}
    for name, entry in libraries.items():
        assert entry["integrity"].startswith("sha512-"), name
        assert "resolved" not in entry, name


def test_versions_are_pinned_exactly() -> None:
    wanted = json.loads(vendor.PACKAGE_FILE.read_text("utf-8"))
    for name, version in (wanted["dependencies"] | wanted["devDependencies"]).items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version), name


def test_bare_imports_become_addresses_beside_the_file() -> None:
    source = 'import{h as e}from"preact";import x from "uplot";export*from"@preact/signals-core";\n'
    source += "//# sourceMappingURL=a.map\n"
    assert vendor.relative_imports(source, "x.mjs") == (
        'import{h as e}from"./preact.js";import x from "./uplot.js";export*from"./signals-core.js";\n\n'
    )


def test_an_import_of_something_unknown_is_refused() -> None:
    with pytest.raises(vendor.VendorFailed, match="react-dom"):
        vendor.relative_imports('import a from"react-dom";', "x.mjs")


def test_a_changed_file_or_another_lock_is_noticed(tmp_path: Path) -> None:
    lock = tmp_path / "lock.json"
    lock.write_text("{}")
    folder = tmp_path / "vendor"
    folder.mkdir()
    assert not vendor.is_current(folder, lock)
    (folder / "a.js").write_bytes(b"1")
    manifest = {"lock_sha256": vendor._sha256(b"{}"), "files": {"a.js": vendor._sha256(b"1")}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert vendor.is_current(folder, lock)
    (folder / "a.js").write_bytes(b"2")
    assert not vendor.is_current(folder, lock)
    (folder / "a.js").write_bytes(b"1")
    lock.write_text("[]")
    assert not vendor.is_current(folder, lock)


def test_every_import_of_the_page_is_relative_and_leads_to_a_file() -> None:
    libraries = {file for _, file in vendor.MODULES.values()}
    for script in sorted((STATIC_FOLDER / "app").glob("*.js")):
        for name in re.findall(r'\bfrom "([^"]+)"', script.read_text("utf-8")):
            assert name.startswith("."), f"{script.name} imports {name}"
            target = (script.parent / name).resolve()
            assert target.exists() or (target.parent.name == "vendor" and target.name in libraries), name
