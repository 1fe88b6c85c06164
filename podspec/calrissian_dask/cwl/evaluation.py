"""The requirement's expressions, evaluated by cwltool for one job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from cwltool.errors import WorkflowException

from calrissian_dask.errors import CalrissianDaskError
from calrissian_dask.requirement import CLASS


class Builder(Protocol):
    """What is asked of cwltool's Builder: it knows `inputs` and `runtime` of one job."""

    def do_eval(self, ex: Any) -> Any:
        """The value of an expression, or of anything else as it is."""


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
