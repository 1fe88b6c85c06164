"""Either of our containers killed, by the kernel or by hand (T06, T12, T41)."""

from __future__ import annotations

import pytest
from calrissian_dask.containers import PROVISION, SIDECAR
from calrissian_dask_sidecar.gateway_api import PENDING, RUNNING

from tests.cluster import node
from tests.cluster.namespaces import Namespace
from tests.cluster.routes import OwnRoute
from tests.cluster.steps import FOR_EVER, SLOW, settings, step
from tests.cluster.tools import COMPUTE, TOLD, python

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
    for _ in range(480):
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
    pod = ns.run(step("echo never"), settings(gateway=FOR_EVER))
    pod.wait_running(PROVISION)
    pod.wait("PENDING cluster", lambda: [c for c in pod.clusters() if c.status == PENDING])
    node.kill(pod, PROVISION)
    pod.wait_ended()
    assert pod.exit_code(PROVISION) == 137
    assert pod.exit_code() is None, "the tool did not start"
    pod.assert_released()


def test_provision_has_too_little_memory_to_start(ns: Namespace) -> None:
    """Later the kernel's kill is the SIGKILL of T12."""
    little = {"provision": {"requests": {"memory": "7Mi"}, "limits": {"memory": "7Mi"}}}
    pod = ns.run(step("echo never"), settings(resources=little))
    pod.wait_ended()
    assert pod.exit_code(PROVISION) not in (None, 0), pod.describe()
    assert pod.exit_code() is None, "the tool did not start"
    pod.assert_released(clusters=0)


@pytest.mark.parametrize("cause", ["SIGKILL", "OOM"])
def test_t41_sidecar_dies_while_the_tool_runs(ns: Namespace, cause: str) -> None:
    """It is restarted, reads its record, and the way to the same cluster is there again."""
    memory = "24Mi" if cause == "OOM" else "128Mi"
    limits = {"cpu": "500m", "memory": memory}
    resources = {"sidecar": {"requests": {"cpu": "50m", "memory": "24Mi"}, "limits": limits}}
    code = MANY_CONNECTIONS if cause == "OOM" else RECONNECTS
    pod = ns.run(step(python(code)), settings(resources=resources))
    node.wait_wrote(pod, "first")
    if cause == "SIGKILL":
        node.kill(pod, SIDECAR)
    pod.wait("restart of the sidecar", lambda: pod.restarts(SIDECAR))
    pod.wait("running sidecar", lambda: "running" in pod.state(SIDECAR))
    assert pod.status(SIDECAR)["lastState"]["terminated"]["exitCode"] == 137
    node.touch(pod, "go")
    pod.wait_ended()
    assert pod.exit_code() == 0, pod.describe()
    assert pod.log().endswith("sum 42\n")
    pod.assert_released(clusters=1)


def test_sidecar_killed_while_provision_waits(ns: Namespace) -> None:
    """The kubelet restarts it; provision, which is alive, goes on with the same cluster."""
    pod = ns.run(step(python(COMPUTE)), settings(gateway=SLOW))
    pod.wait_running(PROVISION)
    pod.wait("PENDING cluster", lambda: [c for c in pod.clusters() if c.status == PENDING])
    node.kill(pod, SIDECAR)
    pod.wait_ended()
    assert pod.restarts(SIDECAR) == 1
    assert pod.exit_code() == 0, pod.describe()
    assert pod.log() == "sum 42\n"
    pod.assert_released()


def test_t06_sidecar_killed_while_it_stops_the_cluster(ns: Namespace) -> None:
    """The step's result is the tool's; what is left is named in the pod, for the reaper."""
    route = OwnRoute(ns)
    pod = ns.run(step(TOLD.replace("exit 7", "exit 0")), settings(gateway={"url": route.url}))
    node.wait_wrote(pod, "first")
    route.close()
    node.touch(pod, "go")
    pod.wait("stop", lambda: node.stopping(pod))
    node.kill(pod, SIDECAR)
    pod.wait_ended()
    assert (pod.phase, pod.exit_code(), pod.exit_code(SIDECAR)) == ("Succeeded", 0, 137)
    (cluster,) = pod.clusters()
    assert cluster.status == RUNNING, "nobody could stop it"
    assert pod.message(PROVISION)["cluster"] == cluster.name
    ns.gateway.api(ns.user).delete(cluster.name)
