"""cwltool's tool, with the extension: its job gets a cluster, and its image is set aside."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from cwltool.command_line_tool import CommandLineTool
from cwltool.context import RuntimeContext
from cwltool.errors import WorkflowException
from cwltool.process import shortname
from cwltool.utils import HasReqsHints
from cwltool.workflow import default_make_tool

from calrissian_dask.cwl import whole_document
from calrissian_dask.cwl.asked import nearest
from calrissian_dask.cwl.whole_document import Maker
from calrissian_dask.local.job import DaskJob, InterruptibleJob
from calrissian_dask.local.run import LocalRun

DOCKER = "DockerRequirement"


class RefusedError(BaseException):
    """The document asks for what `local` does not do: exit code 2.

    Not an Exception: cwltool would take it for a failed validation.
    """


class LocalTool(CommandLineTool):
    """A CommandLineTool of one run; `shared` is set by a subclass made for that run."""

    shared: LocalRun | None = None

    def get_requirement(self, feature: str) -> tuple[Any, bool | None]:
        """cwltool's, without the image: it refuses one under `requirements` with --no-container."""
        if feature == DOCKER and self.shared is not None and not self.shared.use_container:
            return None, None
        found: tuple[Any, bool | None] = super().get_requirement(feature)
        return found

    def job(
        self,
        job_order: Any,
        output_callbacks: Any,
        runtimeContext: RuntimeContext,  # noqa: N803  # cwltool's name
    ) -> Generator[Any, None, None]:
        """cwltool's, and nothing new after an interrupt."""
        if self.shared is not None and self.shared.interrupt.requested:
            raise WorkflowException("interrupted")
        yield from super().job(job_order, output_callbacks, runtimeContext)

    def make_job_runner(self, runtimeContext: RuntimeContext) -> type[Any]:  # noqa: N803
        """Cwltool's job class, with a cluster for a tool that asks for one."""
        assert self.shared is not None
        image = self.image()
        name = runtimeContext.name or shortname(str(self.tool.get("id", "tool")))
        if image and self.shared.use_container:  # by a job's cwl:requirements: see tool_maker
            raise WorkflowException(_image_refusal(name, image))
        if image:
            self.shared.once(f"[{name}] runs as a process: its image {image} is set aside")
        base = super().make_job_runner(runtimeContext)
        asked = nearest(self)
        if asked is None:
            return type(base.__name__, (InterruptibleJob, base), {"shared": self.shared})
        members = {
            "shared": self.shared,
            "fields": asked.fields,
            "image": image,
        }
        return type(base.__name__, (DaskJob, base), members)

    def image(self) -> str | None:
        """The container image that the tool names or cwltool would give it; None without one."""
        assert self.shared is not None
        docker, _ = HasReqsHints.get_requirement(self, DOCKER)
        if docker is None:
            return self.shared.default_container if self.shared.use_container else None
        named = docker.get("dockerPull") or docker.get("dockerImageId") or docker.get("dockerLoad")
        return str(named or "of its DockerRequirement")


def _image_refusal(name: str, image: str) -> str:
    return (
        f"tool {name} names the image {image}, and local runs tools as processes: add"
        " --no-container to run it with what is installed here"
    )


def tool_maker(run: LocalRun, *, will_run: bool) -> Maker:
    """What cwltool makes the processes of this run with.

    When the whole document is there, and before any job, an image refuses it where tools will run
    and containers are not given up.
    """

    def when_whole(tools: list[LocalTool]) -> None:
        for tool in tools if will_run and run.use_container else ():
            image = tool.image()
            if image:
                name = shortname(str(tool.tool.get("id", "tool")))
                raise RefusedError(_image_refusal(name, image))
        run.interrupt.jobs_may_run = True

    tool_class: type[LocalTool] = type("LocalTool", (LocalTool,), {"shared": run})
    return whole_document.tool_maker(tool_class, default_make_tool, when_whole)
