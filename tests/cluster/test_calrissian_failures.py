"""T21: a step that cannot get its cluster fails once, with one sentence, and leaves nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from calrissian_dask_sidecar.gateway_api import FAILED, STOPPED, STOPPING

from tests.cluster.calrissian.runs import Calrissian
from tests.cluster.calrissian.workflows import ONE_WORKER, tool
from tests.cluster.gateway import URL
from tests.cluster.steps import SECRET, settings_file


@dataclass(frozen=True)
class Failure:
    """What is wrong, and what the author of the workflow or the operator is told."""

    sentence: str
    changes: dict[str, Any] = field(default_factory=dict)
    password: str | None = None
    clusters: int = 0


def gateway(**changes: Any) -> dict[str, Any]:
    return {"gateway": changes}


def faulty(fault: str, **changes: Any) -> dict[str, Any]:
    return gateway(extraOptions={"fault": fault}, **changes)


LITTLE = {"provision": {"requests": {"memory": "7Mi"}, "limits": {"memory": "7Mi"}}}

FAILURES = {
    "gateway-down": Failure(
        "its URL is right where the step runs",
        gateway(url="http://127.0.0.1:9", provisionTimeout=8),
    ),
    "wrong-password": Failure("does not accept our credentials (401", password="wrong"),
    "unknown-option": Failure("Options(", gateway(options={"workerMemory": "memory_of_worker"})),
    "no-gateway": Failure("does not answer like a Dask Gateway", gateway(url=f"{URL}/nothing")),
    "limit": Failure("gives no worker", faulty("no-workers"), clusters=1),
    "timeout": Failure(
        "gateway.provisionTimeout", faulty("pending", provisionTimeout=20), clusters=1
    ),
    "cluster-fails": Failure("FAILED", faulty("failed"), clusters=1),
    "init-oom": Failure("raise resources.provision.limits.memory", {"resources": LITTLE}),
    "no-secret": Failure(
        "check gateway.auth.existingSecret", gateway(auth={"existingSecret": "not-there"})
    ),
    "no-image": Failure(
        "check image.repository",
        {"image": {"repository": "127.0.0.1:9/sidecar", "tag": "1", "pullPolicy": "Always"}},
    ),
}


@pytest.mark.parametrize("name", FAILURES)
def test_t21_no_cluster_is_a_failed_step_with_one_sentence(
    calrissian: Calrissian, name: str
) -> None:
    failure = FAILURES[name]
    if failure.password is not None:
        secret = {"stringData": {"password": failure.password}}
        calrissian.ns.api.patch("Secret", SECRET, secret, calrissian.ns.name)
    document = tool("echo never", cluster=ONE_WORKER)
    run = calrissian.start(document, {}, settings_file(**failure.changes)).wait()
    run.assert_code(1)
    assert failure.sentence in run.said
    assert run.said.count(failure.sentence) <= 2, "where it happens, and in the list of costs"
    assert "Traceback" not in run.said
    assert "Final process status is permanentFail" in run.said
    step = run.step()
    step.wait_gone()
    tool_container = step.now["spec"]["containers"][0]["name"]
    assert step.exit_code(tool_container) is None, "the tool did not start"
    made = calrissian.ns.clusters()
    assert len(made) == failure.clusters
    assert {cluster.status for cluster in made} <= {STOPPING, STOPPED, FAILED}
    (told,) = run.usage["dask"]["clusters"]
    assert failure.sentence in told["error"]
    assert told["core_hours"] == 0
