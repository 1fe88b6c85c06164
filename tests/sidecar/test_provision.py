"""Provision as a process, before a real gateway or one that fails on demand.

Rows of the fault list are named in the tests: T12 and so on.
"""

from __future__ import annotations

import signal
import socket
import time
from dataclasses import replace
from pathlib import Path

import pytest
from calrissian_dask_sidecar.contract import EXIT_CONFIGURATION, EXIT_NO_CLUSTER, EXIT_TERMINATED

from tests.fault_gateway import (
    Answer,
    FaultGateway,
    HangUpError,
    Seen,
    always,
    fault_gateway,
    first,
    lost_answer,
    slow,
)
from tests.gateway_server import FLOATS, NONE, GatewayServer
from tests.pod_processes import PodProcesses, pod, wait_until

CLUSTERS = "/api/v1/clusters/"


def upstream(gateway: GatewayServer) -> str:
    return f"127.0.0.1:{gateway.port}"


def ended(p: PodProcesses, code: int) -> str:
    """Provision's sentence after it has ended with this code."""
    provision = p.started[-1]
    assert provision.wait(60) == code, p.log("provision")
    message = p.termination("provision")
    assert message["contract"] == 1
    return str(message.get("error"))


def test_a_cluster_is_made_scaled_and_heard(gateway: GatewayServer, tmp_path: Path) -> None:
    with (
        fault_gateway(upstream(gateway)) as faults,
        pod(faults.url, tmp_path, proxy_address=upstream(gateway), workers=2) as p,
    ):
        p.provisioned()
        message = p.termination("provision")
        name = message["cluster"]
        assert message["workers"] == 2
        assert message["dashboard"] == f"{faults.url}/clusters/{name}/status"
        assert p.state.path("public/cluster").read_text() == f"{name}\n"
        assert [c.name for c in gateway.alive()] == [name]
        assert faults.posts == 1
        assert faults.requests("POST", "/scale")[0].body == {"count": 2}
        sent = faults.requests("POST", CLUSTERS)[0].body["cluster_options"]
        assert sent["environment"] == {"CALRISSIAN_DASK_OWNER": "test/pod/0001"}
        assert sent["image"] == "registry.example/tool:1"


def test_workers_follow_the_load_where_the_operator_wants_it(
    gateway: GatewayServer, tmp_path: Path
) -> None:
    with (
        fault_gateway(upstream(gateway)) as faults,
        pod(
            faults.url, tmp_path, proxy_address=upstream(gateway), workers=2, scaling="adaptive"
        ) as p,
    ):
        p.provisioned()
        (adapt,) = faults.requests("POST", "/adapt")
        assert adapt.body == {"minimum": 1, "maximum": 2, "active": True}


@pytest.mark.parametrize("options", [FLOATS, NONE], ids=["floats in GiB", "none"])
def test_gateways_with_other_options(tmp_path: Path, options: str) -> None:
    (tmp_path / "g").mkdir()
    with (
        GatewayServer(tmp_path / "g", config=options, password=None) as server,
        pod(server.url, tmp_path, auth_type="basic", password=None) as p,
    ):
        p.up()
        p.spawn("provision")
        if options == NONE:
            assert "c.Backend.cluster_options = Options(" in ended(p, EXIT_CONFIGURATION)
            assert server.alive() == []
            return
        assert p.started[-1].wait(60) == 0, p.log("provision")
        (cluster,) = server.alive()
        assert cluster.options["worker_memory"] == 0.5


def test_a_gateway_without_options_serves_when_none_is_sent(tmp_path: Path) -> None:
    (tmp_path / "g").mkdir()
    nothing = dict.fromkeys(
        ["option_image", "option_worker_cores", "option_worker_cores_limit", "option_worker_memory"]
    )
    with (
        GatewayServer(tmp_path / "g", config=NONE) as server,
        pod(server.url, tmp_path, **nothing) as p,
    ):
        p.provisioned()
        assert len(server.alive()) == 1


def test_t12_killed_while_waiting_the_sidecar_stops_what_was_made(tmp_path: Path) -> None:
    with fault_gateway() as faults, pod(faults.url, tmp_path) as p:
        faults.new_status = "PENDING"
        sidecar, provision = p.up(), p.spawn("provision")
        wait_until(p.state.cluster_name)
        provision.kill()
        provision.wait()
        sidecar.send_signal(signal.SIGTERM)
        assert sidecar.wait(30) == 0
        assert faults.leaks() == []
        assert p.termination("sidecar")["stopped"] == list(faults.clusters)


