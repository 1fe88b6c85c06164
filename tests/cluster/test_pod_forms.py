"""Pods that are not Calrissian's: no shell, two containers, a Job (T82)."""

from __future__ import annotations

import pytest
from calrissian_dask.annotations import CONTAINER, annotate
from calrissian_dask.containers import SIDECAR
from calrissian_dask.mutation import mutate_pod

from tests.cluster import node
from tests.cluster.images import SHELLLESS, TOOL
from tests.cluster.step_pods import HANG, REQUIREMENT, Namespace, python, settings, step
from tests.cluster.test_disturbances import TOLD
from tests.cluster.test_tool_end import COMPUTE
from tests.pod_processes import wait_until


def test_command_that_is_not_a_shell(ns: Namespace) -> None:
    code = COMPUTE + "import os, sys\nprint('DASK_CLUSTER' in os.environ)\nsys.exit(4)\n"
    pod = ns.run(step("", main={"command": ["python3", "-c", code], "args": []}))
    pod.wait_ended()
    assert pod.exit_code() == 4
    assert pod.log() == "sum 42\nFalse\n"
    assert ns.alive() == []


def test_t82_image_without_a_shell(ns: Namespace) -> None:
    main = {"image": SHELLLESS, "command": ["tool"], "args": ["6"]}
    pod = ns.run(step("", main=main))
    pod.wait_ended()
    assert pod.exit_code() == 6, pod.describe()
    assert pod.log() == "sum 42\n"
    assert ns.alive() == []


def test_dask_cluster_names_the_cluster(ns: Namespace) -> None:
    pod = ns.run(step('echo "$DASK_CLUSTER"'))
    pod.wait_ended()
    assert pod.log().strip() == ns.clusters()[0].name


@pytest.mark.parametrize("first", ["main", "other"])
def test_two_containers(ns: Namespace, first: str) -> None:
    """The cluster lives until the last of them has ended; only the named one is connected to it."""
    other = {
        "name": "other",
        "image": TOOL,
        "imagePullPolicy": "Never",
        "command": ["/bin/sh", "-c"],
        "args": [
            "[ -z $DASK_SCHEDULER_ADDRESS ] || exit 9; while ! [ -e /tmp/other ]; do sleep 0.1; done"
        ],
        "volumeMounts": [{"name": "tmpdir", "mountPath": "/tmp"}],
    }
    pod_spec = step(TOLD)
    pod_spec["spec"]["containers"].insert(0, other)
    pod_spec["metadata"]["annotations"] = {CONTAINER: "main"}
    pod = ns.run(pod_spec)
    node.wait_wrote(pod, "first")
    ends = {"main": ("go", 7), "other": ("other", 0)}
    last = "other" if first == "main" else "main"
    node.touch(pod, ends[first][0])
    pod.wait("first end", lambda: pod.exit_code(first) is not None)
    assert "running" in pod.state(SIDECAR)
    assert len(ns.alive()) == 1, "the cluster is there for the other"
    node.touch(pod, ends[last][0])
    pod.wait_ended()
    assert {name: pod.exit_code(name) for name in ends} == {"main": 7, "other": 0}
    assert ns.alive() == []


def test_job_that_runs_its_tool_again(ns: Namespace) -> None:
    """OnFailure runs the tool again in place: with the same cluster, stopped at the end."""
    line = "[ -e /tmp/tried ] || { touch /tmp/tried; exit 1; }; " + python(COMPUTE)
    pod = ns.run(step(line, restartPolicy="OnFailure"))
    pod.wait_ended()
    assert pod.phase == "Succeeded", pod.describe()
    assert pod.status("main")["restartCount"] == 1
    assert len(ns.clusters()) == 1
    assert ns.alive() == []


def test_job(ns: Namespace) -> None:
    """A Job's template is mutated like a pod; its back-off makes a new pod, with a new cluster."""
    made = mutate_pod(annotate(step("exit 5"), REQUIREMENT, None), settings())
    metadata = {key: made["metadata"][key] for key in ("labels", "annotations")}
    spec = {"backoffLimit": 1, "template": {"metadata": metadata, "spec": made["spec"]}}
    ns.api.create("Job", {"metadata": {"name": "job"}, "spec": spec}, ns.name)

    def failed() -> bool:
        status = (ns.api.read("Job", "job", ns.name) or {}).get("status", {})
        return any(c["type"] == "Failed" for c in status.get("conditions") or [])

    wait_until(failed, timeout=HANG)
    assert len(ns.clusters()) == 2
    assert ns.alive() == []
