"""The end of a run: what was measured is printed, what was made is taken away.

Called in the process that outlives all workers (`tests/conftest.py`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

ENVIRONMENT = "environment.json"
"""What the fixture `cluster` has made, and whether to keep it; in the run's folder."""

TIME_LINE = "time-line.json"
SOAK = "soak.json"
"""Lines to print, in the run's folder."""


def finish(folder: Path) -> None:
    """Delete the cluster that this run has made, also where it did not get far."""
    record = folder / ENVIRONMENT
    if record.exists() and not json.loads(record.read_text())["keep"]:
        from tests.cluster import environment

        environment.down()


def summary(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Titles and lines: sizes of images, the time line of a step's end, the soak's seed."""
    record = folder / ENVIRONMENT
    made = json.loads(record.read_text())["environment"] if record.exists() else None
    if made:
        yield "images", [f"{size / 1e6:8.1f} MB  {image}" for image, size in made["sizes"].items()]
    for file, title in ((TIME_LINE, "the end of a step"), (SOAK, "soak")):
        if (folder / file).exists():
            yield title, json.loads((folder / file).read_text())