def test_t13_t47_run_again_a_live_cluster_is_used_again(
    gateway: GatewayServer, tmp_path: Path
) -> None:
    with (
        fault_gateway(upstream(gateway)) as faults,
        pod(faults.url, tmp_path, proxy_address=upstream(gateway)) as p,
    ):
        p.provisioned()
        assert p.spawn("provision").wait(60) == 0
        assert faults.posts == 1
        assert "used again" in p.log("provision")


def test_t14_run_again_an_ended_cluster_is_replaced(gateway: GatewayServer, tmp_path: Path) -> None:
    with pod(gateway.url, tmp_path) as p:
        p.provisioned()
        before = p.state.cluster_name()
        assert before is not None
        gateway.api().delete(before)
        assert p.spawn("provision").wait(60) == 0, p.log("provision")
        after = p.state.cluster_name()
        assert after != before
        assert [c.name for c in gateway.alive()] == [after]
        assert p.state.path("public/cluster").read_text() == f"{after}\n"


@pytest.mark.parametrize("content", ["", '{"name": "', "[1]", '{"name": "../other"}', "link"])
def test_t15_a_damaged_record_is_absent_with_a_word(tmp_path: Path, content: str) -> None:
    with fault_gateway() as faults, pod(faults.url, tmp_path) as p:
        faults.new_status = "FAILED"
        other = faults.make({}, "RUNNING")
        p.up()
        if content == "link":
            (tmp_path / "other").write_text(f'{{"name": "{other}"}}')
            p.state.path("cluster").symlink_to(tmp_path / "other")
        else:
            p.state.path("cluster").write_text(content)
        p.spawn("provision")
        ended(p, EXIT_NO_CLUSTER)
        assert "taken as absent" in p.log("provision")
        assert faults.leaks() == [other]


@pytest.mark.parametrize("status", [500, 503, 429])
@pytest.mark.parametrize("end", ["/options", CLUSTERS, "/scale"])
def test_t17_a_gateway_that_recovers_gives_one_cluster(
    gateway: GatewayServer, tmp_path: Path, status: int, end: str
) -> None:
    method = "GET" if end == "/options" else "POST"
    with (
        fault_gateway(upstream(gateway)) as faults,
        pod(faults.url, tmp_path, proxy_address=upstream(gateway), option_tag=None) as p,
    ):
        faults.faults.append(first(2, method, end, Answer(status, {"error": "busy"})))
        p.provisioned()
        assert len(gateway.alive()) == 1
        assert "tried again until it works" in p.log("provision")


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "does not accept our credentials (401"),
        (403, "forbids POST"),
        (422, "no such profile"),
        (308, "has moved (308, to https://new.example)"),
    ],
)
def test_t18_a_refusal_is_final_and_says_why(tmp_path: Path, status: int, words: str) -> None:
    with fault_gateway() as faults, pod(faults.url, tmp_path) as p:
        answer = Answer(status, {"error": "no such profile"}, {"Location": "https://new.example"})
        faults.faults.append(always("POST", CLUSTERS, answer))
        p.up()
        p.spawn("provision")
        assert words in ended(p, EXIT_NO_CLUSTER)
        assert faults.posts == 1


def test_t19_a_cluster_that_stays_pending_is_given_back_at_the_deadline(tmp_path: Path) -> None:
    with fault_gateway() as faults, pod(faults.url, tmp_path, provision_timeout=2) as p:
        faults.new_status = "PENDING"
        p.up()
        p.spawn("provision")
        assert ended(p, EXIT_NO_CLUSTER).startswith("timeout: cluster 0")
        assert faults.leaks() == []


def test_t20_a_cluster_that_fails_says_where_to_look(tmp_path: Path) -> None:
    with fault_gateway() as faults, pod(faults.url, tmp_path) as p:
        faults.new_status = "FAILED"
        p.up()
        p.spawn("provision")
        assert "is dask-gateway installed in the image registry.example/tool:1?" in ended(
            p, EXIT_NO_CLUSTER
        )


