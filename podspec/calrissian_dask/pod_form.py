"""Whether a document has the form of a pod, as far as it is read and rebuilt here.

The API server checks the rest; this only keeps a slip from becoming a traceback.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from calrissian_dask.errors import PodError


def check_form(pod: Mapping[str, Any]) -> None:
    """Raise PodError at the first place that has another form than a pod has there."""
    kind = pod.get("kind", "Pod")
    if kind != "Pod":
        raise PodError(f"is a {kind}, and only a Pod can be mutated: pass the pod itself")
    metadata = _mapping("metadata", pod.get("metadata") or {})
    for field in ("annotations", "labels"):
        _mapping(f"metadata.{field}", metadata.get(field) or {})
    spec = _mapping("spec", pod.get("spec"))
    _list("spec.containers", spec.get("containers"))
    grace = spec.get("terminationGracePeriodSeconds")
    if grace is not None and (not isinstance(grace, int) or isinstance(grace, bool)):
        raise PodError(f"spec.terminationGracePeriodSeconds is {grace!r}, and it is whole seconds")
    for path, entries in _lists(spec):
        _list(path, entries)


def _lists(spec: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield "spec.volumes", spec.get("volumes") or []
    for field in ("initContainers", "containers"):
        yield f"spec.{field}", spec.get(field) or []
        for number, container in enumerate(spec.get(field) or []):
            path = f"spec.{field}[{number}]"
            for inner in ("env", "volumeMounts", "ports"):
                yield f"{path}.{inner}", container.get(inner) or []
            for words in ("command", "args"):
                value = container.get(words)
                if value is not None and not isinstance(value, list):
                    raise PodError(f"{path}.{words} is {value!r}, and it is a list of texts")


def _mapping(path: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise PodError(f"{path} is {value!r}, and a pod has a mapping there")
    return value


def _list(path: str, value: Any) -> None:
    if not isinstance(value, list) or not all(isinstance(entry, Mapping) for entry in value):
        raise PodError(f"{path} is {value!r}, and a pod has a list of mappings there")
