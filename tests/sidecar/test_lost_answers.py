"""A POST whose answer never came, followed up by whoever comes next; never repeated blindly."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from calrissian_dask_sidecar.contract import EXIT_NO_CLUSTER, EXIT_TERMINATED

from tests.fault_gateway import (
    Answer,
    Fault,
    FaultGateway,
    Seen,
    always,
    fault_gateway,
    first,
    lost_answer,
)
from tests.gateway_server import GatewayServer
from tests.pod_processes import pod, wait_until

CLUSTERS = "/api/v1/clusters/"


def test_a_later_run_finds_what_a_killed_one_had_asked_for(
    gateway: GatewayServer, tmp_path: Path
) -> None:
    upstream = f"127.0.0.1:{gateway.port}"
    with fault_gateway(upstream) as faults, pod(faults.url, tmp_path, proxy_address=upstream) as p:
        p.up()
        made = gateway.api().create(
            {"environment": {"CALRISSIAN_DASK_OWNER": "test/pod/0001"}}, timeout=30
        )
        p.state.write("intent", tag="environment")
        assert p.spawn("provision").wait(60) == 0, p.log("provision")
        assert p.state.cluster_name() == made
        assert faults.posts == 0
        assert not p.state.present("intent")


def test_a_later_run_asks_when_nothing_was_made(tmp_path: Path) -> None:
    with fault_gateway() as faults, pod(faults.url, tmp_path) as p:
        faults.new_status = "FAILED"
        p.up()
        p.state.path("intent").write_text('{"tag": "environment", "written": 1}')
        assert p.spawn("provision").wait(60) == EXIT_NO_CLUSTER
        assert faults.posts == 1


def test_a_later_run_without_a_tag_asks_no_more(tmp_path: Path) -> None:
    with fault_gateway() as faults, pod(faults.url, tmp_path, option_tag=None) as p:
        p.up()
        p.state.write("intent", tag=None)
        assert p.spawn("provision").wait(60) == EXIT_NO_CLUSTER
        assert "nobody knows" in p.termination("provision")["error"]
        assert faults.posts == 0
        assert p.state.present("intent")


def test_while_the_list_cannot_be_seen_the_post_is_not_repeated(tmp_path: Path) -> None:
    with fault_gateway() as faults, pod(faults.url, tmp_path, provision_timeout=3) as p:
        faults.faults += [lost_answer("POST", CLUSTERS), always("GET", CLUSTERS, Answer(503))]
        sidecar = p.up()
        assert p.spawn("provision").wait(60) == EXIT_NO_CLUSTER
        assert "could not be seen whether a cluster was made" in p.termination("provision")["error"]
        assert faults.posts == 1
        faults.faults.clear()
        sidecar.send_signal(signal.SIGTERM)
        assert sidecar.wait(30) == 0
        assert faults.leaks() == [], "the sidecar goes on from the intent"


def test_sigterm_while_it_is_looked_for_leaves_it_to_the_sidecar(tmp_path: Path) -> None:
    with fault_gateway() as faults, pod(faults.url, tmp_path) as p:
        faults.faults += [lost_answer("POST", CLUSTERS), first(4, "GET", CLUSTERS, Answer(503))]
        sidecar, provision = p.up(), p.spawn("provision")
        wait_until(lambda: faults.requests("GET", CLUSTERS))
        provision.send_signal(signal.SIGTERM)
        sidecar.send_signal(signal.SIGTERM)
        assert provision.wait(30) == EXIT_TERMINATED
        assert sidecar.wait(30) == 0
        assert faults.leaks() == []


def cut_off(seen: Seen, gateway: FaultGateway) -> Answer | None:
    """A 201 whose body ends too early."""
    if seen.method == "POST" and seen.path == CLUSTERS:
        answer = gateway.own(seen)
        return Answer(201, answer.body, {"Content-Length": "500"})
    return None


def not_understood(seen: Seen, gateway: FaultGateway) -> Answer | None:
    """A 201 without the name of what it made."""
    if seen.method == "POST" and seen.path == CLUSTERS:
        gateway.own(seen)
        return Answer(201, {"hello": "world"})
    return None


@pytest.mark.parametrize("fault", [cut_off, not_understood])
def test_a_success_that_is_not_understood_may_have_made_a_cluster(
    tmp_path: Path, fault: Callable[[Seen, FaultGateway], Answer | None]
) -> None:
    with fault_gateway() as faults, pod(faults.url, tmp_path, provision_timeout=4) as p:
        faults.new_status = "PENDING"
        faults.faults.append(fault)
        sidecar, provision = p.up(), p.spawn("provision")
        assert provision.wait(60) == EXIT_NO_CLUSTER
        assert faults.posts == 1
        sidecar.send_signal(signal.SIGTERM)
        assert sidecar.wait(30) == 0
        assert faults.leaks() == []


def test_an_earlier_cluster_does_not_hide_one_that_is_being_asked_for(tmp_path: Path) -> None:
    """After a new sandbox: the sidecar has seen A, and B's POST was answered to nobody."""
    with fault_gateway() as faults, pod(faults.url, tmp_path) as p:
        sidecar = p.up()
        p.state.write("cluster", name=faults.make({}, "STOPPED"), seen=True)
        wait_until(lambda: faults.seen or p.state.read("cluster"))
        faults.make({"environment": {"CALRISSIAN_DASK_OWNER": "test/pod/0001"}}, "RUNNING")
        p.state.write("intent", tag="environment")
        sidecar.send_signal(signal.SIGTERM)
        assert sidecar.wait(30) == 0
        assert faults.leaks() == []


