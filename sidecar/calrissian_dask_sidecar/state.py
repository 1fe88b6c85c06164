"""The files of the state volume: atomic to write, mistrusted when read.

Which file holds what, who writes and who reads it: the table in `contract`.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path
from typing import Any

from calrissian_dask_sidecar.contract import CLUSTER_FILE, CLUSTER_NAME, PUBLIC_FOLDER

LIMIT = 64 * 1024
"""Bytes that are read of a file; the largest, tls.pem, has about 3 KiB."""

CLOCK = time.time
"""Ages of records are compared across processes, which only the wall clock allows."""


class State:
    """One pod's state volume.

    `start` is the id of the sidecar under whose reign this process writes; it goes into every
    record.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self.start = ""

    def path(self, name: str) -> Path:
        """Where the file of that name is."""
        return self.folder / name

    def write(self, file: str, /, **record: Any) -> None:
        """Replace a record, readable by our own user only."""
        record |= {"start": self.start, "written": CLOCK()}
        self.write_text(file, json.dumps(record), mode=0o600)

    def write_text(self, name: str, text: str, *, mode: int) -> None:
        """Replace a file as a whole; a reader sees the old one or the new one."""
        target = self.path(name)
        fresh = target.with_name(f".{target.name}.{os.getpid()}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode)
        with open(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(descriptor, mode)  # whatever the umask: the tool has another uid
            file.write(text)
        os.replace(fresh, target)

    def read(self, name: str) -> dict[str, Any] | None:
        """The record, or None where it is absent, half-written, a symbolic link or not ours."""
        try:
            descriptor = os.open(self.path(name), os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            return None
        try:
            record = json.loads(os.read(descriptor, LIMIT))
        except (OSError, ValueError):
            return None
        finally:
            os.close(descriptor)
        return record if isinstance(record, dict) else None

    def present(self, name: str) -> bool:
        """Whether a file of that name is there, readable or not."""
        return os.path.lexists(self.path(name))

    def remove(self, name: str) -> None:
        """Remove a file; absent is fine."""
        self.path(name).unlink(missing_ok=True)

    def cluster_name(self) -> str | None:
        """The recorded cluster's name, or None where the record is absent or not a name."""
        name = (self.read("cluster") or {}).get("name")
        return name if isinstance(name, str) and CLUSTER_NAME.match(name) else None

    def age(self, record: dict[str, Any]) -> float:
        """Seconds since a record was written; 0 for one that does not say."""
        written = record.get("written")
        return max(0.0, CLOCK() - written) if isinstance(written, int | float) else 0.0

    def publish_cluster(self, name: str) -> None:
        """Tell the tool its cluster's name."""
        self.write_text(f"{PUBLIC_FOLDER}/{CLUSTER_FILE}", name + "\n", mode=0o644)

    def prepare(self) -> None:
        """Make the public folder; called by whoever comes first."""
        public = self.path(PUBLIC_FOLDER)
        public.mkdir(exist_ok=True)
        public.chmod(0o755)

    def try_lock(self, name: str) -> int | None:
        """Take a lock without waiting: its descriptor, to be kept open, or None if it is held."""
        descriptor = self._open_lock(name)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor

    def lock(self, name: str) -> int:
        """Take a lock, waiting for it: its descriptor, to be kept open."""
        descriptor = self._open_lock(name)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return descriptor

    def locked(self, name: str) -> bool:
        """Whether a living process holds the lock."""
        descriptor = self._open_lock(name)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def _open_lock(self, name: str) -> int:
        return os.open(self.path(name), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
