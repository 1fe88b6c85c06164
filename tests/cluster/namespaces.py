"""A namespace for each test: its own gateway user, and a watch on its pods."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from calrissian_dask.settings import Settings
from calrissian_dask_sidecar.gateway_api import Cluster

from tests.cluster.gateway import OPEN, PASSWORD, GatewayView
from tests.cluster.kubernetes_api import API_ERRORS, KubernetesApi
from tests.cluster.step_pods import StepPod
from tests.cluster.steps import SECRET, with_cluster

PREFIX = "dask-test"
"""What the names of namespaces begin with."""


@dataclass
class Namespace:
    """What the pods of one test went through; a `step_pods.Witness`."""

    name: str
    api: KubernetesApi
    gateway: GatewayView
    history: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Every state of every pod, by name, as the API server told it; a deletion is told last."""
    gone: set[str] = field(default_factory=set)
    changed: threading.Condition = field(default_factory=threading.Condition)
    ended: bool = False

    @property
    def user(self) -> str:
        """The gateway user that the default settings give this namespace."""
        return f"calrissian-{self.name}"

    def create(self, pod: dict[str, Any]) -> StepPod:
        """Create a pod as it is."""
        made = self.api.create("Pod", pod, self.name)["metadata"]
        return StepPod(self, made["name"], made["uid"])

    def run(self, pod: dict[str, Any], given: Settings | None = None) -> StepPod:
        """Give the pod its cluster and create it."""
        return self.create(with_cluster(pod, given))

    def alive(self) -> list[Cluster]:
        """Leaked clusters, where every pod has ended."""
        return self.gateway.alive(self.user)

    def clusters(self) -> list[Cluster]:
        """Every cluster that was made for this namespace."""
        return self.gateway.clusters(self.user)

    def watch(self) -> None:
        """Follow the pods until the namespace is no longer needed."""
        while not self.ended:
            try:
                pods, version = self.api.objects_at("Pod", self.name)
                present = {pod["metadata"]["name"] for pod in pods}
                for pod in pods:
                    self._note("LISTED", pod)
                self._lost(set(self.history) - present)
                for kind, pod in self.api.watch("Pod", self.name, version, seconds=60):
                    self._note(kind, pod)
                    if self.ended:
                        return
            except API_ERRORS:  # the API server ends a watch when it likes to
                time.sleep(0.2)

    def _note(self, kind: str, pod: dict[str, Any]) -> None:
        name = pod["metadata"]["name"]
        with self.changed:
            self.history.setdefault(name, []).append(pod)
            if kind == "DELETED":
                self.gone.add(name)
            self.changed.notify_all()

    def _lost(self, names: set[str]) -> None:
        with self.changed:
            self.gone |= names
            self.changed.notify_all()


@contextmanager
def namespace(
    api: KubernetesApi, gateway: GatewayView, name: str, **labels: str
) -> Iterator[Namespace]:
    """A namespace, with the gateway's Secret unless it is an open one; deleted at the end."""
    marked = {"calrissian-dask-test": "true", **labels}
    api.create("Namespace", {"metadata": {"name": name, "labels": marked}})
    if OPEN not in name:
        secret = {"metadata": {"name": SECRET}, "stringData": {"password": PASSWORD}}
        api.create("Secret", secret, name)
    made = Namespace(name, api, gateway)
    threading.Thread(target=made.watch, daemon=True).start()
    try:
        yield made
    finally:
        made.ended = True
        with suppress(*API_ERRORS):
            api.delete("Namespace", name)
