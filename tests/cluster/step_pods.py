"""Steps: pods as Calrissian makes them, given to `mutate_pod`, and watched to their end."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from calrissian_dask.annotations import annotate
from calrissian_dask.containers import PROVISION, SIDECAR
from calrissian_dask.mutation import mutate_pod
from calrissian_dask.settings import Settings, parse_settings
from calrissian_dask_sidecar.gateway_api import Cluster

from tests.cluster.gateway import PASSWORD, URL, GatewayView
from tests.cluster.images import SIDECAR as SIDECAR_IMAGE
from tests.cluster.images import TOOL
from tests.cluster.kubernetes_api import DynamicApiError, KubernetesApi

HANG = 180.0
"""Seconds after which a pod that has not come so far is taken for hung; two cores serve many pods."""

REQUIREMENT = {
    "workerCores": 1,
    "workerMemory": "256M",
    "clusterMaxCores": 1,
    "clusterMaxMemory": "256M",
}
"""One worker: each is a process on the one node."""

SECRET = "dask-gateway"

CREATED = "dask-test-"
"""What the names of namespaces begin with."""


def settings(**changes: Any) -> Settings:
    """The operator's settings for the gateway in the cluster; top-level keys may be replaced."""
    gateway = {
        "url": URL,
        "auth": {"existingSecret": SECRET},
        "provisionTimeout": 150,
        **changes.pop("gateway", {}),
    }
    repository, _, tag = SIDECAR_IMAGE.partition(":")
    image = {"repository": repository, "tag": tag, "pullPolicy": "Never"}
    return parse_settings({"gateway": gateway, "image": image, **changes})


def step(line: str, **spec: Any) -> dict[str, Any]:
    """A pod as Calrissian makes it for a tool: one shell, one string."""
    container = {
        "name": "main",
        "image": TOOL,
        "imagePullPolicy": "Never",
        "command": ["/bin/sh", "-c"],
        "args": [line],
        "volumeMounts": [{"name": "tmpdir", "mountPath": "/tmp"}],
        "resources": {
            "requests": {"cpu": "20m", "memory": "64Mi"},
            "limits": {"cpu": "2", "memory": "512Mi"},
        },
        **spec.pop("main", {}),
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": "step-"},
        "spec": {
            "restartPolicy": "Never",
            "enableServiceLinks": False,
            "containers": [container],
            "volumes": [{"name": "tmpdir", "emptyDir": {}}],
            **spec,
        },
    }


def python(code: str, then: str = "") -> str:
    """A shell line that runs Python code, given as a here-document, and goes on."""
    return f"python3 - <<'END'{then}\n{code.strip()}\nEND\n"


@dataclass
class Namespace:
    """A namespace of one test, with its own gateway user, and a watch on its pods."""

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
        """The gateway user that the settings give this namespace."""
        return f"calrissian-{self.name}"

    def create(self, pod: dict[str, Any]) -> StepPod:
        """Create a pod as it is."""
        made = self.api.create("Pod", pod, self.name)["metadata"]
        return StepPod(self, made["name"], made["uid"])

    def run(
        self,
        pod: dict[str, Any],
        given: Settings | None = None,
        /,
        requirement: dict[str, Any] | None = None,
    ) -> StepPod:
        """Give the pod its cluster and create it."""
        asking = annotate(pod, requirement or REQUIREMENT, None)
        return self.create(mutate_pod(asking, given or settings()))

    def alive(self) -> list[Cluster]:
        """Leaked clusters, where every pod has ended."""
        return self.gateway.alive(self.user)

    def clusters(self) -> list[Cluster]:
        """Every cluster that was made for this namespace."""
        return self.gateway.clusters(self.user)

    def stop_time(self, name: str) -> float | None:
        """When a cluster's processes had ended, in seconds of the epoch."""
        report = self.gateway.api(self.user).call("GET", f"/api/v1/clusters/{name}")
        stopped = report.get("stop_time")
        return stopped / 1000 if stopped else None

    def watch(self) -> None:
        """Follow the pods until the namespace is no longer needed."""
        while not self.ended:
            with suppress(DynamicApiError, OSError):
                for kind, pod in self.api.watch("Pod", self.name, seconds=60):
                    self._note(kind, pod)
                    if self.ended:
                        return

    def _note(self, kind: str, pod: dict[str, Any]) -> None:
        name = pod["metadata"]["name"]
        with self.changed:
            self.history.setdefault(name, []).append(pod)
            if kind == "DELETED":
                self.gone.add(name)
            self.changed.notify_all()


