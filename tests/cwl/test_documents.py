"""Every place, form, prefix and version of the extension: found with its place, and read by cwltool."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import yaml
from calrissian_dask.cwl import occurrences
from calrissian_dask.cwl.cwltool_reading import register, uri_of
from calrissian_dask.requirement import IRI
from cwltool.context import LoadingContext
from cwltool.load_tool import load_tool
from cwltool.workflow import default_make_tool

from tests.podspec.pods import REQUIREMENT

SPACES = {"calrissian": "https://calrissian-cwl.github.io/schema#"}


def tool(**more: Any) -> dict[str, Any]:
    return {
        "class": "CommandLineTool",
        "baseCommand": "true",
        "inputs": [],
        "outputs": [],
        **more,
    }


def workflow(step: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"class": "Workflow", "inputs": [], "outputs": [], "steps": {"one": step}, **more}


def section(form: str, name: str, fields: dict[str, Any] | None = None) -> Any:
    written = REQUIREMENT if fields is None else fields
    return [{"class": name, **written}] if form == "list" else {name: written}


def document(place: str, part: str, body: Any) -> dict[str, Any]:
    if place == "tool":
        return tool(**{part: body})
    if place == "step":
        return workflow({"run": tool(), "in": [], "out": [], part: body})
    return workflow({"run": tool(), "in": [], "out": []}, **{part: body})


def write(folder: Path, content: dict[str, Any], version: str = "v1.2", /, **more: Any) -> str:
    path = folder / "document.cwl"
    path.write_text(
        yaml.safe_dump({"cwlVersion": version, "$namespaces": SPACES, **content, **more})
    )
    return str(path)


def found(path: str) -> list[occurrences.Occurrence]:
    return occurrences.find(uri_of(path))


def load(path: str, *, enable_ext: bool = False) -> list[Any]:
    """The requirement that each tool of a document has, as cwltool sees it."""
    register(enable_ext)
    found = []
    context = LoadingContext()

    def make(toolpath_object: Any, loadingContext: LoadingContext) -> Any:  # noqa: N803  # cwltool's
        process = default_make_tool(toolpath_object, loadingContext)
        if toolpath_object["class"] == "CommandLineTool":
            found.append(process.get_requirement(IRI)[0])
        return process

    context.construct_tool_object = make
    load_tool(path, context)
    return found


NAMES = ["calrissian:DaskGatewayRequirement", "d:DaskGatewayRequirement", IRI]


@pytest.mark.parametrize("version", ["v1.0", "v1.1", "v1.2"])
@pytest.mark.parametrize(
    ("place", "enable_ext"), [("tool", False), ("step", False), ("workflow", False), ("tool", True)]
)
def test_every_form_in_every_place_of_every_version(
    tmp_path: Path, version: str, place: str, enable_ext: bool
) -> None:
    for part, form, name in itertools.product(["requirements", "hints"], ["map", "list"], NAMES):
        spaces = {**SPACES, "d": SPACES["calrissian"]}
        content = document(place, part, section(form, name))
        path = write(tmp_path, content, version, **{"$namespaces": spaces})
        (requirement,) = load(path, enable_ext=enable_ext)
        assert requirement is not None, (part, form, name)
        assert {key: requirement[key] for key in REQUIREMENT} == REQUIREMENT
        (one,) = found(path)
        assert one.expanded == IRI
        assert occurrences.problems([one]) == []


def test_values_of_every_kind_come_through(tmp_path: Path) -> None:
    fields = {
        "workerCores": 0.5,
        "workerCoresLimit": "500m",
        "workerMemory": 4294967296,
        "clustermaxCore": "$(inputs.n)",
        "clusterMaxMemory": "${ return 5; }",
    }
    path = write(tmp_path, tool(requirements=section("map", NAMES[0], fields)))
    (requirement,) = load(path)
    assert {key: requirement[key] for key in fields} == fields


def test_cwltools_own_extensions_stand_beside_ours(tmp_path: Path) -> None:
    spaces = {**SPACES, "cwltool": "http://commonwl.org/cwltool#"}
    both = section("map", NAMES[0]) | {
        "cwltool:CUDARequirement": {
            "cudaVersionMin": "11.0",
            "cudaComputeCapability": "3.0",
            "cudaDeviceCountMin": 1,
            "cudaDeviceCountMax": 1,
        }
    }
    path = write(tmp_path, tool(requirements=both), **{"$namespaces": spaces})
    assert load(path, enable_ext=True)[0] is not None


def test_graphs_and_what_they_run_are_looked_through(tmp_path: Path) -> None:
    (tmp_path / "inner.cwl").write_text(
        yaml.safe_dump(
            {
                "cwlVersion": "v1.2",
                "$namespaces": SPACES,
                **tool(hints=section("list", NAMES[0], {"workerCores": 0})),
            }
        )
    )
    packed = {
        "cwlVersion": "v1.2",
        "$namespaces": SPACES,
        "$graph": [
            {"id": "main", **workflow({"run": "inner.cwl", "in": [], "out": []})},
            {"id": "other", **tool(requirements=section("map", NAMES[0]))},
        ],
    }
    path = tmp_path / "document.cwl"
    path.write_text(yaml.safe_dump(packed))
    for name in (str(path), f"{path}#main"):
        files = [Path(one.file).name for one in found(name)]
        assert sorted(files) == ["document.cwl", "inner.cwl"]


def test_all_problems_are_said_together_each_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = """\
cwlVersion: v1.2
class: CommandLineTool
$namespaces: {calrissian: "https://calrissian-cwl.github.io/schema#"}
baseCommand: "true"
requirements:
  calrissian:DaskGatewayRequirement:
    workerCores: 0
    workerMemry: 4G
    clusterMaxCores: $(inputs.n)
    clusterMaxMemory: 4g
