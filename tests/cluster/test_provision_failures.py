"""A step that cannot get its cluster: it fails once, with one sentence, and nothing is left."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from calrissian_dask.containers import PROVISION, SIDECAR
from calrissian_dask_sidecar.gateway_api import FAILED, STOPPED, STOPPING

from tests.cluster.gateway import URL
from tests.cluster.images import TOOL
from tests.cluster.namespaces import Namespace
from tests.cluster.steps import SECRET, settings, step


@dataclass(frozen=True)
class Failure:
    """What is wrong, and what the author of the tool or the operator is told."""

    sentence: str
    gateway: dict[str, Any] = field(default_factory=dict)
    password: str | None = None
    clusters: int = 0
    exit_code: int = 1


def fault(name: str, **gateway: Any) -> dict[str, Any]:
    return {"extraOptions": {"fault": name}, **gateway}


FAILURES = {
    "gateway-down": Failure(
        "its URL is right where the step runs", {"url": "http://127.0.0.1:9", "provisionTimeout": 8}
    ),
    "wrong-password": Failure("does not accept our credentials (401", password="wrong"),
    "option-not-offered": Failure(
        "Options(", {"options": {"workerMemory": "memory_of_worker"}}, exit_code=2
    ),
    "value-refused": Failure("422", {"extraOptions": {"worker_cores_limit": "many"}}),
    "never-runs": Failure(
        "gateway.provisionTimeout", fault("pending", provisionTimeout=20), clusters=1
    ),
    "fails-to-start": Failure("FAILED", fault("failed"), clusters=1),
    "limit-leaves-no-worker": Failure("gives no worker", fault("no-workers"), clusters=1),
    "foreign-server": Failure(
        "does not answer like a Dask Gateway", {"url": f"{URL}/nothing-here"}
    ),
}


@pytest.mark.parametrize("name", FAILURES)
def test_provision_fails(ns: Namespace, name: str) -> None:
    failure = FAILURES[name]
    if failure.password is not None:
        secret = {"stringData": {"password": failure.password}}
        ns.api.patch("Secret", SECRET, secret, ns.name)
    pod = ns.run(step("echo never"), settings(gateway=failure.gateway))
    pod.wait_ended()
    assert failure.sentence in pod.message(PROVISION)["error"], pod.describe()
    assert pod.exit_code(PROVISION) == failure.exit_code
    assert pod.exit_code(SIDECAR) == 0
    assert pod.exit_code() is None, "the tool did not start"
    said = pod.log(PROVISION)
    assert failure.sentence in said
    assert "Traceback" not in said + pod.log(SIDECAR)
    statuses = [cluster.status for cluster in pod.clusters()]
    assert len(statuses) == failure.clusters
    assert set(statuses) <= {STOPPING, STOPPED, FAILED}


SQUAT = "trap exit TERM; python3 -m http.server {port} --bind 127.0.0.1 & wait"

WAIT_FOR_PORT = """
import socket, time
while socket.socket().connect_ex(("127.0.0.1", {port})):
    time.sleep(0.1)
"""


@pytest.mark.parametrize("port", [28786, 28787])
def test_t67_a_taken_port(ns: Namespace, port: int) -> None:
    """A tool must never get a neighbour's cluster: the sidecar refuses before the tool starts."""
    image = {"image": TOOL, "imagePullPolicy": "Never"}
    squat = ["sh", "-c", SQUAT.format(port=port)]
    squatter = {"name": "squatter", "restartPolicy": "Always", "command": squat, **image}
    wait = ["python3", "-c", WAIT_FOR_PORT.format(port=port)]
    ready = {"name": "ready", "command": wait, **image}
    pod = ns.run(step("echo never", initContainers=[squatter, ready]))
    pod.wait_ended()
    assert "ports.scheduler" in pod.message(PROVISION)["error"]
    assert pod.exit_code(PROVISION) == 2
    assert pod.exit_code() is None, "the tool did not start"
    assert ns.clusters() == []


def test_t66_a_final_error_stays_final(ns: Namespace) -> None:
    """Under restartPolicy OnFailure the kubelet runs provision again: it asks for nothing more."""
    given = settings(gateway=fault("failed"))
    pod = ns.run(step("echo never", restartPolicy="OnFailure"), given)
    pod.wait("second run", lambda: pod.restarts(PROVISION) >= 2)
    pod.wait("second end", lambda: "an earlier run's final error" in str(pod.message(PROVISION)))
    assert len(ns.clusters()) == 1
    pod.delete()
    pod.wait_gone()
    assert ns.alive() == []


@pytest.mark.parametrize("missing", ["secret", "image"])
def test_the_pod_waits_for_what_is_missing(ns: Namespace, missing: str) -> None:
    """Kubernetes waits for a Secret or an image to appear; a deletion ends that at once."""
    given: dict[str, Any] = {}
    if missing == "secret":
        given["gateway"] = {"auth": {"existingSecret": "not-there"}}
    else:
        given["image"] = {"repository": "calrissian-dask-test/not-there", "pullPolicy": "Never"}
    pod = ns.run(step("echo never"), settings(**given))
    reasons = {"CreateContainerConfigError", "ErrImageNeverPull"}
    pod.wait("reason", lambda: pod.state(SIDECAR).get("waiting", {}).get("reason") in reasons)
    assert pod.exit_code() is None
    pod.delete()
    pod.wait_gone()
    assert ns.clusters() == []
