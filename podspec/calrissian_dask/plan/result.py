"""What a plan says: as text for people, and as JSON by docs/plan.schema.json."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from calrissian_dask.errors import Problem
from calrissian_dask.plan.peak import Weight
from calrissian_dask.plan.steps import PlannedStep
from calrissian_dask.quantity import show_cores, show_memory
from calrissian_dask.requirement import DEFAULTS, DaskGatewayRequirement

FIELDS = ("clusterMaxCores", "workerCoresLimit", "clusterMaxMemory", "workerMemory")


@dataclass
class Plan:
    """All steps that ask for a cluster, and what is wrong."""

    steps: list[PlannedStep]
    peak: Weight | None
    max_clusters: int | None = None
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems and not any(step.problems for step in self.steps)

    def to_dict(self) -> dict[str, Any]:
        """By docs/plan.schema.json: memory in bytes; a string is an expression, not known yet."""
        return {
            "steps": [_step(step) for step in self.steps],
            "peak": _peak(self.peak),
            "problems": [_problem(problem) for problem in self.problems],
            "warnings": self.warnings,
        }

    def lines(self) -> Iterator[str]:
        """For people."""
        if not self.steps and not self.problems:
            yield "no step asks for a Dask cluster"
        width = max((len(step.id) for step in self.steps), default=0)
        for step in self.steps:
            yield f"{step.id:{width}}  {_asks(step)}"
        inherited = Counter(step.inherited_from for step in self.steps if step.inherited_from)
        for owner, count in inherited.items():
            yield f"the requirement of {owner} is inherited by {_counted(count, 'step')}"
        if self.steps:
            yield f"peak: {_shown(self.peak)}{self._turns()}"
        for warning in self.warnings:
            yield f"warning: {warning}"
        for step in self.steps:
            yield from (f"problem: {step.id}: {problem}" for problem in step.problems)
        yield from (f"problem: {problem}" for problem in self.problems)

    def _turns(self) -> str:
        allowed = self.max_clusters
        if allowed is None or (self.peak is not None and self.peak.clusters <= allowed):
            return ""
        return f"; maxClusters lets {allowed} of them be at once"


def _step(step: PlannedStep) -> dict[str, Any]:
    return {
        "id": step.id,
        "workers": _one([one.workers for one in step.clusters], step, _workers(step)),
        "workerCores": _one(
            [_number(one.worker_cores) for one in step.clusters],
            step,
            _written(step, "workerCores"),
        ),
        "workerMemory": _one(
            [one.worker_memory for one in step.clusters], step, _written(step, "workerMemory")
        ),
        "scatter": step.scatter,
        "inheritedFrom": step.inherited_from,
        "problems": [_problem(problem) for problem in step.problems],
    }


def _one(known: list[Any], step: PlannedStep, otherwise: str) -> Any:
    """The one value that all jobs have, if they do and it is known."""
    same = len(known) == len(step.values) and len(set(known)) == 1
    return known[0] if same else otherwise


def _written(step: PlannedStep, name: str) -> str:
    """A field as it is written, or evaluated alike for all jobs."""
    name = name if name in _values(step) else DEFAULTS.get(name, name)
    return str(_values(step).get(name, ""))


def _values(step: PlannedStep) -> Mapping[str, Any]:
    from calrissian_dask.requirement import SPELLINGS

    first = step.values[0] if step.values else {}
    alike = {
        name: value if all(one.get(name) == value for one in step.values) else written
        for (name, value), written in zip(
            first.items(), (step.asked.fields.get(name) for name in first), strict=True
        )
    }
    return {SPELLINGS.get(name, name): value for name, value in alike.items()}


def _workers(step: PlannedStep) -> str:
    cores, limit, memory, one = (_written(step, name) for name in FIELDS)
    return f"min({cores} // {limit}, {memory} // {one})"


def _asks(step: PlannedStep) -> str:
    told = _step(step)
    jobs = ""
    if isinstance(step.scatter, int):
        jobs = f", for each of {_counted(step.scatter, 'job')}"
    elif step.scatter is not None:
        jobs = f", for each of {step.scatter}"
    if isinstance(told["workers"], int) and step.clusters:
        return _cluster(step.clusters[0]) + jobs
    different = sorted({_cluster(one) for one in step.clusters}) if step.is_known else []
    if different:
        return " or ".join(different) + jobs
    return (
        f"{told['workers']} workers of {told['workerCores']} cores, {told['workerMemory']}" + jobs
    )


def _cluster(one: DaskGatewayRequirement) -> str:
    cores, memory = show_cores(one.worker_cores), show_memory(one.worker_memory)
    return f"{_counted(one.workers, 'worker')} of {cores} cores, {memory}"


def _shown(peak: Weight | None) -> str:
    if peak is None:
        return "depends on what only the run knows"
    return (
        f"at most {_counted(peak.clusters, 'cluster')}, {_counted(peak.workers, 'worker')},"
        f" {show_cores(peak.cores)} cores, {show_memory(peak.memory)}"
    )


def _peak(peak: Weight | None) -> dict[str, Any] | None:
    if peak is None:
        return None
    return {
        "clusters": peak.clusters,
        "workers": peak.workers,
        "cores": _number(peak.cores),
        "memory": peak.memory,
    }


def _problem(problem: Problem) -> dict[str, str]:
    return {"field": problem.field, "message": problem.message}


def _number(value: Fraction) -> int | float:
    return int(value) if value.denominator == 1 else float(value)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
