"""Where the walk through a workflow is: the path, what holds there, and the scatters above."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from calrissian_dask.cwl.asked import Asked
from calrissian_dask.plan.documents import Process, asked
from calrissian_dask.plan.values import JAVASCRIPT, short


@dataclass(frozen=True)
class Place:
    """One process or step in its place."""

    path: tuple[str, ...] = ()
    requirements: tuple[tuple[Asked, str], ...] = ()
    hints: tuple[tuple[Asked, str], ...] = ()
    of_job: tuple[tuple[Asked, str], ...] = ()
    """What a job's cwl:requirements add to the process that it is for."""
    javascript: tuple[Mapping[str, Any], ...] = ()
    image: str | None = None
    running: tuple[str, ...] = ()
    """The processes above, so that one that runs itself is found."""
    is_all: bool = True
    """Whether nothing but what is given will be given to the inputs: so in steps, and with a job."""
    is_scattered: bool = False
    unknown_scatter: str | None = None


def inside_of(process: Process, place: Place) -> Place:
    """What holds inside a process or a step."""
    named = title(process, place)
    requirements, hints = asked(process)
    javascript = [
        {"class": JAVASCRIPT, "expressionLib": list(one.expressionLib or [])}
        for one in process.requirements or []  # cwltool does not look among hints
        if getattr(one, "class_", None) == JAVASCRIPT
    ]
    images = [
        one.dockerPull
        for one in [*(process.hints or []), *(process.requirements or [])]
        if getattr(one, "class_", None) == "DockerRequirement" and one.dockerPull
    ]
    return replace(
        place,
        requirements=(
            *place.requirements,
            *((one, named) for one in requirements),
            *place.of_job,
        ),
        of_job=(),
        hints=(*place.hints, *((one, named) for one in hints)),
        javascript=(*place.javascript, *javascript),
        image=images[-1] if images else place.image,
    )


def title(process: Process, place: Place) -> str:
    """How its requirements are named where they are inherited."""
    kind = getattr(process, "class_", None) or "step"
    return f"{kind} {'/'.join(place.path) or short(process.id)}"
