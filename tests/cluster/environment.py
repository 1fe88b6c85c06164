"""All that the suite needs, made once: images, kind cluster, gateway.

python -m tests.cluster up | down
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.cluster import gateway, images, kind
from tests.cluster.kubernetes_api import KubernetesApi


@dataclass(frozen=True)
class Environment:
    """Where everything is; small, as every worker of the test runner reads it."""

    kubeconfig: str
    gateway_address: str
    sizes: dict[str, int]
    """Bytes of each image."""

    def api(self) -> KubernetesApi:
        """A client of its own for the Kubernetes API."""
        return KubernetesApi(self.kubeconfig)


def up() -> Environment:
    """Make what is missing, use what is there."""
    sizes = images.build_all()
    kind.up()
    kind.load(list(sizes))
    environment = Environment(str(kind.KUBECONFIG), kind.gateway_address(), sizes)
    gateway.install(environment.api(), environment.gateway_address, images.identity(images.GATEWAY))
    return environment


def exists() -> bool:
    """Whether the kind cluster is there already."""
    return kind.exists()


def down() -> None:
    """Delete the cluster and the images."""
    kind.down()
    images.remove_all()
