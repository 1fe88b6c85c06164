"""One pod of a test, watched to its end."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from calrissian_dask.containers import PROVISION, SIDECAR
from calrissian_dask_sidecar.contract import TAG_KEY
from calrissian_dask_sidecar.gateway_api import STOPPED, STOPPING, Cluster

from tests.cluster.kubernetes_api import API_ERRORS, KubernetesApi

HANG = 240.0
"""Seconds after which a pod that has not come so far is taken for hung; two cores serve many pods."""

LOOK_AGAIN = 0.3
"""Seconds between looks at what no watch tells: logs, files, the gateway."""


UNKNOWN = "ContainerStatusUnknown"
"""The kubelet's reason where it found no container to ask: its 137 and its message are a guess.

Written among others for a container that a deletion came before (kubelet, status manager:
"could not be located when the pod was terminated").
"""


class Witness(Protocol):
    """Who has seen what happened to the pods of a namespace."""

    name: str
    api: KubernetesApi
    history: dict[str, list[dict[str, Any]]]
    gone: set[str]
    changed: threading.Condition

    def clusters(self) -> list[Cluster]:
        """Every cluster that was made for the namespace."""


@dataclass(frozen=True)
class StepPod:
    """A pod, with what was seen of it."""

    namespace: Witness
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
        """The pod's phase."""
        return str(self.now.get("status", {}).get("phase"))

    @property
    def is_gone(self) -> bool:
        """Whether the object has left the API server."""
        return self.name in self.namespace.gone

    @property
    def has_ended(self) -> bool:
        """Whether no container runs any more, whether the object is still there or not.

        The phase is not enough: Failed may be told while the sidecar still releases the cluster.
        """
        status = self.now.get("status", {})
        statuses = [
            one
            for kind in ("initContainerStatuses", "containerStatuses")
            for one in status.get(kind) or []
        ]
        running = any("running" in (one.get("state") or {}) for one in statuses)
        return self.is_gone or (self.phase in ("Succeeded", "Failed") and not running)

    def wait(self, what: str, condition: Callable[[], object], patience: float = HANG) -> None:
        """Wait until the condition holds; `what` says in the failure what did not happen."""
        deadline = time.monotonic() + patience
        while not condition():
            assert time.monotonic() < deadline, (
                f"no {what} after {patience:.0f} s: {self.describe()}"
            )
            with self.namespace.changed:
                self.namespace.changed.wait(LOOK_AGAIN)

    def wait_ended(self, patience: float = HANG) -> None:
        """Wait until no container runs any more."""
        self.wait("end", lambda: self.has_ended, patience)

    def wait_gone(self) -> None:
        """Wait until the object is gone."""
        self.wait("removal", lambda: self.is_gone)

    def wait_running(self, container: str) -> None:
        """Wait until that container runs, or has run."""
        started = {"running", "terminated"}
        self.wait(f"start of {container}", lambda: self.state(container).keys() & started)

    def wait_said(self, container: str, text: str) -> None:
        """Wait until a container's log has the text."""
        self.wait(f"{text!r} in the log of {container}", lambda: text in self.log(container))

    def status(self, container: str) -> dict[str, Any]:
        """A container's status in the last state that has one; a deletion's may lack it."""
        for state in reversed(self.states):
            status = state.get("status", {})
            for kind in ("containerStatuses", "initContainerStatuses"):
                for one in status.get(kind) or []:
                    if one["name"] == container:
                        return dict(one)
        return {}

    def state(self, container: str) -> dict[str, Any]:
        """That status' state: waiting, running or terminated."""
        return dict(self.status(container).get("state") or {})

    def exit_code(self, container: str = "main") -> int | None:
        """The exit code of a container that has ended; None where the kubelet did not see it."""
        ended = self.state(container).get("terminated", {})
        return None if ended.get("reason", UNKNOWN) == UNKNOWN else int(ended["exitCode"])

    def restarts(self, container: str) -> int:
        """How often the kubelet has started a container again."""
        return int(self.status(container).get("restartCount") or 0)

    def message(self, container: str) -> dict[str, Any]:
        """The last termination message of one of ours that was told, also just before a deletion."""
        for state in reversed(self.states):
            for one in state.get("status", {}).get("initContainerStatuses") or []:
                for which in ("state", "lastState"):
                    ended = (one.get(which) or {}).get("terminated", {})
                    known = one["name"] == container and ended.get("reason") != UNKNOWN
                    if known and ended.get("message"):
                        return dict(json.loads(ended["message"]))
        return {}

    def log(self, container: str = "main", *, timestamps: bool = False) -> str:
        """What a container has said; empty where there is nothing to read (yet, or any more)."""
        try:
            return self.namespace.api.log(
                self.name, self.namespace.name, container, timestamps=timestamps
            )
        except API_ERRORS:
            return ""

    def delete(self, grace: int | None = None) -> None:
        """Ask for the pod's deletion."""
        self.namespace.api.delete("Pod", self.name, self.namespace.name, grace)

    def evict(self) -> None:
        """Evict the pod through the API."""
        self.namespace.api.evict(self.name, self.namespace.name)

    def clusters(self) -> list[Cluster]:
        """Every cluster that was made for this pod, by the tag that it carries."""
        owner = f"{self.namespace.name}/{self.name}/{self.uid}"
        return [
            cluster
            for cluster in self.namespace.clusters()
            if (cluster.options.get("environment") or {}).get(TAG_KEY) == owner
        ]

    def assert_released(self, clusters: int = 1) -> None:
        """So many clusters were made for this pod, and its own containers have stopped them all.

        Asked when the pod has ended, and not a moment later. A cluster that only FAILED was not
        stopped by anybody. Of a deleted pod the last status may not have been told.
        """
        made = self.clusters()
        assert len(made) == clusters, f"{made}: {self.describe()}"
        statuses = [cluster.status for cluster in made]
        assert set(statuses) <= {STOPPING, STOPPED}, f"{statuses}: {self.describe()}"
        assert self.exit_code(SIDECAR) in (0, None), self.describe()
        for container in (SIDECAR, PROVISION):
            assert "release pending" not in self.message(container), self.describe()

    def describe(self) -> str:
        """What a failure's reader wants to know."""
        status = self.now.get("status", {})
        reason, words = status.get("reason", ""), status.get("message", "")
        lines = [f"{self.name}: {status.get('phase')} {reason} {words}"]
        for container in (SIDECAR, PROVISION, "main"):
            lines.append(f"  {container}: {json.dumps(self.state(container))}")
            lines += [f"    | {line}" for line in self.log(container).splitlines()[-15:]]
        return "\n".join(lines)