inputs: []
outputs: []
"""
    (tmp_path / "tool.cwl").write_text(text)
    monkeypatch.chdir(tmp_path)
    sentences = occurrences.problems(found("tool.cwl"))
    places = [sentence.split(": ")[0] for sentence in sentences]
    assert sorted(places) == ["tool.cwl:10:5", "tool.cwl:6:3", "tool.cwl:7:5", "tool.cwl:8:5"]
    joined = "\n".join(sentences)
    assert "workerMemry: unknown field: did you mean workerMemory?" in joined
    assert "workerMemory: missing" in joined
    assert "did you mean G?" in joined


@pytest.mark.parametrize("name", ["DaskGatewayRequirement", "dask:DaskGatewayRequirement"])
@pytest.mark.parametrize("part", ["requirements", "hints"])
def test_a_prefix_that_is_not_declared_is_an_error_and_not_a_slow_run(
    tmp_path: Path, part: str, name: str
) -> None:
    """As a hint cwltool would take it for unknown, and run the tool without a cluster."""
    path = write(tmp_path, tool(**{part: section("map", name)}))
    (sentence,) = occurrences.problems(found(path))
    assert "declare its prefix, $namespaces: {calrissian: https://calrissian" in sentence


def test_what_works_and_should_be_known_is_said_once(tmp_path: Path) -> None:
    fields = {k: v for k, v in REQUIREMENT.items() if k != "clusterMaxCores"} | {
        "clusterMaxCore": 5
    }
    path = write(tmp_path, document("workflow", "requirements", section("map", NAMES[0], fields)))
    spelling, inherited = occurrences.warnings(found(path))
    assert "write clusterMaxCores" in spelling
    assert "every tool below gets a cluster of its own" in inherited


@pytest.mark.parametrize("content", ["", "[", "a: 1", "just text"])
def test_what_is_no_cwl_is_left_to_cwltool(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.cwl"
    path.write_text(content)
    assert found(str(path)) == []
    assert found(str(tmp_path / "absent.cwl")) == []


def test_an_input_that_is_called_run_is_an_input(tmp_path: Path) -> None:
    wrong = tool(hints=section("map", "dask:DaskGatewayRequirement"), inputs={"run": "string?"})
    path = write(tmp_path, wrong)
    assert len(occurrences.problems(found(path))) == 1
    assert occurrences.input_names(uri_of(path)) == {"run"}


def test_what_cannot_be_read_does_not_hide_the_rest(tmp_path: Path) -> None:
    whole = workflow({"run": "absent.cwl", "in": [], "out": []})
    whole["steps"]["two"] = {"run": tool(hints=section("list", NAMES[0])), "in": [], "out": []}
    assert len(found(write(tmp_path, whole))) == 1


@pytest.mark.parametrize("part", ["requirements", "hints"])
@pytest.mark.parametrize("form", ["map", "list"])
def test_a_misspelt_class_is_an_error_and_not_a_slow_run(
    tmp_path: Path, part: str, form: str
) -> None:
    path = write(tmp_path, tool(**{part: section(form, "calrissian:DaskGatewayRequirment")}))
    (sentence,) = occurrences.problems(found(path))
    assert "did you mean DaskGatewayRequirement?" in sentence


@pytest.mark.parametrize(
    "text",
    [
        "x: &common {calrissian:DaskGatewayRequirement: {workerMemry: 1}}\nrequirements: {<<: *common}",
        "x: &dask {class: calrissian:DaskGatewayRequirement, workerMemry: 1}\nhints: [{<<: *dask}]",
    ],
)
def test_a_requirement_that_came_by_a_merge_has_the_place_of_what_it_came_into(
    tmp_path: Path, text: str
) -> None:
    path = tmp_path / "document.cwl"
    path.write_text(f"cwlVersion: v1.2\n$namespaces: {SPACES}\nclass: CommandLineTool\n{text}\n")
    (one,) = found(str(path))
    assert occurrences.problems([one])[0].startswith(f"{path}:5:") or ":5:" in one.place()


@pytest.mark.parametrize(
    "text",
    ["$namespaces: {calrissian: }", "$namespaces: calrissian", 'steps: [{run: "http://[z"}]'],
)
def test_what_is_no_cwl_is_left_to_who_reads_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "document.cwl"
    path.write_text(f"cwlVersion: v1.2\nclass: Workflow\n{text}\n")
    assert found(str(path)) == []
