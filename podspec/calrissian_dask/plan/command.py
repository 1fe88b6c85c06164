"""`calrissian-dask plan`: the document, its job and the gateway, to what is asked for and wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from calrissian_dask_sidecar.contract import SECRET_ENV

from calrissian_dask.cwl import occurrences
from calrissian_dask.cwl.asked import Asked
from calrissian_dask.cwl.node import use_wheel_where_there_is_no_node
from calrissian_dask.cwl.occurrences import show_uri
from calrissian_dask.errors import CalrissianDaskError, GatewayUnavailableError, Problem
from calrissian_dask.gateway_check import GatewayCheck
from calrissian_dask.plan.documents import Documents, Process, file_uri
from calrissian_dask.plan.place import Place
from calrissian_dask.plan.result import Plan
from calrissian_dask.plan.steps import Walk
from calrissian_dask.plan.values import plain, short
from calrissian_dask.requirement import CLASS, is_requirement
from calrissian_dask.settings import Settings


def make_plan(
    document: str, job: Mapping[str, Any], settings: Settings, environ: Mapping[str, str]
) -> Plan:
    """What a run of the document with that job will ask for.

    The gateway is asked where the settings name one. Raises UnreadableError.
    """
    use_wheel_where_there_is_no_node(environ.get("PATH", ""))
    uri = file_uri(document)
    documents = Documents()
    process = documents.entry(uri)
    found = occurrences.find(uri)
    misplaced = [Problem("", text) for text in occurrences.problems(found)]
    walk = Walk(documents)
    peak = walk.process(process, job, _of_job(job, show_uri(uri)))
    steps = list(walk.steps.values())
    plan = Plan(steps, peak, settings.max_clusters)
    plan.warnings += [
        *documents.warnings,
        *occurrences.warnings(found),
        *_unknown_inputs(process, job),
    ]
    said = {str(problem) for step in steps for problem in step.problems}
    plan.problems += [p for p in misplaced if not any(one in p.message for one in said)]
    plan.problems += dict.fromkeys(walk.problems + _missing_inputs(process, job))
    for step in steps:
        step.problems = [_with_place(problem, misplaced) for problem in step.problems]
    if settings.gateway.url:
        _check_gateway(plan, settings, environ)
    return plan


def _of_job(job: Mapping[str, Any], document: str) -> Place:
    """What a job's cwl:requirements put above the whole document."""
    entries = job.get("cwl:requirements")
    ours = tuple(
        (Asked(entry, is_hint=False), f"the job of {document}")
        for entry in (entries if isinstance(entries, list) else ())
        if isinstance(entry, Mapping) and is_requirement(entry.get("class"))
    )
    return Place(of_job=ours, is_all=bool(job))


def _with_place(problem: Problem, placed: list[Problem]) -> Problem:
    """With file, line and column behind it, where the same was found in the document."""
    for one in placed:
        if one.message.endswith(f"{CLASS}.{problem}"):
            place = one.message.removesuffix(f"{CLASS}.{problem}").removesuffix(": ")
            return Problem(problem.field, f"{problem.message} ({place})")
    return problem


def _check_gateway(plan: Plan, settings: Settings, environ: Mapping[str, str]) -> None:
    url = settings.gateway.url or ""
    secret = settings.gateway.auth.existing_secret
    if secret and not environ.get(SECRET_ENV):
        plan.warnings.append(
            f"the gateway is not asked: set {SECRET_ENV} to what the Secret {secret!r} holds"
        )
        return
    try:
        check = GatewayCheck(settings, environ)
        check.ask()
        for step in plan.steps:
            for cluster in dict.fromkeys(step.clusters):
                wrong = check.problem(cluster, step.image)
                if wrong:
                    step.add(Problem("", wrong))
    except GatewayUnavailableError as error:
        remedy = "check its URL, and that it is reached from here"
        plan.problems.append(Problem("", f"{error}: {remedy}"))
        return
    except CalrissianDaskError as error:
        words = str(error) if url in str(error) else f"{url}: {error}"
        plan.problems.append(Problem("", words))
        return
    unknown = [step.id for step in plan.steps if not step.is_known]
    if unknown:
        names = ", ".join(unknown)
        plan.warnings.append(f"the gateway was not asked for what only the run knows: {names}")


def _missing_inputs(process: Process, job: Mapping[str, Any]) -> list[Problem]:
    """What a run with that job would miss; without a job nothing is known of it."""
    missing = [
        short(one.id)
        for one in process.inputs
        if job and job.get(short(one.id)) is None and plain(one.default) is None
        if one.type_ != "null" and "null" not in one.type_
    ]
    return [
        Problem("", f"the job gives no {name!r}, and the document needs it") for name in missing
    ]


def _unknown_inputs(process: Process, job: Mapping[str, Any]) -> list[str]:
    names = {short(one.id) for one in process.inputs}
    return [
        f"the job gives {name!r}, and the document has no such input: it has"
        f" {', '.join(names) or 'none'}"
        for name in map(str, job)
        if name not in names and ":" not in name
    ]