def test_t20_a_cluster_that_somebody_stops_meanwhile(tmp_path: Path) -> None:
    with fault_gateway() as faults, pod(faults.url, tmp_path) as p:
        faults.new_status = "STOPPED"
        p.up()
        p.spawn("provision")
        assert "is STOPPED: somebody stopped it" in ended(p, EXIT_NO_CLUSTER)


def test_a_real_scheduler_that_cannot_start_is_the_gateways_failure(tmp_path: Path) -> None:
    (tmp_path / "g").mkdir()
    broken = "c.ClusterConfig.scheduler_cmd = ['/no/such/command']\n"
    from tests.gateway_server import STRINGS

    with (
        GatewayServer(tmp_path / "g", config=STRINGS + broken) as server,
        pod(server.url, tmp_path) as p,
    ):
        p.up()
        p.spawn("provision")
        assert "FAILED to start" in ended(p, EXIT_NO_CLUSTER)
        assert server.alive() == []


def test_an_unreachable_gateway_is_waited_for_until_the_deadline(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with pod(url, tmp_path, provision_timeout=1) as p:
            p.up()
            p.spawn("provision")
            message = ended(p, EXIT_NO_CLUSTER)
    assert message.startswith("timeout after 1 s")
    assert "Connection refused" in message


def test_what_is_no_gateway_is_said_at_once(tmp_path: Path) -> None:
    with fault_gateway() as faults, pod(faults.url, tmp_path) as p:
        faults.faults.append(always("GET", "/options", Answer(200, {"hello": "world"})))
        p.up()
        p.spawn("provision")
        assert "does not answer like a Dask Gateway" in ended(p, EXIT_NO_CLUSTER)


def test_a_wrong_password_is_said_at_once(gateway: GatewayServer, tmp_path: Path) -> None:
    with pod(gateway.url, tmp_path, password="wrong") as p:
        p.up()
        p.spawn("provision")
        message = ended(p, EXIT_NO_CLUSTER)
        assert "does not accept our credentials" in message
        assert "wrong" not in message + p.log("provision") + p.log("sidecar")


def clamped(to: int) -> str:
    from tests.gateway_server import STRINGS

    return STRINGS + f"c.ClusterConfig.cluster_max_workers = {to}\n"


def test_fewer_workers_than_asked_for_are_said_and_none_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "g").mkdir()
    (tmp_path / "p").mkdir()
    with GatewayServer(tmp_path / "g", config=clamped(1)) as server:
        with pod(server.url, tmp_path, workers=5) as p:
            p.provisioned()
            assert p.termination("provision")["workers"] == 1
            assert "asked for 5 workers and given 1" in p.log("provision")
        limit = server.config + "c.ClusterConfig.cluster_max_cores = 1\n"
    (tmp_path / "g2").mkdir()
    with (
        GatewayServer(tmp_path / "g2", config=limit) as server,
        pod(server.url, tmp_path / "p") as p,
    ):
        p.up()
        p.spawn("provision")
        assert "the gateway gives no worker" in ended(p, EXIT_NO_CLUSTER)
        assert server.alive() == []


def test_t64_an_answer_that_never_came_is_found_by_its_tag(
    gateway: GatewayServer, tmp_path: Path
) -> None:
    with (
        fault_gateway(upstream(gateway)) as faults,
        pod(faults.url, tmp_path, proxy_address=upstream(gateway)) as p,
    ):
        faults.faults.append(lost_answer("POST", CLUSTERS))
        p.provisioned()
        assert faults.posts == 1
        assert len(gateway.alive()) == 1


def test_an_answer_that_never_came_is_not_asked_for_again_without_a_tag(tmp_path: Path) -> None:
    """The one window that cannot be closed: POST has no idempotency key."""
    with fault_gateway() as faults, pod(faults.url, tmp_path, option_tag=None) as p:
        faults.faults.append(lost_answer("POST", CLUSTERS))
        p.up()
        p.spawn("provision")
        assert "a cluster may have been made whose name nobody knows" in ended(p, EXIT_NO_CLUSTER)
        assert faults.posts == 1


def test_a_gateway_that_hangs_up_before_it_acts_is_asked_again(tmp_path: Path) -> None:
    def refuse_once(seen: Seen, gateway: FaultGateway) -> Answer | None:
        if seen.path.endswith("/options") and len(gateway.seen) == 1:
            raise HangUpError
        return None

    with fault_gateway() as faults, pod(faults.url, tmp_path) as p:
        faults.new_status = "FAILED"
        faults.faults.append(refuse_once)
        p.up()
        p.spawn("provision")
        ended(p, EXIT_NO_CLUSTER)
        assert faults.posts == 1


