"""The forwarder in its process, before a TLS server: much data, many connections, bad company."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pod_processes import PodProcesses, pod, wait_until
from tests.tls_scheduler import (
    BLOCK,
    Behaviour,
    connect_to,
    count,
    echo,
    exactly,
    pour,
    tls_scheduler,
)

GIGABYTE = 10**9


@contextlib.contextmanager
def forwarding(folder: Path, behaviour: Behaviour) -> Iterator[tuple[PodProcesses, int]]:
    """A running sidecar before that server; its pod, and its pid."""
    with (
        tls_scheduler(folder, behaviour) as address,
        pod("http://127.0.0.1:1", folder, proxy_address=address, stop_timeout=1) as p,
    ):
        sidecar = p.up()
        connect_to(p.state, folder)
        yield p, sidecar.pid


def dial(p: PodProcesses) -> socket.socket:
    port = int(p.scheduler_address.rsplit(":", 1)[1])
    connection = socket.create_connection(("127.0.0.1", port))
    connection.settimeout(60)
    return connection


def memory(pid: int, which: str = "VmHWM") -> int:
    """MiB; the high-water mark by default."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.split(f"{which}:")[1].split()[0]) // 1024


def round_trip(connection: socket.socket, content: bytes = b"hello") -> bytes:
    connection.sendall(content)
    return exactly(connection, len(content))


def test_bytes_come_back_as_they_were_sent(tmp_path: Path) -> None:
    content = bytes(range(256)) * 8192
    with forwarding(tmp_path, echo) as (p, _), dial(p) as tool:
        sender = threading.Thread(target=tool.sendall, args=(content,))
        sender.start()
        assert exactly(tool, len(content)) == content
        sender.join()


