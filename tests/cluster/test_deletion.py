"""The pod deleted, evicted or out of time, in every phase (T31, T37-T40, T44, T61)."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from calrissian_dask.containers import PROVISION, SIDECAR
from calrissian_dask_sidecar.gateway_api import PENDING

from tests.cluster import node
from tests.cluster.kind import NODE
from tests.cluster.namespaces import Namespace
from tests.cluster.step_pods import StepPod
from tests.cluster.steps import FOR_EVER, settings, step
from tests.cluster.tools import DEAF, TOLD, WAITS

Phase = Callable[[Namespace], StepPod]


def pending(ns: Namespace) -> StepPod:
    """A pod whose provision waits for a cluster that stays PENDING."""
    pod = ns.run(step("echo never"), settings(gateway=FOR_EVER))
    pod.wait_running(PROVISION)
    pod.wait("PENDING cluster", lambda: [c for c in pod.clusters() if c.status == PENDING])
    return pod


def computing(ns: Namespace, line: str = WAITS, **spec: Any) -> StepPod:
    """A pod whose tool runs."""
    pod = ns.run(step(line, **spec))
    node.wait_wrote(pod, "first")
    return pod


@pytest.mark.parametrize("grace", [30, 5])
@pytest.mark.parametrize("phase", [pending, computing])
def test_deleted(ns: Namespace, phase: Phase, grace: int) -> None:
    pod = phase(ns)
    pod.delete(grace)
    pod.wait_gone()
    assert pod.exit_code() in ((None,) if phase is pending else (5, None))
    assert pod.exit_code(PROVISION) in (143 if phase is pending else 0, None)
    pod.assert_released()


@pytest.mark.parametrize("phase", [pending, computing])
def test_t39_force_deleted(ns: Namespace, phase: Phase) -> None:
    """The object goes at once; the kubelet, which lives, still sends SIGTERM."""
    pod = phase(ns)
    pod.delete(0)
    pod.wait_gone()
    pod.wait("end of the cluster", lambda: ns.alive() == [])
    pod.assert_released()


@pytest.mark.parametrize("grace", [30, 5])
def test_t38_tool_sits_out_its_grace(ns: Namespace, grace: int) -> None:
    """The sidecar has the two seconds that the kubelet leaves to every container."""
    pod = computing(ns, DEAF)
    pod.delete(grace)
    pod.wait_gone()
    assert pod.exit_code() in (137, None)
    pod.assert_released()


def test_t40_deleted_right_after_the_tools_end(ns: Namespace) -> None:
    """As Calrissian does."""
    pod = ns.run(step("exit 3"))
    pod.wait("end of the tool", lambda: pod.exit_code() is not None)
    pod.delete()
    pod.wait_gone()
    assert pod.exit_code() == 3
    pod.assert_released()


def test_t44_active_deadline(ns: Namespace) -> None:
    pod = ns.run(step(WAITS, activeDeadlineSeconds=40))
    pod.wait_ended()
    assert pod.now["status"]["reason"] == "DeadlineExceeded"
    pod.wait("end of the sidecar", lambda: "terminated" in pod.state(SIDECAR))
    pod.assert_released()


def test_t44_evicted_through_the_api(ns: Namespace) -> None:
    pod = computing(ns)
    pod.evict()
    pod.wait_gone()
    pod.assert_released()


@pytest.mark.alone
def test_t44_preempted(ns: Namespace) -> None:
    """A pod of more worth needs the room of the step's."""
    pod = computing(ns)
    name = f"{ns.name}-worthy"
    ns.api.create("PriorityClass", {"metadata": {"name": name}, "value": 1000})
    try:
        worthy = step("sleep 1", priorityClassName=name)
        main = worthy["spec"]["containers"][0]
        main["resources"] = {"requests": {"cpu": f"{_free_millicores(ns) + 30}m"}}
        ns.create(worthy)
        pod.wait_gone()
    finally:
        ns.api.delete("PriorityClass", name)
    assert pod.exit_code() in (5, None)
    pod.assert_released()