def test_a_young_cluster_may_be_unknown_for_a_moment(
    gateway: GatewayServer, tmp_path: Path
) -> None:
    """GET right after POST is 404 where the API server's informer lags."""
    with (
        fault_gateway(upstream(gateway)) as faults,
        pod(faults.url, tmp_path, proxy_address=upstream(gateway)) as p,
    ):
        faults.faults.append(
            first(2, "GET", "?wait", Answer(404, {"error": "Cluster x not found"}))
        )
        p.provisioned()


def test_scale_is_asked_again_while_the_gateway_lags(
    gateway: GatewayServer, tmp_path: Path
) -> None:
    """409 "not running" right after RUNNING, on a gateway with several API servers."""
    with (
        fault_gateway(upstream(gateway)) as faults,
        pod(faults.url, tmp_path, proxy_address=upstream(gateway)) as p,
    ):
        faults.faults.append(first(2, "POST", "/scale", Answer(409, {"error": "not running"})))
        p.provisioned()


def test_t63_a_slow_gateway_is_no_failure(gateway: GatewayServer, tmp_path: Path) -> None:
    with (
        fault_gateway(upstream(gateway)) as faults,
        pod(faults.url, tmp_path, proxy_address=upstream(gateway)) as p,
    ):
        faults.faults.append(slow(1.5))
        p.provisioned()


def test_t66_a_final_error_is_said_again_without_a_post(tmp_path: Path) -> None:
    with fault_gateway() as faults, pod(faults.url, tmp_path) as p:
        faults.new_status = "FAILED"
        p.up()
        for _ in range(3):
            p.spawn("provision")
            assert "FAILED to start" in ended(p, EXIT_NO_CLUSTER)
        assert faults.posts == 1


def test_t65_after_a_new_sandbox_the_old_error_no_longer_holds(tmp_path: Path) -> None:
    with fault_gateway() as faults, pod(faults.url, tmp_path) as p:
        faults.new_status = "FAILED"
        sidecar = p.up()
        p.spawn("provision")
        ended(p, EXIT_NO_CLUSTER)
        sidecar.send_signal(signal.SIGTERM)
        sidecar.wait()
        p.up()
        p.spawn("provision")
        ended(p, EXIT_NO_CLUSTER)
        assert faults.posts == 2


def test_t67_a_taken_port_is_fatal_before_the_tool_starts(tmp_path: Path) -> None:
    with socket.socket() as taken, fault_gateway() as faults:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pod(faults.url, tmp_path, scheduler_port=port) as p:
            words = "set other ports in the settings"
            sidecar = p.spawn("sidecar")
            p.spawn("provision")
            assert words in ended(p, EXIT_CONFIGURATION)
            sidecar.send_signal(signal.SIGTERM)
            assert sidecar.wait(10) == EXIT_CONFIGURATION
            assert words in p.termination("sidecar")["error"]
        assert faults.posts == 0


def test_a_sidecar_that_cannot_work_stays_as_else_the_kubelet_never_starts_provision(
    tmp_path: Path,
) -> None:
    with pod("http://127.0.0.1:1", tmp_path, proxy_address="nonsense:abc") as p:
        refused(p, "gateway.proxyAddress")


def test_a_state_volume_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pod("http://127.0.0.1:1", tmp_path) as p:
        p.settings = replace(p.settings, state=str(tmp_path / "file"))
        refused(p, "the state volume cannot be used")


def test_a_proxy_that_serves_no_schedulers_is_said(gateway: GatewayServer, tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
        with pod(gateway.url, tmp_path, proxy_address=address, provision_timeout=4) as p:
            p.up()
            p.spawn("provision")
            assert f"through the gateway's proxy at {address}" in ended(p, EXIT_NO_CLUSTER)
            assert gateway.alive() == []
            assert "Connection refused" in p.log("sidecar")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"gateway_url": "gateway.example"}, "is not of the form http(s)://host"),
        ({"gateway_url": "http://u:p@127.0.0.1:1"}, "has a user name in it"),
        ({"auth_type": "jupyterhub", "password": None}, "jupyterhub needs a token"),
        ({"auth_type": "no.such.Class"}, "cannot be made"),
        ({"auth_type": "kerberos"}, "pykerberos"),
        ({"contract": 99}, "run the image of the version that mutated the pod"),
    ],
)
def test_settings_that_cannot_work_are_said_before_anything_is_asked(
    tmp_path: Path, changes: dict[str, object], words: str
) -> None:
    with pod("http://127.0.0.1:1", tmp_path, **changes) as p:
        refused(p, words)
        assert p.spawn("provision").wait(60) == EXIT_CONFIGURATION
        assert words in p.termination("provision")["error"]
        assert "Traceback" not in p.log("provision")


