"""Steps as they are given to `mutate_pod`: the pod that Calrissian makes, and an operator's settings."""

from __future__ import annotations

from typing import Any

from calrissian_dask.annotations import annotate
from calrissian_dask.mutation import mutate_pod
from calrissian_dask.settings import Settings, parse_settings

from tests.cluster.gateway import URL
from tests.cluster.images import SIDECAR, TOOL

REQUIREMENT = {
    "workerCores": 1,
    "workerMemory": "256M",
    "clusterMaxCores": 1,
    "clusterMaxMemory": "256M",
}
"""One worker: each is a process on the one node."""

SECRET = "dask-gateway"
"""The Secret with the gateway's password, in every namespace of the suite."""

FOR_EVER = {"extraOptions": {"fault": "pending"}, "provisionTimeout": 3600}
"""Of settings.gateway: a cluster that stays PENDING, and nobody but the pod's end gives it up."""

SLOW = {"extraOptions": {"fault": "slow"}}
"""Of settings.gateway: a cluster that is PENDING for some seconds."""


def settings(**changes: Any) -> Settings:
    """The operator's settings for the gateway in the cluster; top-level keys may be replaced."""
    gateway = {
        "url": URL,
        "auth": {"existingSecret": SECRET},
        "provisionTimeout": 150,
        **changes.pop("gateway", {}),
    }
    repository, _, tag = SIDECAR.partition(":")
    image = {"repository": repository, "tag": tag, "pullPolicy": "Never"}
    return parse_settings({"gateway": gateway, "image": image, **changes})


def step(line: str, **spec: Any) -> dict[str, Any]:
    """A pod as Calrissian makes it for a tool: one shell, one string. `main` changes its container."""
    container = {
        "name": "main",
        "image": TOOL,
        "imagePullPolicy": "Never",
        "command": ["/bin/sh", "-c"],
        "args": [line],
        "volumeMounts": [{"name": "tmpdir", "mountPath": "/tmp"}],
        "resources": {
            "requests": {"cpu": "1m", "memory": "64Mi"},
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


def with_cluster(pod: dict[str, Any], given: Settings | None = None) -> dict[str, Any]:
    """The pod, mutated."""
    return mutate_pod(annotate(pod, REQUIREMENT, None), given or settings())


def settings_file(**changes: Any) -> dict[str, Any]:
    """The same as an operator writes them down."""
    return settings(**changes).model_dump(mode="json", by_alias=True, exclude_unset=True)
