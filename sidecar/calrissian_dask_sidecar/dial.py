"""Begins a connection to the gateway's proxy, and keeps it from hanging for ever."""

from __future__ import annotations

import errno
import os
import socket

from calrissian_dask_sidecar.addresses import Address

KEEP_ALIVE = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 2, "TCP_KEEPCNT": 10, "TCP_USER_TIMEOUT": 30_000}
"""As distributed sets them (comm/tcp.py, set_tcp_timeout): behind us they would guard loopback only, and
a tool would wait for ever for a scheduler whose node has lost its power."""


def begin(addresses: list[Address]) -> socket.socket:
    """A non-blocking socket that connects to the first address that does not refuse at once.

    What was tried is taken out of the list; raises OSError where none is left.
    """
    code = errno.EHOSTUNREACH
    while addresses:
        host, port = addresses.pop(0)
        server = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        server.setblocking(False)
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _keep_alive(server)
        code = server.connect_ex((host, port))
        if code in (0, errno.EINPROGRESS):
            return server
        server.close()
    raise OSError(code, os.strerror(code))


def _keep_alive(server: socket.socket) -> None:
    server.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEP_ALIVE.items():
        option = getattr(socket, name, None)  # some are Linux's own
        if option is not None:
            server.setsockopt(socket.IPPROTO_TCP, option, value)
