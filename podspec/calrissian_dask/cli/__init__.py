"""The console script `calrissian-dask`: one module per command.

Exit codes: 0 done, 1 the work failed, 2 the input or the settings are wrong, 130/143 interrupted.
The environment is read here and nowhere else.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence

from calrissian_dask import __version__
from calrissian_dask.cli import local, mutate, plan, run

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that is named in the arguments; its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["local"]:
        return local.run(words[1:], os.environ)
    if words[:1] == ["run"]:
        return run.run(words[1:], os.environ)
    parser = argparse.ArgumentParser(
        prog="calrissian-dask",
        description="A Dask cluster for exactly as long as a CWL step runs.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("run", add_help=False, help="Calrissian: the same CWL on Kubernetes")
    local.add_command(commands)
    mutate.add_command(commands)
    plan.add_command(commands)
    options = parser.parse_args(words)
    for stream in (sys.stdin, sys.stdout):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8")  # as YAML and JSON are, whatever the locale
    code: int = options.run(options, os.environ, sys.stdin, sys.stdout, sys.stderr)
    return code
