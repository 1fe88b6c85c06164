"""What a pod's status says of its step."""

from __future__ import annotations

import pytest
from calrissian_dask.containers import PROVISION, SIDECAR
from calrissian_dask.runner.pod_state import (
    CONFIGURATION,
    LOST_NODE,
    PULL,
    Ended,
    Failed,
    Limits,
    Running,
    State,
    Waiting,
    judge,
    said,
)

from tests.runner.scripted_api import READY, TOOL, Pod, container, ended, pod, started

LIMITS = Limits(scheduling=1800, provision=660)


def of(state: Pod) -> State:
    return judge(state, TOOL, LIMITS)


def failure(state: Pod) -> str:
    judged = of(state)
    assert isinstance(judged, Failed), judged
    return judged.sentence


def wait(state: Pod) -> Waiting:
    judged = of(state)
    assert isinstance(judged, Waiting), judged
    return judged


UP = container(SIDECAR, running={})


@pytest.mark.parametrize(
    "others",
    [
        [],
        [container("a-mesh", running={})],
        [container("z-mesh", terminated={"exitCode": 0})],
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_t07_the_tool_is_found_by_its_name_in_any_order(others: list[Pod], first: bool) -> None:
    tool = ended(TOOL, 37)
    judged = of(started(*([tool, *others] if first else [*others, tool])))
    assert isinstance(judged, Ended)
    assert judged.exit_code == 37


def test_t87_a_running_pod_whose_tool_has_ended_has_ended() -> None:
    assert isinstance(of(started(ended(TOOL, 0))), Ended)


def test_t06_a_sidecar_that_was_killed_does_not_change_the_tools_result() -> None:
    judged = of(started(ended(TOOL, 0), sidecar=ended(SIDECAR, 137), phase="Failed"))
    assert isinstance(judged, Ended)
    assert judged.exit_code == 0


def test_a_running_tool_runs_also_while_its_pod_is_being_deleted() -> None:
    state = of(started(container(TOOL, running={}), deletionTimestamp="now"))
    assert isinstance(state, Running)
    assert state.patience == LOST_NODE, "and not for ever, where its node is lost"


def test_before_the_kubelet_has_told_anything() -> None:
    for told in (pod(), {"metadata": {"name": "step-pod"}}):
        assert wait(told).patience == LIMITS.scheduling
        assert "no container of the pod has started" in wait(told).sentence


def test_t21_the_error_of_provision_is_the_sentence() -> None:
    state = pod(UP, ended(PROVISION, 1, {"contract": 1, "error": "no such gateway"}))
    assert failure(state) == "no Dask cluster: no such gateway"


def test_t21_provision_out_of_memory_says_which_limit() -> None:
    sentence = failure(pod(UP, ended(PROVISION, 137, reason="OOMKilled")))
    assert "OOM-killed: raise resources.provision.limits.memory" in sentence


def test_t21_the_runtimes_words_where_provision_could_not_write_its_own() -> None:
    words = 'exec: "calrissian-dask-sidecar":\n not found'
    sentence = failure(pod(UP, ended(PROVISION, 128, words, reason="StartError")))
    assert sentence.endswith(
        'exit code 128 (StartError: exec: "calrissian-dask-sidecar": not found)'
    )
    assert failure(pod(UP, ended(PROVISION, 2, "[]"))).endswith("exit code 2 ([])")
    assert failure(pod(UP, ended(PROVISION, 3))).endswith("exit code 3")


def test_another_init_container_that_failed() -> None:
    assert failure(pod(ended("mkdir", 1, "no space"))) == (
        "init container mkdir ended with exit code 1 (no space)"
    )


def test_a_sidecar_that_is_started_again_is_no_failure() -> None:
    assert wait(pod(ended(SIDECAR, 137), container(PROVISION, waiting={}))).patience is None


def test_t25_a_pod_that_is_being_deleted_in_init_will_not_start() -> None:
    state = pod(UP, container(PROVISION, running={}), deletionTimestamp="now")
    assert failure(state) == "pod step-pod was deleted before its tool started"


def test_a_pod_that_failed_as_a_whole_says_why() -> None:
    state = pod(phase="Failed", reason="Evicted", message="low on memory")
    assert failure(state).endswith("Evicted: low on memory")
    assert failure(pod(phase="Failed")).endswith("no reason is given")


def unschedulable(words: str) -> Pod:
    return {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": words}


def test_a_pod_without_a_node_has_the_settings_time() -> None:
    waits = wait(pod(conditions=[unschedulable("0/1 nodes are available")]))
    assert waits.patience == 1800
    assert "the pod found no node in 1800 s: 0/1 nodes are available" in waits.sentence
    assert "schedulingTimeout" in waits.sentence


@pytest.mark.parametrize(
    ("reason", "patience"),
    [
        ("ErrImageNeverPull", 0),
        ("InvalidImageName", 0),
        ("ImagePullBackOff", PULL),
        ("ErrImagePull", PULL),
    ],
)
def test_t21_an_image_that_cannot_be_pulled(reason: str, patience: float) -> None:
    waiting = {"reason": reason, "message": "no such thing"}
    ours = wait(pod(container(SIDECAR, waiting=waiting)))
    assert ours.patience == patience
    assert "registry.example/dask-sidecar:1" in ours.sentence
    assert "image.repository" in ours.sentence
    tools = wait(started(container(TOOL, waiting=waiting)))
    assert "dockerPull" in tools.sentence
    assert wait(pod(container("mkdir", waiting=waiting))).sentence.endswith("no such thing")


def test_a_missing_secret_says_which_setting_names_it() -> None:
    waiting = {"reason": "CreateContainerConfigError", "message": 'secret "s" not found'}
    waits = wait(pod(container(SIDECAR, waiting=waiting)))
    assert waits.patience == CONFIGURATION
    assert 'secret "s" not found: check gateway.auth.existingSecret' in waits.sentence
    assert "existingSecret" not in wait(started(container(TOOL, waiting=waiting))).sentence


def test_a_sidecar_that_cannot_stay_up_says_what_it_said_last() -> None:
    status = container(SIDECAR, waiting={"reason": "CrashLoopBackOff", "message": "back-off"})
    status["lastState"] = {"terminated": {"message": "exec format error"}}
    assert "exec format error" in wait(pod(status)).sentence


def test_a_provision_on_a_lost_node_has_a_limit() -> None:
    waits = wait(pod(UP, container(PROVISION, running={})))
    assert waits.patience == 660
    assert "is its node lost?" in waits.sentence


def test_what_a_container_of_ours_has_said() -> None:
    assert said(started(), PROVISION) == READY
    assert said(started(sidecar=ended(SIDECAR, 0, "no JSON")), SIDECAR) == {}
    assert said(started(sidecar=ended(SIDECAR, 0, "[]")), SIDECAR) == {}
    assert said(pod(), SIDECAR) == {}
