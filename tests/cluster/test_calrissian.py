"""The main road: Calrissian's documented Job, with its documented rights, on steps that have a cluster."""

from __future__ import annotations

import pytest
from calrissian_dask.mutation import is_mutated

from tests.cluster.calrissian.jobs import OURS, STOCK
from tests.cluster.calrissian.runs import Calrissian
from tests.cluster.calrissian.workflows import (
    BAD_ENDS,
    EVERYTHING,
    EVERYTHING_CLUSTERS,
    EVERYTHING_INPUTS,
    ONE_WORKER,
    SCATTER,
    tool,
)
from tests.cluster.conftest import CalrissianMaker, NamespaceMaker
from tests.cluster.namespaces import Namespace
from tests.cluster.steps import settings_file
from tests.cluster.tools import COMPUTE, python


def limit_memory(ns: Namespace) -> None:
    """Give containers without a limit one: Calrissian asks, and sets none; platforms do."""
    limit = {"type": "Container", "default": {"memory": "192Mi"}}
    body = {"metadata": {"name": "memory"}, "spec": {"limits": [limit]}}
    ns.api.create("LimitRange", body, ns.name)


@pytest.mark.parametrize("user", [0, 1000])
def test_a_workflow_with_everything(calrissian: Calrissian, user: int) -> None:
    run = calrissian.start(
        EVERYTHING, EVERYTHING_INPUTS, settings_file(), user=user, entry="#everything"
    ).wait()
    run.assert_code(0)
    run.assert_released(EVERYTHING_CLUSTERS)
    outputs = run.outputs
    assert run.text(outputs["plain_text"]) == "plain\n"
    assert run.text(outputs["one_sum"]) == "42\n"
    assert [run.text(one) for one in outputs["each_sum"]] == ["13\n", "23\n", "33\n"]
    assert run.text(outputs["hinted_sum"]) == "7\n"
    assert outputs["twice"] == 84
    for step in run.steps:
        names = [one["name"] for one in step.now["spec"].get("initContainers", [])]
        if is_mutated(step.now):
            assert names[-2:] == ["dask-sidecar", "dask-provision"]
            (owner,) = step.now["metadata"]["ownerReferences"]
            assert owner["uid"] == run.pod.uid
        else:
            assert [name.rpartition("-")[2] for name in names] == ["init"], "the folder of stdout"
            assert "ownerReferences" not in step.now["metadata"]


def test_the_log_and_the_usage_report_tell_of_each_cluster(calrissian: Calrissian) -> None:
    """The tools' own entries are Calrissian's; beside them is what the clusters cost."""
    run = calrissian.start(EVERYTHING, EVERYTHING_INPUTS, settings_file(), entry="#everything")
    run.wait().assert_code(0)
    clusters = {cluster.name for cluster in run.ns.clusters()}
    for name in clusters:
        assert f"Dask cluster {name} is ready after " in run.said
        assert f"/clusters/{name}/status" in run.said, "the dashboard"
    assert run.said.count("1 worker (1 core, 256M each)") == EVERYTHING_CLUSTERS
    assert run.said.count("asked for, released") == EVERYTHING_CLUSTERS
    usage = run.usage
    assert len(usage["children"]) == EVERYTHING_CLUSTERS + 1, "the plain step too"
    told = usage["dask"]
    assert {one["cluster"] for one in told["clusters"]} == clusters
    assert {one["outcome"] for one in told["clusters"]} == {"released"}
    assert told["total_core_hours"] == sum(one["core_hours"] for one in told["clusters"])
    assert all(one["core_hours"] > 0 and one["gib_hours"] > 0 for one in told["clusters"])


def test_a_good_step_an_exit_code_and_an_oom_kill(calrissian: Calrissian) -> None:
    limit_memory(calrissian.ns)
    arguments = ["--on-error", "continue"]
    run = calrissian.start(BAD_ENDS, {}, settings_file(), arguments).wait()
    run.assert_code(1)
    run.assert_released(3)
    assert "[step good] completed success" in run.said
    assert "[step fails] completed permanentFail" in run.said
    assert "[step hoards] completed permanentFail" in run.said
    codes = {child["name"]: child["exit_code"] for child in run.usage["children"]}
    assert codes == {"good": 0, "fails": 3, "hoards": 137}, "T02, T03: the tool's own"


def test_t02_a_failing_tool_gives_what_it_gives_without_the_requirement(
    make_namespace: NamespaceMaker, calrissian_in: CalrissianMaker
) -> None:
    told = []
    for cluster, program in ((ONE_WORKER, OURS), ("", OURS), ("", STOCK)):
        line = "echo words; echo more >&2; exit 37"
        ready = calrissian_in(make_namespace())
        run = ready.start(tool(line, cluster=cluster), {}, settings_file(), program=program)
        told.append(run)
    results = []
    for run in told:
        run.wait()
        (child,) = run.usage["children"]
        failure = run.said[run.said.index("ERROR") :].partition(" Dask:")[0]
        results.append((run.code, run.outputs, child["exit_code"], failure))
    assert results[0] == results[1] == results[2]
    assert results[0][2] == 37
    told[0].assert_released(1)


def test_t01_the_tool_computes_on_its_cluster_and_its_output_is_its_own(
    calrissian: Calrissian,
) -> None:
    run = calrissian.start(tool(python(COMPUTE), cluster=ONE_WORKER), {}, settings_file()).wait()
    run.assert_code(0)
    assert run.text(run.outputs["said"]) == "sum 42\n"
    run.assert_released(1)


QUOTA = {"pods": "2", "requests.cpu": "1", "limits.memory": "8Gi"}
"""Calrissian's own pod and one step."""


def test_t84_a_scatter_waits_for_its_quota(calrissian: Calrissian) -> None:
    """As stock Calrissian does: 403 "exceeded quota" is tried again."""
    ns = calrissian.ns
    limit_memory(ns)
    quota = {"metadata": {"name": "quota"}, "spec": {"hard": QUOTA}}
    ns.api.create("ResourceQuota", quota, ns.name)
    patient = {"RETRY_MIN": "2", "RETRY_MAX": "4", "RETRY_ATTEMPTS": "60"}
    run = calrissian.start(SCATTER, {}, settings_file(), environment=patient).wait()
    run.assert_code(0)
    assert "exceeded quota" in run.said
    run.assert_released(2)


def test_max_clusters_lets_so_many_steps_have_one_at_once(calrissian: Calrissian) -> None:
    run = calrissian.start(SCATTER, {}, settings_file(maxClusters=1)).wait()
    run.assert_code(0)
    assert "waits: maxClusters is 1" in run.said
    first, second = run.dask_steps
    ended = first.state(first.now["spec"]["containers"][0]["name"])["terminated"]["finishedAt"]
    assert second.states[0]["metadata"]["creationTimestamp"] >= ended
    run.assert_released(2)
