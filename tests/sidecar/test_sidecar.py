"""The sidecar as a process: SIGTERM in every state, gateways that fail at the end, its own death."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from calrissian_dask_sidecar.addresses import Addresses
from calrissian_dask_sidecar.credentials import Fixed
from calrissian_dask_sidecar.gateway_api import GatewayApi
from calrissian_dask_sidecar.http_exchange import Exchange
from calrissian_dask_sidecar.sidecar import Sidecar, guarded
from calrissian_dask_sidecar.state import State

from tests.fault_gateway import Answer, FaultGateway, HangUpError, Seen, always, fault_gateway, slow
from tests.gateway_server import GatewayServer
from tests.pod_processes import PodProcesses, pod, program_settings, wait_until


def with_cluster(p: PodProcesses, faults: FaultGateway) -> subprocess.Popen[bytes]:
    """A sidecar whose pod has a recorded cluster."""
    sidecar = p.up()
    p.state.write("cluster", name=faults.make({}, "RUNNING"), seen=True)
    return sidecar


def terminated(sidecar: subprocess.Popen[bytes]) -> None:
    sidecar.send_signal(signal.SIGTERM)
    assert sidecar.wait(40) == 0


@pytest.mark.parametrize(
    ("tool", "code"),
    [
        ("raise SystemExit(0)", 0),
        ("raise SystemExit(37)", 37),
        ("import os; os.kill(os.getpid(), 9)", -9),
    ],
)
def test_t01_t02_t03_whatever_the_tools_end_its_cluster_ends(
    gateway: GatewayServer, tmp_path: Path, tool: str, code: int
) -> None:
    upstream = f"127.0.0.1:{gateway.port}"
    with fault_gateway(upstream) as faults, pod(faults.url, tmp_path, proxy_address=upstream) as p:
        sidecar = p.provisioned()
        assert subprocess.run([sys.executable, "-c", tool], check=False).returncode == code
        terminated(sidecar)
        assert faults.posts == 1
        assert len(faults.requests("DELETE")) == 1
        assert gateway.alive() == []


def test_without_a_cluster_there_is_nothing_to_stop(tmp_path: Path) -> None:
    with fault_gateway() as faults, pod(faults.url, tmp_path) as p:
        terminated(p.up())
        assert faults.seen == []
        assert p.termination("sidecar")["stopped"] == []


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_t30_a_second_signal_is_the_same_shutdown(tmp_path: Path, second: signal.Signals) -> None:
    with fault_gateway() as faults, pod(faults.url, tmp_path) as p:
        sidecar = with_cluster(p, faults)
        faults.faults.append(slow(0.3))
        sidecar.send_signal(signal.SIGTERM)
        time.sleep(0.1)
        sidecar.send_signal(second)
        assert sidecar.wait(20) == 0
        assert faults.leaks() == []
        assert len(faults.requests("DELETE")) == 1


def test_t31_sigterm_while_the_sidecar_boots_is_not_lost(tmp_path: Path) -> None:
    with fault_gateway() as faults, pod(faults.url, tmp_path) as p:
        p.state.prepare()
        for number in range(12):
            name = faults.make({}, "RUNNING")
            p.state.write("cluster", name=name, seen=True)
            sidecar = p.spawn("sidecar")
            wait_until(partial(blocks_sigterm, sidecar.pid))
            time.sleep(number * 0.01)
            terminated(sidecar)
            assert faults.leaks() == []


def blocks_sigterm(pid: int) -> bool:
    """Whether `env --block-signal=TERM`, the pod's command, has begun."""
    mask = Path(f"/proc/{pid}/status").read_text().split("SigBlk:")[1].split()[0]
    return bool(int(mask, 16) & 1 << (signal.SIGTERM - 1))


def test_t32_delete_is_repeated_while_the_gateway_shows_it_running(tmp_path: Path) -> None:
    with fault_gateway() as faults, pod(faults.url, tmp_path) as p:
        sidecar = with_cluster(p, faults)
        left = [2]

        def stale(seen: Seen, gateway: FaultGateway) -> Answer | None:
            if seen.method == "DELETE" and left[0]:
                left[0] -= 1
                return Answer(204)
            return None

        faults.faults.append(stale)
        terminated(sidecar)
        assert faults.leaks() == []
        assert len(faults.requests("DELETE")) == 3


