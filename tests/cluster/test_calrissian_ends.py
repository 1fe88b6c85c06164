"""Calrissian, its pods or its namespace are ended from outside: it exits, and no cluster is left."""

from __future__ import annotations

import pytest

from tests.cluster import node
from tests.cluster.calrissian.runs import Calrissian, Run
from tests.cluster.calrissian.workflows import ONE_WORKER, tool
from tests.cluster.steps import FOR_EVER, settings_file
from tests.cluster.tools import TOLD

SIGTERM = 15
"""What Calrissian exits with, too: the signal's number."""


def in_init(calrissian: Calrissian) -> Run:
    """A run whose step waits for a cluster that stays PENDING."""
    document = tool("echo never", cluster=ONE_WORKER)
    run = calrissian.start(document, {}, settings_file(gateway=FOR_EVER))
    step = run.step()
    step.wait("cluster of the step", step.clusters)
    return run


def computing(calrissian: Calrissian) -> Run:
    """A run whose tool waits to be told to end."""
    run = calrissian.start(tool(TOLD, cluster=ONE_WORKER), {}, settings_file())
    step = run.step()
    step.wait_running(step.now["spec"]["containers"][0]["name"])
    node.wait_wrote(step, "first")
    return run


def test_t24_sigterm_while_a_step_is_in_init(calrissian: Calrissian) -> None:
    """Stock Calrissian would wait for ever here, for a container that never starts."""
    run = in_init(calrissian)
    node.kill(run.pod, run.container, "SIGTERM")
    run.wait().assert_code(SIGTERM)
    run.assert_released(1)


def test_t26_a_second_sigterm_during_the_clean_up(calrissian: Calrissian) -> None:
    run = computing(calrissian)
    node.kill(run.pod, run.container, "SIGTERM")
    node.kill_again(run.pod, run.container, "SIGTERM")
    run.wait().assert_code(SIGTERM)
    run.assert_released(1)


@pytest.mark.parametrize("phase", ["init", "running"])
def test_t25_a_pod_that_somebody_deletes(calrissian: Calrissian, phase: str) -> None:
    """Stock Calrissian would try its log for 41 minutes."""
    run = in_init(calrissian) if phase == "init" else computing(calrissian)
    run.step().delete()
    run.wait().assert_code(1)
    words = (
        "deleted before its tool" if phase == "init" else "deleted by somebody else while it ran"
    )
    assert words in run.said
    assert "Final process status is permanentFail" in run.said
    assert "Traceback" not in run.said
    run.assert_released(1)


def test_t60_calrissian_is_killed(calrissian: Calrissian) -> None:
    """The step goes on alone and stops its own cluster; with Calrissian's pod goes what is left."""
    run = computing(calrissian)
    step = run.step()
    node.kill(run.pod, run.container)
    run.wait().assert_code(137)
    assert not step.has_ended
    node.touch(step, "go")
    step.wait_ended()
    step.assert_released()
    run.pod.delete()
    step.wait_gone()


def test_t60_calrissians_pod_is_deleted_after_a_kill(calrissian: Calrissian) -> None:
    """The garbage collector ends the step, whose sidecar stops the cluster."""
    run = in_init(calrissian)
    node.kill(run.pod, run.container)
    run.wait().assert_code(137)
    run.pod.delete()
    run.assert_released(1)


def test_t61_the_namespace_is_deleted_under_a_running_step(calrissian: Calrissian) -> None:
    run = computing(calrissian)
    run.ns.api.delete("Namespace", run.ns.name)
    run.assert_released(1)
