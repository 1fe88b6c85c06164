"""One connection of the tool, and its counterpart at the scheduler.

    CONNECTING -> HANDSHAKE -> OPEN -> closed
        |  next address
        +------------------

Rules: `advance` does what can be done without waiting and then asks the selector for exactly what
it lacks. It moves a bounded amount per call, so that links take turns. Whoever hangs up first, what
it had sent is delivered before the other side is closed.
"""

from __future__ import annotations

import os
import selectors
import socket
import ssl
import time
from enum import Enum

from calrissian_dask_sidecar.addresses import Address
from calrissian_dask_sidecar.connection import Connection
from calrissian_dask_sidecar.dial import begin

CHUNK = 64 * 1024
"""Bytes per turn and direction: four TLS records; 256 KiB gave no more speed."""

TLS_RECORD = 16 * 1024
"""Bytes of the largest record (RFC 8446, 5.1)."""

NEXT_ADDRESS = 2.0
"""Seconds of silence after which the next address of the proxy is tried, where there is one."""

OPEN_TIMEOUT = 30.0
"""Seconds until TLS must stand; as long as a Dask client tries to connect (comm.timeouts.connect)."""

WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Phase(Enum):
    """Where the scheduler's side of a link is."""

    CONNECTING = 1
    HANDSHAKE = 2
    OPEN = 3


class Link:
    """A pair of sockets; `closed` when both are.

    `lost` is why the scheduler could not be reached, `hung_up` whether it hung up first: as it does
    when a client says good-bye, and when it dies.
    """

    def __init__(
        self,
        client: socket.socket,
        connection: Connection,
        addresses: list[Address],
        selector: selectors.BaseSelector,
    ) -> None:
        self.name = connection.name
        self.closed = False
        self.lost: str | None = None
        self.hung_up = False
        self._connection = connection
        self._addresses = list(addresses)
        self._selector = selector
        self._client = client
        self._client.setblocking(False)
        self._client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._to_client = b""
        self._to_server = b""
        self._ended: socket.socket | None = None
        self._dialled = 0.0
        self._watched: dict[socket.socket, int] = {}
        self._server = self._dial()

    def advance(self, buffer: memoryview) -> bool:
        """Go on as far as possible; True if more could be done at once but others shall come first.

        Raises OSError or ssl.SSLError where the link is broken.
        """
        if self._phase is Phase.CONNECTING and not self._connected():
            return False
        if self._phase is Phase.HANDSHAKE and not self._shaken():
            return False
        more = self._pump(buffer)
        if not self.closed:
            self._watch_open()
        return more

    @property
    def is_open(self) -> bool:
        """Whether the scheduler's side is there."""
        return self._phase is Phase.OPEN

    def look_at_the_clock(self, now: float) -> None:
        """Give up an address, or the link, that is silent; raises OSError."""
        if (
            self._phase is Phase.CONNECTING
            and self._addresses
            and now > self._dialled + NEXT_ADDRESS
        ):
            self._forget(self._server)
            self._server = self._dial()
            self._watch(self._server, WRITE)
        elif not self.is_open and now > self._dialled + OPEN_TIMEOUT:
            raise TimeoutError(f"no TLS connection within {OPEN_TIMEOUT:.0f} s")

    def failed(self, error: Exception) -> None:
        """The link broke: say why where it was the scheduler's side, and close it."""
        if self._phase is not Phase.OPEN or not isinstance(error, ConnectionError):
            self.lost = f"the scheduler cannot be reached through the gateway's proxy: {error}"
        self._close()

    def _dial(self) -> socket.socket:
        """Begin to connect to the next address that does not refuse at once."""
        self._phase = Phase.CONNECTING
        self._dialled = time.monotonic()
        return begin(self._addresses)

    def _connected(self) -> bool:
        code = self._server.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            if not self._addresses:
                raise OSError(code, os.strerror(code))
            self._forget(self._server)
            self._server = self._dial()
        elif self._is_connected():
            self._forget(self._server, close=False)
            self._server = self._connection.tls.wrap_socket(
                self._server,
                server_hostname=self._connection.server_name,
                do_handshake_on_connect=False,
            )
            self._phase = Phase.HANDSHAKE
            return True
        self._watch(self._server, WRITE)
        return False

    def _is_connected(self) -> bool:
        try:
            self._server.getpeername()
        except OSError:
            return False
        return True

    def _shaken(self) -> bool:
        assert isinstance(self._server, ssl.SSLSocket)
        try:
            self._server.do_handshake()
        except ssl.SSLWantReadError:
            self._watch(self._server, READ)
            return False
        except ssl.SSLWantWriteError:
            self._watch(self._server, WRITE)
            return False
        self._phase = Phase.OPEN
        return True

    def _pump(self, buffer: memoryview) -> bool:
        """Move one chunk in each direction; True if the scheduler's side may have more at once."""
        self._to_server, _ = self._move(self._client, self._server, self._to_server, buffer)
        self._to_client, more = self._move(self._server, self._client, self._to_client, buffer)
        if self._ended is not None and not (self._to_client or self._to_server):
            self._close()
        return more and not self._to_client and not self.closed

    def _move(
        self, sender: socket.socket, receiver: socket.socket, rest: bytes, buffer: memoryview
    ) -> tuple[bytes, bool]:
        """What the receiver has not taken of the rest, or else of a new chunk; whether that was full."""
        if rest:
            return self._send(receiver, memoryview(rest)), False
        if self._ended is not None:
            return b"", False
        filled = self._receive(sender, buffer)
        return self._send(receiver, buffer[:filled]), filled > CHUNK - TLS_RECORD

    def _receive(self, sender: socket.socket, buffer: memoryview) -> int:
        """Fill the buffer with what has come from a side; TLS gives one record per read."""
        filled = 0
        while filled <= CHUNK - TLS_RECORD:
            try:
                count = sender.recv_into(buffer[filled:])
            except WOULD_BLOCK:
                break
            except ConnectionError:
                count = 0
            if not count:
                self._ended = sender
                self.hung_up = sender is self._server
                break
            filled += count
            if not isinstance(sender, ssl.SSLSocket):
                break
        return filled

    def _send(self, receiver: socket.socket, view: memoryview) -> bytes:
        """Send what the side takes; the rest, copied. A side that is gone takes everything."""
        while view:
            try:
                view = view[receiver.send(view) :]
            except WOULD_BLOCK:
                break
            except (ConnectionError, ssl.SSLError):
                self._ended = self._ended or receiver
                return b""
        return bytes(view)

    def _watch_open(self) -> None:
        """Read from a side only while nothing waits for the other; write where something waits."""
        reading = self._ended is None
        self._watch(
            self._client,
            (READ if reading and not self._to_server else 0) | (WRITE if self._to_client else 0),
        )
        self._watch(
            self._server,
            (READ if reading and not self._to_client else 0) | (WRITE if self._to_server else 0),
        )

    def _watch(self, side: socket.socket, events: int) -> None:
        before = self._watched.get(side, 0)
        if events == before:
            return
        if not before:
            self._selector.register(side, events, self)
        elif events:
            self._selector.modify(side, events, self)
        else:
            self._selector.unregister(side)
        self._watched[side] = events

    def _forget(self, side: socket.socket, *, close: bool = True) -> None:
        self._watch(side, 0)
        self._watched.pop(side, None)
        if close:
            side.close()

    def _close(self) -> None:
        self.closed = True
        self._forget(self._client)
        self._forget(self._server)