@pytest.mark.parametrize("status", ["STOPPED", "FAILED", "removed"])
def test_t33_what_has_ended_already_is_a_success(tmp_path: Path, status: str) -> None:
    with fault_gateway() as faults, pod(faults.url, tmp_path) as p:
        sidecar = with_cluster(p, faults)
        (name,) = faults.clusters
        faults.clusters[name]["status"] = status
        if status == "removed":
            del faults.clusters[name]
        terminated(sidecar)
        assert p.termination("sidecar")["stopped"] == [name]


def test_t34_a_gateway_that_comes_back_within_the_budget(tmp_path: Path) -> None:
    with fault_gateway() as faults, pod(faults.url, tmp_path) as p:
        sidecar = with_cluster(p, faults)
        down = time.monotonic() + 3

        def hang_up(seen: Seen, gateway: FaultGateway) -> Answer | None:
            if time.monotonic() < down:
                raise HangUpError
            return None

        faults.faults.append(hang_up)
        terminated(sidecar)
        assert faults.leaks() == []


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(503, {"error": "down"}), "503: down"),
        (Answer(401, {"error": "expired"}), "does not accept our credentials (401: expired)"),
    ],
)
def test_t35_t36_beyond_the_budget_the_name_and_the_reason_are_said(
    tmp_path: Path, answer: Answer, words: str
) -> None:
    with fault_gateway() as faults, pod(faults.url, tmp_path, stop_timeout=2) as p:
        sidecar = with_cluster(p, faults)
        (name,) = faults.clusters
        faults.faults.append(always("DELETE", name, answer))
        terminated(sidecar)
        message = p.termination("sidecar")
        assert message["release pending"] == name
        assert words in message["reason"]
        assert f"release pending: {name}" in p.log("sidecar")


def test_t37_killed_three_seconds_later_the_delete_is_long_on_the_wire(tmp_path: Path) -> None:
    """A hard eviction leaves about 3 s in all, here on a node whose cores are busy."""
    with fault_gateway() as faults, pod(faults.url, tmp_path) as p:
        sidecar = with_cluster(p, faults)
        busy = [
            subprocess.Popen([sys.executable, "-c", "while True: pass"])
            for _ in range(2 * (os.cpu_count() or 1))
        ]
        try:
            sidecar.send_signal(signal.SIGTERM)
            time.sleep(3)
            sidecar.kill()
        finally:
            for process in busy:
                process.kill()
                process.wait()
        assert faults.leaks() == []


def test_t38_two_seconds_are_enough(tmp_path: Path) -> None:
    with fault_gateway() as faults, pod(faults.url, tmp_path) as p:
        sidecar = with_cluster(p, faults)
        sidecar.send_signal(signal.SIGTERM)
        time.sleep(2)
        sidecar.kill()
        assert faults.leaks() == []


def test_t41_a_killed_sidecar_is_restarted_and_goes_on(
    gateway: GatewayServer, tmp_path: Path
) -> None:
    """The kubelet restarts it while the tool runs; the cluster is neither stopped nor made again."""
    with pod(gateway.url, tmp_path, scheduler_port=0) as p:
        sidecar = p.provisioned()
        (before,) = gateway.alive()
        sidecar.kill()
        sidecar.wait()
        again = p.up()
        assert [c.name for c in gateway.alive()] == [before.name]
        assert computes(p.scheduler_address) == "42"
        terminated(again)
        assert gateway.alive() == []


def test_t42_killed_while_it_stops_the_delete_is_out_already(tmp_path: Path) -> None:
    with fault_gateway() as faults, pod(faults.url, tmp_path) as p:
        sidecar = with_cluster(p, faults)
        faults.faults.append(
            lambda seen, gateway: slow(2)(seen, gateway) if seen.method == "GET" else None
        )
        sidecar.send_signal(signal.SIGTERM)
        wait_until(lambda: faults.requests("DELETE"))
        sidecar.kill()
        assert faults.leaks() == []


