from __future__ import annotations

from typing import Any

import pytest
from calrissian_dask.local.fit import Fit, Machine, fit, this_machine
from calrissian_dask.requirement import parse
from hypothesis import given
from hypothesis import strategies as st

GIB = 2**30


def ask(cores: Any, memory: str, total_cores: Any, total_memory: str) -> Any:
    return parse(
        {
            "workerCores": cores,
            "workerMemory": memory,
            "clusterMaxCores": total_cores,
            "clusterMaxMemory": total_memory,
        }
    )


LAPTOP = Machine(cores=8, memory=16 * GIB)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (ask(1, "1G", 4, "4G"), Fit(4, 1, GIB, None)),
        (
            ask(1, "1G", 24, "24G"),
            Fit(8, 1, GIB, "asked for 24 workers, this machine has room for 8"),
        ),
        (ask(2, "1G", 8, "8G"), Fit(4, 2, GIB, None)),
        (
            ask(0.5, "1G", 8, "16G"),
            Fit(8, 1, GIB, "asked for 16 workers, this machine has room for 8"),
        ),
        (
            ask(1.5, "1G", 8, "8G"),
            Fit(4, 2, GIB, "asked for 5 workers, this machine has room for 4"),
        ),
        (
            ask(1, "4G", 8, "32G"),
            Fit(3, 1, 4 * GIB, "asked for 8 workers, this machine has room for 3"),
        ),
        (ask(16, "1G", 16, "1G"), Fit(1, 8, GIB, "a worker's 16 cores become 8")),
        (
            ask(1, "64G", 1, "64G"),
            Fit(1, 1, int(12.8 * GIB), "a worker's 64G of memory become 12.8G"),
        ),
    ],
)
def test_the_ask_is_fitted_and_what_is_less_is_said(asked: Any, expected: Fit) -> None:
    assert fit(asked, LAPTOP) == expected


def test_max_workers_overrides_the_room() -> None:
    asked = ask(1, "1G", 24, "24G")
    assert fit(asked, LAPTOP, 12).workers == 12
    assert fit(asked, LAPTOP, 99).workers == 24
    assert fit(asked, LAPTOP, 3).words == "asked for 24 workers, --max-workers allows 3"


@given(st.integers(1, 64), st.integers(1, 64), st.integers(1, 128), st.integers(1, 2**40))
def test_no_machine_is_too_small(cores: int, workers: int, have: int, memory: int) -> None:
    asked = ask(cores, "1G", cores * workers, f"{workers}G")
    fitted = fit(asked, Machine(have, memory))
    assert 1 <= fitted.workers <= workers
    assert fitted.worker_cores <= have
    assert fitted.workers == 1 or fitted.workers * fitted.worker_cores <= have


def test_this_machine_has_something() -> None:
    machine = this_machine()
    assert machine.cores >= 1
    assert machine.memory > GIB // 4
