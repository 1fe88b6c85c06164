"""The suite's environment, kept for developing: `python -m tests.cluster up|down`.

`check` says in one sentence why it cannot be made here.
"""

from __future__ import annotations

import sys

from tests.cluster import environment, kind
from tests.cluster.engine import CommandFailedError


def main() -> str | None:
    """What went wrong, or None."""
    try:
        match sys.argv[1:]:
            case ["up"]:
                made = environment.up()
                for image, size in made.sizes.items():
                    print(f"{size / 1e6:7.1f} MB  {image}")
                print(f"kubectl --kubeconfig {made.kubeconfig} get pods --all-namespaces")
                print(f"Dask Gateway: http://{made.gateway_address}")
            case ["check"]:
                return None if kind.can_be_had() else kind.NO_KIND
            case ["down"]:
                environment.down()
            case _:
                return "usage: python -m tests.cluster up|down|check"
    except CommandFailedError as error:
        return f"the cluster suite's environment: {error}"
    return None


sys.exit(main())
