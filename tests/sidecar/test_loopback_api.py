"""What the tool may ask of the gateway, and what it may not."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from calrissian_dask_sidecar.loopback_api import route

from tests.fault_gateway import fault_gateway
from tests.gateway_server import GatewayServer
from tests.pod_processes import PodProcesses, pod

OWN = "0123456789abcdef"

BASE = "/api/v1/clusters/"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/options"),
        ("GET", BASE),
        ("GET", BASE + "?status=running,pending"),
        ("GET", BASE + OWN),
        ("GET", BASE + OWN + "?wait"),
        ("DELETE", BASE + OWN),
        ("POST", BASE + OWN + "/scale"),
        ("POST", BASE + OWN + "/adapt"),
    ],
)
def test_what_concerns_the_own_cluster_is_let_through(method: str, path: str) -> None:
    target = route(method, path, OWN)
    assert target is not None
    assert target[0] == path


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", BASE),
        ("POST", "/api/v1/options"),
        ("GET", BASE + "other"),
        ("DELETE", BASE + "other"),
        ("POST", BASE + "other/scale"),
        ("GET", BASE + OWN + "/scale"),
        ("POST", BASE + OWN),
        ("DELETE", BASE + OWN + "?wait"),
        ("DELETE", BASE + OWN + "/../other"),
        ("GET", BASE + OWN + "%2f..%2fother"),
        ("GET", BASE + "../clusters/" + OWN),
        ("GET", BASE + "?status=running&x=1"),
        ("GET", BASE + "?status=a\r\nX: y"),
        ("PUT", BASE + OWN),
        ("GET", "/"),
        ("GET", "/api/health"),
        ("GET", "http://elsewhere" + BASE + OWN),
        ("GET", BASE + OWN + "\n"),
    ],
)
def test_everything_else_is_not(method: str, path: str) -> None:
    assert route(method, path, OWN) is None


def ask(p: PodProcesses, method: str, path: str, body: str | None = None) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(p.api_url.removeprefix("http://"), timeout=30)
    connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
    response = connection.getresponse()
    text = response.read()
    return response.status, json.loads(text) if text else None


def test_before_there_is_a_cluster_nothing_is_let_through(tmp_path: Path) -> None:
    with fault_gateway() as faults, pod(faults.url, tmp_path) as p:
        p.up()
        assert ask(p, "GET", "/api/v1/options") == (503, {"error": "there is no cluster yet"})
        assert faults.seen == []


def test_t68_on_a_gateway_with_a_password(gateway: GatewayServer, tmp_path: Path) -> None:
    other = gateway.api().create({}, timeout=30)
    try:
        with pod(gateway.url, tmp_path) as p:
            p.provisioned()
            own = p.state.cluster_name()
            status, listed = ask(p, "GET", BASE)
            assert (status, list(listed)) == (200, [own])
            status, report = ask(p, "GET", f"{BASE}{own}?wait")
            assert (status, report["status"]) == (200, "RUNNING")
            assert ask(p, "POST", f"{BASE}{own}/scale", '{"count": 1}')[0] == 200
            assert ask(p, "POST", f"{BASE}{own}/scale", '{"count": -1}')[0] == 422
            for method in ("GET", "DELETE"):
                status, refusal = ask(p, method, BASE + other)
                assert status == 403
                assert "it has the cluster" in refusal["error"]
            assert ask(p, "POST", BASE, '{"cluster_options": {}}')[0] == 403
            assert ask(p, "DELETE", f"{BASE}{own}") == (204, None)
            assert [c.name for c in gateway.alive()] == [other]
    finally:
        gateway.api().delete(other)


LIBRARY = """
import os
from dask_gateway import Gateway
with Gateway() as gateway:
    cluster = gateway.connect(os.environ["DASK_CLUSTER"])
    with cluster.get_client() as client:
        assert client.submit(lambda x: x + 1, 41).result() == 42
    assert [report.name for report in gateway.list_clusters()] == [os.environ["DASK_CLUSTER"]]
    gateway.cluster_options()
    cluster.scale(1)
    cluster.adapt(minimum=1, maximum=2)
    assert cluster.dashboard_link.startswith("http://dask.example/"), cluster.dashboard_link
    for refused in (gateway.new_cluster, lambda: gateway.stop_cluster("other")):
        try:
            refused()
        except Exception as error:
            assert "403" in str(error), error
        else:
            raise AssertionError("not refused")
    cluster.close()
print("done")
"""


def test_t68_t90_the_real_library_connects_without_a_password(
    gateway: GatewayServer, tmp_path: Path
) -> None:
    """With exactly the environment that mutate_pod gives the tool, a uid without USER included."""
    from calrissian_dask.mutation import mutate_pod
    from calrissian_dask.settings import parse_settings

    from tests.podspec.pods import asking, environment_of, tool_of

    with pod(gateway.url, tmp_path) as p:
        p.provisioned()
        up = p.state.read("up") or {}
        given = parse_settings(
            {
                "gateway": {"url": gateway.url, "publicUrl": "http://dask.example"},
                "ports": {"scheduler": up["scheduler_port"], "api": up["api_port"]},
            }
        )
        environment = environment_of(tool_of(mutate_pod(asking(), given)))
        environment["DASK_CLUSTER"] = p.state.path("public/cluster").read_text().strip()
        assert gateway.password not in environment.values()
        done = subprocess.run(
            [sys.executable, "-c", LIBRARY],
            env={"PATH": os.environ["PATH"], "HTTP_PROXY": "http://127.0.0.1:1", **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.stdout == "done\n", done.stderr


def test_a_request_that_is_too_long_is_refused(tmp_path: Path) -> None:
    with fault_gateway() as faults, pod(faults.url, tmp_path) as p:
        p.up()
        assert ask(p, "POST", BASE, "x" * 70_000)[0] == 413


def test_t69_idle_connections_do_not_stop_the_sidecar_from_stopping(tmp_path: Path) -> None:
    with fault_gateway() as faults, pod(faults.url, tmp_path) as p:
        sidecar = p.up()
        p.state.write("cluster", name=faults.make({}, "RUNNING"), seen=True)
        port = int(p.api_url.rsplit(":", 1)[1])
        idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(200)]
        try:
            sidecar.terminate()
            assert sidecar.wait(20) == 0
        finally:
            for connection in idle:
                connection.close()
        assert faults.leaks() == []


def test_a_gateway_that_is_down_is_a_sentence(tmp_path: Path) -> None:
    with pod("http://127.0.0.1:1", tmp_path, stop_timeout=1) as p:
        p.up()
        p.state.write("cluster", name=OWN, seen=True)
        status, answer = ask(p, "GET", BASE + OWN)
        assert status == 502
        assert "Connection refused" in answer["error"]
