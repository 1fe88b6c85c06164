"""Either of our containers killed, by the kernel or by hand (T12, T41)."""

from __future__ import annotations

import pytest
from calrissian_dask.containers import PROVISION, SIDECAR
from calrissian_dask_sidecar.gateway_api import PENDING

from tests.cluster import node
from tests.cluster.step_pods import Namespace, python, settings, step

RECONNECTS = """
import time, pathlib
from distributed import Client
with Client() as client:
    assert client.submit(sum, [1, 2]).result() == 3
pathlib.Path("/tmp/first").touch()
while not pathlib.Path("/tmp/go").exists():
    time.sleep(0.1)
with Client(timeout=60) as client:
    print("sum", client.submit(sum, [1, 2, 39]).result())
"""

MANY_CONNECTIONS = """
import os, pathlib, socket, time
host, _, port = os.environ["DASK_SCHEDULER_ADDRESS"].removeprefix("tcp://").partition(":")
held = []
try:
    for _ in range(400):
        one = socket.create_connection((host, int(port)), 20)
        one.settimeout(20)
        one.recv(1)
        held.append(one)
except OSError:
    pass
pathlib.Path("/tmp/first").touch()
while not pathlib.Path("/tmp/go").exists():
    time.sleep(0.1)
from distributed import Client
with Client(timeout=60) as client:
    print("sum", client.submit(sum, [1, 2, 39]).result())
"""


def test_t12_provision_killed_while_its_cluster_is_pending(ns: Namespace) -> None:
    pod = ns.run(step("echo never"), settings(gateway={"extraOptions": {"fault": "pending"}}))
    pod.wait("PENDING cluster", lambda: [c for c in ns.alive() if c.status == PENDING])
    node.kill(pod, PROVISION)
    pod.wait_ended()
    assert pod.exit_code(PROVISION) == 137
    assert pod.exit_code() is None, "the tool did not start"
    assert len(ns.clusters()) == 1
    assert ns.alive() == []


def test_provision_out_of_memory(ns: Namespace) -> None:
    little = {"provision": {"requests": {"memory": "7Mi"}, "limits": {"memory": "7Mi"}}}
    pod = ns.run(step("echo never"), settings(resources=little))
    pod.wait_ended()
    assert pod.state(PROVISION)["terminated"]["reason"] == "OOMKilled", pod.describe()
    assert pod.exit_code() is None, "the tool did not start"
    assert ns.alive() == []


@pytest.mark.parametrize("cause", ["SIGKILL", "OOM"])
def test_t41_sidecar_dies_while_the_tool_runs(ns: Namespace, cause: str) -> None:
    """It is restarted, reads its record, and the way to the same cluster is there again."""
    limits = {"cpu": "500m", "memory": "24Mi" if cause == "OOM" else "128Mi"}
    resources = {"sidecar": {"requests": {"cpu": "50m", "memory": "24Mi"}, "limits": limits}}
    code = MANY_CONNECTIONS if cause == "OOM" else RECONNECTS
    pod = ns.run(step(python(code)), settings(resources=resources))
    node.wait_wrote(pod, "first")
    if cause == "SIGKILL":
        node.kill(pod, SIDECAR)
    pod.wait("restart of the sidecar", lambda: pod.status(SIDECAR).get("restartCount"))
    pod.wait("running sidecar", lambda: "running" in pod.state(SIDECAR))
    reason = pod.status(SIDECAR)["lastState"]["terminated"]["reason"]
    assert reason == ("OOMKilled" if cause == "OOM" else "Error")
    node.touch(pod, "go")
    pod.wait_ended()
    assert pod.exit_code() == 0, pod.describe()
    assert pod.log().endswith("sum 42\n")
    assert len(ns.clusters()) == 1, "no second cluster"
    assert ns.alive() == []


def test_sidecar_killed_during_provision(ns: Namespace) -> None:
    """The kubelet restarts it; provision, which is alive, finds a living sidecar again."""
    pod = ns.run(step(python(RECONNECTS)), settings(gateway={"extraOptions": {"fault": "none"}}))
    pod.wait_running(PROVISION)
    node.kill(pod, SIDECAR)
    node.wait_wrote(pod, "first")
    node.touch(pod, "go")
    pod.wait_ended()
    assert pod.exit_code() == 0, pod.describe()
    assert ns.alive() == []
