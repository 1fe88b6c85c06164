"""A step that cannot get its cluster: it fails once, with one sentence, and nothing is left."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from calrissian_dask.containers import PROVISION, SIDECAR

from tests.cluster.step_pods import SECRET, Namespace, settings, step


@dataclass(frozen=True)
class Failure:
    """What is wrong, and what the author of the tool or the operator is told."""

    sentence: str
    gateway: dict[str, Any] = field(default_factory=dict)
    password: str | None = None
    clusters: int = 0
    exit_code: int = 1
    requirement: dict[str, Any] | None = None


FAILURES = {
    "gateway-down": Failure(
        "its URL is right where the step runs",
        {"url": "http://127.0.0.1:9", "provisionTimeout": 5},
    ),
    "wrong-password": Failure("does not accept our credentials (401", password="wrong"),
    "option-not-offered": Failure(
        "Options(", {"options": {"workerMemory": "memory_of_worker"}}, exit_code=2
    ),
    "never-runs": Failure(
        "gateway.provisionTimeout",
        {"extraOptions": {"fault": "pending"}, "provisionTimeout": 8},
        clusters=1,
    ),
    "fails-to-start": Failure("FAILED", {"extraOptions": {"fault": "failed"}}, clusters=1),
    "limit-leaves-no-worker": Failure(
        "no worker", {"extraOptions": {"fault": "no-workers"}}, clusters=1
    ),
    "foreign-server": Failure(
        "does not answer like a Dask Gateway",
        {"url": "http://gateway.dask-gateway.svc.cluster.local:8000/nothing-here"},
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
    assert pod.exit_code() is None, "the tool did not start"
    assert "Traceback" not in pod.log(PROVISION) + pod.log(SIDECAR)
    assert len(ns.clusters()) == failure.clusters
    assert ns.alive() == []


def test_t67_a_taken_port(ns: Namespace) -> None:
    """A tool must never get a neighbour's cluster: the sidecar refuses before the tool starts."""
    squatter = {
        "name": "squatter",
        "image": step("")["spec"]["containers"][0]["image"],
        "imagePullPolicy": "Never",
        "restartPolicy": "Always",
        "command": ["python3", "-m", "http.server", "28786", "--bind", "127.0.0.1"],
    }
    # A sidecar before ours, so that it has the port first.
    ready = {
        "name": "ready",
        "image": squatter["image"],
        "imagePullPolicy": "Never",
        "command": ["python3", "-c", WAIT_FOR_PORT],
    }
    pod = ns.run(step("echo never", initContainers=[squatter, ready]))
    pod.wait("provision's end", lambda: pod.exit_code(PROVISION) is not None)
    assert "ports.scheduler" in pod.message(PROVISION)["error"]
    assert pod.exit_code() is None, "the tool did not start"
    assert ns.clusters() == []


WAIT_FOR_PORT = """
import socket, time
while socket.socket().connect_ex(("127.0.0.1", 28786)):
    time.sleep(0.1)
"""


def test_t66_a_final_error_stays_final(ns: Namespace) -> None:
    """Under restartPolicy OnFailure the kubelet runs provision again: it asks for nothing more."""
    pod = ns.run(
        step("echo never", restartPolicy="OnFailure"),
        settings(gateway={"extraOptions": {"fault": "failed"}}),
    )
    pod.wait("second run", lambda: (pod.status(PROVISION).get("restartCount") or 0) >= 2)
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
