"""kind's own storage manifest (rancher's local-path), with the names of our images.

python3 storage_manifest.py KIND_MODULE PROVISIONER_VERSION
"""

from __future__ import annotations

import sys
from pathlib import Path

START = "const defaultStorageManifest = `"


def main() -> None:
    """Print the manifest; fails where kind has written it in another way."""
    module, provisioner = sys.argv[1:]
    source = (Path(module) / "pkg/build/nodeimage/const_storage.go").read_text()
    text = source[source.index(START) + len(START) : source.rindex("`")]
    for name, image in (
        ("storageProvisionerImage", f"docker.io/local/local-path-provisioner:{provisioner}"),
        ("storageHelperImage", "docker.io/local/shell:1"),
    ):
        placeholder = f"` + {name} + `"
        if placeholder not in text:
            sys.exit(f"kind's storage manifest has no {name}")
        text = text.replace(placeholder, image)
    print(text)


main()
