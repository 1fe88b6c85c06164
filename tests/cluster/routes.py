"""A way to the gateway that belongs to one test, and can be cut without harm to the others."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.cluster.gateway import NAMESPACE
from tests.cluster.kind import on_node
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
        self._wait_until(lambda: self._has_rule("nat"))

    def close(self) -> None:
        """Let it lead nowhere: connections are refused."""
        self.ns.api.delete("EndpointSlice", "gateway", self.ns.name)
        self._wait_until(lambda: self._has_rule("filter") and not self._has_rule("nat"))

    def _has_rule(self, table: str) -> bool:
        """Whether kube-proxy has written the Service: into nat with endpoints, into filter without.

        Nothing may be sent to it before: an address that no rule knows leaves the machine.
        """
        both = f"{{ iptables-nft-save -t {table}; iptables-legacy-save -t {table}; }} 2>/dev/null"
        return f"-d {self._address}/32" in on_node("bash", "-c", f"{both} || true")

    def _wait_until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + HANG
        while not condition():
            assert time.monotonic() < deadline, "kube-proxy does not follow"
            time.sleep(0.2)
