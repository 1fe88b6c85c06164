"""Namespaces with rules, and tools with any uid: the pod is admitted and works (T83, T84).

Each rule is first seen to refuse a pod that breaks it.
"""

from __future__ import annotations

from typing import Any

import pytest
from kubernetes.dynamic.exceptions import DynamicApiError

from tests.cluster.conftest import NamespaceMaker
from tests.cluster.namespaces import Namespace
from tests.cluster.steps import step
from tests.cluster.tools import COMPUTE, python
from tests.pod_processes import wait_until

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
    pod.assert_released()


def refused(ns: Namespace, words: str, main: dict[str, Any]) -> None:
    with pytest.raises(DynamicApiError, match=words):
        ns.create(step("true", main=main))


def test_t83_restricted_with_a_hardened_tool(make_namespace: NamespaceMaker) -> None:
    ns = make_namespace(**{"pod-security.kubernetes.io/enforce": "restricted"})
    refused(ns, "violates PodSecurity", {})
    computes(ns, main={"securityContext": HARDENED})


def test_t83_baseline_as_calrissian_makes_its_pods(make_namespace: NamespaceMaker) -> None:
    ns = make_namespace(**{"pod-security.kubernetes.io/enforce": "baseline"})
    refused(ns, "violates PodSecurity", {"securityContext": {"privileged": True}})
    computes(ns, **AS_CALRISSIAN)


def test_t84_resource_quota_on_requests_and_limits(ns: Namespace) -> None:
    """A quota refuses every pod of which one container says no request or limit."""
    hard = {
        "requests.cpu": "400m", "requests.memory": "600Mi",
        "limits.cpu": "4", "limits.memory": "1Gi", "pods": "3",
    }  # fmt: skip
    quota = {"metadata": {"name": "quota"}, "spec": {"hard": hard}}
    ns.api.create("ResourceQuota", quota, ns.name)
    wait_until(
        lambda: (ns.api.read("ResourceQuota", "quota", ns.name) or {}).get("status", {}).get("hard")
    )
    refused(ns, "must specify", {"resources": {}})
    computes(ns)


def test_t84_limit_range(ns: Namespace) -> None:
    """What a namespace may demand: least and most per container, and defaults."""
    limit = {
        "type": "Container",
        "min": {"cpu": "1m", "memory": "16Mi"},
        "max": {"cpu": "2", "memory": "1Gi"},
        "default": {"cpu": "1", "memory": "256Mi"},
        "defaultRequest": {"cpu": "10m", "memory": "32Mi"},
    }
    limits = {"metadata": {"name": "limits"}, "spec": {"limits": [limit]}}
    ns.api.create("LimitRange", limits, ns.name)
    refused(ns, "maximum memory usage", {"resources": {"limits": {"memory": "2Gi"}}})
    computes(ns)


@pytest.mark.parametrize("uid", [0, 1000, 1234567])
def test_t83_tool_of_any_uid(ns: Namespace, uid: int) -> None:
    computes(ns, securityContext={"runAsUser": uid, "runAsGroup": uid, "fsGroup": 100})