def _free_millicores(ns: Namespace) -> int:
    """What the scheduler has left on the node."""
    described = ns.api.read("Node", NODE) or {}
    pods = [
        pod for pod in ns.api.objects("Pod") if pod["status"]["phase"] in ("Pending", "Running")
    ]
    return _millicores(described["status"]["allocatable"]["cpu"]) - sum(map(_requested, pods))


def _requested(pod: dict[str, Any]) -> int:
    """A pod's request for CPU by the scheduler's rule (KEP-753): sidecars count with the containers."""
    spec = pod["spec"]
    sidecars = [c for c in spec.get("initContainers") or [] if c.get("restartPolicy") == "Always"]
    lasting = sum(map(_request, spec["containers"])) + sum(map(_request, sidecars))
    others = [c for c in spec.get("initContainers") or [] if c not in sidecars]
    return max([lasting, *(_request(c) + sum(map(_request, sidecars)) for c in others)])


def _request(container: dict[str, Any]) -> int:
    requests = (container.get("resources") or {}).get("requests") or {}
    return _millicores(requests.get("cpu", "0"))


def _millicores(quantity: str) -> int:
    return int(quantity[:-1]) if quantity.endswith("m") else int(quantity) * 1000


def test_t37_evicted_for_its_storage(ns: Namespace) -> None:
    """A hard eviction leaves about three seconds; the status that it leaves is not to be trusted."""
    limits = {"limits": {"ephemeral-storage": "5Mi", "memory": "128Mi"}}
    line = "touch /tmp/first; dd if=/dev/zero of=/tmp/full bs=1M count=40 2>/dev/null; sleep 600"
    pod = computing(ns, line, main={"resources": limits})
    sidecar = node.identity(pod, SIDECAR)
    pod.wait_ended()
    assert pod.now["status"]["reason"] == "Evicted", pod.describe()
    pod.wait("end of the sidecar's process", lambda: node.has_ended(sidecar))
    assert len(pod.clusters()) == 1
    assert ns.alive() == []


def test_t61_the_namespace_is_deleted(ns: Namespace) -> None:
    pods = [computing(ns), pending(ns)]
    ns.api.delete("Namespace", ns.name)
    for pod in pods:
        pod.wait_gone()
        pod.assert_released()


GRACES = (None, 5)
"""Seconds that T31's deletions leave, in turn; None is the pod's own."""


@pytest.mark.parametrize("cpu", ["100m", "500m"])
def test_t31_deleted_at_any_moment_of_provisioning(ns: Namespace, cpu: str) -> None:
    """Eighteen pods, deleted at moments spread from their creation to their tool's start."""
    resources = {
        name: {"requests": {"cpu": "50m", "memory": "32Mi"}, "limits": {"cpu": cpu, "memory": m}}
        for name, m in (("sidecar", "128Mi"), ("provision", "64Mi"))
    }
    given = settings(resources=resources)
    began = time.monotonic()
    whole = ns.run(step(TOLD), given)
    node.wait_wrote(whole, "first")
    usual = time.monotonic() - began
    node.touch(whole, "go")

    def one(index: int) -> StepPod:
        pod = ns.run(step(WAITS), given)
        time.sleep(usual * index / 16)
        pod.delete(GRACES[index % len(GRACES)])
        pod.wait_gone()
        return pod

    with ThreadPoolExecutor(4) as pool:
        pods = list(pool.map(one, range(18)))
    whole.wait_ended()
    assert ns.alive() == []
    assert len(ns.clusters()) > 1, "some came so far as to have one"
    endings = [(pod.exit_code(SIDECAR), pod.exit_code(PROVISION)) for pod in pods]
    # 137 would be a SIGTERM that was lost, and a pod that hung for its whole grace.
    assert {sidecar for sidecar, _ in endings} <= {0, None}, endings
    assert {provision for _, provision in endings} <= {0, 143, None}, endings
