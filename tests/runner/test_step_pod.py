"""A step's pod from its creation to its end, with an API server that fails on demand."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pytest
from calrissian_dask.annotations import STATUS, annotate
from calrissian_dask.containers import PROVISION, SIDECAR
from calrissian_dask.errors import CalrissianDaskError, PodError
from calrissian_dask.mutation import mutate_pod
from calrissian_dask.requirement import parse
from calrissian_dask.runner.follow import UNREACHABLE, Follower, StoppingError, states
from calrissian_dask.runner.ledger import ClusterRecord
from calrissian_dask.runner.pod_api import PodApiError
from calrissian_dask.runner.pod_state import LOST_NODE, PULL, Limits
from calrissian_dask.runner.step_pod import Patience, StepPod, Surroundings

from tests.podspec.pods import REQUIREMENT, settings
from tests.runner.scripted_api import (
    READY,
    TOOL,
    Clock,
    Pod,
    PodList,
    ScriptedApi,
    Told,
    container,
    ended,
    pod,
    started,
)

LIMITS = Limits(scheduling=1800, provision=660)

UP = container(SIDECAR, running={})
QUOTA = PodApiError(403, 'pods "step" is forbidden: exceeded quota: q, requested: pods=1')


def sent() -> Pod:
    plain = {
        "metadata": {"name": "step-pod", "labels": {}},
        "spec": {"containers": [{"name": TOOL, "image": "tool:1", "command": ["true"]}]},
    }
    return mutate_pod(annotate(plain, REQUIREMENT, None), settings())


class Step:
    """A step's pod, with everything that is around it."""

    def __init__(self, *told: Any, tries: int = 3, keeps_pods: bool = False, **more: Any) -> None:
        self.api = ScriptedApi(list(told), **more)
        self.pods = PodList()
        self.stopping = threading.Event()
        self.said: list[tuple[int, str]] = []
        self.record = ClusterRecord("step", parse(REQUIREMENT))
        around = Surroundings(
            api=self.api,
            monitor=self.pods,
            stopping=self.stopping,
            limits=LIMITS,
            patience=Patience(first=0, factor=0, longest=0, tries=tries),
            keeps_pods=keeps_pods,
        )
        self.pod = StepPod(around, TOOL, self.record, lambda *said: self.said.append(said))

    def run(self) -> int:
        self.pod.create(sent())
        try:
            end, _ = self.pod.until_end()
            return end.exit_code
        finally:
            self.pod.see_off()

    def fails(self, kind: type[CalrissianDaskError] = PodError) -> str:
        with pytest.raises(kind) as caught:
            self.run()
        return str(caught.value)


COMING = [pod(), pod(UP, container(PROVISION, running={})), started(container(TOOL, running={}))]


def released(*tool: Pod) -> Pod:
    return started(*tool, sidecar=ended(SIDECAR, 0, {"stopped": ["abc"]}, 12))


@pytest.mark.parametrize("code", [0, 37, 137])
def test_t01_t02_t03_the_tools_own_exit_code_and_its_pod_deleted(code: int) -> None:
    step = Step(*COMING, started(ended(TOOL, code)), released(ended(TOOL, code)), None)
    assert step.run() == code
    assert step.api.deleted == ["step-pod"]
    assert step.pods.names == []
    assert step.record.outcome == "released"


def test_the_cluster_is_told_when_it_is_there() -> None:
    step = Step(*COMING, started(ended(TOOL)), None)
    step.run()
    (line,) = [text for level, text in step.said if level == logging.INFO]
    assert line == (
        "Dask cluster abc is ready after 3.2 s: 2 workers (1 core, 4G each), dashboard"
        " http://gateway/clusters/abc/status"
    )


def test_every_line_of_the_tool_is_heard_once_over_streams_that_break() -> None:
    lines = [
        "2026-11-23T10:00:01.5Z one",
        PodApiError(0, "connection reset"),
        "2026-11-23T10:00:01.5Z one",
        "2026-11-23T10:00:01.51Z two",
        "2026-11-23T10:00:02Z ",
    ]
    step = Step(*COMING, started(ended(TOOL)), None, lines=lines)
    step.run()
    assert [text for _, text in step.pod.output] == ["one", "two", ""]


