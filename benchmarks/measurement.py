"""A row of the result: ours, the other, their ratio, and the aim."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Row:
    what: str
    ours: list[float]
    other: list[float]
    unit: str
    aim: str

    def __str__(self) -> str:
        ours, other = median(self.ours), median(self.other)
        ratio = ours / other if other else float("nan")
        return (
            f"- {self.what}: {ours:.4g} {self.unit} against {other:.4g} {self.unit},"
            f" ratio {ratio:.3g}; aim: {self.aim}"
        )
