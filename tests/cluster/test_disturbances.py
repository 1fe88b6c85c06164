"""The node, the gateway, DNS or the cluster go wrong while a step runs (T35, T45, T62, T65, T91)."""

from __future__ import annotations

import pytest
from calrissian_dask.containers import PROVISION, SIDECAR
from calrissian_dask_sidecar.gateway_api import RUNNING

from tests.cluster import node
from tests.cluster.gateway import NAMESPACE
from tests.cluster.kind import on_node
from tests.cluster.step_pods import Namespace, StepPod, python, settings, step

TOLD = "touch /tmp/first; while ! [ -e /tmp/go ]; do sleep 0.1; done; exit 7"
"""A tool that ends when it is told to."""

COMPUTES_UNTIL_TOLD = """
import pathlib, time
from distributed import Client
with Client() as client:
    pathlib.Path("/tmp/first").touch()
    while not pathlib.Path("/tmp/go").exists():
        assert client.submit(sum, [1, 2], pure=False).result() == 3
        time.sleep(0.2)
    print("done")
"""


def running(ns: Namespace, line: str = TOLD, **changes: object) -> StepPod:
    pod = ns.run(step(line), settings(**changes))
    node.wait_wrote(pod, "first")
    return pod


@pytest.mark.alone
def test_t45_kubelet_restarts_while_the_tool_computes(ns: Namespace) -> None:
    pod = running(ns, python(COMPUTES_UNTIL_TOLD))
    node.restart_kubelet(pause=3)
    node.touch(pod, "go")
    pod.wait_ended()
    assert pod.exit_code() == 0, pod.describe()
    assert len(ns.clusters()) == 1, "no second provision"
    assert ns.alive() == []


@pytest.mark.alone
def test_t45_kubelet_restarts_during_termination(ns: Namespace) -> None:
    pod = running(ns, "trap '' TERM; " + TOLD)
    pod.delete(20)
    pod.wait("deletion", lambda: pod.now["metadata"].get("deletionTimestamp"))
    node.restart_kubelet(pause=1)
    node.touch(pod, "go")
    pod.wait_gone()
    assert len(ns.clusters()) == 1
    assert ns.alive() == []


@pytest.mark.alone
def test_t45_tool_ends_while_the_kubelet_is_down(ns: Namespace) -> None:
    pod = running(ns)
    on_node("systemctl", "stop", "kubelet")
    try:
        node.touch(pod, "go")
        # Nobody but the kubelet ends a pod: the cluster lives until it is back.
        assert [c.status for c in ns.alive()] == [RUNNING]
    finally:
        on_node("systemctl", "start", "kubelet")
    pod.wait_ended()
    assert pod.exit_code() == 7
    assert ns.alive() == []


def test_t65_the_whole_pod_again(ns: Namespace) -> None:
    """A dead sandbox under OnFailure re-runs everything, with the old files under the same UID."""
    pod = ns.run(step(TOLD.replace("exit 7", "exit 0"), restartPolicy="OnFailure"))
    node.wait_wrote(pod, "first")
    (first,) = ns.clusters()
    node.kill_sandbox(pod)
    pod.wait("second cluster", lambda: len(ns.clusters()) == 2)
    assert [c.name for c in ns.alive() if c.name == first.name] == [], "one at a time"
    node.touch(pod, "go")
    pod.wait_ended()
    assert pod.phase == "Succeeded", pod.describe()
    assert len(ns.clusters()) == 2
    assert ns.alive() == []


def test_t62_dns_is_gone_at_the_end(ns: Namespace) -> None:
    pod = running(ns)
    node.break_dns(pod)
    node.touch(pod, "go")
    pod.wait_ended()
    assert pod.exit_code() == 7
    assert pod.message(SIDECAR).get("stopped"), pod.describe()
    assert ns.alive() == []


def test_t91_the_cluster_vanishes(ns: Namespace) -> None:
    """Somebody stops it: the sidecar says so, the tool's own exit code stands."""
    pod = running(ns, python(COMPUTES_UNTIL_TOLD))
    (cluster,) = ns.clusters()
    ns.gateway.api(ns.user).delete(cluster.name)
    pod.wait_said(SIDECAR, f"cluster {cluster.name} is ")
    assert "while the tool was running" in pod.log(SIDECAR)
    node.touch(pod, "go")
    pod.wait_ended()
    assert pod.exit_code() not in (None, 0), "the tool's own code, and its computation failed"
    assert len(ns.clusters()) == 1
    assert ns.alive() == []


class OwnRoute:
    """A Service of the test's own before the gateway, to be cut without harm to other tests."""

    def __init__(self, ns: Namespace) -> None:
        self.ns = ns
        spec = {"ports": [{"name": "http", "port": 8000}]}
        ns.api.create("Service", {"metadata": {"name": "gateway"}, "spec": spec}, ns.name)
        (pod,) = ns.api.list("Pod", NAMESPACE, "app=gateway")
        self.address = pod["status"]["podIP"]
        self.open()

    @property
    def url(self) -> str:
        return f"http://gateway.{self.ns.name}.svc.cluster.local:8000"

    def open(self) -> None:
        slice_of_one = {
            "metadata": {"name": "gateway", "labels": {"kubernetes.io/service-name": "gateway"}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [self.address]}],
            "ports": [{"name": "http", "port": 8000}],
        }
        self.ns.api.create("EndpointSlice", slice_of_one, self.ns.name)

    def close(self) -> None:
        self.ns.api.delete("EndpointSlice", "gateway", self.ns.name)


def test_t34_the_gateway_is_back_within_the_grace(ns: Namespace) -> None:
    route = OwnRoute(ns)
    pod = running(ns, gateway={"url": route.url})
    route.close()
    node.touch(pod, "go")
    pod.wait("end of the tool", lambda: pod.exit_code() is not None)
    route.open()
    pod.wait_ended()
    assert pod.exit_code() == 7
    assert pod.message(SIDECAR).get("stopped"), pod.describe()
    assert ns.alive() == []


def test_t35_the_gateway_stays_down(ns: Namespace) -> None:
    """The step's result is untouched; what is left is said with its name, for the reaper."""
    route = OwnRoute(ns)
    pod = running(ns, gateway={"url": route.url})
    route.close()
    node.touch(pod, "go")
    pod.wait_ended()
    assert pod.exit_code() == 7
    assert pod.exit_code(SIDECAR) == 0
    (cluster,) = ns.clusters()
    assert pod.message(SIDECAR)["release pending"] == cluster.name
    assert pod.message(PROVISION)["cluster"] == cluster.name
    ns.gateway.api(ns.user).delete(cluster.name)