def test_what_the_kubelet_itself_says_in_a_log_is_not_the_tools() -> None:
    """It has no stamp, ends the stream, and comes again with every stream."""
    lines: list[str | PodApiError] = [
        "2026-11-23T10:00:01Z one",
        "failed to create fsnotify watcher: too many open files",
        PodApiError(0, "ended"),
        "2026-11-23T10:00:01Z one",
        "2026-11-23T10:00:02Z two",
    ]
    step = Step(*COMING, started(ended(TOOL)), None, lines=lines)
    step.run()
    assert [text for _, text in step.pod.output] == ["one", "two"]


def test_a_log_that_cannot_be_read_to_its_end_is_said_to_be_so() -> None:
    step = Step(*COMING, started(ended(TOOL)), None, lines=[PodApiError(404, "gone")] * 9)
    step.run()
    assert (logging.WARNING, "the tool's output could not be read to its end") in step.said


def test_a_log_that_is_refused_for_good_does_not_keep_the_step() -> None:
    step = Step(*COMING, started(ended(TOOL)), None, lines=[PodApiError(404, "gone")] * 9)
    assert step.run() == 0
    assert step.pod.output == []


def test_t21_a_failed_provision_is_one_sentence_and_the_pod_is_deleted() -> None:
    failed = pod(UP, ended(PROVISION, 1, {"contract": 1, "error": "401 from the gateway"}))
    step = Step(pod(), failed)
    step.api.told += [None]
    assert step.fails() == "no Dask cluster: 401 from the gateway"
    assert step.api.deleted == ["step-pod"]
    assert step.record.outcome == "no cluster"


def test_t25_deleted_by_somebody_in_init() -> None:
    assert Step(pod(), None).fails() == "the pod was deleted by somebody else before its tool ran"


def test_t25_deleted_by_somebody_while_its_tool_ran() -> None:
    assert Step(*COMING, None).fails() == (
        "the pod was deleted by somebody else while its tool ran: nobody knows how it ended"
    )


def test_a_tool_that_ended_as_its_pod_was_deleted_has_its_exit_code() -> None:
    assert Step(*COMING, started(ended(TOOL, 143)), None).run() == 143


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"deletionTimestamp": "now"}, "its pod was deleted by somebody else while it ran"),
        (
            {"reason": "Evicted", "message": "The node was low on resource: memory."},
            "its pod was ended while it ran: Evicted: The node was low on resource: memory.",
        ),
    ],
)
def test_t25_what_ended_a_tool_from_outside_is_said(told: dict[str, Any], words: str) -> None:
    step = Step(*COMING, started(ended(TOOL, 143), **told), None)
    assert step.run() == 143
    assert (logging.ERROR, f"the tool ended with exit code 143: {words}") in step.said
    assert step.record.error == words


def test_t24_a_tool_that_ended_with_calrissian_was_not_ended_by_somebody_else() -> None:
    step = Step(started(ended(TOOL, 143), deletionTimestamp="now"))
    step.pod.create(sent())
    step.stopping.set()
    end, _ = step.pod.until_end()
    assert end.exit_code == 143
    assert not any("somebody else" in text for _, text in step.said)


def test_a_tool_that_succeeds_in_its_grace_has_succeeded() -> None:
    step = Step(*COMING, started(ended(TOOL, 0), deletionTimestamp="now"), None)
    assert step.run() == 0
    assert step.record.error is None


def test_t24_sigterm_to_calrissian_ends_the_step_at_the_next_state() -> None:
    step = Step(pod(), pod(UP, container(PROVISION, running={})))
    step.pod.create(sent())
    step.stopping.set()
    with pytest.raises(StoppingError, match="Calrissian is being terminated"):
        step.pod.until_end()
    assert step.api.deleted == ["step-pod"]


