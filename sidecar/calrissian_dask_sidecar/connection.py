"""Where the scheduler is, and the TLS that the gateway's proxy wants: written by provision, read here."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass

from calrissian_dask_sidecar.gateway_api import Cluster
from calrissian_dask_sidecar.state import State

TLS_FILE = "tls.pem"


@dataclass(frozen=True)
class Connection:
    """A way to one cluster's scheduler.

    `server_name` is the SNI by which the proxy routes; dask_gateway/comm.py is its source. Bytes, as
    the ssl module would encode text by IDNA, which refuses labels over 63 characters: those of
    `namespace.hex` on Kubernetes can be longer.
    """

    name: str
    server_name: bytes
    tls: ssl.SSLContext


def write_connection(state: State, cluster: Cluster) -> None:
    """Record a RUNNING cluster's way in; the record last, so that it never names half of it."""
    state.write_text(TLS_FILE, f"{cluster.tls_cert}\n{cluster.tls_key}\n", mode=0o600)
    state.write("connection", name=cluster.name)


class ConnectionSource:
    """The current connection, read again whenever the record was replaced."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._stamp: tuple[int, int] | None = None
        self._connection: Connection | None = None

    def get(self) -> Connection | None:
        """The connection, or None before there is one."""
        try:
            status = os.stat(self._state.path("connection"))
        except OSError:
            return self._connection
        stamp = (status.st_ino, status.st_mtime_ns)
        if stamp != self._stamp:
            fresh = self._read()
            if fresh is not None:
                self._connection, self._stamp = fresh, stamp
        return self._connection

    def _read(self) -> Connection | None:
        name = (self._state.read("connection") or {}).get("name")
        if name is None or name != self._state.cluster_name():
            return None
        try:
            return Connection(name, f"daskgateway-{name}".encode("ascii"), self._tls())
        except (OSError, ssl.SSLError):
            return None

    def _tls(self) -> ssl.SSLContext:
        # The certificate is its own authority, and it names no host: as dask_gateway's client
        # (GatewaySecurity) checks it.
        file = self._state.path(TLS_FILE)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cafile=file)
        context.load_cert_chain(file)
        return context
