"""Pods as plain dicts, for tests that need one of a certain form."""

from __future__ import annotations

from typing import Any

from calrissian_dask.annotations import annotate
from calrissian_dask.settings import Settings, parse_settings

REQUIREMENT: dict[str, Any] = {
    "workerCores": 1,
    "workerCoresLimit": 1,
    "workerMemory": "4G",
    "clusterMaxCores": 5,
    "clusterMaxMemory": "20G",
}

URL = "http://gateway.example:8000/dask"


def settings(**gateway: Any) -> Settings:
    return parse_settings({"gateway": {"url": URL, **gateway}})


def pod(**spec: Any) -> dict[str, Any]:
    """The least pod that Calrissian could make, without an ask."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "step"},
        "spec": {
            "containers": [
                {
                    "name": "tool",
                    "image": "registry.example/tool:1",
                    "command": ["/bin/sh", "-c"],
                    "args": ["python run.py > out.txt"],
                }
            ],
            "restartPolicy": "Never",
            **spec,
        },
    }


def asking(requirement: dict[str, Any] | None = None, /, **spec: Any) -> dict[str, Any]:
    """That pod, asking for a cluster."""
    return annotate(pod(**spec), requirement or REQUIREMENT, None)


def tool_of(mutated: dict[str, Any]) -> dict[str, Any]:
    (tool,) = mutated["spec"]["containers"]
    assert isinstance(tool, dict)
    return tool


def environment_of(container: dict[str, Any]) -> dict[str, Any]:
    """Variables by name; a reference is the reference."""
    return {e["name"]: e.get("value", e.get("valueFrom")) for e in container["env"]}
