"""The author's and the pod's errors; the tree's root and its other branches are the sidecar package's.

    CalrissianDaskError         calrissian_dask_sidecar.errors, where the whole tree is drawn
    ├── RequirementError        the author of the CWL
    ├── PodError                whoever made the pod, or changed it before us
    ├── ConfigurationError      the operator
    └── GatewayError            the peer

All problems of one subject are raised together; `str()` of the error is one sentence per problem,
each on a line.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from calrissian_dask_sidecar.errors import (
    CalrissianDaskError,
    ConfigurationError,
    GatewayError,
    GatewayUnavailableError,
)

__all__ = [
    "CalrissianDaskError",
    "ConfigurationError",
    "GatewayError",
    "GatewayUnavailableError",
    "PodError",
    "Problem",
    "RequirementError",
]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: where (a field of the extension, or "" for the whole) and what."""

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


class RequirementError(CalrissianDaskError):
    """A DaskGatewayRequirement that cannot be met as it is written.

    `place` is a file:line:column or a dotted path and stands before every sentence.
    """

    def __init__(self, place: str, problems: Iterable[Problem]) -> None:
        self.place = place
        self.problems = tuple(problems)
        super().__init__(
            "\n".join(f"{place}.{p}" if p.field else f"{place}: {p}" for p in self.problems)
        )


class PodError(CalrissianDaskError):
    """A pod that cannot get a cluster without something that is there being overwritten."""
