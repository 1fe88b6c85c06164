"""A TLS server in the scheduler's place, with the gateway's own certificates, that does one thing.

For what a real scheduler does not do on demand: take a gigabyte, send one, stall, count handshakes.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from calrissian_dask_sidecar.state import State
from dask_gateway_server.tls import new_keypair

NAME = "0123456789abcdef"

BLOCK = b"\xa5" * (1 << 20)

Behaviour = Callable[[ssl.SSLSocket], None]


def echo(connection: ssl.SSLSocket) -> None:
    while content := connection.recv(1 << 16):
        connection.sendall(content)


def count(connection: ssl.SSLSocket) -> None:
    """Take eight bytes of length and so many bytes, then say how many came."""
    left = int.from_bytes(exactly(connection, 8), "big")
    seen = 0
    buffer = bytearray(1 << 18)
    while seen < left:
        number = connection.recv_into(buffer)
        if not number:
            return
        seen += number
    connection.sendall(seen.to_bytes(8, "big"))


def pour(connection: ssl.SSLSocket) -> None:
    """Take eight bytes of length, and send so many."""
    left = int.from_bytes(exactly(connection, 8), "big")
    while left:
        connection.sendall(BLOCK[: min(left, len(BLOCK))])
        left -= min(left, len(BLOCK))


def exactly(connection: socket.socket, number: int) -> bytes:
    content = b""
    while len(content) < number:
        more = connection.recv(number - len(content))
        assert more, "hung up too early"
        content += more
    return content


@contextlib.contextmanager
def tls_scheduler(folder: Path, behaviour: Behaviour) -> Iterator[str]:
    """Serves as NAME; yields host:port. The certificates are in the folder."""
    cert, key = new_keypair(NAME)
    (folder / "cert.pem").write_bytes(cert)
    (folder / "key.pem").write_bytes(key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    context.load_verify_locations(folder / "cert.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    names: list[str | None] = []
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)

    def serve(plain: socket.socket) -> None:
        with contextlib.suppress(OSError, ssl.SSLError, AssertionError), plain:
            plain.settimeout(120)
            with context.wrap_socket(plain, server_side=True) as connection:
                assert names[-1] == f"daskgateway-{NAME}"
                behaviour(connection)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                plain, _ = listener.accept()
                threading.Thread(target=serve, args=(plain,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def connect_to(state: State, folder: Path) -> None:
    """Record the scheduler in a state volume, as provision does."""
    text = (folder / "cert.pem").read_text() + (folder / "key.pem").read_text()
    state.write("cluster", name=NAME, seen=True)
    state.write_text("tls.pem", text, mode=0o600)
    state.write("connection", name=NAME)
