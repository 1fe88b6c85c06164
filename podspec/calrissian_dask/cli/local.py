"""`calrissian-dask local`: settings first, then cwltool, which takes long to import."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from calrissian_dask.cli.settings_file import add_options, read_settings
from calrissian_dask.errors import ConfigurationError

HELP = "run CWL on this machine, with a Dask cluster for each step that asks for one"


def add_command(commands: Any) -> None:
    """List the command; its own arguments are cwltool's, so that it parses them itself."""
    commands.add_parser("local", help=HELP, add_help=False)


def run(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run it; exit code 2 where the extra `local` is not installed or the settings are wrong."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    return _run(arguments, environ)


def _leave(number: int, _: object) -> None:
    """Before anything was started: cwltool takes a second to import, and swallows exceptions then."""
    os._exit(128 + number)


def _run(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    try:
        from calrissian_dask.local import command
    except ImportError as error:
        print(
            f"calrissian-dask: local needs {error.name}: pip install 'calrissian-dask[local]'",
            file=sys.stderr,
        )
        return 2
    options = command.parse(command.make_parser(add_options), arguments, environ)
    sentence = command.misplaced(options)
    if sentence:
        print(f"calrissian-dask: {sentence}", file=sys.stderr)
        return 2
    try:
        settings = read_settings(options, environ)
    except ConfigurationError as error:
        for line in str(error).splitlines():
            print(f"calrissian-dask: {line}", file=sys.stderr)
        return 2
    return command.run(options, settings, environ)
