"""CWL processes by their URI, as cwl-utils parses them, with the extension kept among their hints.

cwl-utils refuses a class that it does not know under `requirements`, and takes it under `hints`: so
each of ours is moved there, marked, before a document is parsed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag, urlsplit

from cwl_utils.parser import load_document_by_yaml
from ruamel.yaml.error import YAMLError
from schema_salad.exceptions import SchemaSaladException
from schema_salad.ref_resolver import Loader
from schema_salad.utils import yaml_no_ts

from calrissian_dask.cwl.asked import Asked
from calrissian_dask.cwl.occurrences import show_uri, without_logs
from calrissian_dask.errors import CalrissianDaskError
from calrissian_dask.requirement import is_requirement

NOT_OF_A_PROCESS = ("$namespaces", "$schemas")
"""Namespaces are kept apart, one set for a file; ontologies cwl-utils would fetch by their URLs."""

MARK = "calrissian-dask: from requirements"
"""The key that a moved requirement has; no field of any class can be called so."""

Process = Any
"""A CommandLineTool, Workflow, ExpressionTool or Operation of one of cwl-utils' CWL versions."""


class UnreadableError(CalrissianDaskError):
    """The document, or one that it runs, is not there or is no CWL."""


def file_uri(document: str) -> str:
    """The URI of a path or of a URI, with its fragment."""
    if urlsplit(document).scheme in ("http", "https", "file"):
        return document
    path, hash_, fragment = document.partition("#")
    return Path(path).absolute().as_uri() + hash_ + fragment


def read_job(text: str, place: str) -> Mapping[str, Any]:
    """A job's inputs, by CWL's rules of YAML 1.2 (where `n` is no bool); raises UnreadableError."""
    try:
        job = yaml_no_ts().load(text) or {}
    except YAMLError as error:
        raise UnreadableError(f"{place}: is no job: {_one_line(error)}") from error
    if not isinstance(job, Mapping):
        raise UnreadableError(f"{place}: is no job: write the inputs as one mapping")
    return job


class Documents:
    """Every file that is read, once."""

    def __init__(self) -> None:
        self._loader = Loader({})
        self._raw: dict[str, dict[str, Mapping[str, Any]]] = {}
        self._parsed: dict[str, Process] = {}
        self.warnings: list[str] = []
        """What a run would not take as it is taken here."""

    def entry(self, uri: str) -> Process:
        """The process that a command line means: the one named, else #main, else the only choice.

        Raises UnreadableError with the names that there are.
        """
        file, fragment = urldefrag(uri)
        known = self._read(file)
        if fragment:
            return self.process(uri)
        if len(known) == 1:
            return self.process(next(iter(known)))
        if f"{file}#main" in known:
            return self.process(f"{file}#main")
        run = {reference for raw in known.values() for reference in _run_by(raw, file)}
        roots = [name for name in known if name not in run]
        if len(roots) == 1:
            self.warnings.append(
                f"{show_uri(file)}: has no #main: a run has to be given {show_uri(roots[0])}"
            )
            return self.process(roots[0])
        names = ", ".join("#" + urldefrag(name)[1] for name in roots or known)
        raise UnreadableError(f"{show_uri(file)}: has several processes: add one of {names} to it")

    def process(self, uri: str) -> Process:
        """The process with that URI."""
        file, fragment = urldefrag(uri)
        known = self._read(file)
        if not fragment and len(known) == 1:
            uri = next(iter(known))
        if uri not in known:
            names = ", ".join("#" + urldefrag(name)[1] for name in known)
            raise UnreadableError(f"{show_uri(uri)}: is not there: the file has {names}")
        if uri not in self._parsed:
            try:
                with without_logs():
                    self._parsed[uri] = load_document_by_yaml(known[uri], file)
            except (SchemaSaladException, KeyError, TypeError, AttributeError) as error:
                raise UnreadableError(
                    f"{show_uri(uri)}: is no valid CWL: {_one_line(error)}"
                ) from error
        return self._parsed[uri]

    def _read(self, file: str) -> dict[str, Mapping[str, Any]]:
        """The processes of a file by URI, each a document of its own, ready for cwl-utils."""
        if file not in self._raw:
            whole = self._fetch(file)
            if not isinstance(whole, Mapping):
                raise UnreadableError(f"{show_uri(file)}: is no CWL document: write a mapping")
            shared = {k: v for k, v in whole.items() if k in ("cwlVersion", "$namespaces")}
            if not str(shared.get("cwlVersion", "")).startswith("v1."):
                raise UnreadableError(
                    f"{show_uri(file)}: has no cwlVersion of v1.0, v1.1 or v1.2: write cwlVersion: v1.2"
                )
            found = whole.get("$graph", [whole])
            if not isinstance(found, list) or not found:
                raise UnreadableError(f"{show_uri(file)}: $graph is no list of processes")
            entries = [entry for entry in found if isinstance(entry, Mapping)]
            self._raw[file] = {
                _name(entry, file): {**shared, **_movable(self._with_imports(entry, file))}
                for entry in entries
            }
        return self._raw[file]

    def _fetch(self, uri: str) -> Any:
        try:
            with without_logs():
                content = self._loader.fetch(uri)
        except Exception as error:  # schema-salad raises many kinds
            raise UnreadableError(
                f"{show_uri(uri)}: cannot be read: {_first_line(error)}: check its name"
            ) from error
        return content

    def _with_imports(self, node: Any, base: str) -> Any:
        """A copy in which what is imported stands itself: cwl-utils would refuse ours in it."""
        if isinstance(node, Mapping):
            if set(node) == {"$import"}:
                uri = self._loader.fetcher.urljoin(base, str(node["$import"]))
                return self._with_imports(self._fetch(uri), uri)
            is_step = "in" in node and "run" in node  # an input may be called `run` as well
            return {
                key: self._run(value, base)
                if is_step and key == "run"
                else self._with_imports(value, base)
                for key, value in node.items()
                if key not in NOT_OF_A_PROCESS
            }
        if isinstance(node, list):
            return [self._with_imports(value, base) for value in node]
        return node

    def _run(self, run: Any, base: str) -> Any:
        """What a step runs: an imported process keeps its own file, and what is beside it."""
        if isinstance(run, Mapping) and set(run) == {"$import"}:
            run = run["$import"]
        if isinstance(run, str):
            return self._loader.fetcher.urljoin(base, run)
        return self._with_imports(run, base)


