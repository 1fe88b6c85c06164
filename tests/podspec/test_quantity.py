from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from calrissian_dask.quantity import (
    UNITS,
    parse_cores,
    parse_memory,
    show_cores,
    show_count,
    show_memory,
    worker_count,
)
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("written", "cores"),
    [
        (1, Fraction(1)),
        (0.5, Fraction(1, 2)),
        (0.1, Fraction(1, 10)),
        ("2", Fraction(2)),
        (" 2.5 ", Fraction(5, 2)),
        (".5", Fraction(1, 2)),
        ("500m", Fraction(1, 2)),
        ("1500 m", Fraction(3, 2)),
        (1e2, Fraction(100)),
    ],
)
def test_cores_are_read_exactly(written: Any, cores: Fraction) -> None:
    assert parse_cores(written) == cores


K = 1024


@pytest.mark.parametrize(
    ("written", "count"),
    [
        (4294967296, 4 * K**3),
        (4e9, 4 * 1000**3),
        ("4294967296", 4 * K**3),
        ("4K", 4 * K),
        ("4Ki", 4 * K),
        ("4KiB", 4 * K),
        ("4KB", 4000),
        ("4M", 4 * K**2),
        ("4Mi", 4 * K**2),
        ("4MiB", 4 * K**2),
        ("4MB", 4 * 1000**2),
        ("4G", 4 * K**3),
        ("4Gi", 4 * K**3),
        ("4GiB", 4 * K**3),
        ("4GB", 4 * 1000**3),
        ("4T", 4 * K**4),
        ("4Ti", 4 * K**4),
        ("4TiB", 4 * K**4),
        ("4TB", 4 * 1000**4),
        (" 4 G ", 4 * K**3),
        ("1.5G", 3 * K**3 // 2),
        ("0.5K", 512),
        ("1.1K", 1126),
    ],
)
def test_memory_is_read_as_the_table_says(written: Any, count: int) -> None:
    assert parse_memory(written) == count


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (True, "is not a number"),
        (None, "is not a number"),
        ([1], "is not a number"),
        (0, "not above zero"),
        (-1, "not above zero"),
        ("0", "not above zero"),
        ("-1", "write 2, 0.5 or 500m"),
        (float("nan"), "not a finite number"),
        (float("inf"), "not a finite number"),
        ("NaN", "write 2, 0.5 or 500m"),
        ("1e3", "write 2, 0.5 or 500m"),
        ("4G", "write 2, 0.5 or 500m"),
        ("", "write 2, 0.5 or 500m"),
        ("1\n2", "write 2, 0.5 or 500m"),
        ("\u0664", "write 2, 0.5 or 500m"),
    ],
)
def test_what_is_no_number_of_cores_is_an_error_with_a_remedy(written: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_cores(written)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (False, "is not a number"),
        ({}, "is not a number"),
        (0, "not above zero"),
        ("0G", "not above zero"),
        (-4, "not above zero"),
        ("-4G", "write 4G, 512M or 4GiB"),
        (float("nan"), "not a finite number"),
        (0.5, "less than one byte"),
        ("4 Q", "known are K M G T"),
        ("4g", "did you mean G?"),
        ("4gb", "did you mean GB?"),
        ("4GIB", "did you mean GiB?"),
        ("500m", "did you mean M?"),
        ("G", "write 4G, 512M or 4GiB"),
        ("four", "write 4G, 512M or 4GiB"),
    ],
)
def test_what_is_no_memory_is_an_error_with_a_remedy(written: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        parse_memory(written)
    assert repr(written) in str(caught.value)


@given(st.integers(1, 2**50), st.sampled_from(sorted(UNITS)))
def test_a_whole_number_of_a_unit_is_that_many_units(number: int, unit: str) -> None:
    assert parse_memory(f"{number}{unit}") == number * UNITS[unit]


@given(st.fractions(min_value=Fraction(1, 1000), max_value=1000, max_denominator=1000))
def test_the_workers_fit_and_one_more_would_not(limit: Fraction) -> None:
    workers = worker_count(limit, 1, Fraction(16), 10**9)
    assert workers * limit <= 16 < (workers + 1) * limit


def test_the_scarcer_of_cores_and_memory_decides() -> None:
    assert worker_count(Fraction(2), 4, Fraction(9), 100) == 4
    assert worker_count(Fraction(2), 4, Fraction(90), 11) == 2


def test_ten_times_a_tenth_is_a_whole() -> None:
    """In binary floating point it would be 9."""
    assert worker_count(parse_cores(0.1), 1, parse_cores(1), 1000) == 10


@pytest.mark.parametrize(
    ("count", "text"),
    [(5, "5"), (1024, "1K"), (4 * K**3, "4G"), (10**9, "953.7M"), (3 * K**4, "3T")],
)
def test_memory_is_shown_as_an_author_writes_it(count: int, text: str) -> None:
    assert show_memory(count) == text


def test_cores_are_shown_as_an_author_writes_them() -> None:
    assert [show_cores(Fraction(n)) for n in ("2", "1/2")] == ["2", "0.5"]
    assert [show_count(n, "core") for n in (1, 2, Fraction("0.5"))] == [
        "1 core",
        "2 cores",
        "0.5 cores",
    ]
