"""The requirement's expressions, evaluated by cwltool for one job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from cwltool.errors import WorkflowException

from calrissian_dask.cwl.expression_errors import reason
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
            f"{CLASS}.{key}: {value!r} cannot be evaluated: {reason(str(error))}"
        ) from error
