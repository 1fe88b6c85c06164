"""A real Dask Gateway in the cluster, with a password, and the test's own view of it."""

from __future__ import annotations

import hashlib
import json
import time
from base64 import b64encode
from dataclasses import dataclass
from functools import partial
from typing import Any

from calrissian_dask_sidecar.credentials import Fixed
from calrissian_dask_sidecar.errors import GatewayError
from calrissian_dask_sidecar.gateway_api import PENDING, RUNNING, Cluster, GatewayApi
from calrissian_dask_sidecar.http_exchange import Exchange
from calrissian_dask_sidecar.patience import Patience

from tests.cluster.engine import CommandFailedError
from tests.cluster.images import GATEWAY
from tests.cluster.kind import KUBECONFIG, NODE_PORT
from tests.cluster.kubernetes_api import KubernetesApi

NAMESPACE = "dask-gateway"
PASSWORD = "clu5ter-s3cret"
OPEN = "-open-"
"""In the name of a namespace whose user needs no password."""

URL = f"http://gateway.{NAMESPACE}.svc.cluster.local:8000"
"""As pods reach it."""

STATUSES = "PENDING,RUNNING,STOPPING,STOPPED,FAILED"

CONFIG = f"""
from aiohttp import BasicAuth
from dask_gateway_server.auth import SimpleAuthenticator
from dask_gateway_server.options import Float, Mapping, Options, String

c.DaskGateway.backend_class = "dask_gateway_server.backends.local.UnsafeLocalBackend"
c.DaskGateway.address = "127.0.0.1:8001"
c.Proxy.address = "0.0.0.0:8000"


class Authenticator(SimpleAuthenticator):
    async def authenticate(self, request):
        # A platform whose gateway has no password: nothing of ours is in its namespaces.
        header = request.headers.get("Authorization")
        is_open = header and {OPEN!r} in BasicAuth.decode(header).login
        self.password = "" if is_open else {PASSWORD!r}
        return await super().authenticate(request)


c.DaskGateway.authenticator_class = Authenticator
c.LocalBackend.clusters_directory = "/tmp/clusters"
c.LocalBackend.sigint_timeout = 2
# Nobody but the pod gives a cluster up, also where a dozen start side by side on two cores.
c.LocalBackend.cluster_start_timeout = 3600
c.LocalBackend.worker_start_timeout = 3600
c.LocalBackend.cluster_heartbeat_timeout = 600
c.LocalBackend.worker_start_failure_limit = 10
c.ClusterConfig.scheduler_cmd = ["dask", "scheduler"]
c.ClusterConfig.worker_cmd = ["dask", "worker"]

FAULTS = {{
    "none": {{}},
    "pending": {{"scheduler_cmd": ["sh", "-c", "exec sleep 3600"]}},
    "slow": {{"scheduler_cmd": ["sh", "-c", 'sleep 6; exec dask scheduler "$@"', "sh"]}},
    "failed": {{"scheduler_cmd": ["false"]}},
    "no-workers": {{"cluster_max_workers": 0}},
}}


def handler(o):
    # dask-gateway's cores are whole ones on this backend
    return {{"worker_cores": max(1, int(o.worker_cores)), "worker_memory": o.worker_memory,
            "environment": dict(o.environment), **FAULTS[o.fault]}}


c.Backend.cluster_options = Options(
    String("image", default="none"), Float("worker_cores", default=1),
    Float("worker_cores_limit", default=1), String("worker_memory", default="1 G"),
    Mapping("environment"), String("fault", default="none"), handler=handler)
"""
"""`fault` is ours: what a gateway may do to a cluster, chosen by gateway.extraOptions."""


