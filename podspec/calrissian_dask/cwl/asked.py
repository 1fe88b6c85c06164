"""The requirement that holds for a tool: its own, or the nearest of those that it inherits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from calrissian_dask.requirement import is_requirement


class Tool(Protocol):
    """What is read of cwltool's Process."""

    requirements: list[Any]
    hints: list[Any]


@dataclass(frozen=True)
class Asked:
    """The requirement that holds for a tool: its fields as written, and whether it is a hint."""

    written: Mapping[str, Any]
    is_hint: bool

    @property
    def fields(self) -> dict[str, Any]:
        """The fields alone; schema-salad gives an `id` to what is imported."""
        return {key: value for key, value in self.written.items() if key not in ("class", "id")}


def nearest(tool: Tool) -> Asked | None:
    """The tool's own or inherited one: requirements before hints, the inner before the outer.

    CWL v1.2, Workflow, "Requirements and hints". A job's cwl:requirements are not expanded by
    cwltool, so the class is compared as written.
    """
    for entries, is_hint in ((tool.requirements, False), (tool.hints, True)):
        for entry in reversed(entries):
            if is_requirement(entry.get("class")):
                return Asked(entry, is_hint)
    return None
