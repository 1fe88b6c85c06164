"""What a plan says: as text for people, and as JSON by docs/plan.schema.json."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from calrissian_dask.errors import Problem
from calrissian_dask.plan.peak import Weight
from calrissian_dask.plan.planned_step import PlannedStep, json_number, json_problem
from calrissian_dask.quantity import show_count, show_memory


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
        """By docs/plan.schema.json."""
        return {
            "steps": [step.to_dict() for step in self.steps],
            "peak": _json_weight(self.peak) if self.peak else None,
            "problems": [json_problem(problem) for problem in self.problems],
            "warnings": self.warnings,
        }

    def lines(self) -> Iterator[str]:
        """For people."""
        if not self.steps and not self.problems:
            yield "no step asks for a Dask cluster"
        width = max((len(step.id) for step in self.steps), default=0)
        for step in self.steps:
            yield f"{step.id:{width}}  {step.words()}"
        inherited = Counter(step.inherited_from for step in self.steps if step.inherited_from)
        for owner, count in inherited.items():
            yield f"the requirement of {owner} is inherited by {show_count(count, 'step')}"
        if self.steps:
            yield f"peak: {self._peak()}"
        for warning in self.warnings:
            yield f"warning: {warning}"
        for step in self.steps:
            yield from (f"problem: {step.id}: {problem}" for problem in step.problems)
        yield from (f"problem: {problem}" for problem in self.problems)

    def _peak(self) -> str:
        if any(step.problems for step in self.steps):
            return "not known, as there are problems"
        return _words(self.peak) + self._turns()

    def _turns(self) -> str:
        allowed = self.max_clusters
        if allowed is None or (self.peak is not None and self.peak.clusters <= allowed):
            return ""
        return f"; maxClusters lets {show_count(allowed, 'cluster')} be at once"


def _words(peak: Weight | None) -> str:
    if peak is None:
        return "only the run knows"
    return (
        f"at most {show_count(peak.clusters, 'cluster')}, {show_count(peak.workers, 'worker')},"
        f" {show_count(peak.cores, 'core')}, {show_memory(peak.memory)}"
    )


def _json_weight(peak: Weight) -> dict[str, Any]:
    return {
        "clusters": peak.clusters,
        "workers": peak.workers,
        "cores": json_number(peak.cores),
        "memory": peak.memory,
    }