def test_t24_sigterm_while_the_api_server_is_away() -> None:
    step = Step(pod(), PodApiError(503, "busy"))
    step.pod.create(sent())
    step.stopping.set()
    with pytest.raises(StoppingError):
        step.pod.until_end()


def test_a_change_of_rights_while_a_tool_runs_does_not_end_it() -> None:
    denied = PodApiError(403, "pods is forbidden")
    step = Step(*COMING, denied, started(ended(TOOL, 3)), None)
    assert step.run() == 3


def test_an_answer_that_nobody_understands_leaves_no_pod() -> None:
    step = Step(pod())
    step.pod.create(sent())
    step.api.told = [{}]
    with pytest.raises(KeyError):
        step.pod.until_end()
    assert step.api.deleted == ["step-pod"]


def test_t24_nothing_is_created_after_sigterm() -> None:
    step = Step(pod())
    step.stopping.set()
    assert "not started" in step.fails(StoppingError)
    assert step.api.created == []


def test_a_cluster_that_could_not_be_stopped_is_named_in_a_warning() -> None:
    pending = ended(SIDECAR, 0, {"release pending": "abc", "reason": "503"}, 12)
    step = Step(*COMING, started(ended(TOOL)), started(ended(TOOL), sidecar=pending))
    assert step.run() == 0
    (warning,) = [text for level, text in step.said if level == logging.WARNING]
    assert "release pending: cluster abc" in warning
    assert "(503)" in warning


def test_a_failing_tool_beside_it_does_not_take_the_warnings_reason() -> None:
    pending = ended(SIDECAR, 0, {"release pending": "abc", "reason": "503"}, 12)
    step = Step(*COMING, started(ended(TOOL, 1), sidecar=pending))
    assert step.run() == 1
    assert step.record.error == "503"
    assert step.pod.finished is not None
    assert step.record.ended is not None
    assert step.record.ended > step.pod.finished, "the cluster's end is not the tool's"


def test_the_end_of_a_cluster_that_nobody_tells_is_not_told() -> None:
    step = Step(*COMING, started(ended(TOOL)), PodApiError(400, "no"))
    assert step.run() == 0
    assert step.record.outcome == "not told"


def test_a_pod_that_is_kept_is_neither_deleted_nor_listed() -> None:
    step = Step(*COMING, started(ended(TOOL)), None, keeps_pods=True)
    step.run()
    assert (step.api.deleted, step.pods.names) == ([], [])


def test_a_deletion_that_fails_is_left_to_calrissians_clean_up() -> None:
    step = Step(*COMING, started(ended(TOOL)), None, refuses_deletion=PodApiError(503, "busy"))
    assert step.run() == 0
    assert step.pods.names == ["step-pod"]
    assert any("is not deleted yet" in text for _, text in step.said)


# What the API server refuses.


@pytest.mark.parametrize(
    "refusal",
    [
        PodApiError(400, "bad"),
        PodApiError(403, 'violates PodSecurity "restricted:latest"'),
        PodApiError(422, "invalid"),
        PodApiError(409, "already exists"),
    ],
)
def test_a_refusal_is_final_and_said_in_the_servers_words(refusal: PodApiError) -> None:
    step = Step(pod(), creations=[refusal])
    sentence = step.fails(PodApiError)
    assert sentence == f"the Kubernetes API refused ({refusal.status}): {refusal.words}"
    assert len(step.api.created) == 1


@pytest.mark.parametrize(
    "passing",
    [
        QUOTA,
        PodApiError(409, "Operation cannot be fulfilled on resourcequotas"),
        PodApiError(429, "slow"),
        PodApiError(500, "oops"),
        PodApiError(0, "connection refused"),
    ],
)
def test_quota_and_overload_are_waited_for_as_calrissian_does(passing: PodApiError) -> None:
    step = Step(*COMING, started(ended(TOOL)), None, creations=[passing, passing])
    assert step.run() == 0
    assert len(step.api.created) == 3
    assert Step(pod(), creations=[passing] * 3).fails(PodApiError)


