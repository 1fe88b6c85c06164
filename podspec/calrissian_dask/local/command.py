"""`calrissian-dask local`: cwltool's command line, and the step's Dask cluster on this machine."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TextIO

from calrissian_dask_sidecar.contract import SECRET_ENV
from cwltool.argparser import arg_parser
from cwltool.context import LoadingContext, RuntimeContext
from cwltool.main import main as cwltool_main
from cwltool.utils import versionstring
from schema_salad.exceptions import ValidationException

from calrissian_dask.cwl import occurrences
from calrissian_dask.cwl.cwltool_reading import register, uri_of
from calrissian_dask.cwl.node import use_wheel_where_there_is_no_node
from calrissian_dask.errors import ConfigurationError
from calrissian_dask.local.fit import this_machine
from calrissian_dask.local.gateway import EmbeddedGateway
from calrissian_dask.local.interrupt import Interrupt
from calrissian_dask.local.progress import Progress
from calrissian_dask.local.run import LocalRun
from calrissian_dask.local.tool import RefusedError, tool_maker
from calrissian_dask.settings import Settings

OURS = ("--dask-gateway-url", "--dask-settings", "--max-workers", "--no-container")
"""Options that mean nothing behind the document, where cwltool takes them for the document's inputs."""

LOOKS_ONLY = (
    *("validate", "pack", "print_rdf", "print_dot", "print_deps", "print_input_deps", "print_pre"),
    *("print_subgraph", "print_targets", "make_template", "tool_help"),
)
"""cwltool's options with which no tool runs."""

EXIT_INPUT = 2
"""The command line, the settings or the document ask for what cannot be done here."""


def make_parser(add_options: Callable[[Any], None]) -> argparse.ArgumentParser:
    """Cwltool's parser with our options in a group of their own."""
    parser: argparse.ArgumentParser = arg_parser()
    parser.prog = "calrissian-dask local"
    group = parser.add_argument_group(
        "Dask", "clusters for steps with DaskGatewayRequirement; put these before the document"
    )
    add_options(group)
    group.add_argument(
        "--max-workers",
        type=_positive,
        metavar="N",
        help="workers per cluster at most; default: as many as this machine has room for",
    )
    return parser


def parse(
    parser: argparse.ArgumentParser, arguments: Sequence[str], environ: Mapping[str, str]
) -> argparse.Namespace:
    """The options, or exit code 2 with a sentence."""
    options = parser.parse_args([*environ.get("CWLTOOL_OPTIONS", "").split(), *arguments])
    if options.fast_parser:
        parser.error("--fast-parser does not know DaskGatewayRequirement: leave it out")
    if options.record_container_id:  # cwltool does this only where it parses itself
        options.cidfile_dir = options.cidfile_dir or os.getcwd()
    del options.record_container_id
    asks_only = options.version or options.print_supported_versions
    if not options.workflow and not asks_only and not os.path.isfile("CWLFile"):
        parser.error("no CWL document is given")
    return options


def misplaced(options: argparse.Namespace) -> str | None:
    """A sentence where an option of ours stands behind the document and is no input of it."""
    behind = [word.split("=")[0] for word in options.job_order or []]
    ours = [word for word in behind if word in OURS]
    if ours and options.workflow:
        inputs = occurrences.input_names(uri_of(options.workflow))
        ours = [word for word in ours if word.removeprefix("--") not in inputs]
    return f"{ours[0]} stands behind the CWL document: put it before" if ours else None


def run(options: argparse.Namespace, settings: Settings, environ: Mapping[str, str]) -> int:
    """Run the document; cwltool's exit code, 2 for what is refused, 128 + the signal's number."""
    progress = Progress(sys.stderr, quiet=options.quiet)
    interrupt = Interrupt()
    shared = LocalRun(
        settings=settings,
        environ=environ,
        machine=this_machine(),
        max_workers=options.max_workers,
        use_container=options.use_container,
        interrupt=interrupt,
        progress=progress,
        default_container=options.default_container,
        secret=environ.get(SECRET_ENV),
        gateway=None if settings.gateway.url else EmbeddedGateway(environ),
    )
    interrupt.install(shared.spared, shared.close)
    _quiet_logs(progress, debug=options.debug)
    code = 1
    try:
        code = _run_cwltool(options, shared)
    except RefusedError as error:
        progress.say(str(error))
        code = EXIT_INPUT
    except (ValidationException, ConfigurationError) as error:
        progress.say(str(error))
    except KeyboardInterrupt:
        pass  # a signal before any job; its number decides below
    finally:
        interrupt.finishing = True
        if interrupt.requested:
            interrupt.await_children()
        shared.close()
        progress.summary()
    return code if interrupt.number is None else 128 + interrupt.number


def _run_cwltool(options: argparse.Namespace, shared: LocalRun) -> int:
    if options.workflow:
        found = occurrences.find(uri_of(options.workflow))
        for sentence in occurrences.warnings(found):
            shared.progress.tell(f"warning: {sentence}")
        wrong = occurrences.problems(found)
        for sentence in wrong:
            shared.progress.say(sentence)
        if wrong:
            return 1
    use_wheel_where_there_is_no_node(shared.environ.get("PATH", ""))
    runtime = RuntimeContext(vars(options))
    loading = LoadingContext(vars(options))
    loading.singularity, loading.podman = runtime.singularity, runtime.podman
    loading.construct_tool_object = tool_maker(
        shared, will_run=not any(getattr(options, name, False) for name in LOOKS_ONLY)
    )  # type: ignore[assignment]  # a narrower name of the argument
    stdout: TextIO = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):  # what a library prints is no part of the result
        code: int = cwltool_main(
            argsl=[],
            args=options,
            loadingContext=loading,
            runtimeContext=runtime,
            stdout=stdout,
            versionfunc=lambda: f"calrissian-dask local, cwltool {versionstring().split()[-1]}",
            custom_schema_callback=lambda: register(options.enable_ext),
        )
    return code


def _quiet_logs(progress: Progress, *, debug: bool) -> None:
    """Log lines and the live line take turns; a failed expression is said once, not as a traceback."""

    def before(_: logging.LogRecord) -> bool:
        progress.clear()
        return True

    logging.getLogger("cwltool").addFilter(before)
    if not debug:
        logging.getLogger("cwl_utils").addFilter(lambda record: record.funcName != "do_eval")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of workers, 1 or more")
    return int(text)
