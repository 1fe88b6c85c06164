"""`calrissian-dask mutate`: pods on standard input, pods with their cluster on standard output."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from calrissian_dask.annotations import annotate
from calrissian_dask.cli.settings_file import add_options, read_settings, read_stdin, read_text
from calrissian_dask.documents import dump_documents, load_documents
from calrissian_dask.errors import CalrissianDaskError, ConfigurationError, PodError
from calrissian_dask.mutation import is_mutated, mutate_pod
from calrissian_dask.pod_form import check_form
from calrissian_dask.requirement import is_requirement, parse, spelling_warnings
from calrissian_dask.settings import Settings


def add_command(commands: Any) -> None:
    """Add the command to the console script."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "mutate",
        help="give the pods on standard input their Dask cluster",
        description="Reads pods (YAML or JSON, one or more documents) from standard input and writes"
        " them as YAML, each with the containers that provision and stop its Dask cluster. A pod"
        " asks with annotations, or --requirement asks for all of them. A pod that does not ask"
        " comes out as it went in.",
    )
    add_options(parser)
    parser.add_argument(
        "--requirement",
        metavar="FILE",
        help="what every pod is to ask for: the extension's fields as YAML, with or without `class`",
    )
    parser.set_defaults(run=run)


def run(
    options: argparse.Namespace,
    environ: Mapping[str, str],
    stdin: TextIO,
    stdout: TextIO,
    stderr: TextIO,
) -> int:
    """Mutate all documents or none: exit code 2 and a line per problem where one is bad."""
    try:
        settings = read_settings(options, environ)
        requirement = None
        if options.requirement is not None:
            requirement = _requirement(Path(options.requirement))
            for warning in spelling_warnings(requirement):
                print(f"calrissian-dask: {options.requirement}: {warning}", file=stderr)
        documents = load_documents(read_stdin(stdin), "standard input")
        if not documents:
            raise ConfigurationError("standard input: holds no pod: pass one as YAML or JSON")
    except CalrissianDaskError as error:
        return _refuse([str(error)], stderr)
    url = options.dask_gateway_url
    mutated, problems = [], []
    for number, document in enumerate(documents, 1):
        try:
            mutated.append(_mutate(document, requirement, url, settings))
        except CalrissianDaskError as error:
            place = _place(number, document)
            problems += [f"{place}: {line}" for line in str(error).splitlines()]
    if problems:
        return _refuse(problems, stderr)
    stdout.write(dump_documents(mutated))
    return 0


def _mutate(
    document: Any, requirement: dict[str, Any] | None, url: str | None, settings: Settings
) -> dict[str, Any]:
    if not isinstance(document, Mapping):
        raise PodError(f"is a {type(document).__name__}, and a pod is a mapping")
    check_form(document)
    asking = annotate(document, requirement, url)
    if not is_mutated(document):
        return mutate_pod(asking, settings)
    if asking != document:
        raise PodError("has a cluster already, for another ask: begin with the pod as it was")
    return dict(document)


def _requirement(path: Path) -> dict[str, Any]:
    """The extension's fields in a file: plain, with `class`, or as a `requirements` entry."""
    documents = load_documents(read_text(path), str(path))
    fields = documents[0] if len(documents) == 1 else None
    if isinstance(fields, Mapping) and len(fields) == 1:
        name, inner = next(iter(fields.items()))
        if is_requirement(name):
            fields = inner
    if not isinstance(fields, Mapping):
        raise ConfigurationError(
            f"{path}: is not a mapping: write the extension's fields, workerCores: 1 and so on"
        )
    name = fields.get("class", "DaskGatewayRequirement")
    if not is_requirement(name):
        raise ConfigurationError(f"{path}: class is {name!r}: write DaskGatewayRequirement")
    parse(fields, str(path))  # once, with the file's name, and not for every pod
    return {key: value for key, value in fields.items() if key != "class"}


def _place(number: int, document: Any) -> str:
    name = None
    if isinstance(document, Mapping) and isinstance(document.get("metadata"), Mapping):
        name = document["metadata"].get("name")
    return f"document {number}" + (f" ({name})" if name else "")


def _refuse(problems: list[str], stderr: TextIO) -> int:
    for problem in problems:
        for line in problem.splitlines():
            print(f"calrissian-dask: {line}", file=stderr)
    return 2
