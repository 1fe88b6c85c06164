"""What cwltool's own objects, a tool and a job's builder, say of the requirement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from cwltool.errors import WorkflowException

from calrissian_dask.errors import CalrissianDaskError
from calrissian_dask.requirement import CLASS, is_requirement


class Tool(Protocol):
    """What is read of cwltool's Process."""

    requirements: list[Any]
    hints: list[Any]


class Builder(Protocol):
    """What is asked of cwltool's Builder: it knows `inputs` and `runtime` of one job."""

    def do_eval(self, ex: Any) -> Any:
        """The value of an expression, or of anything else as it is."""


@dataclass(frozen=True)
class Asked:
    """The requirement that holds for a tool: its fields as written, and whether it is a hint."""

    written: Mapping[str, Any]
    is_hint: bool

    @property
    def fields(self) -> dict[str, Any]:
        """The fields without `class`."""
        return {key: value for key, value in self.written.items() if key != "class"}


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


def evaluate(fields: Mapping[str, Any], builder: Builder) -> dict[str, Any]:
    """The fields with their expressions evaluated for one job.

    Raises CalrissianDaskError with the field, the expression and what is wrong with it.
    """
    return {key: _evaluate(key, value, builder) for key, value in fields.items()}


def _evaluate(key: str, value: Any, builder: Builder) -> Any:
    try:
        return builder.do_eval(value)
    except WorkflowException as error:
        raise CalrissianDaskError(
            f"{CLASS}.{key}: {value!r} cannot be evaluated: {_reason(str(error))}"
        ) from error


def _reason(text: str) -> str:
    """The line of a long report of JavaScript that says what was wrong."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for line in lines:
        if "Error:" in line:
            return line
    return " ".join(line for line in lines if not line.endswith(":")) or "no reason was given"
