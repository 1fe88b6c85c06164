"""Calrissian's tool, whose job gets a cluster where the requirement holds for it."""

from __future__ import annotations

from typing import Any

from calrissian.tool import CalrissianCommandLineTool, calrissian_make_tool
from cwltool.context import RuntimeContext
from cwltool.process import shortname
from schema_salad.exceptions import ValidationException
from schema_salad.sourceline import SourceLine

from calrissian_dask.cwl import whole_document
from calrissian_dask.cwl.asked import Asked, nearest
from calrissian_dask.cwl.whole_document import Maker
from calrissian_dask.requirement import CLASS, literal_problems
from calrissian_dask.runner.job import DaskJob
from calrissian_dask.runner.session import Session


class DaskTool(CalrissianCommandLineTool):  # type: ignore[misc]  # Calrissian has no types
    """A CommandLineTool of one run; `session` is set by a subclass made for that run."""

    session: Session

    def make_job_runner(self, runtimeContext: RuntimeContext) -> type[Any]:  # noqa: N803  # cwltool's name
        """Calrissian's own job class for every tool that asks for no cluster."""
        base: type[Any] = super().make_job_runner(runtimeContext)
        asked = self.asked()
        if asked is None or (asked.is_hint and self.session.settings.gateway.url is None):
            return base
        return type("DaskJob", (DaskJob,), {"session": self.session, "fields": asked.fields})

    def asked(self) -> Asked | None:
        """The requirement that holds for this tool, its own or inherited."""
        return nearest(self)

    def problems(self) -> list[str]:
        """What keeps this tool from its cluster whatever the expressions will give, with places."""
        asked = self.asked()
        if asked is None:
            return []
        name = shortname(str(self.tool.get("id", "tool")))
        if self.session.settings.gateway.url is None:
            if asked.is_hint:
                self.session.once(
                    f"tool {name}: {CLASS} is a hint, and no Dask Gateway is known: it runs without"
                    " a cluster; give --dask-gateway-url before the workflow for one"
                )
                return []
            missing = (
                f"tool {name} has {CLASS}, and no Dask Gateway is known: give --dask-gateway-url"
                " before the workflow"
            )
            return [_placed(asked, None, missing)]
        return [
            _placed(asked, problem.field, f"{CLASS}.{problem}")
            for problem in literal_problems(asked.fields)
        ]


def tool_maker(session: Session) -> Maker:
    """What cwltool makes the processes of this run with; all problems are raised together.

    That is when the whole document is there, and before any job: so no step has had a pod.
    """

    def when_whole(tools: list[DaskTool]) -> None:
        problems = [problem for tool in tools for problem in tool.problems()]
        if problems:
            raise ValidationException("\n".join(dict.fromkeys(problems)))

    tool_class: type[DaskTool] = type("DaskTool", (DaskTool,), {"session": session})
    return whole_document.tool_maker(tool_class, calrissian_make_tool, when_whole)


def _placed(asked: Asked, field: str | None, sentence: str) -> str:
    """With file, line and column where they are known."""
    written = asked.written
    key = field if field in written else next(iter(written), None)
    return str(SourceLine(written, key, str).makeError(sentence))
