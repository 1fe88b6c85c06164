"""mutate_pod per second, against a deep copy of the same pod."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from calrissian_dask.documents import load_documents
from calrissian_dask.mutation import mutate_pod

from benchmarks.measurement import Row
from tests.podspec.pods import settings

POD = Path(__file__).parent.parent / "tests/podspec/pods/calrissian-stdout-in-a-folder/pod.yaml"


def per_second(call: Callable[[], object], seconds: float = 1.0) -> float:
    count, began = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - began) < seconds:
        for _ in range(100):
            call()
        count += 100
    return count / elapsed


def measure(_: Path) -> Iterator[Row]:
    (pod,) = load_documents(POD.read_text(), str(POD))
    given = settings()
    ours, other = [], []
    for _round in range(3):
        ours.append(per_second(lambda: mutate_pod(pod, given)))
        other.append(per_second(lambda: copy.deepcopy(pod)))
    yield Row("mutate_pod per second, against copy.deepcopy", ours, other, "/s", "5 000/s")
