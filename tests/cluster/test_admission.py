"""Namespaces with rules, and tools with any uid: the pod is admitted and works (T83, T84)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cluster.conftest import NamespaceMaker
from tests.cluster.step_pods import Namespace, python, step
from tests.cluster.test_tool_end import COMPUTE

HARDENED = {
    "runAsNonRoot": True,
    "runAsUser": 1000,
    "readOnlyRootFilesystem": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}

AS_CALRISSIAN = {"securityContext": {"runAsUser": 1000, "runAsGroup": 1000}}
"""What stock Calrissian 0.18.1 sets on a pod: its own uid and gid."""


def computes(ns: Namespace, **spec: Any) -> None:
    pod = ns.run(step(python(COMPUTE), **spec))
    pod.wait_ended()
    assert pod.exit_code() == 0, pod.describe()
    assert pod.log() == "sum 42\n"
    assert ns.alive() == []


def enforced(level: str) -> dict[str, str]:
    return {"pod-security.kubernetes.io/enforce": level}


def test_t83_restricted_with_a_hardened_tool(make_namespace: NamespaceMaker) -> None:
    computes(make_namespace(**enforced("restricted")), main={"securityContext": HARDENED})


def test_t83_baseline_as_calrissian_makes_its_pods(make_namespace: NamespaceMaker) -> None:
    computes(make_namespace(**enforced("baseline")), **AS_CALRISSIAN)


def test_t84_resource_quota_on_requests_and_limits(ns: Namespace) -> None:
    """A quota refuses every pod of which one container says no request or limit."""
    hard = {
        "requests.cpu": "400m", "requests.memory": "600Mi",
        "limits.cpu": "4", "limits.memory": "1Gi", "pods": "3",
    }  # fmt: skip
    ns.api.create("ResourceQuota", {"metadata": {"name": "quota"}, "spec": {"hard": hard}}, ns.name)
    computes(ns)


def test_t84_limit_range(ns: Namespace) -> None:
    """Of what a namespace may demand: least and most per container, and defaults."""
    limit = {
        "type": "Container",
        "min": {"cpu": "10m", "memory": "16Mi"},
        "max": {"cpu": "2", "memory": "1Gi"},
        "default": {"cpu": "1", "memory": "256Mi"},
        "defaultRequest": {"cpu": "10m", "memory": "32Mi"},
    }
    limits = {"metadata": {"name": "limits"}, "spec": {"limits": [limit]}}
    ns.api.create("LimitRange", limits, ns.name)
    computes(ns)


@pytest.mark.parametrize("uid", [0, 1000, 1234567])
def test_t83_tool_of_any_uid(ns: Namespace, uid: int) -> None:
    computes(ns, securityContext={"runAsUser": uid, "runAsGroup": uid, "fsGroup": 100})
