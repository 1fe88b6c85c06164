"""The extension `DaskGatewayRequirement`: what an author asks for.

The class's IRI and fields: https://calrissian-cwl.github.io/schema. A value may be a CWL
Expression; it is then checked when its job starts (`parse`), while all that is literal is checked
as the document loads (`literal_problems`).
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from calrissian_dask.errors import Problem, RequirementError
from calrissian_dask.quantity import (
    parse_cores,
    parse_memory,
    show_cores,
    show_memory,
    worker_count,
)

CLASS = "DaskGatewayRequirement"

IRI = "https://calrissian-cwl.github.io/schema#DaskGatewayRequirement"

FIELDS: dict[str, Callable[[object], Any]] = {
    "workerCores": parse_cores,
    "workerCoresLimit": parse_cores,
    "workerMemory": parse_memory,
    "clusterMaxCores": parse_cores,
    "clusterMaxMemory": parse_memory,
}

SPELLINGS = {"clusterMaxCore": "clusterMaxCores", "clustermaxCore": "clusterMaxCores"}
"""The extension's own example and most published workflows, and early ones: accepted with a word."""

DEFAULTS = {"workerCoresLimit": "workerCores"}
"""A field that may be missing, and whose value it then has."""


@dataclass(frozen=True)
class DaskGatewayRequirement:
    """An evaluated requirement: cores as exact numbers, memory in bytes, and the workers they make."""

    worker_cores: Fraction
    worker_cores_limit: Fraction
    worker_memory: int
    cluster_max_cores: Fraction
    cluster_max_memory: int
    workers: int


def is_requirement(name: object) -> bool:
    """Whether a `class` is the extension's: bare, under any prefix, or as the full IRI."""
    return isinstance(name, str) and name.rsplit("#", 1)[-1].rsplit(":", 1)[-1] == CLASS


def is_expression(value: object) -> bool:
    """Whether a value is a CWL Expression, or text with a parameter reference in it."""
    return isinstance(value, str) and ("$(" in value or "${" in value)


def spelling_warnings(fields: Mapping[str, Any]) -> list[str]:
    """One sentence for each accepted spelling that is not the schema's."""
    return [
        f"{CLASS}.{key} is an accepted spelling of {SPELLINGS[key]}: write {SPELLINGS[key]}"
        for key in fields
        if key in SPELLINGS
    ]


def literal_problems(fields: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with a requirement whatever its expressions will give; [] if nothing is."""
    values, problems = _normalise(fields)
    known, wrong = _parse_fields({k: v for k, v in values.items() if not is_expression(v)})
    return problems + wrong or _relations(_with_defaults(known, values))


def parse(fields: Mapping[str, Any], place: str = CLASS) -> DaskGatewayRequirement:
    """The requirement in a mapping whose expressions have been evaluated.

    Raises RequirementError with every problem.
    """
    values, problems = _normalise(fields)
    unevaluated = [key for key, value in values.items() if is_expression(value)]
    problems += [
        Problem(
            key, f"{values[key]!r} is an expression, and nothing evaluates it here: write its value"
        )
        for key in unevaluated
    ]
    known, wrong = _parse_fields({k: v for k, v in values.items() if k not in unevaluated})
    complete = _with_defaults(known, values)
    problems = problems + wrong or _relations(complete)
    if problems:
        raise RequirementError(place, problems)
    return DaskGatewayRequirement(
        worker_cores=complete["workerCores"],
        worker_cores_limit=complete["workerCoresLimit"],
        worker_memory=complete["workerMemory"],
        cluster_max_cores=complete["clusterMaxCores"],
        cluster_max_memory=complete["clusterMaxMemory"],
        workers=worker_count(
            complete["workerCoresLimit"],
            complete["workerMemory"],
            complete["clusterMaxCores"],
            complete["clusterMaxMemory"],
        ),
    )


def _normalise(fields: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """The fields under the schema's names, and the problems with names."""
    values: dict[str, Any] = {}
    problems = []
    for key, value in fields.items():
        if key == "class":
            continue
        name = SPELLINGS.get(key, key)
        if name not in FIELDS:
            problems.append(Problem(str(key), f"unknown field{_nearest(str(key))}"))
        elif name in values and values[name] != value:
            problems.append(
                Problem(name, f"spelled in two ways, {values[name]!r} and {value!r}: keep one")
            )
        elif value is not None:
            values[name] = value
    problems += [
        Problem(name, "missing: write it, the cluster's size depends on it")
        for name in FIELDS
        if name not in values
        and name not in DEFAULTS
        and not any(problem.field == name for problem in problems)
    ]
    return values, problems


def _nearest(key: str) -> str:
    lower = {name.lower(): name for name in FIELDS}
    near = difflib.get_close_matches(key.lower(), lower, n=1, cutoff=0.0)
    return f": did you mean {lower[near[0]]}?"


def _parse_fields(values: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    known: dict[str, Any] = {}
    problems = []
    for name, value in values.items():
        try:
            known[name] = FIELDS[name](value)
        except ValueError as error:
            problems.append(Problem(name, str(error)))
    return known, problems


def _with_defaults(known: Mapping[str, Any], written: Mapping[str, Any]) -> dict[str, Any]:
    """The known values, and for a field that was not written the one it defaults to."""
    defaults = {
        name: known[other]
        for name, other in DEFAULTS.items()
        if name not in written and other in known
    }
    return {**known, **defaults}


def _relations(known: Mapping[str, Any]) -> list[Problem]:
    """What is wrong between those fields whose values are known."""
    problems = []
    cores, limit = known.get("workerCores"), known.get("workerCoresLimit")
    if cores is not None and limit is not None and limit < cores:
        problems.append(
            Problem(
                "workerCoresLimit",
                f"{show_cores(limit)} is less than workerCores {show_cores(cores)}: raise it, or"
                " leave it out",
            )
        )
    for total, one, show in (
        ("clusterMaxCores", "workerCoresLimit", show_cores),
        ("clusterMaxMemory", "workerMemory", show_memory),
    ):
        if total in known and one in known and known[total] < known[one]:
            problems.append(_no_worker(total, show(known[total]), one, show(known[one])))
    return problems


def _no_worker(total_field: str, total: str, one_field: str, one: str) -> Problem:
    return Problem(
        total_field,
        f"{total} // {one_field} {one} = 0 workers: raise {total_field} or lower {one_field}",
    )
