"""Which files of this system a Python package needs to run: modules, shared objects, their packages."""

from __future__ import annotations

import modulefinder
import os
import pkgutil
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

STDLIB = Path(os.path.realpath(sysconfig.get_path("stdlib")))

UNUSED = {
    "distutils", "doctest", "ensurepip", "idlelib", "lib2to3", "pdb", "pydoc", "pydoc_data", "test",
    "tkinter", "turtledemo", "unittest",
}  # fmt: skip
"""Parts of the standard library that are for developing; some modules import them for their own tests."""

NEEDED_BY_LIBRARIES = {"unittest", "pdb", "distutils"}
"""Of these, what third-party libraries import nevertheless."""

OUTSIDE = {"site-packages", "dist-packages", "__pycache__"}
"""Folders below the standard library that are not the standard library."""

DYNAMIC = ("encodings",)
"""Packages whose modules are imported by a name that is computed."""


def imported(sources: Path, package: str) -> Iterator[Path]:
    """The files of the standard library that the package may import, and those of a bare start."""
    finder = modulefinder.ModuleFinder(path=[str(sources), *sys.path], excludes=sorted(UNUSED))
    start = subprocess.run(
        [sys.executable, "-I", "-S", "-c", "import sys; print(*sys.modules)"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    wanted = [*start.stdout.split(), *submodules(sources, package)]
    for name in DYNAMIC:
        wanted += submodules(STDLIB, name)
    for name in wanted:
        try:
            finder.import_hook(name)
            parent, _, last = name.rpartition(".")
            if parent:
                finder.import_hook(parent, fromlist=[last])
        except ImportError:  # built-in under another name, or of another platform
            continue
    # os.py is also the landmark by which an interpreter knows its home.
    yield STDLIB / "os.py"
    for module in finder.modules.values():
        path = Path(os.path.realpath(getattr(module, "__file__", None) or "/"))
        if path.is_relative_to(STDLIB) and path.name != "os.py":
            yield path


def submodules(folder: Path, package: str) -> list[str]:
    """The package and every module in it."""
    found = pkgutil.walk_packages([str(folder / package)], prefix=f"{package}.")
    return [package, *(module.name for module in found)]


def whole_library() -> Iterator[Path]:
    """The standard library, without what no server uses."""
    for folder, names, files in os.walk(STDLIB):
        unwanted = (UNUSED - NEEDED_BY_LIBRARIES) | OUTSIDE
        names[:] = [n for n in names if n not in unwanted and not n.startswith("config-")]
        yield from (Path(folder) / name for name in files if not name.endswith((".a", ".pyc")))


def shared_objects(files: Iterable[Path]) -> set[Path]:
    """What the dynamic loader loads for these, itself included."""
    found: set[Path] = set()
    for file in files:
        listing = subprocess.run(["ldd", str(file)], check=False, capture_output=True, text=True)
        words = listing.stdout.split()
        if "not found" in listing.stdout:
            sys.exit(f"assemble_root.py: {file} needs what is not here: {listing.stdout}")
        found |= {Path(word) for word in words if word.startswith("/") and not word.endswith(":")}
    return found


def debian_packages(paths: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The packages that own the files, with their records; none where the interpreter is no package."""
    query = shutil.which("dpkg-query")
    if query is None:
        return
    # Before the merged /usr a file was packed as /lib/..., and is so recorded.
    names = {name for path in paths for name in (path, path.removeprefix("/usr"))}
    listing = subprocess.run(
        [query, "--search", *sorted(names)], check=False, capture_output=True, text=True
    )
    lines = [line for line in listing.stdout.splitlines() if not line.startswith("diversion ")]
    for package in sorted({line.split(":")[0] for line in lines}):
        record = subprocess.run(
            [query, "--status", package], check=True, capture_output=True, text=True
        )
        yield package, record.stdout
