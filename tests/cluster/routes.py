"""A way to the gateway that belongs to one test, and can be cut without harm to the others."""

from __future__ import annotations

import time

from tests.cluster.engine import succeeds
from tests.cluster.gateway import NAMESPACE
from tests.cluster.kind import NODE
from tests.cluster.namespaces import Namespace
from tests.cluster.step_pods import HANG


class OwnRoute:
    """A Service in the test's namespace before the gateway's pod."""

    def __init__(self, ns: Namespace) -> None:
        self.ns = ns
        spec = {"ports": [{"name": "http", "port": 8000}]}
        metadata = {"name": "gateway"}
        made = ns.api.create("Service", {"metadata": metadata, "spec": spec}, ns.name)
        self._address = made["spec"]["clusterIP"]
        (pod,) = ns.api.objects("Pod", NAMESPACE, "app=gateway")
        self._pod_address = pod["status"]["podIP"]
        self.open()

    @property
    def url(self) -> str:
        """As pods reach it."""
        return f"http://gateway.{self.ns.name}.svc.cluster.local:8000"

    def open(self) -> None:
        """Let it lead to the gateway."""
        slice_of_one = {
            "metadata": {"name": "gateway", "labels": {"kubernetes.io/service-name": "gateway"}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [self._pod_address]}],
            "ports": [{"name": "http", "port": 8000}],
        }
        self.ns.api.create("EndpointSlice", slice_of_one, self.ns.name)
        self._wait(reached=True)

    def close(self) -> None:
        """Let it lead nowhere: connections are refused."""
        self.ns.api.delete("EndpointSlice", "gateway", self.ns.name)
        self._wait(reached=False)

    def _wait(self, *, reached: bool) -> None:
        """Wait until kube-proxy has heard: it follows within a second or two."""
        deadline = time.monotonic() + HANG
        call = ("curl", "--silent", "--max-time", "5", "--output", "/dev/null")
        url = f"http://{self._address}:8000/api/health"
        while succeeds("docker", "exec", NODE, *call, url) is not reached:
            assert time.monotonic() < deadline, "kube-proxy does not follow"
            time.sleep(0.2)
