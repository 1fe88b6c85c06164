"""The Kubernetes API with plain dicts, over the official client's dynamic one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kubernetes.client.exceptions import ApiException
from kubernetes.config import new_client_from_config
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import DynamicApiError, NotFoundError
from urllib3.exceptions import HTTPError

API_ERRORS = (DynamicApiError, ApiException, HTTPError, OSError)
"""Whatever the client raises where the server refuses, or the connection ends."""


class KubernetesApi:
    """What the suite asks of the API server; errors are API_ERRORS."""

    def __init__(self, kubeconfig: str) -> None:
        # A file of its own: the default is shared by every process on the machine.
        with tempfile.NamedTemporaryFile(prefix="discovery-") as cache:
            name = cache.name
        self._client: Any = DynamicClient(new_client_from_config(kubeconfig), cache_file=name)
        Path(name).unlink(missing_ok=True)

    def create(
        self, kind: str, body: dict[str, Any], namespace: str | None = None
    ) -> dict[str, Any]:
        """Create an object; as the server made it."""
        resource = self._resource(kind)
        body = {"apiVersion": resource.group_version, "kind": kind, **body}
        return dict(resource.create(body=body, namespace=namespace).to_dict())

    def read(self, kind: str, name: str, namespace: str | None = None) -> dict[str, Any] | None:
        """An object, or None where there is none of that name."""
        try:
            return dict(self._resource(kind).get(name=name, namespace=namespace).to_dict())
        except NotFoundError:
            return None

    def objects(
        self, kind: str, namespace: str | None = None, selector: str | None = None
    ) -> list[dict[str, Any]]:
        """The objects of a namespace, or of all."""
        found = self._resource(kind).get(namespace=namespace, label_selector=selector)
        return [dict(item) for item in found.to_dict()["items"]]

    def patch(self, kind: str, name: str, body: dict[str, Any], namespace: str) -> None:
        """Change an object by a merge patch."""
        self._resource(kind).patch(
            name=name, namespace=namespace, body=body, content_type="application/merge-patch+json"
        )

    def delete(
        self, kind: str, name: str, namespace: str | None = None, grace: int | None = None
    ) -> None:
        """Ask for an object's deletion; one that is gone is fine."""
        options = {"kind": "DeleteOptions", "apiVersion": "v1"}
        body = options if grace is None else {**options, "gracePeriodSeconds": grace}
        try:
            self._resource(kind).delete(name=name, namespace=namespace, body=body)
        except NotFoundError:
            return

    def evict(self, name: str, namespace: str) -> None:
        """Evict a pod through the API, as a drain does."""
        self._client.request(
            "post",
            f"/api/v1/namespaces/{namespace}/pods/{name}/eviction",
            body={
                "apiVersion": "policy/v1",
                "kind": "Eviction",
                "metadata": {"name": name, "namespace": namespace},
            },
        )

    def log(self, name: str, namespace: str, container: str, *, timestamps: bool) -> str:
        """What a container has said."""
        answer = self._client.request(
            "get",
            f"/api/v1/namespaces/{namespace}/pods/{name}/log",
            query_params=[("container", container), ("timestamps", str(timestamps).lower())],
            serialize=False,
        )
        return bytes(answer.data).decode(errors="replace")

    def objects_at(self, kind: str, namespace: str) -> tuple[list[dict[str, Any]], str]:
        """The objects of a namespace, and the version from which a watch goes on."""
        found = self._resource(kind).get(namespace=namespace).to_dict()
        return [dict(item) for item in found["items"]], found["metadata"]["resourceVersion"]

    def watch(
        self, kind: str, namespace: str, version: str, seconds: int
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """What happens to the objects of a namespace, for so many seconds: (event, object)."""
        for event in self._resource(kind).watch(
            namespace=namespace, resource_version=version, timeout=seconds
        ):
            yield event["type"], dict(event["raw_object"])

    def _resource(self, kind: str) -> Any:
        return self._client.resources.get(api_version=VERSIONS.get(kind, "v1"), kind=kind)


VERSIONS = {
    "Deployment": "apps/v1",
    "Job": "batch/v1",
    "EndpointSlice": "discovery.k8s.io/v1",
    "Role": "rbac.authorization.k8s.io/v1",
    "RoleBinding": "rbac.authorization.k8s.io/v1",
    "PriorityClass": "scheduling.k8s.io/v1",
}
"""Of kinds that are not in the core group."""
