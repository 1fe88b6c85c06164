from __future__ import annotations

import os
import tempfile
from pathlib import Path

from benchmarks import forwarding, mutation, provisioning, stopping


def main() -> None:
    print(f"{os.cpu_count()} cores; medians, ours against the other in the same run\n")
    for measure in (mutation.measure, stopping.measure, forwarding.measure, provisioning.measure):
        with tempfile.TemporaryDirectory() as folder:
            for row in measure(Path(folder)):
                print(row, flush=True)


main()
