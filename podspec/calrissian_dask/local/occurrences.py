"""Every DaskGatewayRequirement in a CWL document and in what it runs, with its place.

Looked for before cwltool reads the document: so all mistakes are said at once, with our remedies.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urldefrag, urlsplit
from urllib.request import url2pathname

from cwltool.load_tool import default_loader, resolve_tool_uri
from cwltool.resolver import tool_resolver
from ruamel.yaml.comments import CommentedMap
from schema_salad.ref_resolver import Loader

from calrissian_dask.requirement import (
    CLASS,
    IRI,
    is_requirement,
    literal_problems,
    spelling_warnings,
)


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

    def place(self, field: str = "") -> str:
        """file:line:column of a field, or of the requirement."""
        line, column = self.line, self.column
        positions = getattr(self.fields, "lc", None)
        if positions is not None and field in (positions.data or {}):
            line, column = positions.key(field)
        return f"{self.file}:{line + 1}:{column + 1}"


def find(document: str) -> list[Occurrence]:
    """All occurrences in a document and in whatever it runs or imports.

    [] for what cannot be read: cwltool says so in its own words.
    """
    try:
        uri, _ = resolve_tool_uri(document, resolver=tool_resolver)
        return list(_of_uri(uri, default_loader(), set()))
    except Exception:  # schema-salad raises many kinds, and cwltool raises the same again
        return []


def problems(occurrences: list[Occurrence]) -> list[str]:
    """One sentence for everything that is wrong whatever the expressions will give."""
    found = []
    for one in occurrences:
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
    content = loader.fetch(uri)
    spaces = content.get("$namespaces") if isinstance(content, Mapping) else None
    for node in _mappings(content):
        for reference in (node.get("run"), node.get("$import")):
            if isinstance(reference, str) and not reference.startswith("#"):
                yield from _of_uri(loader.fetcher.urljoin(uri, reference), loader, seen)
        for section in ("requirements", "hints"):
            yield from _of_section(node, section, uri, spaces or {})


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
            (value, str(key), body.lc.key(key))
            for key, value in body.items()
            if is_requirement(key)
        ]
    elif isinstance(body, list):
        entries = [entry for entry in body if isinstance(entry, CommentedMap)]
        found = [
            (entry, str(entry["class"]), entry.lc.key("class"))
            for entry in entries
            if is_requirement(entry.get("class"))
        ]
    else:
        return
    for fields, written, (line, column) in found:
        yield Occurrence(
            fields=fields if isinstance(fields, Mapping) else {},
            written=written,
            expanded=_expand(written, spaces),
            file=_show(uri),
            line=line,
            column=column,
            owner=str(node.get("class", "")),
        )


def _expand(name: str, spaces: Mapping[str, str]) -> str:
    prefix, _, rest = name.partition(":")
    return spaces[prefix] + rest if prefix in spaces else name


def _show(uri: str) -> str:
    """A file's path, from here where it is below; another URI as it is."""
    parsed = urlsplit(uri)
    if parsed.scheme != "file":
        return uri
    path = url2pathname(parsed.path)
    near = os.path.relpath(path)
    return path if near.startswith("..") else near