def test_a_pod_whose_creation_was_not_heard_of_is_found_again() -> None:
    lost, exists = PodApiError(0, "timeout"), PodApiError(409, "already exists")
    mine = {**sent(), "metadata": {**sent()["metadata"], "uid": "u", "resourceVersion": "1"}}
    step = Step(mine, *COMING, started(ended(TOOL)), None, creations=[lost, exists])
    assert step.run() == 0
    assert step.api.deleted == ["step-pod"]


def test_a_pod_that_may_have_been_made_is_deleted_when_its_creation_is_given_up() -> None:
    """The answer was lost, and the tries are over: it would provision a cluster all the same."""
    step = Step(pod(), creations=[PodApiError(0, "timed out")], tries=1)
    step.fails(PodApiError)
    assert step.api.deleted == ["step-pod"]
    assert step.pods.names == []


def test_somebody_elses_pod_of_that_name_is_not_taken() -> None:
    lost, exists = PodApiError(0, "timeout"), PodApiError(409, "already exists")
    step = Step(pod(), creations=[lost, exists])
    assert "already exists" in step.fails(PodApiError)
    assert step.api.deleted == []


def test_t73_a_sidecar_that_lost_its_restart_policy_is_noticed_and_the_pod_deleted() -> None:
    stripped = sent()
    stripped["spec"] = {**stripped["spec"]}
    stripped["spec"]["initContainers"] = [
        {k: v for k, v in one.items() if k != "restartPolicy"}
        for one in stripped["spec"]["initContainers"]
    ]
    step = Step(pod(), creations=[stripped])
    assert "lost its restartPolicy" in step.fails()
    assert step.api.deleted == ["step-pod"]


def test_a_pod_that_lost_its_annotations_is_noticed() -> None:
    bare = sent()
    bare["metadata"] = {**bare["metadata"], "annotations": {}}
    assert STATUS in sent()["metadata"]["annotations"]
    step = Step(pod(), creations=[bare])
    assert "admitted without its annotations" in step.fails()
    assert step.api.deleted == ["step-pod"]


# How long one waits.


def follow(api: ScriptedApi, clock: Clock) -> str:
    never = threading.Event()
    follower = Follower(TOOL, LIMITS, never, clock)
    with pytest.raises(CalrissianDaskError) as caught:
        follower.until_end(states(api, "step-pod", never, clock), lambda _: None, lambda: None)
    return str(caught.value)


def test_t21_turns_of_pull_errors_are_one_wait() -> None:
    def failing(reason: str) -> Pod:
        return pod(container(SIDECAR, waiting={"reason": reason, "message": "no"}))

    turns: list[Told] = [failing("ErrImagePull"), failing("ImagePullBackOff")] * 50
    clock = Clock(PULL / 20)
    assert "does not start" in follow(ScriptedApi(turns), clock)
    assert clock.now < 3 * PULL


def test_a_provision_that_never_ends_is_given_up() -> None:
    clock = Clock(10)
    running = pod(UP, container(PROVISION, running={}))
    assert "is its node lost?" in follow(ScriptedApi([running]), clock)


def test_a_running_tool_on_a_lost_node_is_given_up_after_its_grace() -> None:
    clock = Clock(10)
    deleted = started(container(TOOL, running={}), deletionTimestamp="then")
    assert "nobody knows how it ended" in follow(ScriptedApi([deleted]), clock)
    assert clock.now > LOST_NODE


def test_an_api_server_that_stays_away_is_given_up() -> None:
    clock = Clock(UNREACHABLE)
    assert "not reached" in follow(ScriptedApi([PodApiError(0, "was not reached")]), clock)


def test_an_api_server_that_comes_back_is_gone_on_with() -> None:
    away = PodApiError(503, "busy")
    step = Step(pod(), away, *COMING, away, started(ended(TOOL, 3)), None)
    assert step.run() == 3
    assert step.record.cluster == READY["cluster"]