def manifests() -> dict[str, dict[str, Any]]:
    """The gateway's objects by kind; each is named `gateway`."""
    labels = {"app": "gateway"}
    container = {
        "name": "gateway",
        "image": GATEWAY,
        "imagePullPolicy": "Never",
        "command": ["dask-gateway-server", "-f", "/config/dask_gateway_config.py"],
        "workingDir": "/tmp",
        "env": [{"name": "HOME", "value": "/tmp"}],
        "resources": {"requests": {"cpu": "50m", "memory": "256Mi"}},
        "volumeMounts": [
            {"name": "config", "mountPath": "/config"},
            {"name": "tmp", "mountPath": "/tmp"},
        ],
        "readinessProbe": {
            "httpGet": {"path": "/api/health", "port": 8000},
            "periodSeconds": 1,
            # health is served by one process together with the starting of clusters
            "timeoutSeconds": 20,
            "failureThreshold": 30,
        },
    }
    pod = {
        "metadata": {"labels": labels},
        "spec": {
            "containers": [container],
            "enableServiceLinks": False,
            # Not the one that is evicted or preempted when a test asks for that.
            "priorityClassName": "system-cluster-critical",
            "volumes": [
                {"name": "config", "configMap": {"name": "gateway"}},
                {"name": "tmp", "emptyDir": {}},
            ],
        },
    }
    service = {
        "type": "NodePort",
        "selector": labels,
        "ports": [{"port": 8000, "nodePort": NODE_PORT}],
    }
    deployment = {"replicas": 1, "selector": {"matchLabels": labels}, "template": pod}
    return {
        "ConfigMap": {"data": {"dask_gateway_config.py": CONFIG}},
        "Service": {"spec": service},
        "Deployment": {"spec": deployment},
    }


def install(api: KubernetesApi, address: str, image: str) -> None:
    """Create the gateway's objects, anew where they or the image have changed, and wait until it answers.

    `image` is the image's id. A gateway that is replaced forgets its clusters.
    """
    wanted = manifests()
    made_of = hashlib.sha256(json.dumps([wanted, image]).encode()).hexdigest()
    if api.read("Namespace", NAMESPACE) is None:
        api.create("Namespace", {"metadata": {"name": NAMESPACE}})
    for kind, body in wanted.items():
        present = api.read(kind, "gateway", NAMESPACE)
        if present and present["metadata"].get("annotations", {}).get("made-of") != made_of:
            api.delete(kind, "gateway", NAMESPACE)
            present = None
        if not present:
            metadata = {"name": "gateway", "annotations": {"made-of": made_of}}
            api.create(kind, {"metadata": metadata, **body}, NAMESPACE)
    _wait(GatewayView(address))


def _wait(view: GatewayView) -> None:
    deadline = time.monotonic() + 180
    while True:
        try:
            view.api("nobody").options()
        except GatewayError as error:
            if time.monotonic() > deadline:
                raise CommandFailedError(
                    f"the gateway in the cluster does not answer ({error}): look at its pod with"
                    f" kubectl --kubeconfig {KUBECONFIG} -n {NAMESPACE} describe pods"
                ) from error
            time.sleep(0.5)
        else:
            return


@dataclass(frozen=True)
class GatewayView:
    """The gateway as the tests see it, from outside the cluster."""

    address: str
    """host:port."""

    def api(self, user: str) -> GatewayApi:
        """The API as that user."""
        text = b64encode(f"{user}:{'' if OPEN in user else PASSWORD}".encode()).decode()
        return GatewayApi(Exchange(f"http://{self.address}"), Fixed(f"Basic {text}"))

    def clusters(self, user: str) -> list[Cluster]:
        """Every cluster that this user ever had, oldest first."""
        api = self.api(user)
        patience = Patience(time.monotonic() + 60, 60, print)
        path = f"/api/v1/clusters/?status={STATUSES}"
        reports = patience.persist(lambda: api.call("GET", path, timeout=60))
        found = [patience.persist(partial(api.get, name, timeout=60)) for name in reports]
        return sorted((c for c in found if c is not None), key=lambda c: c.start_time or 0)

    def stop_time(self, user: str, name: str) -> float | None:
        """When a cluster's processes had ended, in seconds of the epoch."""
        stopped = self.api(user).call("GET", f"/api/v1/clusters/{name}").get("stop_time")
        return stopped / 1000 if stopped else None

    def alive(self, user: str) -> list[Cluster]:
        """The clusters that would be leaks: PENDING or RUNNING."""
        return [c for c in self.clusters(user) if c.status in (PENDING, RUNNING)]
