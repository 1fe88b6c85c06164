"""The images of a node, for docker_archive.py, from the names that kubeadm prints.

kubeadm config images list | python3 image_list.py LAYERS PROVISIONER_VERSION
"""

from __future__ import annotations

import json
import sys
from typing import Any

PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

LAYERS = {"coredns": ("coredns", "/coredns"), "pause": ("pause", "/pause")}
"""Layer and program of the images that are not the control plane's."""


def main() -> None:
    """Print the list."""
    folder, provisioner = sys.argv[1:]
    images = [image(folder, name.strip()) for name in sys.stdin if name.strip()]
    images += [
        entry(folder, "docker.io/local/hyperkube:1", "hyperkube"),
        entry(
            folder,
            f"docker.io/local/local-path-provisioner:{provisioner}",
            "provisioner",
            Entrypoint=["local-path-provisioner"],
        ),
        entry(folder, "docker.io/local/shell:1", "shell", Cmd=["sh"]),
    ]
    json.dump(images, sys.stdout)


def image(folder: str, name: str) -> dict[str, Any]:
    """One that kubeadm has named."""
    component = name.rpartition("/")[2].partition(":")[0]
    layer, program = LAYERS.get(component, ("hyperkube", f"/usr/local/bin/{component}"))
    return entry(folder, name, layer, Entrypoint=[program])


def entry(folder: str, tag: str, layer: str, **config: Any) -> dict[str, Any]:
    """As docker_archive.py reads it."""
    return {"tag": tag, "layer": f"{folder}/{layer}.tar", "config": {"Env": [PATH], **config}}


main()
