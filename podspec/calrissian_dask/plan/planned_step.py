"""One tool in its place in a workflow, over all jobs that it will have there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from calrissian_dask.cwl.asked import Asked
from calrissian_dask.errors import Problem
from calrissian_dask.quantity import parse_cores, parse_memory, show_count, show_memory
from calrissian_dask.requirement import DEFAULTS, SPELLINGS, DaskGatewayRequirement, is_expression

DIVIDED = ("clusterMaxCores", "workerCoresLimit", "clusterMaxMemory", "workerMemory")
"""What the number of workers is made of."""


@dataclass
class PlannedStep:
    """What it asks for, as far as that is known before the run, and what is wrong with it."""

    id: str
    asked: Asked
    image: str | None
    inherited_from: str | None
    """The workflow or step whose requirement it is; None where it is the tool's own."""
    scatter: int | str | None = None
    """How many jobs; the scattered inputs where only the run knows; None without scatter."""
    clusters: list[DaskGatewayRequirement] = field(default_factory=list)
    """For each job whose values are known."""
    values: list[Mapping[str, Any]] = field(default_factory=list)
    """For each job its fields: evaluated, or the expression where only the run knows."""
    problems: list[Problem] = field(default_factory=list)

    @property
    def is_known(self) -> bool:
        """Whether all its clusters are known."""
        return not isinstance(self.scatter, str) and len(self.clusters) == len(self.values)

    def add(self, problem: Problem) -> None:
        """A problem, once."""
        if problem not in self.problems:
            self.problems.append(problem)

    def to_dict(self) -> dict[str, Any]:
        """By docs/plan.schema.json: memory in bytes; a string is an expression, not known yet."""
        known = self.clusters
        return {
            "id": self.id,
            "workers": self._same([one.workers for one in known], self._division()),
            "workerCores": self._same(
                [json_number(one.worker_cores) for one in known],
                self._number("workerCores", lambda value: json_number(parse_cores(value))),
            ),
            "workerMemory": self._same(
                [one.worker_memory for one in known], self._number("workerMemory", parse_memory)
            ),
            "scatter": self.scatter,
            "inheritedFrom": self.inherited_from,
            "problems": [json_problem(problem) for problem in self.problems],
        }

    def words(self) -> str:
        """What it asks for, for people."""
        jobs = ""
        if isinstance(self.scatter, int):
            jobs = f", for each of {show_count(self.scatter, 'job')}"
        elif self.scatter is not None:
            jobs = f", for each of {self.scatter}"
        if self.is_known and self.clusters:
            return " or ".join(sorted({_cluster(one) for one in self.clusters})) + jobs
        if self.problems:
            return f"not known, see its problems{jobs}"
        told = self.to_dict()
        if self.clusters and isinstance(told["workers"], int):
            return _cluster(self.clusters[0]) + jobs
        cores = told["workerCores"]
        each = show_count(cores, "core") if isinstance(cores, int | float) else f"{cores} cores"
        memory = told["workerMemory"]
        memory = show_memory(memory) if isinstance(memory, int) else memory
        return f"{told['workers']} workers of {each}, {memory}{jobs}"

    def _same(self, known: Sequence[Any], otherwise: Any) -> Any:
        """The one value that all jobs have, if they do and it is known."""
        same = len(known) == len(self.values) and len(set(known)) == 1
        return known[0] if same else otherwise

    def _number(self, name: str, parse: Callable[[object], int | float]) -> int | float | str:
        """A field's value where it is known, though the cluster is not; else as it is written."""
        value = self._written(name)
        try:
            return value if is_expression(value) else parse(value)
        except ValueError:
            return value

    def _written(self, name: str) -> str:
        """A field's value where it is the same for all jobs, else as it is written."""
        fields = {SPELLINGS.get(key, key): key for key in self.asked.fields}
        key = fields.get(name) or fields.get(DEFAULTS.get(name, name))
        if key is None:
            return ""
        given = [values.get(key) for values in self.values]
        same = bool(given) and all(value == given[0] for value in given)
        return str(given[0] if same else self.asked.fields[key])

    def _division(self) -> str:
        cores, limit, memory, one = (self._written(name) for name in DIVIDED)
        return f"min({cores} // {limit}, {memory} // {one})"


def json_number(value: Fraction) -> int | float:
    """A whole one as an int."""
    return int(value) if value.denominator == 1 else float(value)


def json_problem(problem: Problem) -> dict[str, str]:
    """As every list of problems has it."""
    return {"field": problem.field, "message": problem.message}


def _cluster(one: DaskGatewayRequirement) -> str:
    workers, cores = show_count(one.workers, "worker"), show_count(one.worker_cores, "core")
    return f"{workers} of {cores}, {show_memory(one.worker_memory)}"