def asked(process: Process) -> tuple[list[Asked], list[Asked]]:
    """Ours under `requirements` and under `hints` of a process or a step."""
    found: tuple[list[Asked], list[Asked]] = ([], [])
    for hint in process.hints or []:
        if isinstance(hint, Mapping) and is_requirement(hint.get("class")):
            fields = {k: v for k, v in hint.items() if k not in ("class", MARK)}
            is_hint = MARK not in hint
            found[int(is_hint)].append(Asked(fields, is_hint))
    return found


def _movable(node: Any) -> Any:
    """A copy of a process, with every requirement of ours among the hints beside it."""
    if isinstance(node, list):
        return [_movable(value) for value in node]
    if not isinstance(node, Mapping):
        return node
    node = {key: _movable(value) for key, value in node.items()}
    moved = [fields for name, fields in _entries(node.get("requirements")) if is_requirement(name)]
    if moved:
        node["requirements"] = [
            {"class": name, **fields}
            for name, fields in _entries(node["requirements"])
            if not is_requirement(name)
        ]
        hints = [{"class": name, **fields} for name, fields in _entries(node.get("hints"))]
        marked = [{"class": "DaskGatewayRequirement", **fields, MARK: True} for fields in moved]
        node["hints"] = hints + marked
    return node


def _entries(body: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Class and fields of what stands under `requirements` or `hints`, in map or list form."""
    if isinstance(body, Mapping):
        for name, fields in body.items():
            yield str(name), fields if isinstance(fields, Mapping) else {}
    elif isinstance(body, list):
        for entry in body:
            if isinstance(entry, Mapping):
                yield str(entry.get("class")), {k: v for k, v in entry.items() if k != "class"}


def _name(entry: Mapping[str, Any], file: str) -> str:
    name = str(entry.get("id", "")).rsplit("#", 1)[-1]
    return f"{file}#{name}" if name else file


def _run_by(raw: Mapping[str, Any], file: str) -> Iterator[str]:
    steps = raw.get("steps")
    entries = list(steps.values()) if isinstance(steps, Mapping) else steps
    for step in entries if isinstance(entries, list) else ():
        run = step.get("run") if isinstance(step, Mapping) else None
        if isinstance(run, str) and run.startswith(f"{file}#"):
            yield run


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return _one_line(lines[0] if lines else type(error).__name__)


def _one_line(words: object) -> str:
    """On one line, with paths for the URIs of files."""
    text = " ".join(str(words).split())
    return re.sub(r"file://[^\s`'\"]+", lambda match: show_uri(match[0]), text)