def test_a_gigabyte_to_the_scheduler_in_bounded_memory(tmp_path: Path) -> None:
    with forwarding(tmp_path, count) as (p, pid), dial(p) as tool:
        before = memory(pid)
        tool.sendall(GIGABYTE.to_bytes(8, "big"))
        for _ in range(GIGABYTE // len(BLOCK)):
            tool.sendall(BLOCK)
        tool.sendall(BLOCK[: GIGABYTE % len(BLOCK)])
        assert int.from_bytes(exactly(tool, 8), "big") == GIGABYTE
        assert memory(pid) - before < 8


def test_a_gigabyte_from_the_scheduler_in_bounded_memory(tmp_path: Path) -> None:
    with forwarding(tmp_path, pour) as (p, pid), dial(p) as tool:
        before = memory(pid)
        tool.sendall(GIGABYTE.to_bytes(8, "big"))
        seen, buffer = 0, bytearray(1 << 20)
        while seen < GIGABYTE:
            number = tool.recv_into(buffer)
            assert number
            seen += number
        assert memory(pid) - before < 8


def test_two_hundred_connections_opened_and_dropped_leave_nothing(tmp_path: Path) -> None:
    with forwarding(tmp_path, echo) as (p, pid):
        descriptors = Path(f"/proc/{pid}/fd")
        with dial(p) as tool:
            round_trip(tool)
        before = len(list(descriptors.iterdir()))
        for number in range(200):
            tool = dial(p)
            if number % 2:
                round_trip(tool)
            tool.close()
        wait_until(lambda: len(list(descriptors.iterdir())) <= before)
        with dial(p) as tool:
            assert round_trip(tool) == b"hello"


def test_a_client_that_never_reads_stops_only_itself(tmp_path: Path) -> None:
    with forwarding(tmp_path, echo) as (p, pid):
        stalled = []
        for _ in range(8):
            tool = dial(p)
            tool.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while tool.send(BLOCK):
                    pass
            stalled.append(tool)
        before = memory(pid)
        with dial(p) as other:
            for _ in range(20):
                assert round_trip(other, b"x" * 10_000) == b"x" * 10_000
        assert memory(pid) - before < 8
        for tool in stalled:
            tool.close()


def test_a_slow_reader_gets_everything(tmp_path: Path) -> None:
    size = 20_000_000
    with forwarding(tmp_path, pour) as (p, _), dial(p) as tool:
        tool.sendall(size.to_bytes(8, "big"))
        seen = 0
        for _ in range(5):
            time.sleep(0.1)
            seen += len(exactly(tool, size // 5))
        assert seen == size
        assert tool.recv(1) == b""


def test_t69_forty_clients_at_once_each_moving_four_megabytes(tmp_path: Path) -> None:
    size = 4_000_000
    with forwarding(tmp_path, echo) as (p, pid):
        failures: list[BaseException] = []

        def work() -> None:
            try:
                with dial(p) as tool:
                    sender = threading.Thread(target=tool.sendall, args=(b"y" * size,))
                    sender.start()
                    assert exactly(tool, size) == b"y" * size
                    sender.join()
            except BaseException as error:
                failures.append(error)

        clients = [threading.Thread(target=work) for _ in range(40)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        assert failures == []
        assert memory(pid) < 96, "the limit is 128Mi"


def test_t69_five_hundred_connections_at_once(tmp_path: Path) -> None:
    with forwarding(tmp_path, echo) as (p, pid):
        tools = [dial(p) for _ in range(500)]
        for tool in tools:
            tool.sendall(b"hello")
        assert all(exactly(tool, 5) == b"hello" for tool in tools)
        assert memory(pid) < 120, "the limit is 128Mi"
        refused = [dial(p) for _ in range(40)]
        wait_until(lambda: "connections open: another is refused" in p.log("sidecar"))
        assert round_trip(tools[0]) == b"hello"
        for tool in tools + refused:
            tool.close()


def test_a_scheduler_that_never_shakes_hands_stops_nobody_else(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with pod("http://127.0.0.1:1", tmp_path, proxy_address=address, stop_timeout=1) as p:
            with tls_scheduler(tmp_path, echo):
                sidecar = p.up()
                connect_to(p.state, tmp_path)
                half_open = [dial(p) for _ in range(5)]
                time.sleep(0.2)
                sidecar.terminate()
                assert sidecar.wait(20) == 0
            for tool in half_open:
                tool.close()


def test_a_server_with_another_certificate_is_refused(tmp_path: Path) -> None:
    """Another cluster behind the same proxy cannot take our place."""
    (tmp_path / "other").mkdir()
    with forwarding(tmp_path, echo) as (p, _):
        with tls_scheduler(tmp_path / "other", echo):
            connect_to(p.state, tmp_path / "other")
            with dial(p) as tool:
                assert tool.recv(1) == b""
        wait_until(lambda: "cannot be reached through the gateway's proxy" in p.log("sidecar"))
        assert "certificate verify failed" in p.log("sidecar").lower()


def test_what_was_sent_before_hanging_up_arrives(tmp_path: Path) -> None:
    got = bytearray()

    def gather(connection: object) -> None:
        while content := connection.recv(1 << 16):  # type: ignore[attr-defined]
            got.extend(content)

    with forwarding(tmp_path, gather) as (p, _):
        with dial(p) as tool:
            tool.sendall(b"z" * 3_000_000)
        wait_until(lambda: len(got) == 3_000_000)


def test_before_there_is_a_cluster_connections_are_closed(tmp_path: Path) -> None:
    with pod("http://127.0.0.1:1", tmp_path, stop_timeout=1) as p:
        p.up()
        with dial(p) as tool:
            assert tool.recv(1) == b""


@pytest.mark.parametrize("damage", ["", "not a certificate"])
def test_a_damaged_certificate_keeps_the_connection_that_was(tmp_path: Path, damage: str) -> None:
    with forwarding(tmp_path, echo) as (p, _):
        with dial(p) as tool:
            round_trip(tool)
        p.state.write_text("tls.pem", damage, mode=0o600)
        p.state.write("connection", name="0123456789abcdef")
        with dial(p) as tool:
            assert round_trip(tool) == b"hello"
