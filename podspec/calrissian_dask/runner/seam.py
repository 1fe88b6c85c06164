"""The one seam: two names of `calrissian.main` are replaced, and nothing else of it is touched."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any

import calrissian.main
from calrissian.k8s import delete_pods
from kubernetes.config.config_exception import ConfigException

from calrissian_dask.cwl import occurrences
from calrissian_dask.cwl.cwltool_reading import register, uri_of
from calrissian_dask.errors import ConfigurationError
from calrissian_dask.runner import flags, report
from calrissian_dask.runner.session import LOGGER, Session
from calrissian_dask.runner.termination import Termination
from calrissian_dask.runner.tool import tool_maker
from calrissian_dask.settings import Settings

EXIT_INPUT = 2
"""The command line or the settings are wrong; no step has begun."""

NO_KUBERNETES = (
    "no Kubernetes: Calrissian runs in a pod of the cluster, or with a kubeconfig; on a machine"
    " without one use calrissian-dask local"
)

ReadSettings = Callable[..., Settings]


def run(
    arguments: Sequence[str], add_options: Callable[..., None], read_settings: ReadSettings
) -> int:
    """Calrissian's main with our flags and steps; its exit code, 2 where the settings are wrong.

    `read_settings(flags, configured)` raises ConfigurationError.
    """
    stock_arguments, stock_cwlmain = calrissian.main.add_arguments, calrissian.main.cwlmain
    outcome: list[int] = []

    def add_arguments(parser: argparse.ArgumentParser) -> None:
        stock_arguments(parser)
        flags.add_group(parser, add_options)

    def cwlmain(**given: Any) -> int:
        outcome.append(_cwlmain(stock_cwlmain, read_settings, given))
        return outcome[0]

    # Calrissian calls both by these names of its module: the first to fill its parser
    # (main.py:128), the second with everything that a run is made of (main.py:142).
    calrissian.main.add_arguments = add_arguments
    calrissian.main.cwlmain = cwlmain
    sys.argv = ["calrissian", *arguments]  # whence Calrissian and cwltool read it
    try:
        return int(calrissian.main.main() or 0)
    except ConfigException:
        # By the clean-up at the end (main.py:150), also after a document without any step.
        if EXIT_INPUT not in outcome:
            print(f"calrissian-dask run: {NO_KUBERNETES}", file=sys.stderr)
        return max([1, *outcome])
    finally:
        calrissian.main.add_arguments, calrissian.main.cwlmain = stock_arguments, stock_cwlmain


def _cwlmain(stock: Callable[..., int], read_settings: ReadSettings, given: dict[str, Any]) -> int:
    """The main of cwltool with the extension; a function, as it has to see what it is called with."""
    args = given["args"]
    uri = uri_of(args.workflow) if args.workflow else None
    try:
        if args.fast_parser:
            raise ConfigurationError(
                "--fast-parser does not know DaskGatewayRequirement: leave it out"
            )
        sentence = flags.misplaced(args.job_order or [], lambda: occurrences.input_names(uri))
        if sentence:
            raise ConfigurationError(sentence)
        settings = read_settings(*flags.split(args))
    except ConfigurationError as error:
        return _refuse(str(error).splitlines())
    found = occurrences.find(uri)
    for warning in occurrences.warnings(found):
        LOGGER.warning(warning)
    problems = occurrences.problems(found)
    if problems:
        for problem in problems:
            LOGGER.error(problem)
        return 1
    session = Session(settings)
    given["loadingContext"].construct_tool_object = tool_maker(session)
    report.install(session.ledger)
    Termination(session.stopping, delete_pods).install()
    try:
        return stock(**given, custom_schema_callback=lambda: register(args.enable_ext))
    finally:
        session.close()


def _refuse(sentences: Sequence[str]) -> int:
    for sentence in sentences:
        print(f"calrissian-dask run: {sentence}", file=sys.stderr)
    return EXIT_INPUT
