from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from calrissian_dask.errors import ConfigurationError
from calrissian_dask.local.interpreter import check_interpreter, find_interpreter


def program(folder: Path, name: str, first_line: str) -> str:
    path = folder / name
    path.write_text(first_line + "\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A PATH with three interpreters and tools of several kinds."""
    for name in ("python3", "python3.11", "python"):
        program(tmp_path, name, "#!/bin/sh")
    program(tmp_path, "by-path", f"#!{tmp_path}/python3.11 -E")
    program(tmp_path, "by-env", "#!/usr/bin/env python")
    program(tmp_path, "by-env-split", "#!/usr/bin/env -S python3.11 -u")
    program(tmp_path, "shell-script", "#!/bin/sh")
    (tmp_path / "binary").write_bytes(b"\x7fELF")
    (tmp_path / "binary").chmod(0o755)
    return str(tmp_path)


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["python3", "run.py"], "python3"),
        (["python3.11", "run.py"], "python3.11"),
        (["python"], "python"),
        (["by-path"], "python3.11"),
        (["by-env"], "python"),
        (["by-env-split"], "python3.11"),
        (["shell-script"], "python3"),
        (["binary"], "python3"),
        (["/bin/sh", "-c", "by-path"], "python3"),
        (["no-such-tool"], "python3"),
        ([], "python3"),
    ],
)
def test_the_interpreter_of_a_command(path: str, command: list[str], name: str) -> None:
    assert find_interpreter(command, path) == os.path.join(path, name)


def test_without_any_python_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no python3 on the tool's PATH"):
        find_interpreter(["tool"], str(tmp_path))


def test_an_interpreter_without_dask_is_told_what_to_install() -> None:
    check_interpreter(sys.executable)
    bare = Path(__file__).parent.parent.parent / ".venv-tool-new" / "bin" / "python"
    with pytest.raises(ConfigurationError, match="-m pip install distributed dask-gateway"):
        check_interpreter(str(bare))
