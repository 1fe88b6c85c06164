"""What the steps of one run share: turns, warnings, owners, the last words."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from calrissian_dask.annotations import CONTAINER, GATEWAY_URL
from calrissian_dask.errors import PodError
from calrissian_dask.mutation import is_mutated
from calrissian_dask.requirement import parse
from calrissian_dask.runner.follow import StoppingError
from calrissian_dask.runner.session import Session
from calrissian_dask.settings import Settings, parse_settings

from tests.podspec.pods import REQUIREMENT, settings

OWNER = {"metadata": {"name": "calrissian-x", "uid": "the-uid", "labels": {"app": "c"}}}


def plain() -> dict[str, Any]:
    tool = {"name": "step", "image": "tool:1", "command": ["/bin/sh", "-c"], "args": ["true"]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "step-x", "labels": {}},
        "spec": {"initContainers": [], "containers": [tool], "volumes": []},
    }


def limited(clusters: int) -> Settings:
    return parse_settings({"gateway": {"url": "http://gateway"}, "maxClusters": clusters})


def test_a_steps_pod_has_its_cluster_its_url_and_its_owner() -> None:
    given = plain()
    pod = Session(settings()).with_cluster(given, REQUIREMENT, OWNER)
    assert given == plain()
    assert is_mutated(pod)
    annotations = pod["metadata"]["annotations"]
    assert annotations[CONTAINER] == "step"
    assert annotations[GATEWAY_URL] == settings().gateway.url
    (reference,) = pod["metadata"]["ownerReferences"]
    assert reference == {
        "apiVersion": "v1",
        "kind": "Pod",
        "name": "calrissian-x",
        "uid": "the-uid",
    }


def test_a_pod_that_is_in_the_way_is_a_pod_error() -> None:
    pod = plain()
    pod["spec"]["volumes"] = [{"name": "dask-state"}]
    with pytest.raises(PodError, match="dask-state"):
        Session(settings()).with_cluster(pod, REQUIREMENT, OWNER)


def test_no_more_than_max_clusters_steps_have_one_at_once() -> None:
    session, lock, now, most = Session(limited(2)), threading.Lock(), [0], [0]
    both = threading.Barrier(2)

    def step(number: int) -> None:
        with session.turn(f"step {number}"):
            with lock:
                now[0] += 1
                most[0] = max(most[0], now[0])
            both.wait(30)
            with lock:
                now[0] -= 1

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(step, range(6)))
    assert most[0] == 2


def test_a_step_that_fails_gives_its_turn_back() -> None:
    session = Session(limited(1))
    for _ in range(2):
        with pytest.raises(PodError), session.turn("step"):
            raise PodError("no")


def test_t24_a_step_that_waits_for_its_turn_ends_with_calrissian() -> None:
    session = Session(limited(1))
    with session.turn("one"):
        session.stopping.set()
        with pytest.raises(StoppingError), session.turn("two"):
            raise AssertionError("no turn was free")


def test_a_warning_is_given_once(caplog: pytest.LogCaptureFixture) -> None:
    session = Session(settings())
    logging.getLogger("cwltool").propagate = True
    with caplog.at_level(logging.WARNING, "cwltool"):
        session.once("the same")
        session.once("the same")
    assert caplog.messages == ["the same"]


def test_the_costs_are_told_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    session = Session(settings())
    session.ledger.open("step", parse(REQUIREMENT))
    logging.getLogger("cwltool").propagate = True
    with caplog.at_level(logging.INFO, "cwltool"):
        session.close()
    assert caplog.messages == session.ledger.summary()
