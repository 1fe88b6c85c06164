"""Assemble the root of an image that holds one Python package, its interpreter, and nothing else.

    python3 -Es image/assemble_root.py --sources FOLDER … [--whole-library] --root ROOT PACKAGE

Into ROOT go, at the paths that they have here: the interpreter and `env`; of the standard library
the modules that PACKAGE imports, however deep and however lazily (the standard library's own
modulefinder reads the code), or all of it; the shared objects that these need; certificates, and
the few files of /etc that the C library reads. PACKAGE goes to /opt/calrissian-dask, compiled.
"""

from __future__ import annotations

import argparse
import compileall
import os
import py_compile
import shutil
import subprocess
import sys
from pathlib import Path

from needed_files import STDLIB, debian_packages, imported, shared_objects, whole_library

PACKAGES = "/opt/calrissian-dask"
"""Where PACKAGE is in the image; not site-packages: the interpreter runs with -I -S and sees no other."""

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