def test_a_list_that_was_never_seen_is_no_all_clear(tmp_path: Path) -> None:
    with fault_gateway() as faults, pod(faults.url, tmp_path, stop_timeout=7) as p:
        faults.faults.append(always("GET", CLUSTERS, Answer(503, {"error": "down"})))
        sidecar = p.up()
        p.state.write("intent", tag="environment")
        sidecar.send_signal(signal.SIGTERM)
        assert sidecar.wait(30) == 0
        message = p.termination("sidecar")
        assert message["release pending"] == "unknown"
        assert "503: down" in message["reason"]


def not_listed_yet(count: int) -> Fault:
    """The first listings do not show what was made: the gateway has not acted, or its cache lags."""
    return first(count, "GET", CLUSTERS, Answer(200, {}))


def test_a_listing_that_came_too_early_does_not_let_provision_ask_again(tmp_path: Path) -> None:
    with fault_gateway() as faults, pod(faults.url, tmp_path) as p:
        faults.new_status = "FAILED"
        faults.faults += [lost_answer("POST", CLUSTERS), not_listed_yet(4), listing_all]
        p.up()
        assert p.spawn("provision").wait(60) == EXIT_NO_CLUSTER
        assert "FAILED to start" in p.termination("provision")["error"]
        assert faults.posts == 1


def listing_all(seen: Seen, gateway: FaultGateway) -> Answer | None:
    """The list with ended clusters too, so that one that fails at once is found by its tag."""
    if seen.method == "GET" and seen.path == CLUSTERS:
        return Answer(200, gateway.clusters)
    return None


def test_a_listing_that_came_too_early_is_no_all_clear_for_the_sidecar(tmp_path: Path) -> None:
    with fault_gateway() as faults, pod(faults.url, tmp_path) as p:
        sidecar = p.up()
        faults.make({"environment": {"CALRISSIAN_DASK_OWNER": "test/pod/0001"}}, "RUNNING")
        faults.faults.append(not_listed_yet(4))
        p.state.write("intent", tag="environment")
        sidecar.send_signal(signal.SIGTERM)
        assert sidecar.wait(40) == 0
        assert faults.leaks() == []


def test_a_known_cluster_in_the_list_does_not_hide_the_lost_one(tmp_path: Path) -> None:
    """The earlier one is still listed, and the lost one appears a moment later."""
    with fault_gateway() as faults, pod(faults.url, tmp_path) as p:
        sidecar = p.up()
        tag = {"environment": {"CALRISSIAN_DASK_OWNER": "test/pod/0001"}}
        known, lost = faults.make(tag, "RUNNING"), faults.make(tag, "RUNNING")
        report = dict(faults.clusters[known])
        faults.faults.append(first(3, "GET", CLUSTERS, Answer(200, {known: report})))
        p.state.write("cluster", name=known, seen=True)
        p.state.write("intent", tag="environment")
        sidecar.send_signal(signal.SIGTERM)
        assert sidecar.wait(40) == 0
        assert faults.clusters[lost]["status"] == "STOPPING"
        assert faults.leaks() == []
