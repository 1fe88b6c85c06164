"""Write a docker-save archive of several images that share layers.

    python3 docker_archive.py OUT.tar < IMAGES.json

IMAGES.json is a list of {"tag": NAME, "layer": TAR, "config": {"Env": …, "Entrypoint": …}}.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
import tarfile
from typing import Any

CREATED = "2026-01-01T00:00:00Z"
"""The same for every build, so that the same input gives the same image."""


def main() -> None:
    """Read the list, write the archive."""
    layers: dict[str, str] = {}
    manifest: list[dict[str, Any]] = []
    written: set[str] = set()
    with tarfile.open(sys.argv[1], "w") as archive:
        for image in json.load(sys.stdin):
            path = image["layer"]
            if path not in layers:
                layers[path] = digest(path)
                archive.add(path, arcname=f"{layers[path]}/layer.tar")
            config = json.dumps(
                {
                    "architecture": "amd64",
                    "os": "linux",
                    "created": CREATED,
                    "config": image["config"],
                    "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layers[path]}"]},
                    "history": [{"created": CREATED}],
                }
            ).encode()
            name = f"{hashlib.sha256(config).hexdigest()}.json"
            if name not in written:
                written.add(name)
                put(archive, name, config)
            manifest.append(
                {
                    "Config": name,
                    "RepoTags": [image["tag"]],
                    "Layers": [f"{layers[path]}/layer.tar"],
                }
            )
        put(archive, "manifest.json", json.dumps(manifest).encode())


def digest(path: str) -> str:
    """The sha256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def put(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    """Add a file from memory."""
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


main()
