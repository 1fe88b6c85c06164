"""Every DaskGatewayRequirement in a CWL document and in what it runs, with its place.

Looked for before cwltool or cwl-utils reads the document: so all mistakes are said at once, with our
remedies.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urldefrag, urlsplit
from urllib.request import url2pathname

from ruamel.yaml.comments import CommentedMap
from schema_salad.ref_resolver import Loader

from calrissian_dask.requirement import (
    CLASS,
    IRI,
    is_requirement,
    literal_problems,
    spelling_warnings,
)

BASE = IRI.removesuffix(CLASS)
"""The extension's namespace; it has one class."""


@dataclass(frozen=True)
class Occurrence:
    """One requirement: its fields as written, its class as written and expanded, and where it is."""

    fields: Mapping[str, Any]
    written: str
    expanded: str
    file: str
    line: int
    column: int
    owner: str
    """The `class` of the process or step that has it: CommandLineTool, Workflow, or ""."""
    is_hint: bool

    @property
    def misspelt(self) -> bool:
        """Whether it is a name in the extension's namespace that is not its class."""
        return self.expanded != IRI and self.expanded.startswith(BASE)

    def place(self, field: str = "") -> str:
        """file:line:column of a field, or of the requirement."""
        line, column = self.line, self.column
        positions = getattr(self.fields, "lc", None)
        if positions is not None and field in (positions.data or {}):
            line, column = positions.key(field)
        return f"{self.file}:{line + 1}:{column + 1}"


@contextlib.contextmanager
def without_logs() -> Iterator[None]:
    """For what the document's reader will do, and say, once more."""
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def find(uri: str | None) -> list[Occurrence]:
    """All occurrences in a document and in whatever it runs or imports.

    What cannot be read is left out: who reads the document says so in its own words.
    """
    with without_logs():
        return list(_of_uri(uri, Loader({}), set())) if uri else []


def input_names(uri: str | None) -> set[str]:
    """The names of the document's own inputs: what may stand behind it as an option."""
    with without_logs():
        content = _fetch(Loader({}), urldefrag(uri)[0]) if uri else None
    names: set[str] = set()
    for process in _mappings(content):
        inputs = process.get("inputs")
        if isinstance(inputs, Mapping):
            names.update(str(name) for name in inputs)
        elif isinstance(inputs, list):
            names.update(str(i["id"]) for i in inputs if isinstance(i, Mapping) and "id" in i)
    return {name.lstrip("#").rsplit("/", 1)[-1] for name in names}


def _fetch(loader: Loader, uri: str) -> Any:
    try:
        return loader.fetch(uri)
    except Exception:  # schema-salad raises many kinds, and raises the same again for the reader
        return None


def problems(occurrences: list[Occurrence]) -> list[str]:
    """One sentence for everything that is wrong whatever the expressions will give."""
    found = []
    for one in occurrences:
        if one.misspelt:
            found.append(f"{one.place()}: {one.written} is no class: did you mean {CLASS}?")
            continue
        if one.expanded != IRI:
            found.append(
                f"{one.place()}: {one.written} is not the extension: declare its prefix,"
                f" $namespaces: {{calrissian: {IRI.removesuffix(CLASS)}}}, and write"
                f" calrissian:{CLASS}"
            )
        found += [
            f"{one.place(problem.field)}: {CLASS}.{problem}"
            for problem in literal_problems(one.fields)
        ]
    return list(dict.fromkeys(found))


def warnings(occurrences: list[Occurrence]) -> list[str]:
    """One sentence for everything that works and should be known."""
    found = []
    for one in occurrences:
        found += [f"{one.place()}: {warning}" for warning in spelling_warnings(one.fields)]
        if one.owner == "Workflow":
            found.append(
                f"{one.place()}: {CLASS} of a workflow: every tool below gets a cluster of its own"
            )
    return list(dict.fromkeys(found))


def _of_uri(uri: str, loader: Loader, seen: set[str]) -> Iterator[Occurrence]:
    uri = urldefrag(uri)[0]
    if uri in seen:
        return
    seen.add(uri)
    content = _fetch(loader, uri)
    spaces = _namespaces(content)
    for node in _mappings(content):
        for reference in _references(node):
            with contextlib.suppress(ValueError):  # it is no URI: the reader says so
                yield from _of_uri(loader.fetcher.urljoin(uri, reference), loader, seen)
        for section in ("requirements", "hints"):
            yield from _of_section(node, section, uri, spaces)


def _namespaces(content: Any) -> Mapping[str, str]:
    declared = content.get("$namespaces") if isinstance(content, Mapping) else None
    entries = declared.items() if isinstance(declared, Mapping) else ()
    return {prefix: uri for prefix, uri in entries if isinstance(uri, str)}


def _references(node: Mapping[str, Any]) -> Iterator[str]:
    """What a node imports, and what its steps run; an input may be called `run` as well."""
    steps = node.get("steps")
    entries = list(steps.values()) if isinstance(steps, Mapping) else steps
    found = [node.get("$import")]
    if isinstance(entries, list):
        found += [step.get("run") for step in entries if isinstance(step, Mapping)]
    for reference in found:
        if isinstance(reference, str) and not reference.startswith("#"):
            yield reference


def _mappings(node: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(node, Mapping):
        yield node
        for value in node.values():
            yield from _mappings(value)
    elif isinstance(node, list):
        for value in node:
            yield from _mappings(value)


def _of_section(
    node: Mapping[str, Any], section: str, uri: str, spaces: Mapping[str, str]
) -> Iterator[Occurrence]:
    """The requirement in one `requirements` or `hints`, in map or list form."""
    body = node.get(section)
    if isinstance(body, CommentedMap):
        found = [
            (value, str(key), _position(body, key))
            for key, value in body.items()
            if _is_ours(str(key), spaces)
        ]
    elif isinstance(body, list):
        entries = [entry for entry in body if isinstance(entry, CommentedMap)]
        found = [
            (entry, str(entry["class"]), _position(entry, "class"))
            for entry in entries
            if _is_ours(str(entry.get("class")), spaces)
        ]
    else:
        return
    for fields, written, (line, column) in found:
        yield Occurrence(
            fields=fields if isinstance(fields, Mapping) else {},
            written=written,
            expanded=_expand(written, spaces),
            file=show_uri(uri),
            line=line,
            column=column,
            owner=str(node.get("class", "")),
            is_hint=section == "hints",
        )


def _position(body: CommentedMap, key: Any) -> tuple[int, int]:
    """Of a key; of the mapping where the key came by a merge (`<<`)."""
    known = body.lc.data or {}
    return body.lc.key(key) if key in known else (body.lc.line or 0, body.lc.col or 0)


def _is_ours(name: str, spaces: Mapping[str, str]) -> bool:
    return is_requirement(name) or _expand(name, spaces).startswith(BASE)


def _expand(name: str, spaces: Mapping[str, str]) -> str:
    prefix, _, rest = name.partition(":")
    return spaces[prefix] + rest if prefix in spaces else name


def show_uri(uri: str) -> str:
    """A file's path, from here where it is below; another URI as it is."""
    parsed = urlsplit(uri)
    if parsed.scheme != "file":
        return uri
    path = url2pathname(parsed.path)
    near = os.path.relpath(path)
    shown = path if near.startswith("..") else near
    return f"{shown}#{parsed.fragment}" if parsed.fragment else shown
