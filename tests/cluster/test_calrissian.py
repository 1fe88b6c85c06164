"""The main road: Calrissian's documented Job, with its documented rights, on steps that have a cluster."""

from __future__ import annotations

import pytest

from tests.cluster.calrissian.runs import Calrissian
from tests.cluster.calrissian.workflows import (
    BAD_ENDS,
    EVERYTHING,
    EVERYTHING_CLUSTERS,
    EVERYTHING_INPUTS,
)
from tests.cluster.namespaces import Namespace
from tests.cluster.steps import settings_file


def limit_memory(ns: Namespace) -> None:
    """Give containers without a limit one: Calrissian asks, and sets none; platforms do."""
    limit = {"type": "Container", "default": {"memory": "192Mi"}}
    ns.api.create("LimitRange", {"metadata": {"name": "memory"}, "spec": {"limits": [limit]}}, ns.name)


@pytest.mark.parametrize("user", [0, 1000])
def test_a_workflow_with_everything(calrissian: Calrissian, user: int) -> None:
    run = calrissian.start(EVERYTHING, EVERYTHING_INPUTS, settings_file(), user=user, entry="#everything").wait()
    run.assert_code(0)
    run.assert_released(EVERYTHING_CLUSTERS)
    texts = {name: run.output.read(name) for name in run.output.files()}
    assert run.outputs["total_sum"] == 69
    print(texts)


def test_bad_ends(calrissian: Calrissian) -> None:
    limit_memory(calrissian.ns)
    run = calrissian.start(BAD_ENDS, {}, settings_file(), ["--on-error", "continue"]).wait()
    run.assert_code(1)
    run.assert_released(3)
    print(run.describe(), run.usage)
    assert run.outputs["good_text"]["basename"] == "good.txt"
    assert run.outputs["fails_text"] is None
    print(run.said, run.usage)