def test_t43_a_bug_in_the_main_loop_still_stops_the_cluster(tmp_path: Path) -> None:
    def bug() -> None:
        raise RuntimeError("a bug")

    with fault_gateway() as faults:
        sidecar = in_memory(tmp_path, faults.url, bug)
        sidecar.start()
        sidecar.state.write("cluster", name=faults.make({}, "RUNNING"), seen=True)
        sidecar.current()
        message = guarded(sidecar)
        assert message["error"] == "RuntimeError: a bug"
        assert faults.leaks() == []
        assert sidecar.state.present("up")


def test_t43_a_bug_with_a_gateway_that_is_down_says_what_is_left(tmp_path: Path) -> None:
    with fault_gateway() as faults:
        sidecar = in_memory(tmp_path, faults.url, lambda: None, stop_timeout=1)
        sidecar.start()
        name = faults.make({}, "RUNNING")
        sidecar.state.write("cluster", name=name)
        sidecar.current()
        faults.faults.append(always("DELETE", name, Answer(503)))
        os.rename(sidecar.state.folder, tmp_path / "lost")  # the volume is gone: finish() raises
        assert guarded(sidecar)["release pending"] == name


def in_memory(folder: Path, url: str, termination: Callable[[], None], **changes: Any) -> Sidecar:
    settings = program_settings(url, folder, **changes)
    Path(settings.state).mkdir()
    exchange = Exchange(settings.gateway_url)
    return Sidecar(
        settings=settings,
        api=GatewayApi(exchange, Fixed(None)),
        proxy=Addresses("127.0.0.1", 1),
        state=State(settings.state),
        termination=termination,
        say=lambda sentence: None,
    )


def test_t62_with_dns_gone_at_the_end_the_delete_goes_out(tmp_path: Path) -> None:
    """The addresses are kept: every look-up after the first fails, after a long time."""
    lookups = []

    def once(host: str, port: int) -> list[tuple[str, int]]:
        lookups.append(host)
        if len(lookups) > 1:
            time.sleep(0.5)
            raise OSError("no DNS")
        return [("127.0.0.1", port)]

    with fault_gateway() as faults:
        port = faults.url.rsplit(":", 1)[1]
        exchange = Exchange(f"http://gateway.invalid:{port}", once)
        exchange.addresses.get()
        sidecar = in_memory(tmp_path, faults.url, lambda: None)
        sidecar.api = GatewayApi(exchange, Fixed(None))
        sidecar.start()
        sidecar.state.write("cluster", name=faults.make({}, "RUNNING"), seen=True)
        wait_until(lambda: len(lookups) > 1)
        guarded(sidecar)
        assert faults.leaks() == []
        assert faults.seen[0].headers["Host"] == f"gateway.invalid:{port}"


@pytest.mark.parametrize("how", ["slow", "drips"])
def test_t63_a_gateway_that_takes_its_time_is_confirmed_within_the_grace(
    tmp_path: Path, how: str
) -> None:
    with fault_gateway() as faults, pod(faults.url, tmp_path) as p:
        sidecar = with_cluster(p, faults)
        if how == "slow":
            faults.faults.append(slow(3))
        else:
            faults.drip = True
        terminated(sidecar)
        assert p.termination("sidecar").get("stopped") == list(faults.clusters)
        assert faults.leaks() == []


def test_t64_provision_killed_between_post_and_answer(
    gateway: GatewayServer, tmp_path: Path
) -> None:
    upstream = f"127.0.0.1:{gateway.port}"
    with fault_gateway(upstream) as faults, pod(faults.url, tmp_path, proxy_address=upstream) as p:
        sidecar, made = p.up(), []

        def hold_the_answer(seen: Seen, gateway: FaultGateway) -> Answer | None:
            if seen.method == "POST":
                answer = gateway.passed_on(seen)
                made.append(answer)
                time.sleep(5)
                return answer
            return None

        faults.faults.append(hold_the_answer)
        provision = p.spawn("provision")
        wait_until(lambda: made)
        provision.kill()
        provision.wait()
        assert len(gateway.alive()) == 1
        assert p.state.cluster_name() is None
        terminated(sidecar)
        assert gateway.alive() == []
        assert p.termination("sidecar")["stopped"] == [made[0].body["name"]]


