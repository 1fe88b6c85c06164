"""The Python that a tool's command runs with: its cluster must run with the same.

Workers unpickle the tool's functions, so they need its packages and its Python version. What the
tool's image is on Kubernetes, its interpreter is on one machine.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence

from calrissian_dask.errors import ConfigurationError

PYTHON = re.compile(r"python(\d+(\.\d+)*)?\Z")

PROBE = "import sys, importlib.util as u; sys.exit(not all(map(u.find_spec, sys.argv[1:])))"

NEEDED = ("distributed", "dask_gateway")
"""dask-gateway's scheduler and workers load its preload modules."""


def find_interpreter(command: Sequence[str], path: str) -> str:
    """The interpreter of a command line, by its name, its first line, or else `python3` on PATH.

    Raises ConfigurationError where there is none.
    """
    program = shutil.which(command[0], path=path) if command else None
    if program:
        if PYTHON.match(os.path.basename(program)):
            return program
        named = _first_line(program, path)
        if named:
            return named
    for name in ("python3", "python"):
        found = shutil.which(name, path=path)
        if found:
            return found
    raise ConfigurationError(
        f"no python3 on the tool's PATH {path!r}: its cluster runs with the interpreter of the"
        " tool; install one, or run the tool in an environment that has it"
    )


def check_interpreter(python: str) -> None:
    """Raise ConfigurationError where an interpreter cannot run a scheduler and workers."""
    probe = subprocess.run([python, "-c", PROBE, *NEEDED], capture_output=True, check=False)
    if probe.returncode:
        raise ConfigurationError(
            f"{python}, which the tool runs with, lacks distributed or dask-gateway, and its"
            f" cluster needs both: {python} -m pip install distributed dask-gateway"
        )


def _first_line(program: str, path: str) -> str | None:
    """The interpreter in a script's `#!` line."""
    try:
        with open(program, "rb") as file:
            line = file.readline(512)
    except OSError:
        return None
    if not line.startswith(b"#!"):
        return None
    words = line[2:].decode("utf-8", "replace").split()
    if words and os.path.basename(words[0]) == "env":
        words = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
        words = [shutil.which(words[0], path=path) or ""] if words else []
    if words and PYTHON.match(os.path.basename(words[0])):
        return words[0]
    return None
