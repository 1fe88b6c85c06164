"""The pod deleted, evicted or out of time, in every phase (T31, T37-T40, T44, T61)."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from calrissian_dask.containers import PROVISION, SIDECAR
from calrissian_dask_sidecar.gateway_api import PENDING

from tests.cluster import node
from tests.cluster.step_pods import Namespace, StepPod, settings, step

WAITS = "touch /tmp/first; trap 'exit 5' TERM; while :; do sleep 0.1; done"
"""A tool that ends on SIGTERM."""

DEAF = "touch /tmp/first; trap '' TERM; while :; do sleep 0.1; done"
"""A tool that sits out its grace."""


def pending(ns: Namespace) -> StepPod:
    """A pod whose provision waits for a cluster that stays PENDING."""
    pod = ns.run(step("echo never"), settings(gateway={"extraOptions": {"fault": "pending"}}))
    pod.wait("PENDING cluster", lambda: [c for c in ns.alive() if c.status == PENDING])
    return pod


def computing(ns: Namespace, line: str = WAITS, **spec: Any) -> StepPod:
    """A pod whose tool runs."""
    pod = ns.run(step(line, **spec))
    node.wait_wrote(pod, "first")
    return pod


def no_leak(ns: Namespace, pod: StepPod) -> None:
    """No cluster is left, at the moment the pod has gone."""
    pod.wait_gone()
    assert ns.alive() == [], [s.get("status") for s in pod.states[-3:]]


@pytest.mark.parametrize("grace", [30, 5])
@pytest.mark.parametrize("phase", [pending, computing])
def test_deleted(ns: Namespace, phase: Any, grace: int) -> None:
    pod = phase(ns)
    pod.delete(grace)
    no_leak(ns, pod)


@pytest.mark.parametrize("phase", [pending, computing])
def test_t39_force_deleted(ns: Namespace, phase: Any) -> None:
    """The object goes at once; the kubelet, which lives, still sends SIGTERM."""
    pod = phase(ns)
    pod.delete(0)
    pod.wait_gone()
    pod.wait("end of the cluster", lambda: ns.alive() == [])


@pytest.mark.parametrize("grace", [30, 5])
def test_t38_tool_sits_out_its_grace(ns: Namespace, grace: int) -> None:
    """The sidecar has the two seconds that the kubelet leaves to every container."""
    pod = computing(ns, DEAF)
    pod.delete(grace)
    no_leak(ns, pod)


def test_t40_deleted_right_after_the_tools_end(ns: Namespace) -> None:
    """As Calrissian does."""
    pod = ns.run(step("exit 3"))
    pod.wait("end of the tool", lambda: pod.exit_code() is not None)
    pod.delete()
    no_leak(ns, pod)
    assert pod.exit_code() == 3


def test_t44_active_deadline(ns: Namespace) -> None:
    pod = ns.run(step(WAITS, activeDeadlineSeconds=25))
    pod.wait_ended()
    assert pod.now["status"]["reason"] == "DeadlineExceeded"
    assert len(ns.clusters()) == 1
    pod.wait("end of the sidecar", lambda: "terminated" in pod.state(SIDECAR))
    assert ns.alive() == []


def test_t44_evicted_through_the_api(ns: Namespace) -> None:
    pod = computing(ns)
    pod.evict()
    no_leak(ns, pod)


def test_t37_evicted_for_its_storage(ns: Namespace) -> None:
    """A hard eviction leaves about three seconds."""
    limits = {"limits": {"ephemeral-storage": "5Mi", "memory": "128Mi"}}
    line = "touch /tmp/first; dd if=/dev/zero of=/tmp/full bs=1M count=40 2>/dev/null; sleep 600"
    pod = computing(ns, line, main={"resources": limits})
    pod.wait_ended()
    assert pod.now["status"]["reason"] == "Evicted", pod.describe()
    pod.wait("end of the cluster", lambda: ns.alive() == [], timeout=10)


def test_t61_the_namespace_is_deleted(ns: Namespace) -> None:
    pod = computing(ns)
    waiting = pending(ns)
    ns.api.delete("Namespace", ns.name)
    pod.wait_gone()
    waiting.wait_gone()
    assert ns.alive() == []


@pytest.mark.parametrize("cpu", ["100m", "500m"])
def test_t31_deleted_at_any_moment_of_provisioning(ns: Namespace, cpu: str) -> None:
    """Sixteen pods, each deleted 0.25 s later than the one before; four at once."""
    resources = {
        name: {"requests": {"cpu": "50m", "memory": "32Mi"}, "limits": {"cpu": cpu, "memory": m}}
        for name, m in (("sidecar", "128Mi"), ("provision", "64Mi"))
    }

    def one(index: int) -> StepPod:
        pod = ns.run(step(WAITS), settings(resources=resources))
        pod.wait_running(SIDECAR)
        time.sleep(index * 0.25)
        pod.delete()
        pod.wait_gone()
        return pod

    with ThreadPoolExecutor(4) as pool:
        pods = list(pool.map(one, range(16)))
    assert ns.alive() == []
    endings = {pod.exit_code(PROVISION) for pod in pods}
    assert endings <= {None, 0, 143, 137}, endings
