"""The node, the gateway, DNS or the cluster go wrong while a step runs (T34, T35, T45, T62, T65, T91)."""

from __future__ import annotations

import time
from typing import Any

import pytest
from calrissian_dask.containers import PROVISION, SIDECAR
from calrissian_dask_sidecar.gateway_api import RUNNING, STOPPED, STOPPING

from tests.cluster import node
from tests.cluster.kind import on_node
from tests.cluster.namespaces import Namespace
from tests.cluster.routes import OwnRoute
from tests.cluster.step_pods import StepPod
from tests.cluster.steps import settings, step
from tests.cluster.tools import COMPUTES_UNTIL_TOLD, TOLD, TOLD_THOUGH_DELETED, python

LOOKS_UP = """
import pathlib, socket, sys, time
pathlib.Path("/tmp/first").touch()
while not pathlib.Path("/tmp/go").exists():
    time.sleep(0.1)
try:
    socket.getaddrinfo("gateway.dask-gateway.svc.cluster.local", 8000)
except OSError:
    sys.exit(7)
sys.exit("names are still resolved: the fault is not there")
"""


def running(ns: Namespace, line: str = TOLD, **gateway: Any) -> StepPod:
    pod = ns.run(step(line), settings(gateway=gateway))
    node.wait_wrote(pod, "first")
    return pod


@pytest.mark.alone
def test_t45_kubelet_restarts_while_the_tool_computes(ns: Namespace) -> None:
    pod = running(ns, python(COMPUTES_UNTIL_TOLD))
    node.restart_kubelet(pause=3)
    node.touch(pod, "go")
    pod.wait_ended()
    assert pod.exit_code() == 0, pod.describe()
    assert pod.restarts(SIDECAR) == 0
    pod.assert_released(clusters=1)


@pytest.mark.alone
def test_t45_kubelet_restarts_during_termination(ns: Namespace) -> None:
    pod = running(ns, TOLD_THOUGH_DELETED)
    pod.delete(60)
    node.wait_wrote(pod, "sigterm")
    node.restart_kubelet(pause=1)
    node.touch(pod, "go")
    pod.wait_gone()
    assert pod.exit_code() in (7, None), "None: the last status was not told"
    pod.assert_released(clusters=1)


@pytest.mark.alone
def test_t45_tool_ends_while_the_kubelet_is_down(ns: Namespace) -> None:
    pod = running(ns)
    tool = node.identity(pod, "main")
    on_node("systemctl", "stop", "kubelet")
    try:
        node.touch(pod, "go")
        pod.wait("end of the tool's process", lambda: node.has_ended(tool))
        # Nobody but the kubelet ends a pod: the cluster lives until it is back.
        assert [c.status for c in pod.clusters()] == [RUNNING]
    finally:
        on_node("systemctl", "start", "kubelet")
    pod.wait_ended()
    assert pod.exit_code() == 7
    pod.assert_released()


def test_t65_the_whole_pod_again(ns: Namespace) -> None:
    """A dead sandbox under OnFailure re-runs everything, with the old files under the same UID."""
    pod = ns.run(step(TOLD.replace("exit 7", "exit 0"), restartPolicy="OnFailure"))
    node.wait_wrote(pod, "first")
    (first,) = pod.clusters()
    node.kill_sandbox(pod)
    pod.wait("second cluster", lambda: len(pod.clusters()) == 2)
    (again,) = [c for c in pod.clusters() if c.name == first.name]
    assert again.status in (STOPPING, STOPPED), "one at a time"
    node.touch(pod, "go")
    pod.wait_ended()
    assert pod.phase == "Succeeded", pod.describe()
    pod.assert_released(clusters=2)


def test_t62_dns_is_gone_at_the_end(ns: Namespace) -> None:
    pod = running(ns, python(LOOKS_UP))
    node.break_dns(pod)
    node.touch(pod, "go")
    pod.wait_ended()
    assert pod.exit_code() == 7, pod.describe()
    pod.assert_released()


def test_t91_the_cluster_vanishes(ns: Namespace) -> None:
    """Somebody stops it: the sidecar says so, the tool's computation fails, its exit code stands."""
    pod = running(ns, python(COMPUTES_UNTIL_TOLD))
    (cluster,) = pod.clusters()
    ns.gateway.api(ns.user).delete(cluster.name)
    pod.wait_said(SIDECAR, f"cluster {cluster.name} is ")
    assert "while the tool was running" in pod.log(SIDECAR)
    node.touch(pod, "go")
    pod.wait_ended()
    assert pod.exit_code() == 1, "Python's own, for an exception that nobody catches"
    assert "Error" in pod.log()
    pod.assert_released(clusters=1)


def test_t34_the_gateway_is_back_within_the_grace(ns: Namespace) -> None:
    route = OwnRoute(ns)
    pod = running(ns, url=route.url)
    route.close()
    node.touch(pod, "go")
    pod.wait("stop", lambda: node.stopping(pod))
    time.sleep(1)  # so that tries fail
    assert [c.status for c in pod.clusters()] == [RUNNING]
    route.open()
    pod.wait_ended()
    assert pod.exit_code() == 7
    pod.assert_released()


def test_t35_the_gateway_stays_down(ns: Namespace) -> None:
    """The step's result is untouched; what is left is said with its name, for the reaper."""
    route = OwnRoute(ns)
    pod = running(ns, url=route.url)
    route.close()
    node.touch(pod, "go")
    pod.wait_ended()
    assert pod.exit_code() == 7
    assert pod.exit_code(SIDECAR) == 0
    (cluster,) = pod.clusters()
    assert cluster.status == RUNNING
    assert pod.message(SIDECAR)["release pending"] == cluster.name
    assert pod.message(PROVISION)["cluster"] == cluster.name
    ns.gateway.api(ns.user).delete(cluster.name)
