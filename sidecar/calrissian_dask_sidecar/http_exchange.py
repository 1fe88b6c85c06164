"""One HTTP request and its answer, within one deadline, on addresses that are already known.

`http.client` speaks the protocol. Its timeouts are per read, so a peer that drips bytes could
hold it for ever; here every read gets only what is left until the deadline.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from calrissian_dask_sidecar.addresses import Address, Addresses, Resolver, resolve
from calrissian_dask_sidecar.errors import ConfigurationError, GatewayUnavailableError

BODY_LIMIT = 64 * 1024 * 1024
"""Bytes of an answer; a list of 10 000 clusters has about 5 MB."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Exchange:
    """Sends requests to one base URL; safe to use from several threads.

    Raises ConfigurationError for a URL that is not http(s)://host[:port][/path].
    """

    def __init__(self, url: str, resolver: Resolver = resolve) -> None:
        self.url = url.rstrip("/")
        try:
            parsed = urlsplit(self.url)
            port = parsed.port
        except ValueError:
            parsed, port = urlsplit(""), None
        if parsed.scheme not in ("http", "https") or not parsed.hostname or parsed.query:
            raise ConfigurationError(
                f"the gateway URL {url!r} is not of the form http(s)://host[:port][/path]"
            )
        if parsed.username is not None:
            raise ConfigurationError(
                "the gateway URL has a user name in it: put it into gateway.auth, with the"
                " password in a Secret"
            )
        self._path = parsed.path
        self._tls = ssl.create_default_context() if parsed.scheme == "https" else None
        self.addresses = Addresses(parsed.hostname, port or (443 if self._tls else 80), resolver)
        self._host_header = parsed.netloc

    def send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, timeout: float
    ) -> Answer:
        """The answer to a request; raises GatewayUnavailableError where there is none in time."""
        deadline = time.monotonic() + timeout
        sent = False
        try:
            with self._connect(deadline) as connected:
                sent = True
                wire = http.client.HTTPConnection(self.addresses.host, self.addresses.port)
                wire.sock = _DeadlineSocket(connected, deadline)
                headers = {**headers, "Host": self._host_header}
                wire.request(method, self._path + path, body, headers)
                response = wire.getresponse()
                content = response.read(BODY_LIMIT)
                if response.length:  # read(n) does not say that the peer hung up too early
                    raise http.client.IncompleteRead(content, response.length)
                return Answer(response.status, dict(response.getheaders()), content)
        except (OSError, http.client.HTTPException) as error:
            raise GatewayUnavailableError(
                f"{self.url} did not answer: {_reason(error, timeout)}", sent=sent
            ) from error

    def _connect(self, deadline: float) -> socket.socket | ssl.SSLSocket:
        """The first address that takes the connection; one that is silent does not eat all the time."""
        last: OSError = OSError("no address")
        addresses = self.addresses.get()
        for number, address in enumerate(addresses):
            share = time.monotonic() + _left(deadline) / (len(addresses) - number)
            try:
                connected = self._open(address, share)
            except OSError as error:
                last = error
            else:
                self.addresses.prefer(address)
                return connected
        raise last

    def _open(self, address: Address, deadline: float) -> socket.socket | ssl.SSLSocket:
        plain = socket.create_connection(address, _left(deadline))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls is None:
            return plain
        plain.settimeout(_left(deadline))
        try:
            return self._tls.wrap_socket(plain, server_hostname=self.addresses.host)
        except BaseException:  # SIGTERM too, which is raised anywhere: no descriptor is left
            plain.close()
            raise


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left


def _reason(error: Exception, timeout: float) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {timeout:.1f} s"
    if isinstance(error, socket.gaierror):
        return f"its name cannot be resolved ({error.strerror})"
    if isinstance(error, ssl.SSLError | http.client.HTTPException):
        return f"{type(error).__name__}: {error}"
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


class _DeadlineSocket:
    """A connected socket whose every operation ends at one deadline.

    It has the three methods that http.client calls.
    """

    def __init__(self, connected: socket.socket, deadline: float) -> None:
        self._socket = connected
        self._deadline = deadline

    def sendall(self, content: bytes) -> None:
        self._socket.settimeout(_left(self._deadline))
        self._socket.sendall(content)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_DeadlineReader(self._socket, self._deadline))

    def close(self) -> None:
        """Nothing: http.client closes before the answer is read; whoever opened it closes it."""


class _DeadlineReader(io.RawIOBase):
    """Reads from a socket until a deadline."""

    def __init__(self, connected: socket.socket, deadline: float) -> None:
        self._socket = connected
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # BufferedReader passes a memoryview
        self._socket.settimeout(_left(self._deadline))
        return self._socket.recv_into(buffer)
