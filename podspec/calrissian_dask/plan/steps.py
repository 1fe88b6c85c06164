"""A workflow walked as a run would walk it, with what is known: which step asks for which cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from calrissian_dask.cwl.occurrences import show_uri
from calrissian_dask.errors import Problem, RequirementError
from calrissian_dask.plan.documents import Documents, Process, UnreadableError
from calrissian_dask.plan.peak import Weight, side_by_side
from calrissian_dask.plan.place import Place, inside_of, title
from calrissian_dask.plan.planned_step import PlannedStep
from calrissian_dask.plan.values import (
    MOST_ITEMS,
    UNKNOWN,
    Evaluator,
    NotEvaluableError,
    Scope,
    plain,
    scatter_problem,
    scattered,
    short,
    with_defaults,
)
from calrissian_dask.requirement import DaskGatewayRequirement, literal_problems, parse


class Walk:
    """One walk over a process and everything that it runs."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._items = 0
        self.steps: dict[str, PlannedStep] = {}
        self.problems: list[Problem] = []

    def process(self, process: Process, given: Mapping[str, Any], place: Place) -> Weight | None:
        """What it asks for at most at once; None where only the run knows."""
        inside = replace(inside_of(process, place), running=(*place.running, str(process.id)))
        scope = with_defaults(process.inputs, given, is_all=place.is_all)
        if process.class_ == "Workflow":
            return self._workflow(process, scope, inside)
        if process.class_ == "CommandLineTool":
            return self._tool(process, scope, inside)
        return Weight()

    def _workflow(self, workflow: Process, scope: Scope, place: Place) -> Weight | None:
        numbers = {short(step.id): number for number, step in enumerate(workflow.steps)}
        after: dict[int, set[int]] = {}
        weights: list[Weight] = []
        known = True
        for number, step in enumerate(workflow.steps):
            sources = [source for one in step.in_ for source in _listed(one.source)]
            names = {_step_of(source, workflow.id) for source in sources}
            self._check_sources(sources, {*numbers}, {*scope}, step, workflow)
            after[number] = {numbers[name] for name in names if name in numbers}
            weight = self._step(step, scope, place, workflow)
            known = known and weight is not None
            weights.append(weight or Weight())
        try:
            return side_by_side(weights, after) if known else None
        except ValueError as error:
            named = "/".join(place.path) or short(workflow.id)
            raise UnreadableError(f"workflow {named}: {error}") from error

    def _step(self, step: Process, scope: Scope, place: Place, workflow: Process) -> Weight | None:
        inside = inside_of(step, replace(place, path=(*place.path, short(step.id)), is_all=True))
        run = self._run_by(step, inside)
        given = {short(one.id): _source_value(one, scope, workflow) for one in step.in_}
        names = [short(name) for name in _listed(step.scatter)]
        if not names:
            return self._once(step, run, given, inside)
        wrong = scatter_problem(given, names, step.scatterMethod)
        if wrong:
            self.problems.append(Problem("", f"step {'/'.join(inside.path)}: {wrong}"))
        items = None if wrong else scattered(given, names, step.scatterMethod)
        rows = list(items) if items is not None else None
        inside = replace(inside, is_scattered=True)
        self._items += len(rows or [])
        if rows is None or self._items > MOST_ITEMS:
            inside = replace(inside, unknown_scatter=", ".join(names))
            unknown = {**given, **dict.fromkeys(names, UNKNOWN)}
            weight = self._once(step, run, unknown, inside)
            return Weight() if weight == Weight() else None
        total: Weight | None = Weight()
        for row in rows:
            weight = self._once(step, run, row, inside)
            total = total + weight if total is not None and weight is not None else None
        return total

    def _check_sources(
        self,
        sources: list[str],
        steps: set[str],
        inputs: set[str],
        step: Process,
        workflow: Process,
    ) -> None:
        for source in sources:
            above = _step_of(source, workflow.id)
            if (above not in steps) if above else (short(source) not in inputs):
                words = f"step {short(step.id)}: source {short(source)!r} is nowhere in workflow"
                self.problems.append(Problem("", f"{words} {short(workflow.id)}"))

    def _run_by(self, step: Process, place: Place) -> Process:
        run = step.run if not isinstance(step.run, str) else self._documents.process(step.run)
        if str(run.id) in place.running:
            raise UnreadableError(f"step {'/'.join(place.path)}: runs itself: {show_uri(run.id)}")
        return run

    def _once(self, step: Process, run: Process, given: Scope, place: Place) -> Weight | None:
        """One job of a step, unless its `when` is known to be false."""
        scope = self._transformed(step, given, place)
        when = getattr(step, "when", None)
        if when is not None:
            try:
                if Evaluator(place.javascript).value(when, scope) is False:
                    return Weight()
            except NotEvaluableError:
                pass  # the run will say it, and it is none of ours
        return self.process(run, scope, place)

    def _transformed(self, step: Process, given: Scope, place: Place) -> dict[str, Any]:
        """The inputs after `valueFrom`, which sees all of them as they were before."""
        evaluator = Evaluator(place.javascript)
        values = dict(given)
        for one in step.in_:
            if one.valueFrom is not None:
                name = short(one.id)
                try:
                    values[name] = evaluator.value(one.valueFrom, given, given.get(name))
                except NotEvaluableError:
                    values[name] = UNKNOWN  # the run will say it, and it is none of ours
        return values

    def _tool(self, tool: Process, scope: Scope, place: Place) -> Weight | None:
        entries = place.requirements or place.hints
        if not entries:
            return Weight()
        holding, owner = entries[-1]
        name = "/".join(place.path) or short(tool.id)
        planned = self.steps.get(name)
        if planned is None:
            inherited = owner if owner != title(tool, place) else None
            planned = PlannedStep(name, holding, place.image, inherited)
            planned.problems += literal_problems(holding.fields)
            self.steps[name] = planned
        if place.unknown_scatter:
            planned.scatter = place.unknown_scatter
        elif place.is_scattered and not isinstance(planned.scatter, str):
            planned.scatter = (planned.scatter or 0) + 1
        requirement = self._evaluated(planned, scope, place)
        if requirement is None or place.unknown_scatter:
            return None
        workers = requirement.workers
        return Weight(
            1, workers, requirement.worker_cores * workers, requirement.worker_memory * workers
        )

    def _evaluated(
        self, planned: PlannedStep, scope: Scope, place: Place
    ) -> DaskGatewayRequirement | None:
        evaluator = Evaluator(place.javascript)
        values: dict[str, Any] = {}
        unknown = False
        for name, written in planned.asked.fields.items():
            try:
                value = evaluator.value(written, scope)
            except NotEvaluableError as error:
                planned.add(Problem(name, f"{written!r} cannot be evaluated: {error}"))
                value = UNKNOWN
            unknown = unknown or value is UNKNOWN
            values[name] = written if value is UNKNOWN else value
        planned.values.append(values)
        if unknown or planned.problems:
            return None
        try:
            requirement = parse(values, planned.id)
        except RequirementError as error:
            for problem in error.problems:
                planned.add(problem)
            return None
        planned.clusters.append(requirement)
        return requirement


def _source_value(one: Process, scope: Scope, workflow: Process) -> Any:
    """A step input's value before `valueFrom`: of the workflow's inputs, as only these are known."""
    sources = _listed(one.source)
    if not sources:
        return plain(one.default)
    merged = getattr(one, "linkMerge", None) or getattr(one, "pickValue", None)
    if len(sources) > 1 or merged or _step_of(sources[0], workflow.id) is not None:
        return UNKNOWN
    value = scope.get(short(sources[0]), UNKNOWN)
    return plain(one.default) if value is None else value


def _step_of(source: str, workflow: str) -> str | None:
    """The step whose output a source is; None for an input of the workflow."""
    parts = source.removeprefix(workflow).lstrip("#/").split("/")
    return parts[0] if len(parts) > 1 else None


def _listed(value: str | Sequence[str] | None) -> list[str]:
    return [value] if isinstance(value, str) else list(value or [])
