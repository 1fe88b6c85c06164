"""How much may run side by side: the heaviest set of steps of which none waits for another."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import networkx as nx


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
    that the result is an upper bound of all. Raises ValueError where steps wait for each other.
    """
    order = nx.DiGraph((early, late) for late, earlier in after.items() for early in earlier)
    if not nx.is_directed_acyclic_graph(order):
        raise ValueError("steps wait for each other")
    waits = nx.transitive_closure_dag(order).edges

    def most(measure: Callable[[Weight], int]) -> int:
        return _heaviest([measure(weight) for weight in weights], waits)

    unit = math.lcm(*(weight.cores.denominator for weight in weights))
    return Weight(
        most(lambda weight: weight.clusters),
        most(lambda weight: weight.workers),
        Fraction(most(lambda weight: int(weight.cores * unit)), unit),
        most(lambda weight: weight.memory),
    )


def _heaviest(weights: Sequence[int], waits: Sequence[tuple[int, int]]) -> int:
    """By Dilworth's theorem with weights: all of them, less what a largest flow can put in chains."""
    flow = nx.DiGraph()
    for step, weight in enumerate(weights):
        flow.add_edge("all", ("early", step), capacity=weight)
        flow.add_edge(("late", step), "done", capacity=weight)
    flow.add_edges_from((("early", early), ("late", late)) for early, late in waits)
    if not weights:
        return 0
    return sum(weights) - int(nx.maximum_flow_value(flow, "all", "done"))
