"""The heaviest set of steps that may run at once, held to trying every set."""

from __future__ import annotations

import itertools
from fractions import Fraction

from calrissian_dask.plan.peak import Weight, side_by_side
from hypothesis import given
from hypothesis import strategies as st

STEPS = st.integers(0, 7)


@st.composite
def workflows(draw: st.DrawFn) -> tuple[list[Weight], dict[int, set[int]]]:
    count = draw(STEPS)
    weights = [
        Weight(
            draw(st.integers(0, 2)),
            draw(st.integers(0, 9)),
            Fraction(draw(st.integers(0, 9)), 2),
            7,
        )
        for _ in range(count)
    ]
    after = {
        n: draw(st.sets(st.integers(0, n - 1), max_size=3)) if n else set() for n in range(count)
    }
    return weights, after


def waits(after: dict[int, set[int]], late: int, early: int) -> bool:
    return early in after[late] or any(waits(after, one, early) for one in after[late])


@given(workflows())
def test_it_is_the_best_of_all_sets_in_which_nobody_waits_for_another(
    drawn: tuple[list[Weight], dict[int, set[int]]],
) -> None:
    weights, after = drawn
    best = Weight()
    for size in range(len(weights) + 1):
        for chosen in itertools.combinations(range(len(weights)), size):
            if any(waits(after, b, a) for a, b in itertools.combinations(chosen, 2)):
                continue
            total = sum((weights[n] for n in chosen), Weight())
            best = Weight(
                max(best.clusters, total.clusters),
                max(best.workers, total.workers),
                max(best.cores, total.cores),
                max(best.memory, total.memory),
            )
    assert side_by_side(weights, after) == best


def test_many_steps_that_wait_for_several_are_soon_done() -> None:
    after = {n: ({(7 * n + k) % 40 for k in range(5)} if n >= 40 else set()) for n in range(80)}
    assert side_by_side([Weight(1, 1, Fraction(1), 1)] * 80, after).clusters >= 40


def test_a_hundred_steps_in_chains_are_soon_done() -> None:
    after = {n: {n - 1} if n % 10 else set() for n in range(100)}
    assert side_by_side([Weight(1, 1, Fraction(1), 1)] * 100, after).clusters == 10
