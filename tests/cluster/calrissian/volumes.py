"""ReadWriteMany volumes as Calrissian demands them: folders of the one node."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.cluster.engine import CommandFailedError, call
from tests.cluster.kind import NODE, on_node
from tests.cluster.namespaces import Namespace

FOLDER = "/var/calrissian"
"""On the node."""


@dataclass(frozen=True)
class Volume:
    """A claim in a namespace, and the folder on the node that is bound to it."""

    claim: str
    folder: str

    def write(self, files: Mapping[str, str]) -> None:
        """Put texts into it, for everybody to read."""
        with TemporaryDirectory() as here:
            for name, text in files.items():
                path = Path(here) / name
                path.write_text(text)
                path.chmod(0o644)
            call("docker", "cp", f"{here}/.", f"{NODE}:{self.folder}")

    def read(self, name: str) -> str:
        """A file's text; empty where there is none."""
        try:
            return on_node("cat", f"{self.folder}/{name}")
        except CommandFailedError:
            return ""

    def files(self) -> set[str]:
        """The relative paths of all files."""
        found = on_node("find", self.folder, "-type", "f", "-printf", "%P\\n")
        return set(found.splitlines())


@contextmanager
def shared_folder(ns: Namespace, claim: str) -> Iterator[Volume]:
    """A volume that waits for a claim of that name, as one of kind's default class would ask for.

    What a storage class for ReadWriteMany would make; kind has none.
    """
    name, folder = f"{ns.name}-{claim}", f"{FOLDER}/{ns.name}/{claim}"
    on_node("install", "-d", "-m", "0777", folder)
    spec = {
        "accessModes": ["ReadWriteMany"],
        "storageClassName": "standard",
        "capacity": {"storage": "1Gi"},
        "persistentVolumeReclaimPolicy": "Retain",
        "claimRef": {"namespace": ns.name, "name": claim},
        "hostPath": {"path": folder},
    }
    ns.api.create("PersistentVolume", {"metadata": {"name": name}, "spec": spec})
    try:
        yield Volume(claim, folder)
    finally:
        ns.api.delete("PersistentVolume", name)
        on_node("rm", "-rf", folder)


@contextmanager
def volume(ns: Namespace, claim: str) -> Iterator[Volume]:
    """A claim with its volume; the folder is removed at the end."""
    with shared_folder(ns, claim) as made:
        asked = {
            "accessModes": ["ReadWriteMany"],
            "storageClassName": "standard",
            "resources": {"requests": {"storage": "1Gi"}},
        }
        body = {"metadata": {"name": claim}, "spec": asked}
        ns.api.create("PersistentVolumeClaim", body, ns.name)
        yield made
