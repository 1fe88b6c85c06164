"""Assemble the root of an image that holds one Python package, its interpreter, and nothing else.

    python3 -I image/assemble_root.py --sources FOLDER … [--whole-library] --root ROOT PACKAGE

Into ROOT go, at the paths that they have here: the interpreter and `env`; of the standard library
the modules that PACKAGE imports, however deep and however lazily (the standard library's own
modulefinder reads the code), or all of it; the shared objects that these need; certificates, and
the few files of /etc that the C library reads. PACKAGE goes to /opt/calrissian-dask, compiled.
"""

from __future__ import annotations

import argparse
import compileall
import modulefinder
import os
import pkgutil
import py_compile
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

PACKAGES = "/opt/calrissian-dask"
"""Where PACKAGE is in the image; not site-packages: the interpreter runs with -I -S and sees no other."""

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

USER = 47315
"""The uid and gid of the image; the same as the default of settings.security."""

ETC = {
    "passwd": f"root:x:0:0:root:/:/nologin\ncalrissian-dask:x:{USER}:{USER}::/:/nologin\n",
    "group": f"root:x:0:\ncalrissian-dask:x:{USER}:\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}
"""What the C library reads."""

CACHES = shutil.ignore_patterns("__pycache__")
"""Byte code is made anew, in the image's own way."""

LOADED_BY_LIBC = "libgcc_s.so.1"
"""By dlopen, when a thread is ended from outside; nothing that ldd could see."""

RELEASE = "/etc/os-release"
"""By it scanners know whose packages these are."""

CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"

PACKAGE_RECORDS = "/var/lib/dpkg/status.d"
"""Where scanners look for the Debian packages of an image without a package manager, one file each."""


def main() -> None:
    """Assemble, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", action="append", required=True, type=Path)
    parser.add_argument("--whole-library", action="store_true")
    parser.add_argument("--root", required=True, type=Path)
    parser.add_argument("package")
    options = parser.parse_args()
    root = Root(options.root)
    interpreter = Path(os.path.realpath(sys.executable))
    programs = [interpreter, Path(shutil.which("env") or "/usr/bin/env")]
    library = list(
        whole_library() if options.whole_library else imported(options.sources[0], options.package)
    )
    for path in [*programs, *library, Path(CERTIFICATES)]:
        root.add(path)
    objects = [path for path in library if ".so" in path.suffixes]
    for path in shared_objects([*programs, *objects]):
        root.add(path)
        if path.name == "libc.so.6" and (path.parent / LOADED_BY_LIBC).exists():
            root.add(path.parent / LOADED_BY_LIBC)
    packages = root.at(PACKAGES)
    for source in options.sources:
        shutil.copytree(source, packages, dirs_exist_ok=True, ignore=CACHES)
    shutil.rmtree(packages / "bin", ignore_errors=True)  # command lines, of no use without a shell
    for path in packages.rglob("*.so*"):
        for needed in shared_objects([path]):
            root.add(needed)
    for name, text in ETC.items():
        root.write(f"/etc/{name}", text)
    root.write(
        f"/usr/local/bin/{options.package.replace('_', '-')}",
        script(interpreter, options.package),
        0o755,
    )
    for package, record in debian_packages(root.copied):
        root.write(f"{PACKAGE_RECORDS}/{package}", record)
        root.add(Path(f"/usr/share/doc/{package}/copyright"), optional=True)
    root.add(Path(RELEASE), optional=True)
    compile_all(root)
    root.settle()
    print(
        f"{options.package}: {root.size() / 1e6:.1f} MB, {len(library)} files of the standard library"
    )


class Root:
    """The folder that becomes the image."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.copied: set[str] = set()
        folder.mkdir(parents=True)
        for top in ("bin", "sbin", "lib", "lib32", "lib64"):
            if os.path.islink(f"/{top}"):  # Debian's merged /usr
                target = os.readlink(f"/{top}")
                (folder / target).mkdir(parents=True, exist_ok=True)
                (folder / top).symlink_to(target)

    def at(self, path: str | Path) -> Path:
        """Where a path of the image is now."""
        return self.folder / str(path).lstrip("/")

    def add(self, path: Path, *, optional: bool = False) -> None:
        """Copy a file of this system to the same path, with the link by which it was named."""
        if optional and not path.exists():
            return
        real = Path(os.path.realpath(path))
        self.copied.add(str(real))
        target = self.at(real)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(real, target)
        named = self.at(Path(os.path.realpath(path.parent)) / path.name)
        if not named.exists():
            named.parent.mkdir(parents=True, exist_ok=True)
            named.symlink_to(real)

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file of the image's own."""
        target = self.at(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(mode)

    def settle(self) -> None:
        """Readable for every user, whatever the builder's umask; writable for none. The loader's cache."""
        for path in self.folder.rglob("*"):
            if not path.is_symlink():
                mode = path.stat().st_mode
                path.chmod((mode | 0o444 | (0o111 if path.is_dir() else 0)) & ~0o7022)
        # The official images keep libpython in a folder that the loader knows from its cache only.
        subprocess.run(["ldconfig", "-r", str(self.folder), "/usr/local/lib"], check=True)

    def size(self) -> int:
        """Bytes of all files."""
        return sum(
            p.stat().st_size for p in self.folder.rglob("*") if p.is_file() and not p.is_symlink()
        )


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


def script(interpreter: Path, package: str) -> str:
    """The console script: an isolated interpreter that sees the package and the standard library."""
    return (
        f"#!{interpreter} -IS\n"
        f"import sys\n\nsys.path.insert(0, {PACKAGES!r})\n"
        f"from {package}.cli import main\n\nmain()\n"
    )


def compile_all(root: Root) -> None:
    """Byte code beside every module, valid without a look at the source's time."""
    for folder in (root.at(STDLIB), root.at(PACKAGES)):
        compiled = compileall.compile_dir(
            folder,
            quiet=2,
            stripdir=root.folder,
            prependdir="/",
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
        if not compiled:
            sys.exit(f"assemble_root.py: not every module below {folder} could be compiled")


main()
