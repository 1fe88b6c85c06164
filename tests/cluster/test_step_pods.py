"""How the suite reads a pod's status; needs no cluster."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any, cast

from calrissian_dask.containers import SIDECAR
from calrissian_dask_sidecar.gateway_api import Cluster

from tests.cluster.kubernetes_api import KubernetesApi
from tests.cluster.step_pods import StepPod

GUESS = {
    "exitCode": 137,
    "reason": "ContainerStatusUnknown",
    "message": "The container could not be located when the pod was terminated",
}
STOPPED = {"exitCode": 0, "reason": "Completed", "message": '{"stopped": ["abc"]}'}


@dataclass
class Seen:
    """A witness of states that are given."""

    history: dict[str, list[dict[str, Any]]]
    name: str = "ns"
    api: KubernetesApi = field(default_factory=lambda: cast("KubernetesApi", None))
    gone: set[str] = field(default_factory=set)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def clusters(self) -> list[Cluster]:
        return []


def sidecar_that(*ends: dict[str, Any]) -> StepPod:
    states = [
        {"status": {"initContainerStatuses": [{"name": SIDECAR, "state": {"terminated": end}}]}}
        for end in ends
    ]
    return StepPod(Seen({"step": states}), "step", "uid")


def test_the_kubelets_guess_of_137_is_no_exit_code() -> None:
    assert sidecar_that(GUESS).exit_code(SIDECAR) is None
    assert sidecar_that(STOPPED).exit_code(SIDECAR) == 0


def test_the_kubelets_words_are_no_termination_message() -> None:
    assert sidecar_that(GUESS).message(SIDECAR) == {}
    assert sidecar_that(STOPPED, GUESS).message(SIDECAR) == {"stopped": ["abc"]}


def test_a_failed_pod_whose_sidecar_still_runs_has_not_ended() -> None:
    def sidecar(state: dict[str, Any]) -> StepPod:
        told = {"phase": "Failed", "initContainerStatuses": [{"name": SIDECAR, "state": state}]}
        return StepPod(Seen({"step": [{"status": told}]}), "step", "uid")

    assert not sidecar({"running": {}}).has_ended
    assert sidecar({"terminated": STOPPED}).has_ended
    assert sidecar({}).has_ended