def test_t64_another_pods_cluster_is_never_taken_for_ours(tmp_path: Path) -> None:
    with fault_gateway() as faults, pod(faults.url, tmp_path) as p:
        other = faults.make({"environment": {"CALRISSIAN_DASK_OWNER": "test/pod/0002"}}, "RUNNING")
        sidecar = p.up()
        p.state.write("intent", tag="environment")
        p.state.path("intent").write_text('{"tag": "environment", "written": 1}')
        terminated(sidecar)
        assert faults.leaks() == [other]
        assert p.termination("sidecar")["stopped"] == []


def test_without_a_tag_the_window_is_said(tmp_path: Path) -> None:
    """Killed between POST and answer, with no tag: the one window that cannot be closed."""
    with fault_gateway() as faults, pod(faults.url, tmp_path) as p:
        sidecar = p.up()
        p.state.write("intent", tag=None)
        terminated(sidecar)
        assert p.termination("sidecar")["release pending"] == "unknown"


def test_a_pending_release_is_named_beside_an_unknown_one(tmp_path: Path) -> None:
    """The reaper needs the name; that another cluster may be there as well must not hide it."""
    with fault_gateway() as faults, pod(faults.url, tmp_path, stop_timeout=2) as p:
        sidecar = with_cluster(p, faults)
        (name,) = faults.clusters
        faults.faults.append(always("DELETE", name, Answer(503, {"error": "down"})))
        p.state.write("intent", tag=None)
        terminated(sidecar)
        assert p.termination("sidecar")["release pending"] == f"{name}, unknown"


def test_sigterm_waits_for_the_name_while_provision_lives(tmp_path: Path) -> None:
    with fault_gateway() as faults, pod(faults.url, tmp_path) as p:
        sidecar = p.up()
        faults.faults.append(lambda seen, g: slow(1)(seen, g) if seen.method == "POST" else None)
        provision = p.spawn("provision")
        wait_until(lambda: faults.posts)
        sidecar.send_signal(signal.SIGTERM)
        assert sidecar.wait(20) == 0
        provision.send_signal(signal.SIGTERM)
        provision.wait()
        assert faults.leaks() == []


def test_t15_a_record_that_points_elsewhere_stops_nobodys_cluster(tmp_path: Path) -> None:
    with fault_gateway() as faults, pod(faults.url, tmp_path) as p:
        other = faults.make({}, "RUNNING")
        sidecar = p.up()
        p.state.write("cluster", name=f"../clusters/{other}")
        terminated(sidecar)
        assert faults.leaks() == [other]


def test_a_lost_record_does_not_lose_the_cluster(tmp_path: Path) -> None:
    with fault_gateway() as faults, pod(faults.url, tmp_path) as p:
        sidecar = with_cluster(p, faults)
        time.sleep(1.5)
        p.state.remove("cluster")
        terminated(sidecar)
        assert faults.leaks() == []


def test_t91_a_cluster_that_vanishes_is_named_with_its_state(
    gateway: GatewayServer, tmp_path: Path
) -> None:
    with pod(gateway.url, tmp_path) as p:
        p.provisioned()
        name = p.state.cluster_name()
        tool = subprocess.Popen(
            [sys.executable, "-c", HOLD, p.scheduler_address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert tool.stdout is not None
        assert tool.stdout.readline() == b"connected\n"
        gateway.api().delete(str(name))
        wait_until(lambda: f"cluster {name} is " in p.log("sidecar"))
        tool.kill()
        tool.communicate()
        assert "its idle_timeout has stopped it" in p.log("sidecar")


HOLD = """
import sys
from distributed import Client
client = Client(sys.argv[1])
print("connected", flush=True)
sys.stdin.read()
"""


def test_neither_password_nor_key_is_ever_logged(gateway: GatewayServer, tmp_path: Path) -> None:
    with pod(gateway.url, tmp_path) as p:
        terminated(p.provisioned())
        said = p.log("provision") + p.log("sidecar")
        said += str(p.termination("provision")) + str(p.termination("sidecar"))
        assert gateway.password is not None
        assert gateway.password not in said
        assert "Basic " not in said
        assert "PRIVATE KEY" not in said


def computes(address: str) -> str:
    """What a tool computes with a plain Client()."""
    script = "from distributed import Client; print(Client().submit(lambda x: x + 1, 41).result())"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "DASK_SCHEDULER_ADDRESS": address},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout.strip()
