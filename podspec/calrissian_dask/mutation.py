"""`mutate_pod`: a pod that asks for a Dask cluster becomes a pod that gets one and gives it back.

    initContainers: [ ...existing..., dask-sidecar (native), dask-provision ]
    containers:     as they were; the tool has more env and one read-only mount
    volumes:        ...existing..., dask-state, dask-no-token

Pure: a dict in, a new dict out. Every list that grows is built anew: stock Calrissian's pod uses one
`volumeMounts` list for two containers, and a deep copy would keep that.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from calrissian_dask_sidecar.contract import CONTRACT

from calrissian_dask import __version__
from calrissian_dask.annotations import (
    CLUSTER_LABEL,
    CONTAINER,
    STATUS,
    annotations_of,
    read_ask,
)
from calrissian_dask.containers import (
    PROVISION,
    SIDECAR,
    TOKEN_VOLUME,
    VOLUME,
    Request,
    provision_container,
    sidecar_container,
    volumes,
)
from calrissian_dask.errors import PodError
from calrissian_dask.pod_form import check_form
from calrissian_dask.setting_sections import Ports
from calrissian_dask.settings import Settings
from calrissian_dask.tool import connected

Pod = Mapping[str, Any]

SHARED = {
    "hostNetwork": "a tool there would compute on its neighbour's cluster",
    "hostPID": "whoever is on the node could read the gateway's credentials",
    "shareProcessNamespace": "a tool there could read the gateway's credentials",
}
"""Pod fields under which our loopback ports and our memory are not the pod's alone."""


def mutate_pod(pod: Pod, settings: Settings) -> dict[str, Any]:
    """The pod with its cluster, or an equal one where it asks for none or has been mutated already.

    Raises PodError where something of the pod is in the way, RequirementError or
    ConfigurationError where the ask itself is wrong.
    """
    check_form(pod)
    if is_mutated(pod):
        return dict(pod)
    ask = read_ask(pod, settings)
    if ask is None:
        return dict(pod)
    spec = pod["spec"]
    _check_conflicts(spec, settings.ports)
    tool = _tool(spec, ask.container)
    grace = max(
        settings.termination_grace_period_seconds, spec.get("terminationGracePeriodSeconds") or 0
    )
    request = Request(settings, ask, str(tool["image"]), grace)
    return {
        **pod,
        "metadata": _metadata(pod, tool),
        "spec": {
            **spec,
            "initContainers": [
                *(spec.get("initContainers") or []),
                sidecar_container(request),
                provision_container(request),
            ],
            "containers": [
                connected(container, request) if container is tool else container
                for container in spec["containers"]
            ],
            "volumes": [*(spec.get("volumes") or []), *volumes()],
            "terminationGracePeriodSeconds": grace,
        },
    }


def is_mutated(pod: Pod) -> bool:
    """Whether the pod has its cluster's containers already.

    Raises PodError where it says so and somebody has changed what makes them work.
    """
    if STATUS not in annotations_of(pod):
        return False
    present = {c.get("name"): c for c in (pod.get("spec") or {}).get("initContainers") or []}
    if SIDECAR not in present or PROVISION not in present:
        raise PodError(
            f"the pod has the annotation {STATUS} and not the containers {SIDECAR} and"
            f" {PROVISION}: remove the annotation, only calrissian-dask writes it"
        )
    if present[SIDECAR].get("restartPolicy") != "Always":
        raise PodError(
            f"container {SIDECAR} has lost its restartPolicy Always, so the pod would hang in Init:"
            " an admission webhook built for Kubernetes before 1.28 drops it; update that one"
        )
    return True


def _check_conflicts(spec: Mapping[str, Any], ports: Ports) -> None:
    for field, reason in SHARED.items():
        if spec.get(field):
            raise PodError(f"spec.{field} is true: {reason}; remove it from a step with a cluster")
    for container in _containers(spec):
        if container.get("name") in (SIDECAR, PROVISION):
            raise PodError(f"a container named {container['name']!r} is there already: rename it")
        for port in container.get("ports") or []:
            if port.get("containerPort") in (ports.scheduler, ports.api):
                raise PodError(
                    f"container {container.get('name')!r} has port {port['containerPort']}, which"
                    " the cluster's connection needs: set ports.scheduler and ports.api to others"
                )
    for volume in spec.get("volumes") or []:
        if volume.get("name") in (VOLUME, TOKEN_VOLUME):
            raise PodError(f"a volume named {volume['name']!r} is there already: rename it")


def _containers(spec: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from spec.get("initContainers") or []
    yield from spec["containers"]


def _tool(spec: Mapping[str, Any], name: str | None) -> Mapping[str, Any]:
    """The container that the cluster is for."""
    candidates = [c for c in spec["containers"] if name is None or c.get("name") == name]
    names = ", ".join(repr(c.get("name")) for c in spec["containers"]) or "none"
    if name is not None and not candidates:
        raise PodError(
            f"metadata.annotations[{CONTAINER}] is {name!r} and the pod's containers"
            f" are {names}: name one of them"
        )
    if len(candidates) != 1:
        raise PodError(
            f"the pod's containers are {names}: name the tool's in the annotation {CONTAINER}"
        )
    tool: Mapping[str, Any] = candidates[0]
    if not tool.get("image"):
        raise PodError(
            f"container {tool.get('name')!r} has no image: workers run in the tool's image"
        )
    return tool


def _metadata(pod: Pod, tool: Mapping[str, Any]) -> dict[str, Any]:
    metadata = pod.get("metadata") or {}
    status = {
        "version": __version__,
        "contract": CONTRACT,
        "tool": tool.get("name"),
        "initContainers": [SIDECAR, PROVISION],
    }
    return {
        **metadata,
        "labels": {**(metadata.get("labels") or {}), CLUSTER_LABEL: "true"},
        "annotations": {
            **annotations_of(pod),
            STATUS: json.dumps(status, sort_keys=True),
        },
    }
