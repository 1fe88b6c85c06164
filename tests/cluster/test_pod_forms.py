"""Pods that are not Calrissian's: no shell, two containers, a Job (T82)."""

from __future__ import annotations

import time

import pytest
from calrissian_dask.annotations import CONTAINER
from calrissian_dask.containers import SIDECAR

from tests.cluster import node
from tests.cluster.images import SHELLLESS, TOOL
from tests.cluster.namespaces import Namespace
from tests.cluster.step_pods import HANG
from tests.cluster.steps import step, with_cluster
from tests.cluster.tools import COMPUTE, COMPUTES_UNTIL_TOLD, python
from tests.pod_processes import wait_until


def test_command_that_is_not_a_shell(ns: Namespace) -> None:
    code = COMPUTE + "import os, sys\nprint('DASK_CLUSTER' in os.environ)\nsys.exit(4)\n"
    pod = ns.run(step("", main={"command": ["python3", "-c", code], "args": []}))
    pod.wait_ended()
    assert pod.exit_code() == 4
    assert pod.log() == "sum 42\nFalse\n"
    pod.assert_released()


def test_t82_image_without_a_shell(ns: Namespace) -> None:
    main = {"image": SHELLLESS, "command": ["tool"], "args": ["6"]}
    pod = ns.run(step("", main=main))
    pod.wait_ended()
    assert pod.exit_code() == 6, pod.describe()
    assert pod.log() == "sum 42\n"
    pod.assert_released()


def test_dask_cluster_names_the_cluster(ns: Namespace) -> None:
    pod = ns.run(step('echo "$DASK_CLUSTER"'))
    pod.wait_ended()
    assert pod.log().strip() == pod.clusters()[0].name


STAYS = """
import os, pathlib, socket, sys, time
assert "DASK_SCHEDULER_ADDRESS" not in os.environ
while not pathlib.Path("/tmp/other").exists():
    socket.create_connection(("127.0.0.1", 28786), 10).close()
    time.sleep(0.2)
"""
"""A container that is not connected to the cluster, and fails where the sidecar goes before it."""


@pytest.mark.parametrize("first", ["main", "other"])
def test_two_containers(ns: Namespace, first: str) -> None:
    """The cluster lives until the last of them has ended; only the named one is connected to it."""
    other = {
        "name": "other",
        "image": TOOL,
        "imagePullPolicy": "Never",
        "command": ["python3", "-c", STAYS],
        "volumeMounts": [{"name": "tmpdir", "mountPath": "/tmp"}],
    }
    spec = step(python(COMPUTES_UNTIL_TOLD))
    spec["spec"]["containers"].insert(0, other)
    spec["metadata"]["annotations"] = {CONTAINER: "main"}
    pod = ns.run(spec)
    node.wait_wrote(pod, "first")
    files = {"main": "go", "other": "other"}
    last = "other" if first == "main" else "main"
    node.touch(pod, files[first])
    pod.wait("first end", lambda: pod.exit_code(first) is not None)
    time.sleep(3)  # three of the kubelet's cycles, in which it could do the wrong thing
    assert "running" in pod.state(SIDECAR)
    assert "running" in pod.state(last)
    node.touch(pod, files[last])
    pod.wait_ended()
    assert {name: pod.exit_code(name) for name in files} == {"main": 0, "other": 0}
    ends = {name: pod.state(name)["terminated"]["finishedAt"] for name in (*files, SIDECAR)}
    assert ends[SIDECAR] == max(ends.values())
    assert pod.restarts(SIDECAR) == 0
    pod.assert_released()


def test_job_that_runs_its_tool_again(ns: Namespace) -> None:
    """OnFailure runs the tool again in place: with the same cluster, stopped at the end."""
    line = "[ -e /tmp/tried ] || { touch /tmp/tried; exit 1; }; " + python(COMPUTE)
    pod = ns.run(step(line, restartPolicy="OnFailure"))
    pod.wait_ended()
    assert pod.phase == "Succeeded", pod.describe()
    assert pod.restarts("main") == 1
    pod.assert_released(clusters=1)


def test_job(ns: Namespace) -> None:
    """A Job's template is mutated like a pod; its back-off makes a new pod, with a new cluster."""
    made = with_cluster(step("exit 5"))
    metadata = {key: made["metadata"][key] for key in ("labels", "annotations")}
    spec = {"backoffLimit": 1, "template": {"metadata": metadata, "spec": made["spec"]}}
    ns.api.create("Job", {"metadata": {"name": "job"}, "spec": spec}, ns.name)

    def failed() -> bool:
        status = (ns.api.read("Job", "job", ns.name) or {}).get("status", {})
        return any(c["type"] == "Failed" for c in status.get("conditions") or [])

    wait_until(failed, timeout=HANG)
    assert len(ns.clusters()) == 2
    assert ns.alive() == []
