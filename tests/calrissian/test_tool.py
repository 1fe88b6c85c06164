"""Which tools get which job, by real Calrissian's classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from calrissian_dask.cwl.cwltool_reading import register
from calrissian_dask.settings import Settings

from tests.podspec.pods import REQUIREMENT, settings

job = pytest.importorskip("calrissian.job", reason="stock Calrissian is in .venv-calrissian only")

SPACES = {"calrissian": "https://calrissian-cwl.github.io/schema#"}
DASK = "calrissian:DaskGatewayRequirement"


def tool(**more: Any) -> dict[str, Any]:
    docker = {"DockerRequirement": {"dockerPull": "debian:12"}}
    return {
        "class": "CommandLineTool",
        "requirements": docker,
        "baseCommand": "true",
        "inputs": [],
        "outputs": [],
        **more,
    }


def runners(folder: Path, content: dict[str, Any], given: Settings) -> list[type[Any]]:
    """The job class of each tool of a document."""
    from calrissian.context import CalrissianRuntimeContext
    from calrissian_dask.runner.session import Session
    from calrissian_dask.runner.tool import tool_maker
    from cwltool.context import LoadingContext
    from cwltool.load_tool import load_tool

    register(enable_ext=False)
    path = folder / "document.cwl"
    path.write_text(yaml.safe_dump({"cwlVersion": "v1.2", "$namespaces": SPACES, **content}))
    context = LoadingContext()
    built: list[Any] = []
    make = tool_maker(Session(given))

    def remember(toolpath_object: Any, loadingContext: LoadingContext) -> Any:  # noqa: N803  # cwltool's name
        process = make(toolpath_object, loadingContext)
        if toolpath_object["class"] == "CommandLineTool":
            built.append(process)
        return process

    context.construct_tool_object = remember
    load_tool(str(path), context)
    return [process.make_job_runner(CalrissianRuntimeContext({})) for process in built]


def test_t86_a_tool_without_the_requirement_has_calrissians_own_job(tmp_path: Path) -> None:
    assert runners(tmp_path, tool(), settings()) == [job.CalrissianCommandLineJob]


@pytest.mark.parametrize("part", ["requirements", "hints"])
def test_a_tool_that_asks_has_ours(tmp_path: Path, part: str) -> None:
    docker = {"DockerRequirement": {"dockerPull": "debian:12"}}
    (runner,) = runners(tmp_path, tool(**{part: docker | {DASK: REQUIREMENT}}), settings())
    assert issubclass(runner, job.CalrissianCommandLineJob)
    assert runner.fields == REQUIREMENT


def test_t86_a_hint_without_a_gateway_has_calrissians_own_job(tmp_path: Path) -> None:
    content = tool(hints={DASK: REQUIREMENT})
    assert runners(tmp_path, content, Settings()) == [job.CalrissianCommandLineJob]


def test_a_workflows_requirement_is_every_tools_and_the_inner_one_stands(tmp_path: Path) -> None:
    inner = {**REQUIREMENT, "workerCores": 2, "workerCoresLimit": 2}
    both = {"DockerRequirement": {"dockerPull": "debian:12"}, DASK: inner}
    content = {
        "class": "Workflow",
        "inputs": [],
        "outputs": [],
        "requirements": {DASK: REQUIREMENT},
        "steps": {
            "one": {"run": tool(), "in": [], "out": []},
            "two": {"run": tool(requirements=both), "in": [], "out": []},
        },
    }
    found = runners(tmp_path, content, settings())
    assert [runner.fields["workerCores"] for runner in found] == [1, 2]
