"""How much may run side by side: the heaviest set of steps of which none waits for another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache


@dataclass(frozen=True)
class Weight:
    """What steps ask for together: clusters, workers, cores, bytes."""

    clusters: int = 0
    workers: int = 0
    cores: Fraction = Fraction(0)
    memory: int = 0

    def __add__(self, other: Weight) -> Weight:
        return Weight(
            self.clusters + other.clusters,
            self.workers + other.workers,
            self.cores + other.cores,
            self.memory + other.memory,
        )


def side_by_side(weights: Sequence[Weight], after: Mapping[int, set[int]]) -> Weight:
    """The most of each measure over all sets of steps that may run at once.

    `after[n]` are the steps that step n waits for, directly. Each measure has a set of its own, so
    that the result is an upper bound of all. The steps of one workflow are few; sets that were seen
    before are not looked at again.
    """
    earlier = _closure(len(weights), after)
    apart = [
        {m for m in range(len(weights)) if m != n and m not in earlier[n] and n not in earlier[m]}
        for n in range(len(weights))
    ]

    def most(measure: Callable[[Weight], Fraction | int]) -> Fraction | int:
        @cache
        def of(steps: frozenset[int]) -> Fraction | int:
            if not steps:
                return 0
            first = min(steps, key=lambda n: (len(steps - apart[n]), n))
            taken = measure(weights[first]) + of(steps & apart[first])
            if len(steps & apart[first]) == len(steps) - 1:
                return taken  # it is in nobody's way
            return max(taken, of(steps - {first}))

        return of(frozenset(n for n in range(len(weights)) if measure(weights[n])))

    return Weight(
        int(most(lambda w: w.clusters)),
        int(most(lambda w: w.workers)),
        Fraction(most(lambda w: w.cores)),
        int(most(lambda w: w.memory)),
    )


def _closure(count: int, after: Mapping[int, set[int]]) -> list[set[int]]:
    """All steps that each waits for, directly or not."""

    @cache
    def of(number: int) -> frozenset[int]:
        direct = after.get(number, set())
        return frozenset(direct).union(*(of(one) for one in direct))

    return [set(of(number)) for number in range(count)]