@dataclass(frozen=True)
class StepPod:
    """One pod of a test."""

    namespace: Namespace
    name: str
    uid: str

    @property
    def states(self) -> list[dict[str, Any]]:
        """Every state that was seen."""
        return self.namespace.history.get(self.name, [])

    @property
    def now(self) -> dict[str, Any]:
        """The last state that was seen; {} before the first."""
        return self.states[-1] if self.states else {}

    @property
    def phase(self) -> str:
        return str(self.now.get("status", {}).get("phase"))

    @property
    def is_gone(self) -> bool:
        """Whether the object has left the API server."""
        return self.name in self.namespace.gone

    def wait(self, what: str, condition: Callable[[], object], timeout: float = HANG) -> None:
        """Wait until the condition holds; `what` says in the failure what did not happen."""
        deadline = time.monotonic() + timeout
        with self.namespace.changed:
            while not condition():
                left = deadline - time.monotonic()
                assert left > 0, f"{self.name}: no {what} after {timeout:.0f} s: {self.describe()}"
                self.namespace.changed.wait(min(left, 1.0))

    def wait_ended(self) -> None:
        """Wait until no container runs any more, whether the object is still there or not."""
        self.wait("end", lambda: self.is_gone or self.phase in ("Succeeded", "Failed"))

    def wait_gone(self) -> None:
        """Wait until the object is gone."""
        self.wait("removal", lambda: self.is_gone)

    def wait_running(self, container: str) -> None:
        """Wait until that container runs, or has run."""
        self.wait(
            f"start of {container}",
            lambda: self.state(container).keys() & {"running", "terminated"},
        )

    def wait_said(self, container: str, text: str) -> None:
        """Wait until a container's log has the text."""
        self.wait_running(container)
        self.wait(f"{text!r} in the log of {container}", lambda: text in self.log(container))

    def status(self, container: str) -> dict[str, Any]:
        """A container's status in the last state that has one; a deletion's may lack it."""
        for state in reversed(self.states):
            status = state.get("status", {})
            for one in [
                *(status.get("containerStatuses") or []),
                *(status.get("initContainerStatuses") or []),
            ]:
                if one["name"] == container:
                    return dict(one)
        return {}

    def state(self, container: str) -> dict[str, Any]:
        """That status' state: waiting, running or terminated."""
        return dict(self.status(container).get("state") or {})

    def exit_code(self, container: str = "main") -> int | None:
        """The exit code of a container that has ended."""
        code = self.state(container).get("terminated", {}).get("exitCode")
        return None if code is None else int(code)

    def message(self, container: str) -> dict[str, Any]:
        """The last termination message of one of ours that was told, also just before a deletion."""
        for state in reversed(self.states):
            for one in state.get("status", {}).get("initContainerStatuses") or []:
                for which in ("state", "lastState"):
                    text = (one.get(which) or {}).get("terminated", {}).get("message")
                    if one["name"] == container and text:
                        return dict(json.loads(text))
        return {}

    def log(self, container: str = "main", *, timestamps: bool = False) -> str:
        """What a container has said; empty where there is nothing to read (yet, or any more)."""
        try:
            return self.namespace.api.log(
                self.name, self.namespace.name, container, timestamps=timestamps
            )
        except DynamicApiError:
            return ""

    def delete(self, grace: int | None = None) -> None:
        """Ask for the pod's deletion."""
        self.namespace.api.delete("Pod", self.name, self.namespace.name, grace)

    def evict(self) -> None:
        """Evict the pod through the API."""
        self.namespace.api.evict(self.name, self.namespace.name)

    def describe(self) -> str:
        """What a failure's reader wants to know."""
        status = self.now.get("status", {})
        words = [
            f"{self.name}: {status.get('phase')} {status.get('reason', '')} {status.get('message', '')}"
        ]
        for container in (SIDECAR, PROVISION, "main"):
            words.append(f"  {container}: {json.dumps(self.state(container))}")
            words += [f"    | {line}" for line in self.log(container).splitlines()[-15:]]
        return "\n".join(words)


@contextmanager
def namespace(
    api: KubernetesApi, gateway: GatewayView, name: str, **labels: str
) -> Iterator[Namespace]:
    """A namespace with the gateway's Secret, deleted at the end."""
    marked = {"calrissian-dask-test": "true", **labels}
    api.create("Namespace", {"metadata": {"name": name, "labels": marked}})
    api.create("Secret", {"metadata": {"name": SECRET}, "stringData": {"password": PASSWORD}}, name)
    made = Namespace(name, api, gateway)
    threading.Thread(target=made.watch, daemon=True).start()
    try:
        yield made
    finally:
        made.ended = True
        with suppress(DynamicApiError):
            api.delete("Namespace", name)
