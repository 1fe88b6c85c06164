"""`calrissian-dask plan`: the document, its job and the gateway, to what is asked for and wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from calrissian_dask.cwl import occurrences
from calrissian_dask.errors import CalrissianDaskError, GatewayUnavailableError, Problem
from calrissian_dask.gateway_check import GatewayCheck
from calrissian_dask.plan.documents import Documents, Process, file_uri
from calrissian_dask.plan.result import Plan
from calrissian_dask.plan.steps import Place, Walk
from calrissian_dask.plan.values import short
from calrissian_dask.settings import Settings


def make_plan(
    document: str, job: Mapping[str, Any], settings: Settings, environ: Mapping[str, str]
) -> Plan:
    """What a run of the document with that job will ask for.

    The gateway is asked where the settings name one. Raises UnreadableError.
    """
    uri = file_uri(document)
    documents = Documents()
    process = documents.entry(uri)
    found = occurrences.find(uri)
    misplaced = [Problem("", text) for text in occurrences.problems(found)]
    walk = Walk(documents)
    peak = walk.process(process, job, Place())
    steps = list(walk.steps.values())
    plan = Plan(steps, peak, settings.max_clusters)
    plan.warnings += occurrences.warnings(found) + _unknown_inputs(process, job)
    said = {str(problem) for step in steps for problem in step.problems}
    plan.problems += [p for p in misplaced if not any(one in p.message for one in said)]
    if settings.gateway.url:
        _check_gateway(plan, GatewayCheck(settings, environ), settings.gateway.url)
    return plan


def _check_gateway(plan: Plan, check: GatewayCheck, url: str) -> None:
    for step in plan.steps:
        for cluster in dict.fromkeys(step.clusters):
            try:
                wrong = check.problem(cluster, step.image)
            except GatewayUnavailableError as error:
                remedy = "check its URL, and that it is reached from here"
                plan.problems.append(Problem("", f"{error}: {remedy}"))
                return
            except CalrissianDaskError as error:
                plan.problems.append(Problem("", f"{url}: {error}"))
                return
            problem = Problem("", wrong or "")
            if wrong and problem not in step.problems:
                step.problems.append(problem)


def _unknown_inputs(process: Process, job: Mapping[str, Any]) -> list[str]:
    names = {short(one.id) for one in process.inputs}
    return [
        f"the job gives {name!r}, and the document has no such input: it has {', '.join(names)}"
        for name in job
        if name not in names and ":" not in name
    ]
