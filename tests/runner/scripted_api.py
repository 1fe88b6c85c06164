"""A Kubernetes API that says what a test wants it to say, when it wants it; and pods as it writes them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from calrissian_dask.containers import PROVISION, SIDECAR
from calrissian_dask.runner.pod_api import PodApiError

Pod = dict[str, Any]
Told = Pod | PodApiError | None

TOOL = "tool"
TIME = "2026-11-23T10:00:{:02}Z"


def container(name: str, **state: Any) -> Pod:
    """A container's status: running={} or waiting={...} or terminated={...}."""
    return {"name": name, "image": f"registry.example/{name}:1", "state": state}


def ended(name: str, code: int = 0, message: object = None, second: int = 9, **more: Any) -> Pod:
    reason = "Completed" if code == 0 else "Error"
    state = {"exitCode": code, "reason": reason, "startedAt": TIME.format(second - 1)}
    state["finishedAt"] = TIME.format(second)
    if message is not None:
        state["message"] = message if isinstance(message, str) else json.dumps(message)
    return container(name, terminated={**state, **more})


READY = {
    "contract": 1,
    "cluster": "abc",
    "workers": 2,
    "seconds": 3.2,
    "dashboard": "http://gateway/clusters/abc/status",
}
"""What provision writes."""


def pod(*statuses: Pod, phase: str = "Pending", **more: Any) -> Pod:
    """A pod with these containers' statuses; `more` is further status, or metadata."""
    inits = {SIDECAR, PROVISION, "mkdir"}
    metadata = {"name": "step-pod", "uid": "u", "resourceVersion": "7"}
    if "deletionTimestamp" in more:
        metadata["deletionTimestamp"] = more.pop("deletionTimestamp")
    return {
        "metadata": metadata,
        "spec": {"containers": [{"name": TOOL, "resources": {}}]},
        "status": {
            "phase": phase,
            "initContainerStatuses": [s for s in statuses if s["name"] in inits],
            "containerStatuses": [s for s in statuses if s["name"] not in inits],
            **more,
        },
    }


def started(*tool: Pod, sidecar: Pod | None = None, **more: Any) -> Pod:
    """A pod whose cluster is there."""
    first = sidecar or container(SIDECAR, running={})
    return pod(first, ended(PROVISION, 0, READY, 4), *tool, **{"phase": "Running", **more})


@dataclass
class ScriptedApi:
    """Tells its states one after the other; the last again and again."""

    told: list[Told]
    """Read or watched; None is a pod that is gone."""
    creations: list[Told] = field(default_factory=list)
    """Answers to `create`; when none is left it is the pod as it was sent."""
    lines: list[str | PodApiError] = field(default_factory=list)
    """The tool's log, as the API server stamps it."""
    created: list[Pod] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    version: str = "100"
    """Of the list; the pods' own is another."""
    opened: int = 0
    """How often the log was opened."""
    refuses_deletion: PodApiError | None = None
    last: Pod = field(default_factory=dict)
    """What a deletion's event carries."""

    def create(self, pod: Pod) -> Pod:
        self.created.append(pod)
        answer = self.creations.pop(0) if self.creations else pod
        if isinstance(answer, PodApiError):
            raise answer
        made: Pod = {**(answer or pod)}
        made["metadata"] = {**made["metadata"], "uid": "u"}
        return made

    def read(self, name: str) -> tuple[Pod | None, str]:
        return self._next(), self.version

    def watch(self, name: str, version: str, seconds: int) -> Iterator[tuple[str, Pod]]:
        assert version == self.version, "the pod's own may be too old"
        while len(self.told) > 1 and self.told[0] is not None:
            event = self._next()
            if event is not None:
                yield "MODIFIED", event
        if self.told[0] is None:
            yield "DELETED", self.last

    def _next(self) -> Pod | None:
        now = self.told.pop(0) if len(self.told) > 1 else self.told[0]
        if isinstance(now, PodApiError):
            raise now
        self.last = now or self.last
        return now

    def delete(self, name: str) -> None:
        if self.refuses_deletion is not None:
            raise self.refuses_deletion
        self.deleted.append(name)

    def log(self, name: str, container: str, *, follow: bool) -> Iterator[str]:
        self.opened += 1
        while self.lines:
            line = self.lines.pop(0)
            if isinstance(line, PodApiError):
                raise line
            yield line


@dataclass
class PodList:
    """Calrissian's list of pods."""

    names: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def holding(self) -> Iterator[None]:
        with self.lock:
            yield

    def add(self, name: str) -> None:
        assert self.lock.locked()
        self.names.append(name)

    def remove(self, name: str) -> None:
        assert self.lock.locked()
        self.names.remove(name)


@dataclass
class Clock:
    """Goes on by so many seconds at each look."""

    step: float
    now: float = 0.0

    def __call__(self) -> float:
        self.now += self.step
        return self.now
