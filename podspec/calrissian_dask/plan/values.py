"""What is known of a process' inputs before a run, and the values of expressions that follow from it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from cwl_utils.errors import JavascriptException, WorkflowException
from cwl_utils.expression import do_eval

from calrissian_dask.cwl.occurrences import without_logs
from calrissian_dask.requirement import is_expression

JAVASCRIPT = "InlineJavascriptRequirement"

REFERENCE = re.compile(r"""\binputs\b(?:\.([A-Za-z_][\w]*)|\[\s*["']([^"']+)["']\s*\])?""")
"""`inputs.name` or `inputs["name"]`; `inputs` alone may be any of them."""


class Unknown:
    """A value that only the run will give."""


UNKNOWN = Unknown()

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
        if itself is UNKNOWN or "runtime" in written:
            return UNKNOWN
        named = referenced(written)
        needed = scope if named is None else {name: scope.get(name) for name in named}
        if any(value is UNKNOWN for value in needed.values()):
            return UNKNOWN
        known = {name: value for name, value in scope.items() if value is not UNKNOWN}
        try:
            with without_logs():
                requirements: list[Any] = [dict(one) for one in self.javascript]
                return do_eval(written, known, requirements, None, None, {}, context=itself)
        except (WorkflowException, JavascriptException) as error:
            if any(_has_file(value) for value in [itself, *needed.values()]):
                return UNKNOWN  # a run knows sizes and contents
            raise NotEvaluableError(_last_words(error)) from error


def referenced(expression: str) -> set[str] | None:
    """The inputs that an expression names; None where it may use any."""
    names = set()
    for match in REFERENCE.finditer(expression):
        name = match[1] or match[2]
        if name is None:
            return None
        names.add(name)
    return names


def with_defaults(inputs: Sequence[Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The value of each input parameter: given, else its default, else unknown."""
    scope = {}
    for parameter in inputs:
        name = short(parameter.id)
        value = given.get(name)
        if value is None:
            value = getattr(parameter, "default", None)
        if value is None and name not in given:
            value = UNKNOWN
        scope[name] = _completed(value)
    return scope


def scattered(scope: Scope, names: Sequence[str], method: str | None) -> Iterator[Scope] | None:
    """The scope of each item of a scatter; None where only the run knows how many."""
    given = [scope.get(name) for name in names]
    lists = [one for one in given if isinstance(one, list)]
    if len(lists) < len(given):
        return None
    rows = zip(*lists, strict=False) if method == "dotproduct" else itertools.product(*lists)
    return ({**scope, **dict(zip(names, row, strict=True))} for row in rows)


def short(uri: str) -> str:
    """The last part of an id."""
    return uri.rsplit("#", 1)[-1].rsplit("/", 1)[-1]


def _completed(value: Any) -> Any:
    """Files with the parts of their names, as cwltool gives them to expressions."""
    if isinstance(value, list):
        return [_completed(one) for one in value]
    if not (isinstance(value, Mapping) and value.get("class") in ("File", "Directory")):
        return value
    path = PurePosixPath(unquote(urlsplit(str(value.get("location") or value.get("path"))).path))
    names = {"basename": path.name, "nameroot": path.stem, "nameext": path.suffix}
    return {**names, "path": str(path), **value}


def _has_file(value: Any) -> bool:
    if isinstance(value, list):
        return any(_has_file(one) for one in value)
    return isinstance(value, Mapping) and value.get("class") in ("File", "Directory")


def _last_words(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    wrong = [line for line in lines if "Error:" in line]
    return (wrong or lines or [type(error).__name__])[0]
