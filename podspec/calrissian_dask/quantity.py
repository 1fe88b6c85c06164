"""Cores and memory as the extension's authors write them, exactly.

| written         | cores      | memory                                              |
|-----------------|------------|-----------------------------------------------------|
| 4               | 4          | 4 bytes                                             |
| 0.5, "0.5"      | one half   | an error: less than a byte (1.5 is one byte)        |
| "500m"          | one half   | an error                                            |
| "4K" "4Ki" "4KiB" (M G T alike) | an error | 4 x 1024, x 1024^2, ^3, ^4                |
| "4KB" (MB GB TB alike)          | an error | 4 x 1000, x 1000^2, ^3, ^4                |

K, M, G and T are powers of 1024 because Dask Gateway reads them so
(dask_gateway_server/traitlets.py, MemoryLimit). Spaces are allowed around number and unit.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction

NUMBER = r"(?P<number>\d+(?:\.\d*)?|\.\d+)"

CORES = re.compile(rf"\s*{NUMBER}\s*(?P<milli>m?)\s*\Z", re.ASCII)

MEMORY = re.compile(rf"\s*{NUMBER}\s*(?P<unit>[A-Za-z]*)\s*\Z", re.ASCII)

POWERS = {"K": 1, "M": 2, "G": 3, "T": 4}

UNITS: dict[str, int] = {
    "": 1,
    **{letter: 1024**power for letter, power in POWERS.items()},
    **{letter + "i": 1024**power for letter, power in POWERS.items()},
    **{letter + "iB": 1024**power for letter, power in POWERS.items()},
    **{letter + "B": 1000**power for letter, power in POWERS.items()},
}

BY_LOWER_CASE = {unit.lower(): unit for unit in UNITS}
"""To name the unit that was meant: `4g` is refused, as Dask Gateway and Kubernetes refuse it."""


def parse_cores(value: object) -> Fraction:
    """A number of cores; raises ValueError with what is wrong and what would be right."""
    number = _plain(value)
    if number is None:
        match = CORES.match(str(value)) if isinstance(value, str) else None
        if match is None:
            raise ValueError(f"{value!r} is not a number of cores: write 2, 0.5 or 500m")
        number = Fraction(match["number"]) / (1000 if match["milli"] else 1)
    if number <= 0:
        raise ValueError(f"{value!r} is not above zero: write a number of cores such as 1 or 0.5")
    return number


def parse_memory(value: object) -> int:
    """A number of bytes; raises ValueError with what is wrong and what would be right."""
    number = _plain(value)
    if number is None:
        match = MEMORY.match(str(value)) if isinstance(value, str) else None
        if match is None:
            raise ValueError(f"{value!r} is not an amount of memory: write 4G, 512M or 4GiB")
        number = Fraction(match["number"]) * _unit(value, match["unit"])
    if number <= 0:
        raise ValueError(f"{value!r} is not above zero: write an amount of memory such as 4G")
    if number < 1:
        raise ValueError(f"{value!r} is less than one byte: write an amount of memory such as 4G")
    return int(number)


def worker_count(
    worker_cores_limit: Fraction, worker_memory: int, cluster_cores: Fraction, cluster_memory: int
) -> int:
    """How many workers fit into the cluster's limits: the smaller of two whole quotients."""
    by_cores: int = cluster_cores // worker_cores_limit
    return min(by_cores, cluster_memory // worker_memory)


def show_cores(cores: Fraction) -> str:
    """As an author would write it: 2, 0.5, 0.0625."""
    return f"{float(cores):g}"


def show_memory(count: int) -> str:
    """As an author would write it: 4G where that is exact, else the largest unit with a fraction."""
    for letter, power in reversed(POWERS.items()):
        if count >= 1024**power:
            return f"{count / 1024**power:.4g}{letter}"
    return str(count)


def show_count(count: float | Fraction, noun: str) -> str:
    """With its noun: 1 core, 0.5 cores, 2 workers."""
    return f"{float(count):g} {noun}" + ("" if count == 1 else "s")


def _plain(value: object) -> Fraction | None:
    """A number that YAML has read as one; None for text. A bool is neither."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"{value!r} is not a number: write one, or an expression that gives one")
    if isinstance(value, str):
        return None
    if not math.isfinite(value):
        raise ValueError(f"{value!r} is not a finite number")
    return Fraction(repr(value))  # the decimal that was written, not its binary neighbour


def _unit(value: object, unit: str) -> int:
    try:
        return UNITS[unit]
    except KeyError:
        meant = BY_LOWER_CASE.get(unit.lower())
        hint = f"did you mean {meant}?" if meant else "known are K M G T, Ki Mi Gi Ti, KB MB GB TB"
        raise ValueError(f"{value!r} has the unknown unit {unit!r}: {hint}") from None
