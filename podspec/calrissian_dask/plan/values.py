"""What is known of a process' inputs before a run, and the values of expressions that follow from it."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from cwl_utils.errors import JavascriptException, WorkflowException
from cwl_utils.expression import do_eval

from calrissian_dask.cwl.expression_errors import reason
from calrissian_dask.cwl.occurrences import without_logs
from calrissian_dask.requirement import is_expression

JAVASCRIPT = "InlineJavascriptRequirement"

REFERENCE = re.compile(r"""\binputs\b(?:\.([A-Za-z_][\w]*)|\[\s*["']([^"']+)["']\s*\])?""")
"""`inputs.name` or `inputs["name"]`; `inputs` alone may be any of them."""


RUNTIME = re.compile(r"\bruntime\b")

OF_A_RUN = re.compile(r"\b(size|contents|listing|checksum|secondaryFiles|dirname|path|location)\b")
"""What a file has only when a run has looked at it, or staged it."""


class Unknown:
    """A value that only the run will give."""


UNKNOWN = Unknown()

MOST_ITEMS = 10_000
"""Items of all scatters that are looked at one by one; more are taken for as many as unknown."""

Scope = Mapping[str, Any]
"""The inputs of one job by name; UNKNOWN for those that only the run gives."""


class NotEvaluableError(Exception):
    """An expression that is wrong whatever the run gives; the text says how."""


@dataclass(frozen=True)
class Evaluator:
    """Evaluates as cwltool would, with the InlineJavascriptRequirement that holds."""

    javascript: Sequence[Mapping[str, Any]]

    def value(self, written: Any, scope: Scope, itself: Any = None) -> Any:
        """The value, or UNKNOWN; raises NotEvaluableError."""
        if not is_expression(written):
            return written
        read = "\n".join([written, *self._libraries()])
        if itself is UNKNOWN or RUNTIME.search(read):
            return UNKNOWN
        named = referenced(read)
        needed = scope if named is None else {name: scope.get(name) for name in named}
        if any(value is UNKNOWN for value in needed.values()):
            return UNKNOWN
        if any(_has_file(value) for value in [itself, *needed.values()]) and OF_A_RUN.search(read):
            return UNKNOWN
        known = {name: value for name, value in scope.items() if value is not UNKNOWN}
        try:
            with without_logs():
                requirements: list[Any] = [dict(one) for one in self.javascript]
                return do_eval(written, known, requirements, None, None, {}, context=itself)
        except (WorkflowException, JavascriptException) as error:
            raise NotEvaluableError(reason(str(error))) from error

    def _libraries(self) -> Iterator[str]:
        """The text of every expressionLib: it may read inputs as well."""
        for requirement in self.javascript:
            yield from map(str, requirement.get("expressionLib") or ())


def referenced(expression: str) -> set[str] | None:
    """The inputs that an expression names; None where it may use any."""
    names = set()
    for match in REFERENCE.finditer(expression):
        name = match[1] or match[2]
        if name is None:
            return None
        names.add(name)
    return names


def with_defaults(
    inputs: Sequence[Any], given: Mapping[str, Any], *, is_all: bool
) -> dict[str, Any]:
    """The value of each input parameter: given, else its default, else null or unknown.

    `is_all` says that nothing more will be given.
    """
    scope = {}
    for parameter in inputs:
        name = short(parameter.id)
        value = given.get(name)
        if value is None:
            value = plain(getattr(parameter, "default", None))
        if value is None and name not in given and not is_all:
            value = UNKNOWN
        scope[name] = _completed(value)
    return scope


def scattered(scope: Scope, names: Sequence[str], method: str | None) -> Iterator[Scope] | None:
    """The scope of each item of a scatter; None where only the run knows how many."""
    given = [scope.get(name) for name in names]
    lists = [one for one in given if isinstance(one, list)]
    if len(lists) < len(given) or _count(lists, method) > MOST_ITEMS:
        return None
    rows = zip(*lists, strict=False) if method == "dotproduct" else itertools.product(*lists)
    return ({**scope, **dict(zip(names, row, strict=True))} for row in rows)


def scatter_problem(scope: Scope, names: Sequence[str], method: str | None) -> str | None:
    """What a run would refuse of a scatter whose values are known."""
    given = {name: scope.get(name) for name in names}
    for name, value in given.items():
        if value is not UNKNOWN and not isinstance(value, list):
            return f"scatter over {name}, which is no list"
    if len(names) > 1 and method is None:
        return "scatter over several inputs without scatterMethod: add one"
    lengths = {len(value) for value in given.values() if isinstance(value, list)}
    if method == "dotproduct" and len(lengths) > 1:
        return "scatter with dotproduct over lists that are not of one length"
    return None


def _count(lists: Sequence[Sequence[Any]], method: str | None) -> int:
    if method == "dotproduct":
        return max(map(len, lists))
    return math.prod(map(len, lists))


def plain(value: Any) -> Any:
    """A default as a job would give it: cwl-utils makes objects of files and folders."""
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    return (
        value.save(top=False, base_url="", relative_uris=False) if hasattr(value, "save") else value
    )


def short(uri: str) -> str:
    """The last part of an id."""
    return uri.rsplit("#", 1)[-1].rsplit("/", 1)[-1]


def _completed(value: Any) -> Any:
    """Files with the parts of their names, as cwltool gives them to expressions."""
    if isinstance(value, list):
        return [_completed(one) for one in value]
    if not isinstance(value, Mapping):
        return value
    if value.get("class") not in ("File", "Directory"):
        return {key: _completed(one) for key, one in value.items()}
    path = PurePosixPath(unquote(urlsplit(str(value.get("location") or value.get("path"))).path))
    names = {"basename": path.name, "nameroot": path.stem, "nameext": path.suffix}
    return {**names, "path": str(path), **value}


def _has_file(value: Any) -> bool:
    if isinstance(value, list):
        return any(_has_file(one) for one in value)
    if not isinstance(value, Mapping):
        return False
    return value.get("class") in ("File", "Directory") or any(map(_has_file, value.values()))
