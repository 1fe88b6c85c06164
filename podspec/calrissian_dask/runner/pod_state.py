"""What a pod's status says of its step: judged from the pod as JSON, without a clock.

    Waiting → Running → Ended      the tool's container, by its name
       └──────────────→ Failed     it will not start any more, with the sentence for the author

A pod's phase alone tells little: it stays Running while the sidecar stops the cluster, and Pending
while an init container that has failed for good waits for the sidecar's end.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from calrissian_dask.containers import PROVISION, SIDECAR

Pod = Mapping[str, Any]
Status = Mapping[str, Any]

PULL = 120.0
"""Seconds that a failing pull may take: the kubelet tries at 0, 10, 30 and 70 s."""

CONFIGURATION = 30.0
"""Seconds that a Secret or ConfigMap may be late, applied as it is beside the job that needs it."""

LOST_NODE = 120.0
"""Seconds beyond a deleted pod's grace in which a kubelet that lives has told of its end."""

PATIENCE = {
    "InvalidImageName": 0.0,
    "ErrImageNeverPull": 0.0,
    "ErrImagePull": PULL,
    "ImagePullBackOff": PULL,
    "RegistryUnavailable": PULL,
    "ImageInspectError": PULL,
    "CreateContainerConfigError": CONFIGURATION,
    "CreateContainerError": CONFIGURATION,
    "RunContainerError": CONFIGURATION,
    "CrashLoopBackOff": CONFIGURATION,
}
"""The kubelet's reasons for a container that it cannot start, with the seconds until we believe it.

kubernetes/pkg/kubelet/images/types.go and container/sync_result.go.
"""


@dataclass(frozen=True)
class Limits:
    """Seconds that a pod may wait for a node, and a provision may run."""

    scheduling: float
    provision: float


@dataclass(frozen=True)
class Waiting:
    """Not started yet.

    `what` is waited for with `patience` in seconds, None: for ever; `sentence` is for its end.
    """

    what: str = ""
    patience: float | None = None
    sentence: str = ""


@dataclass(frozen=True)
class Running:
    """The tool's container runs, as far as its node has told; the fields are as in Waiting."""

    what: str = ""
    patience: float | None = None
    sentence: str = ""


@dataclass(frozen=True)
class Ended:
    """The tool's container has ended: its `terminated` state, and its exit code."""

    terminated: Mapping[str, Any]

    @property
    def exit_code(self) -> int:
        """The tool's own."""
        return int(self.terminated["exitCode"])


@dataclass(frozen=True)
class Failed:
    """The tool will not start, or nobody can know how it ended."""

    sentence: str


State = Waiting | Running | Ended | Failed


def judge(pod: Pod, tool: str, limits: Limits) -> State:
    """The state of the step whose tool is the container of that name."""
    state = container_state(pod, tool)
    if "terminated" in state:
        return Ended(state["terminated"])
    if "running" in state:
        return _running(pod["metadata"])
    name = pod["metadata"]["name"]
    if pod["metadata"].get("deletionTimestamp"):
        return Failed(f"pod {name} was deleted before its tool started")
    for status in _statuses(pod, "initContainerStatuses"):
        ended = (status.get("state") or {}).get("terminated")
        if ended and ended.get("exitCode") and status["name"] != SIDECAR:
            return Failed(_init_failure(status["name"], ended))
    if pod.get("status", {}).get("phase") == "Failed":
        return Failed(f"pod {name} failed before its tool started: {_pod_words(pod)}")
    return _waiting(pod, tool, limits)


def container_state(pod: Pod, name: str) -> Mapping[str, Any]:
    """A container's `state`, by its name and never by its position; {} before the kubelet tells."""
    for kind in ("containerStatuses", "initContainerStatuses"):
        for status in _statuses(pod, kind):
            if status["name"] == name:
                return status.get("state") or {}
    return {}


def said(pod: Pod, container: str) -> Mapping[str, Any]:
    """The termination message of one of ours, {} where there is none or it is not ours."""
    ended = container_state(pod, container).get("terminated") or {}
    try:
        message = json.loads(ended.get("message") or "{}")
    except ValueError:
        return {}  # the kubelet's or the runtime's own words
    return message if isinstance(message, dict) else {}


