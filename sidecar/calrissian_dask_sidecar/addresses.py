"""Addresses of a host, kept: when DNS fails as the tool ends, the DELETE must go out all the same."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

Address = tuple[str, int]

REFRESH = 30.0
"""Seconds between look-ups, so that a gateway that moved is found again long before the stop."""

RETRY = 1.0
"""Seconds until the next look-up while no address is known at all."""


Resolver = Callable[[str, int], list[Address]]
"""Looks a host up; raises OSError. A port of its own, as DNS failures must come on demand in tests."""


def resolve(host: str, port: int) -> list[Address]:
    """All addresses of a host by the system's resolver; raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys((str(entry[4][0]), port) for entry in found))


class Addresses:
    """The last known addresses of one host and port."""

    def __init__(self, host: str, port: int, resolver: Resolver = resolve) -> None:
        self.host = host
        self.port = port
        self._resolver = resolver
        self._known: list[Address] = []

    def get(self) -> list[Address]:
        """The known addresses; looks them up where none is known yet, and may then raise OSError."""
        return self._known or self.refresh()

    def known(self) -> list[Address]:
        """The known addresses, perhaps none; never waits."""
        return self._known

    def prefer(self, address: Address) -> None:
        """Try this one first from now on: it has answered."""
        self._known = [address, *(other for other in self._known if other != address)]

    def refresh(self) -> list[Address]:
        """Look the host up now; a failure raises OSError and keeps what was known."""
        found = self._resolver(self.host, self.port)
        preferred = self._known[:1]
        self._known = sorted(found, key=lambda address: address not in preferred)
        return self._known


def keep_fresh(addresses: list[Addresses], pause: Callable[[float], bool]) -> None:
    """Look all hosts up, for ever, until `pause(seconds)` answers True.

    Runs in a daemon thread: a look-up can take many seconds outside of every socket timeout.
    """
    while True:
        for entry in addresses:
            try:
                entry.refresh()
            except OSError:
                continue  # what was known stays known
        if pause(REFRESH if all(entry.known() for entry in addresses) else RETRY):
            return


def start_refresh(addresses: list[Addresses]) -> None:
    """Run `keep_fresh` beside the program until it ends."""
    never = threading.Event()
    threading.Thread(
        target=keep_fresh, args=(addresses, never.wait), name="addresses", daemon=True
    ).start()