def refused(p: PodProcesses, words: str) -> None:
    """A sidecar that cannot work says so and stays.

    One that is gone at once the kubelet starts again and again, and never the init container that
    would fail for it.
    """
    sidecar = p.spawn("sidecar")
    wait_until(lambda: words in p.log("sidecar"))
    time.sleep(1)
    assert sidecar.poll() is None, "it has ended before SIGTERM: the pod would hang in Init"
    sidecar.send_signal(signal.SIGTERM)
    assert sidecar.wait(10) == EXIT_CONFIGURATION
    assert words in p.termination("sidecar")["error"]
    assert "Traceback" not in p.log("sidecar")


def test_sigterm_before_anything_was_asked_ends_at_once(tmp_path: Path) -> None:
    with fault_gateway() as faults, pod(faults.url, tmp_path) as p:
        provision = p.spawn("provision")
        wait_until(lambda: p.state.locked("provision.lock"))
        provision.send_signal(signal.SIGTERM)
        assert provision.wait(10) == EXIT_TERMINATED
        assert faults.seen == []


def test_sigterm_while_waiting_gives_the_cluster_back(tmp_path: Path) -> None:
    with fault_gateway() as faults, pod(faults.url, tmp_path) as p:
        faults.new_status = "PENDING"
        p.up()
        provision = p.spawn("provision")
        wait_until(p.state.cluster_name)
        provision.send_signal(signal.SIGTERM)
        assert provision.wait(10) == EXIT_TERMINATED
        assert faults.leaks() == []
        assert p.termination("provision") == {
            "contract": 1,
            "error": "ended by SIGTERM before ready",
        }


def test_t26_a_second_sigterm_during_the_clean_up_changes_nothing(tmp_path: Path) -> None:
    with fault_gateway() as faults, pod(faults.url, tmp_path) as p:
        faults.new_status = "PENDING"
        p.up()
        provision = p.spawn("provision")
        wait_until(p.state.cluster_name)
        faults.faults.append(slow(0.5))
        for _ in range(4):
            provision.send_signal(signal.SIGTERM)
            time.sleep(0.1)
        assert provision.wait(10) == EXIT_TERMINATED
        assert faults.leaks() == []


def test_sigterm_in_the_middle_of_the_post_waits_for_its_answer(tmp_path: Path) -> None:
    with fault_gateway() as faults, pod(faults.url, tmp_path) as p:
        p.up()
        faults.faults.append(slow(1.0))
        provision = p.spawn("provision")
        wait_until(lambda: faults.posts)
        provision.send_signal(signal.SIGTERM)
        assert provision.wait(20) == EXIT_TERMINATED
        assert faults.posts == 1
        assert faults.leaks() == []


def test_a_stopping_sidecar_lets_no_provision_begin(tmp_path: Path) -> None:
    with fault_gateway() as faults, pod(faults.url, tmp_path) as p:
        sidecar = p.up()
        sidecar.send_signal(signal.SIGTERM)
        assert sidecar.wait(10) == 0
        p.state.write("up", scheduler_port=1)
        lock = p.state.lock("provision.lock")
        assert lock
        assert p.spawn("provision").wait(10) == EXIT_TERMINATED
        assert faults.posts == 0


def test_stopping_is_seen_right_before_the_post(tmp_path: Path) -> None:
    with fault_gateway() as faults, pod(faults.url, tmp_path) as p:
        p.up()

        def stop_meanwhile(seen: Seen, gateway: FaultGateway) -> Answer | None:
            if seen.path.endswith("/options"):
                p.state.write("stopping")
            return None

        faults.faults.append(stop_meanwhile)
        assert p.spawn("provision").wait(10) == EXIT_TERMINATED
        assert faults.posts == 0