def _running(metadata: Mapping[str, Any]) -> Running:
    if not metadata.get("deletionTimestamp"):
        return Running()
    patience = float(metadata.get("deletionGracePeriodSeconds") or 0) + LOST_NODE
    sentence = (
        "the pod was deleted by somebody else, and its node does not say that its tool has ended:"
        " nobody knows how it ended"
    )
    return Running("node", patience, sentence)


def disturbance(pod: Pod) -> str | None:
    """What ended the tool where it was not itself: a deletion, an eviction; None: nothing is told."""
    if pod["metadata"].get("deletionTimestamp"):
        return "its pod was deleted by somebody else while it ran"
    if pod.get("status", {}).get("reason"):
        return f"its pod was ended while it ran: {_pod_words(pod)}"
    return None


def _init_failure(name: str, ended: Mapping[str, Any]) -> str:
    if name != PROVISION:
        return f"init container {name} ended with exit code {ended['exitCode']}{_quoted(ended)}"
    try:
        error = json.loads(ended.get("message") or "").get("error")
    except (ValueError, AttributeError):
        error = None
    if error:
        return f"no Dask cluster: {error}"
    if ended.get("reason") == "OOMKilled":
        return f"no Dask cluster: {name} was OOM-killed: raise resources.provision.limits.memory"
    return f"no Dask cluster: {name} ended with exit code {ended['exitCode']}{_quoted(ended)}"


def _quoted(ended: Mapping[str, Any]) -> str:
    words = " ".join(str(ended.get("message") or "").split())
    reason = ended.get("reason")
    parts = [part for part in (reason if reason != "Error" else None, words) if part]
    return f" ({': '.join(parts)})" if parts else ""


def _waiting(pod: Pod, tool: str, limits: Limits) -> Waiting:
    for condition in _statuses(pod, "conditions"):
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            words = condition.get("message") or condition.get("reason")
            sentence = (
                f"the pod found no node in {limits.scheduling:.0f} s: {words}: lower what the step"
                " asks for, or raise schedulingTimeout"
            )
            return Waiting("scheduling", limits.scheduling, sentence)
    for kind in ("initContainerStatuses", "containerStatuses"):
        for status in _statuses(pod, kind):
            waiting = (status.get("state") or {}).get("waiting") or {}
            patience = PATIENCE.get(waiting.get("reason", ""))
            if patience is not None:
                # ErrImagePull and ImagePullBackOff take turns, and are one wait.
                what = f"{status['name']} {patience:.0f}"
                return Waiting(what, patience, _cannot_start(status, waiting, tool))
    if "running" in container_state(pod, PROVISION):
        sentence = f"{PROVISION} has not ended in {limits.provision:.0f} s: is its node lost?"
        return Waiting(PROVISION, limits.provision, sentence)
    if not _has_started(pod):
        sentence = (
            f"no container of the pod has started in {limits.scheduling:.0f} s: look at its events"
            " (kubectl describe pod), or raise schedulingTimeout"
        )
        return Waiting("start", limits.scheduling, sentence)
    return Waiting("tool")


def _has_started(pod: Pod) -> bool:
    kinds = ("initContainerStatuses", "containerStatuses")
    states = [s.get("state") or {} for kind in kinds for s in _statuses(pod, kind)]
    return any("running" in state or "terminated" in state for state in states)


def _cannot_start(status: Status, waiting: Mapping[str, Any], tool: str) -> str:
    name, reason = status["name"], waiting["reason"]
    last = (status.get("lastState") or {}).get("terminated") or {}
    words = " ".join(str(last.get("message") or waiting.get("message") or "").split())
    image = f"image {status.get('image')}: " if "Image" in reason else ""
    return f"container {name} does not start: {reason}: {image}{words}{_remedy(name, reason, tool)}"


def _remedy(name: str, reason: str, tool: str) -> str:
    if "Image" in reason or reason == "RegistryUnavailable":
        if name in (SIDECAR, PROVISION):
            return ": check image.repository, image.tag and image.pullPolicy of the settings"
        return ": check the tool's dockerPull" if name == tool else ""
    if reason == "CreateContainerConfigError" and name in (SIDECAR, PROVISION):
        return ": check gateway.auth.existingSecret and secretKey of the settings"
    return ""


def _pod_words(pod: Pod) -> str:
    status = pod.get("status", {})
    words = [str(status[key]) for key in ("reason", "message") if status.get(key)]
    return ": ".join(words) or "no reason is given"


def _statuses(pod: Pod, kind: str) -> Iterator[Status]:
    yield from pod.get("status", {}).get(kind) or []
