"""Promises 1 and 6: without the requirement, `run` is stock Calrissian, in its results and in its pods."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.cluster.calrissian.conformance import DOCUMENTS, LOOP, comparable
from tests.cluster.calrissian.jobs import OURS, STOCK
from tests.cluster.calrissian.runs import Run
from tests.cluster.conftest import CalrissianMaker, NamespaceMaker
from tests.cluster.step_pods import HANG

RANDOM = (
    (r"-pod-[a-z]{8}", "-pod-X"),
    (r"tmpout/[a-z0-9_]{8}", "tmpout/X"),
    (r'"subPath": "[a-z0-9_]{8}(?=["/])', '"subPath": "X'),
    (r"kube-api-access-\w{5}", "kube-api-access-X"),
    (r'"/[A-Za-z]{6}(?=["/])', '"/X'),
)
"""What Calrissian and Kubernetes make up for each pod."""

FAILING = {"permanent_fail", "missing_output"}


def results(run: Run) -> dict[str, tuple[str, Any]]:
    """Exit code and outputs of each document."""
    found = {}
    for name in DOCUMENTS:
        outputs = run.output.read(f"{name}.json")
        code = run.output.read(f"{name}.code").strip()
        found[name] = (code, comparable(json.loads(outputs or "null")))
    return found


def pods(run: Run) -> list[str]:
    """The lines of the steps' pods as they were admitted, the pods sorted."""
    shown = []
    for step in run.steps:
        pod = step.states[0]
        said = json.dumps([pod["metadata"].get("labels"), pod["spec"]], sort_keys=True, indent=1)
        for pattern, name in RANDOM:
            said = re.sub(pattern, name, said)
        shown.append(said)
    return "\n".join(sorted(shown)).splitlines()


@pytest.mark.timeout(8 * HANG)
def test_t86_conformance_is_that_of_stock_calrissian(
    make_namespace: NamespaceMaker, calrissian_in: CalrissianMaker
) -> None:
    runs = []
    for program in (STOCK, OURS):
        ready = calrissian_in(make_namespace())
        ready.input.write({f"{name}.cwl": text for name, text in DOCUMENTS.items()})
        shell = ("sh", "-c", LOOP, "sh", *program)
        runs.append(ready.start_as_it_is(shell))
    stock, ours = (run.wait(3 * HANG) for run in runs)
    told = results(stock)
    assert results(ours) == told
    assert {name for name, (code, _) in told.items() if code != "0"} == FAILING, told
    assert pods(ours) == pods(stock)
    assert len(stock.steps) > len(DOCUMENTS)
