"""Forwards a loopback port to the scheduler, through the TLS proxy of the gateway.

Plain `distributed` knows no `gateway://` scheme, and the proxy needs SNI and a client certificate.
Behind this port `Client()` needs none of it, in any image and with any version of Dask.

One thread, non-blocking sockets and a selector. A `Link` is one connection of the tool and its
counterpart at the scheduler; each direction holds at most one chunk that the other side has not
taken yet, so memory is bounded by the number of links and a client that stalls stops only itself.
asyncio would do the same with 1.9 MB per loaded TLS connection, where this takes a tenth.
"""

from __future__ import annotations

import errno
import selectors
import socket
import time
from collections.abc import Callable

from calrissian_dask_sidecar.addresses import Addresses
from calrissian_dask_sidecar.connection import Connection
from calrissian_dask_sidecar.link import CHUNK, Link

LINKS = 512
"""Connections at once. A client has one or two; beyond this the tool has lost count of its own."""

NO_DESCRIPTOR = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

DESCRIPTOR_PAUSE = 0.05
"""Seconds: without it the loop would spin on a listener that cannot be served at the moment."""

TICK = 1.0
"""Seconds between looks at links that are not open yet."""

BACKLOG = 512
"""Of the listening socket: a burst of so many connections waits in the kernel."""


def listen(port: int) -> socket.socket:
    """A listening loopback socket; port 0 takes a free one. Raises OSError where it is taken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


class Forwarder:
    """Serves a listening socket until the process ends.

    `connection` answers where the scheduler is at the moment; `say` takes one sentence for the
    log; `lost` is called when the scheduler's side could not be reached or hung up first.
    """

    def __init__(
        self,
        listener: socket.socket,
        proxy: Addresses,
        connection: Callable[[], Connection | None],
        say: Callable[[str], None],
        lost: Callable[[], None],
    ) -> None:
        self._listener = listener
        self._proxy = proxy
        self._connection = connection
        self._say = say
        self._lost = lost
        self._selector = selectors.DefaultSelector()
        self._links: set[Link] = set()
        self._opening: set[Link] = set()
        self._buffer = memoryview(bytearray(CHUNK))
        listener.setblocking(False)
        self._selector.register(listener, selectors.EVENT_READ)

    def run(self) -> None:
        """Serve for ever."""
        eager: set[Link] = set()
        while True:
            for link in self._ready(eager):
                self._advance(link, eager)
            self._look_at_the_clock()

    def _ready(self, eager: set[Link]) -> set[Link]:
        """The links that can go on; those in `eager` have bytes inside of TLS that no selector sees."""
        ready = set(eager)
        timeout = 0 if eager else TICK if self._opening else None
        for key, _ in self._selector.select(timeout):
            if key.data is None:
                self._accept()
            elif key.data in self._links:
                ready.add(key.data)
        eager.clear()
        return ready

    def _look_at_the_clock(self) -> None:
        now = time.monotonic()
        for link in list(self._opening):
            if link.is_open or link.closed:
                self._opening.discard(link)
                continue
            try:
                link.look_at_the_clock(now)
            except OSError as error:
                self._end(link, error)

    def _accept(self) -> None:
        try:
            client, _ = self._listener.accept()
        except OSError as error:
            if error.errno in NO_DESCRIPTOR:
                time.sleep(DESCRIPTOR_PAUSE)
            return
        connection = self._connection()
        if connection is None:
            self._refuse(client, "a connection came before there is a cluster: closed")
        elif len(self._links) >= LINKS:
            self._refuse(client, f"the tool has {LINKS} connections open: another is refused")
        else:
            self._open(client, connection)

    def _refuse(self, client: socket.socket, words: str) -> None:
        client.close()
        self._say(words)

    def _open(self, client: socket.socket, connection: Connection) -> None:
        try:
            link = Link(client, connection, self._proxy.known(), self._selector)
        except OSError as error:
            self._refuse(client, f"cluster {connection.name}: no way to the proxy: {error}")
            self._lost()
            return
        self._links.add(link)
        self._opening.add(link)
        self._advance(link, set())

    def _advance(self, link: Link, eager: set[Link]) -> None:
        try:
            if link.advance(self._buffer):
                eager.add(link)
        except Exception as error:  # one broken link must not end the thread that serves them all
            eager.discard(link)
            self._end(link, error)
        else:
            if link.closed:
                eager.discard(link)
                self._end(link, None)

    def _end(self, link: Link, error: Exception | None) -> None:
        if error is not None:
            link.failed(error)
        self._links.discard(link)
        self._opening.discard(link)
        if link.lost:
            self._say(f"cluster {link.name}: {link.lost}")
        if link.lost or link.hung_up:
            self._lost()
