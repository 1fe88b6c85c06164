"""`calrissian-dask plan`: which step asks for which cluster, and what is wrong."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from calrissian_dask.cli.settings_file import add_options, read_settings, read_stdin, read_text
from calrissian_dask.errors import CalrissianDaskError

EXIT_PROBLEMS = 1

EXIT_UNREADABLE = 2


def add_command(commands: Any) -> None:
    """Add the command to the console script."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "plan",
        help="say which step of a workflow will ask for which Dask cluster, and what is wrong",
        description="Reads a CWL document and what it runs, and says for each step the cluster that"
        " it will ask for, the most that may be asked for at once, and every problem. With a"
        " gateway's URL it asks whether that gateway offers the options. Exit code 0: clean, 1:"
        " problems, 2: unreadable.",
    )
    parser.add_argument("document", metavar="FILE", help="CWL: a path or URL, with #process or not")
    parser.add_argument(
        "job", metavar="JOB", nargs="?", help="inputs, as YAML or JSON; - is standard input"
    )
    add_options(parser)
    parser.add_argument("--output", choices=("text", "json"), default="text", help="default: text")
    parser.set_defaults(run=run)


def run(
    options: argparse.Namespace,
    environ: Mapping[str, str],
    stdin: TextIO,
    stdout: TextIO,
    stderr: TextIO,
) -> int:
    """Print the plan; 0, 1 with problems, 2 where something cannot be read."""
    try:
        from calrissian_dask.plan.command import make_plan
        from calrissian_dask.plan.documents import read_job
    except ModuleNotFoundError as error:
        sentence = f"plan needs {error.name}: pip install 'calrissian-dask[plan]'"
        print(f"calrissian-dask: {sentence}", file=stderr)
        return EXIT_UNREADABLE
    try:
        settings = read_settings(options, environ)
        job: Mapping[str, Any] = {}
        if options.job:
            text = read_stdin(stdin) if options.job == "-" else read_text(Path(options.job))
            job = read_job(text, options.job)
        plan = make_plan(options.document, job, settings, environ)
    except CalrissianDaskError as error:
        for line in str(error).splitlines():
            print(f"calrissian-dask: {line}", file=stderr)
        return EXIT_UNREADABLE
    if options.output == "json":
        json.dump(plan.to_dict(), stdout, indent=2)
        stdout.write("\n")
    else:
        stdout.writelines(f"{line}\n" for line in plan.lines())
    return 0 if plan.is_clean else EXIT_PROBLEMS
