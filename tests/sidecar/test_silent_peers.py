"""Peers that take a connection, or a packet, and say nothing."""

from __future__ import annotations

import contextlib
import selectors
import signal
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from calrissian_dask_sidecar.addresses import Addresses
from calrissian_dask_sidecar.connection import Connection
from calrissian_dask_sidecar.credentials import Fixed, make_credentials
from calrissian_dask_sidecar.dial import begin
from calrissian_dask_sidecar.errors import ConfigurationError
from calrissian_dask_sidecar.gateway_api import GatewayApi
from calrissian_dask_sidecar.http_exchange import Exchange
from calrissian_dask_sidecar.link import NEXT_ADDRESS, OPEN_TIMEOUT, Link

from tests.fault_gateway import Answer, fault_gateway
from tests.pod_processes import pod, program_settings


@contextlib.contextmanager
def silent(host: str, port: int) -> Iterator[None]:
    """An address that drops what comes: its queue is full, so the kernel answers no SYN."""
    with socket.socket() as listener, contextlib.ExitStack() as full:
        listener.bind((host, port))
        listener.listen(0)
        for _ in range(4):
            waiting = full.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex((host, port))
        yield


def test_an_address_that_is_silent_does_not_eat_the_time_of_the_next() -> None:
    with fault_gateway() as faults:
        port = int(faults.url.rsplit(":", 1)[1])
        with silent("127.0.0.2", port):
            both = [("127.0.0.2", port), ("127.0.0.1", port)]
            exchange = Exchange(f"http://gateway.invalid:{port}", lambda _host, _port: both)
            api = GatewayApi(exchange, Fixed(None))
            assert api.list(timeout=4) == []
            assert exchange.addresses.known()[0] == ("127.0.0.1", port)


def test_what_has_answered_stays_first_when_it_is_looked_up_again() -> None:
    addresses = Addresses("h", 1, lambda _host, _port: [("192.0.2.1", 1), ("192.0.2.2", 1)])
    assert addresses.get() == [("192.0.2.1", 1), ("192.0.2.2", 1)]
    addresses.prefer(("192.0.2.2", 1))
    assert addresses.refresh() == [("192.0.2.2", 1), ("192.0.2.1", 1)]


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    yield ours, theirs
    ours.close()
    theirs.close()


def make_link(client: socket.socket, addresses: list[tuple[str, int]]) -> Link:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    connection = Connection("c", b"daskgateway-c", context)
    return Link(client, connection, addresses, selectors.DefaultSelector())


@pytest.fixture
def tool() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        accepted, _ = listener.accept()
        with client, accepted:
            yield accepted


def test_a_link_that_does_not_open_is_given_up(tool: socket.socket) -> None:
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        link = make_link(tool, [proxy.getsockname()])
        link.look_at_the_clock(time.monotonic())
        with pytest.raises(TimeoutError, match="no TLS connection within 30 s"):
            link.look_at_the_clock(time.monotonic() + OPEN_TIMEOUT + 1)


def test_a_silent_address_of_the_proxy_makes_way_for_the_next(tool: socket.socket) -> None:
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        port = proxy.getsockname()[1]
        with silent("127.0.0.2", port):
            link = make_link(tool, [("127.0.0.2", port), ("127.0.0.1", port)])
            link.look_at_the_clock(time.monotonic() + NEXT_ADDRESS + 1)
            proxy.settimeout(5)
            accepted, _ = proxy.accept()
            accepted.close()


def test_a_scheduler_whose_node_lost_its_power_is_noticed() -> None:
    """As distributed's own sockets do it, which behind us see loopback only."""
    with socket.create_server(("127.0.0.1", 0)) as proxy, begin([proxy.getsockname()]) as server:
        assert server.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            assert server.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000


@pytest.mark.parametrize("kind", ["basic", "jupyterhub"])
def test_a_secret_with_a_line_break_at_its_end_is_the_secret(kind: str, tmp_path: Path) -> None:
    """`echo token > file; kubectl create secret --from-file`."""
    settings = program_settings("http://x", tmp_path, auth_type=kind)
    plain = make_credentials(settings, {"CALRISSIAN_DASK_SECRET": "t0ken"})
    broken = make_credentials(settings, {"CALRISSIAN_DASK_SECRET": "t0ken\n"})
    assert plain.headers() == broken.headers()


@pytest.mark.parametrize("secret", ["to\nken", "tok\x00en"])
def test_a_secret_that_no_header_can_have_is_refused_without_being_said(
    secret: str, tmp_path: Path
) -> None:
    settings = program_settings("http://x", tmp_path, auth_type="jupyterhub")
    with pytest.raises(ConfigurationError) as caught:
        make_credentials(settings, {"CALRISSIAN_DASK_SECRET": secret})

    assert secret not in str(caught.value)


def test_a_cluster_that_died_before_it_was_scaled_is_said_at_once(tmp_path: Path) -> None:
    """409 is the answer for every state but RUNNING, FAILED included."""
    with fault_gateway() as faults, pod(faults.url, tmp_path) as p:

        def dies(seen: object, gateway: object) -> Answer | None:
            if getattr(seen, "path", "").endswith("/scale"):
                (cluster,) = faults.clusters.values()
                cluster["status"] = "FAILED"
                return Answer(409, {"error": "cluster c is not running"})
            return None

        faults.faults.append(dies)
        p.up()
        assert p.spawn("provision").wait(30) == 1
        assert "FAILED to start" in p.termination("provision")["error"]


def test_provision_says_at_once_why_the_sidecar_cannot_start(tmp_path: Path) -> None:
    with pod("http://127.0.0.1:1", tmp_path, proxy_address="nonsense:abc") as p:
        sidecar = p.spawn("sidecar")
        assert p.spawn("provision").wait(30) == 2
        sidecar.send_signal(signal.SIGTERM)
        assert sidecar.wait(10) == 2
        assert "gateway.proxyAddress" in p.termination("provision")["error"]
