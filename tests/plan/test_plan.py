"""`calrissian-dask plan`: documents in, what they will ask for out; through the console script's entry."""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from calrissian_dask.cli import main

from tests.plan.published import HINT_IN_GRAPH, REQUIREMENT_IN_GRAPH, TOOL_ALONE
from tests.podspec.pods import REQUIREMENT

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/plan.schema.json").read_text())

SPACES = {"calrissian": "https://calrissian-cwl.github.io/schema#"}
DASK = "calrissian:DaskGatewayRequirement"
JS: dict[str, Any] = {"InlineJavascriptRequirement": {}}


@dataclass
class Planned:
    """What the command said."""

    code: int
    out: str
    err: str

    @property
    def told(self) -> dict[str, Any]:
        """Its JSON, which keeps to the schema."""
        told = json.loads(self.out)
        jsonschema.validate(told, SCHEMA)
        return dict(told)

    @property
    def steps(self) -> dict[str, dict[str, Any]]:
        """The steps by their id."""
        return {step["id"]: step for step in self.told["steps"]}


@dataclass
class Planner:
    """A folder with documents, and the command in it."""

    folder: Path
    capture: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    def write(self, name: str, content: str | dict[str, Any]) -> str:
        """A file; a CWL document gets its version and namespaces."""
        if isinstance(content, dict) and ("class" in content or "$graph" in content):
            content = {"cwlVersion": "v1.2", "$namespaces": SPACES, **content}
        text = content if isinstance(content, str) else yaml.safe_dump(content)
        (self.folder / name).write_text(text)
        return name

    def run(self, *arguments: str, stdin: str = "", output: str = "json") -> Planned:
        """The command."""
        self.monkeypatch.chdir(self.folder)
        self.monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        code = main(["plan", *arguments, "--output", output])
        out, err = self.capture.readouterr()
        assert "Traceback" not in out + err
        return Planned(code, out, err)

    def plan(self, content: str | dict[str, Any], job: dict[str, Any] | None = None) -> Planned:
        """Of one document and its job."""
        words = [self.write("document.cwl", content)]
        words += [self.write("job.yml", job)] if job is not None else []
        return self.run(*words)


@pytest.fixture
def planner(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Planner:
    for name in ("CALRISSIAN_DASK_GATEWAY_URL", "CALRISSIAN_DASK_SETTINGS"):
        monkeypatch.delenv(name, raising=False)
    return Planner(tmp_path, capsys, monkeypatch)


def tool(fields: dict[str, Any] | None = REQUIREMENT, **more: Any) -> dict[str, Any]:
    requirements = {**JS, **({DASK: dict(fields)} if fields else {}), **more.pop("extra", {})}
    return {
        "class": "CommandLineTool",
        "baseCommand": "true",
        "requirements": requirements,
        "inputs": {"n": "int?"},
        "outputs": {"o": {"type": "int", "outputBinding": {"outputEval": "$(1)"}}},
        **more,
    }


def workflow(steps: dict[str, Any], inputs: Any = None, **more: Any) -> dict[str, Any]:
    features = (
        "ScatterFeature",
        "SubworkflowFeature",
        "StepInputExpression",
        "MultipleInputFeature",
    )
    return {
        "class": "Workflow",
        "requirements": {**JS, **{f"{name}Requirement": {} for name in features}},
        "inputs": inputs or {},
        "outputs": [],
        "steps": steps,
        **more,
    }


def step(run: Any, **more: Any) -> dict[str, Any]:
    return {"run": run, "in": more.pop("takes", {}), "out": ["o"], **more}


# Published workflows.


@pytest.mark.parametrize(
    ("document", "name", "workers", "memory"),
    [
        (TOOL_ALONE, "processor", 5, 4 * 2**30),
        (REQUIREMENT_IN_GRAPH, "mosaic_step", 24, 2 * 2**30),
        (HINT_IN_GRAPH, "coverage-step", 10, 2**30),
    ],
)
def test_published_workflows_are_understood(
    planner: Planner, document: str, name: str, workers: int, memory: int
) -> None:
    planned = planner.plan(document)
    assert planned.code == 0
    (one,) = planned.told["steps"]
    assert (one["id"], one["workers"], one["workerMemory"]) == (name, workers, memory)
    assert one["workerCores"] == 1
    assert planned.told["peak"]["workers"] == workers
    spelling = "clusterMaxCore is an accepted spelling of clusterMaxCores"
    assert sum(spelling in warning for warning in planned.told["warnings"]) == (
        "clusterMaxCore:" in document
    )


# What is known, and what is not.


ASKS = {
    "workerCores": "$(inputs.n)",
    "workerMemory": '${ return inputs.n + "G"; }',
    "clusterMaxCores": 12,
    "clusterMaxMemory": "24G",
}


def test_expressions_are_evaluated_where_the_job_gives_the_inputs(planner: Planner) -> None:
    (one,) = planner.plan(tool(ASKS), {"n": 4}).told["steps"]
    assert (one["workers"], one["workerCores"], one["workerMemory"]) == (3, 4, 4 * 2**30)


def test_an_expression_that_cannot_be_known_is_shown_as_it_is_written(planner: Planner) -> None:
    content = tool({**ASKS, "workerCores": "$(runtime.cores)"})
    told = planner.plan(content).told
    (one,) = told["steps"]
    assert one["workerCores"] == "$(runtime.cores)"
    assert one["workerMemory"] == '${ return inputs.n + "G"; }'
    assert one["workers"] == f"min(12 // $(runtime.cores), 24G // {ASKS['workerMemory']})"
    assert told["peak"] is None


def test_what_the_job_itself_requires_comes_before_the_tools_own(planner: Planner) -> None:
    job = {"cwl:requirements": [{"class": DASK, **REQUIREMENT, "clusterMaxCores": 2}]}
    assert planner.plan(tool(), job).steps["document.cwl"]["workers"] == 2


def test_what_is_known_of_an_unknown_cluster_is_a_number(planner: Planner) -> None:
    planned = planner.plan(tool({**REQUIREMENT, "clusterMaxCores": "$(runtime.cores)"}))
    (one,) = planned.told["steps"]
    assert (one["workerCores"], one["workerMemory"]) == (1, 4 * 2**30)
    said = planner.run("document.cwl", output="text").out
    assert "workers of 1 core, 4G" in said


def test_a_default_is_a_value(planner: Planner) -> None:
    content = tool(ASKS, inputs={"n": {"type": "int", "default": 2}})
    assert planner.plan(content).steps["document.cwl"]["workers"] == 6


def test_an_output_of_another_step_is_not_known(planner: Planner) -> None:
    content = workflow(
        {"first": step(tool(None)), "second": step(tool(ASKS), takes={"n": "first/o"})}
    )
    assert planner.plan(content).steps["second"]["workerCores"] == "$(inputs.n)"


def test_valuefrom_is_evaluated(planner: Planner) -> None:
    takes = {"n": {"source": "k", "valueFrom": "$(self * 2)"}}
    content = workflow({"one": step(tool(ASKS), takes=takes)}, {"k": "int"})
    assert planner.plan(content, {"k": 3}).steps["one"]["workers"] == 2


def test_a_files_name_is_known_before_the_run_and_its_size_is_not(planner: Planner) -> None:
    fields = {**ASKS, "workerMemory": "1G", "workerCores": "$(inputs.f.nameroot == 'big' ? 4 : 1)"}
    content = tool(fields, inputs={"f": "File"})
    job = {"f": {"class": "File", "path": "somewhere/big.tif"}}
    assert planner.plan(content, job).steps["document.cwl"]["workers"] == 3
    content = tool({**fields, "workerCores": "$(inputs.f.size)"}, inputs={"f": "File"})
    assert planner.plan(content, job).steps["document.cwl"]["workerCores"] == "$(inputs.f.size)"


@pytest.mark.parametrize(
    "written",
    ["$(inputs.f.size > 1000 ? 4 : 1)", "${ return Math.ceil(inputs.f.size / 2500); }"],
)
def test_what_only_a_run_knows_of_a_file_is_not_guessed(planner: Planner, written: str) -> None:
    content = tool({**ASKS, "workerMemory": "1G", "workerCores": written}, inputs={"f": "File"})
    planned = planner.plan(content, {"f": {"class": "File", "path": "here.tif"}})
    assert planned.code == 0
    assert planned.steps["document.cwl"]["workerCores"] == written


def test_a_file_as_a_default(planner: Planner) -> None:
    default = {"type": "File", "default": {"class": "File", "location": "big.tif"}}
    written = "$(inputs.f.nameroot == 'big' ? 4 : 1)"
    content = tool({**ASKS, "workerMemory": "1G", "workerCores": written}, inputs={"f": default})
    assert planner.plan(content).steps["document.cwl"]["workers"] == 3


def test_a_library_that_reads_what_is_not_known(planner: Planner) -> None:
    library = {"expressionLib": ["function k() { return inputs.n || 1; }"]}
    one = tool({**ASKS, "workerCores": "$(k())", "workerMemory": "1G"})
    one["requirements"]["InlineJavascriptRequirement"] = library
    content = workflow({"a": step(tool(None)), "b": step(one, takes={"n": "a/o"})})
    assert planner.plan(content).steps["b"]["workerCores"] == "$(k())"


def test_items_that_when_leaves_out_ask_for_nothing(planner: Planner) -> None:
    each = step(tool(ASKS), scatter="n", takes={"n": "ks"}, when="$(inputs.n > 0)")
    planned = planner.plan(workflow({"each": each}, {"ks": "int[]"}), {"ks": [0, 1, 2]})
    assert planned.code == 0
    assert planned.told["peak"]["clusters"] == 2


def test_a_huge_scatter_is_not_unrolled(planner: Planner) -> None:
    takes = {name: {"default": list(range(1000))} for name in ("a", "b", "c")}
    one = tool(inputs=dict.fromkeys(takes, "int"))
    each = step(one, scatter=list(takes), scatterMethod="flat_crossproduct", takes=takes)
    assert planner.plan(workflow({"each": each})).steps["each"]["scatter"] == "a, b, c"


# Scatter, subworkflows, inheritance.


def test_a_scatter_is_as_wide_as_its_list(planner: Planner) -> None:
    each = step(tool(ASKS), scatter="n", takes={"n": "ks"})
    planned = planner.plan(workflow({"each": each}, {"ks": "int[]"}), {"ks": [1, 2, 3]})
    (one,) = planned.told["steps"]
    assert one["scatter"] == 3
    assert one["workerCores"] == "$(inputs.n)", "not the same for all jobs"
    assert planned.told["peak"] == {
        "clusters": 3,
        "workers": 12 + 6 + 4,
        "cores": 36,
        "memory": 12 * 2**30 + 6 * 2 * 2**30 + 4 * 3 * 2**30,
    }


def test_a_scatter_over_what_only_the_run_knows_names_its_inputs(planner: Planner) -> None:
    each = step(tool(), scatter="n", takes={"n": "ks"})
    planned = planner.plan(workflow({"each": each}, {"ks": "int[]"}))
    assert planned.steps["each"]["scatter"] == "n"
    assert planned.steps["each"]["workers"] == 5
    assert planned.told["peak"] is None


@pytest.mark.parametrize(
    ("method", "jobs"), [("dotproduct", 2), ("flat_crossproduct", 4), ("nested_crossproduct", 4)]
)
def test_a_scatter_over_two_inputs(planner: Planner, method: str, jobs: int) -> None:
    one = tool(inputs={"a": "int", "b": "int"})
    each = step(one, scatter=["a", "b"], scatterMethod=method, takes={"a": "xs", "b": "ys"})
    content = workflow({"each": each}, {"xs": "int[]", "ys": "int[]"})
    assert planner.plan(content, {"xs": [1, 2], "ys": [3, 4]}).steps["each"]["scatter"] == jobs


def test_scatters_multiply_through_subworkflows(planner: Planner) -> None:
    inner = workflow(
        {"deep": step(tool(), scatter="n", takes={"n": "ks"})}, {"ks": "int[]"}, id="inner"
    )
    outer = workflow({"each": step(inner, scatter="ks", takes={"ks": "kss"})}, {"kss": "Any"})
    planned = planner.plan(outer, {"kss": [[1, 2], [3]]})
    assert planned.steps["each/deep"]["scatter"] == 3


def test_a_workflows_requirement_is_inherited_by_every_tool_below(planner: Planner) -> None:
    content = workflow({"a": step(tool(None)), "b": step(tool(None))})
    content["requirements"][DASK] = dict(REQUIREMENT)
    planned = planner.plan(content)
    assert {s["inheritedFrom"] for s in planned.told["steps"]} == {"Workflow document.cwl"}
    said = planner.run("document.cwl", output="text").out
    assert "the requirement of Workflow document.cwl is inherited by 2 steps" in said


def test_the_inner_holds_before_the_outer_and_requirements_before_hints(planner: Planner) -> None:
    """CWL v1.2, Workflow, "Requirements and hints"."""
    little = {**REQUIREMENT, "clusterMaxCores": 1}
    hinted = tool(None, hints={DASK: dict(little)})
    content = workflow(
        {
            "inner": step(tool(little)),
            "hint": step(hinted),
            "atstep": step(tool(None), requirements={DASK: dict(little)}),
        }
    )
    content["requirements"][DASK] = dict(REQUIREMENT)
    steps = planner.plan(content).steps
    assert {name: one["workers"] for name, one in steps.items()} == {
        "inner": 1,
        "hint": 5,
        "atstep": 1,
    }


# Graphs, files, imports.


GRAPH = {
    "$graph": [
        workflow({"one": step("#t")}, id="other"),
        tool(id="t"),
        workflow({"uno": step("#t")}, id="main"),
    ]
}


def test_a_graph_means_main_or_the_one_that_is_named(planner: Planner) -> None:
    assert list(planner.plan(GRAPH).steps) == ["uno"]
    assert list(planner.run("document.cwl#other").steps) == ["one"]


def test_a_graph_without_main_means_the_one_that_nothing_runs(planner: Planner) -> None:
    graph = {"$graph": [entry for entry in GRAPH["$graph"] if entry["id"] != "main"]}
    planned = planner.plan(graph)
    assert list(planned.steps) == ["one"]
    assert planned.told["warnings"] == [
        "document.cwl: has no #main: a run has to be given document.cwl#other"
    ]


def test_a_graph_with_several_roots_has_to_be_told(planner: Planner) -> None:
    graph = {"$graph": [tool(id="a"), tool(id="b")]}
    planned = planner.plan(graph)
    assert planned.code == 2
    assert "document.cwl: has several processes: add one of #a, #b to it" in planned.err


def test_tools_in_files_of_their_own_and_imported_requirements(planner: Planner) -> None:
    planner.write("requirement.yml", yaml.safe_dump({"class": DASK, **REQUIREMENT}))
    one = {"cwlVersion": "v1.2", "$namespaces": SPACES, **tool(None)}
    one["requirements"] = [{"class": "InlineJavascriptRequirement"}, {"$import": "requirement.yml"}]
    planner.write("tool.cwl", one)
    assert planner.plan(workflow({"one": step("tool.cwl")})).steps["one"]["workers"] == 5


def test_an_input_may_be_called_run(planner: Planner) -> None:
    """Its type is no process that a step runs."""
    planned = planner.plan(tool(ASKS, inputs={"run": "int?", "n": "int"}), {"n": 4})
    assert (planned.code, planned.told["problems"]) == (0, [])


def test_an_imported_process_keeps_what_is_beside_it(planner: Planner) -> None:
    (planner.folder / "sub").mkdir()
    planner.write("sub/tool.cwl", tool())
    planner.write("sub/inner.cwl", workflow({"deep": step("tool.cwl")}))
    content = workflow({"one": step({"$import": "sub/inner.cwl"})})
    assert list(planner.plan(content).steps) == ["one/deep"]


@pytest.mark.parametrize("version", ["v1.0", "v1.1", "v1.2"])
def test_every_version(planner: Planner, version: str) -> None:
    content = {**tool(), "cwlVersion": version, "$namespaces": SPACES}
    assert planner.plan(content).code == 0


# The most at once.


def test_steps_that_wait_for_each_other_are_not_added(planner: Planner) -> None:
    content = workflow(
        {
            "a": step(tool()),
            "b": step(tool(), takes={"n": "a/o"}),
            "c": step(tool()),
        }
    )
    assert planner.plan(content).told["peak"]["clusters"] == 2


def test_max_clusters_is_named_where_it_is_less_than_the_peak(planner: Planner) -> None:
    planner.write("settings.yml", {"maxClusters": 1})
    document = planner.write("document.cwl", workflow({"a": step(tool()), "b": step(tool())}))
    said = planner.run(document, "--dask-settings", "settings.yml", output="text").out
    assert "at most 2 clusters, 10 workers" in said
    assert "maxClusters lets 1 cluster be at once" in said


# What is wrong.


def test_every_problem_has_its_step_its_field_and_its_place(planner: Planner) -> None:
    content = workflow({"a": step(tool({**REQUIREMENT, "workerCores": 0, "workerMemory": "4 Q"}))})
    planned = planner.plan(content)
    assert planned.code == 1
    problems = planned.steps["a"]["problems"]
    assert {p["field"] for p in problems} == {"workerCores", "workerMemory"}
    assert all(re.search(r" \(document\.cwl:\d+:\d+\)$", p["message"]) for p in problems)
    assert planned.told["problems"] == [], "not twice"
    said = planner.run("document.cwl", output="text")
    assert said.code == 1
    assert "problem: a: workerCores: 0 is not above zero" in said.out
    assert "a  not known, see its problems" in said.out
    assert "peak: not known, as there are problems" in said.out


def test_an_expression_that_is_wrong_for_one_item_of_a_scatter(planner: Planner) -> None:
    each = step(tool(ASKS), scatter="n", takes={"n": "ks"})
    planned = planner.plan(workflow({"each": each}, {"ks": "int[]"}), {"ks": [1, -2]})
    assert planned.code == 1
    assert any("-2" in p["message"] for p in planned.steps["each"]["problems"])


def test_an_expression_that_cannot_be_evaluated(planner: Planner) -> None:
    planned = planner.plan(tool({**ASKS, "workerCores": "${ return inputs.n.x.y; }"}), {"n": 1})
    assert planned.code == 1
    (problem,) = planned.steps["document.cwl"]["problems"]
    assert problem["field"] == "workerCores"
    assert problem["message"].endswith(
        "TypeError: Cannot read properties of undefined (reading 'y')"
    )


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("$(inputs.nope)", "it gives no value (undefined)"),
        ("${ throw 'boom'; }", "boom"),
        ("$(inputs.n", "unfinished block"),
    ],
)
def test_why_an_expression_cannot_be_evaluated_is_said(
    planner: Planner, written: str, why: str
) -> None:
    planned = planner.plan(tool({**ASKS, "workerCores": written}), {"n": 1})
    assert why in planned.steps["document.cwl"]["problems"][0]["message"]


def test_javascript_has_to_be_required_and_a_hint_is_not_enough(planner: Planner) -> None:
    """As cwltool evaluates: it does not look among the hints."""
    content = tool(ASKS, hints=JS)
    del content["requirements"]["InlineJavascriptRequirement"]
    planned = planner.plan(content, {"n": 4})
    assert planned.code == 1
    assert planned.steps["document.cwl"]["problems"][0]["field"] == "workerMemory"


def test_a_class_with_an_undeclared_prefix(planner: Planner) -> None:
    content = tool(None, hints={"other:DaskGatewayRequirement": dict(REQUIREMENT)})
    planned = planner.plan(content)
    assert planned.code == 1
    (problem,) = planned.told["problems"]
    assert "document.cwl:" in problem["message"]
    assert "declare its prefix" in problem["message"]


def test_an_input_that_the_document_has_not(planner: Planner) -> None:
    planned = planner.plan(tool(), {"m": 1, "cwltool:overrides": {}})
    assert planned.code == 0
    assert planned.told["warnings"] == [
        "the job gives 'm', and the document has no such input: it has n"
    ]


def test_an_input_that_the_job_does_not_give(planner: Planner) -> None:
    planned = planner.plan(tool(inputs={"n": "int", "m": "int?"}), {"m": 1})
    assert planned.code == 1
    (problem,) = planned.told["problems"]
    assert problem["message"] == "the job gives no 'n', and the document needs it"


@pytest.mark.parametrize(
    ("lists", "method", "words"),
    [
        ({"a": 5, "b": [1]}, "dotproduct", "scatter over a, which is no list"),
        ({"a": [1, 2], "b": [1]}, "dotproduct", "not of one length"),
        ({"a": [1], "b": [1]}, None, "without scatterMethod"),
    ],
)
def test_a_scatter_that_a_run_would_refuse(
    planner: Planner, lists: dict[str, Any], method: str | None, words: str
) -> None:
    takes = {name: {"default": value} for name, value in lists.items()}
    more = {"scatterMethod": method} if method else {}
    one = tool(inputs=dict.fromkeys(lists, "int"))
    planned = planner.plan(workflow({"each": step(one, scatter=list(lists), takes=takes, **more)}))
    assert planned.code == 1
    assert any(
        "step each: " in p["message"] and words in p["message"] for p in planned.told["problems"]
    )


def test_an_input_that_a_step_does_not_wire_is_null(planner: Planner) -> None:
    one = tool({**ASKS, "workerCores": "$(inputs.n || 2)", "workerMemory": "1G"})
    assert planner.plan(workflow({"a": step(one)})).steps["a"]["workers"] == 6


@pytest.mark.parametrize("source", ["nowhere", "nobody/o"])
def test_a_source_that_is_nowhere(planner: Planner, source: str) -> None:
    planned = planner.plan(workflow({"a": step(tool(), takes={"n": source})}))
    assert planned.code != 0
    assert source.rpartition("/")[2] in planned.out + planned.err


def test_nothing_asks(planner: Planner) -> None:
    planner.write("document.cwl", tool(None))
    said = planner.run("document.cwl", output="text")
    assert (said.code, said.out) == (0, "no step asks for a Dask cluster\n")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"),
        ("a: [", "cannot be read"),
        ("[]", "is no CWL document"),
        ("class: CommandLineTool", "has no cwlVersion"),
        ("cwlVersion: v1.2\n$graph: 3", "$graph is no list of processes"),
        ("cwlVersion: draft-3\nclass: CommandLineTool", "has no cwlVersion"),
        ("cwlVersion: v1.2\nclass: Nothing", "is no valid CWL"),
        ("cwlVersion: v1.2\nclass: CommandLineTool\ninputs: 3\noutputs: []", "is no valid CWL"),
    ],
)
def test_what_cannot_be_read_is_one_sentence_and_exit_2(
    planner: Planner, content: str | None, words: str
) -> None:
    if content is not None:
        planner.write("document.cwl", content)
    planned = planner.run("document.cwl")
    assert planned.code == 2
    assert planned.out == ""
    assert planned.err.startswith("calrissian-dask: document.cwl: ")
    assert words in planned.err


def test_a_process_that_runs_itself(planner: Planner) -> None:
    planned = planner.plan(workflow({"a": step("document.cwl")}))
    assert planned.code == 2
    assert "step a: runs itself: document.cwl" in planned.err


def test_steps_that_wait_for_each_other(planner: Planner) -> None:
    content = workflow(
        {"a": step(tool(), takes={"n": "b/o"}), "b": step(tool(), takes={"n": "a/o"})}
    )
    planned = planner.plan(content)
    assert planned.code == 2
    assert "wait for each other" in planned.err


@pytest.mark.parametrize("job", ["[1]", "a: [", "--- {}\n--- {}"])
def test_a_job_that_is_none(planner: Planner, job: str) -> None:
    document = planner.write("document.cwl", tool())
    planned = planner.run(document, planner.write("job.yml", job))
    assert planned.code == 2
    assert planned.err.startswith("calrissian-dask: job.yml: is no job: ")
    assert planner.run(document, "none.yml").code == 2


def test_a_job_from_standard_input(planner: Planner) -> None:
    document = planner.write("document.cwl", tool(ASKS))
    assert planner.run(document, "-", stdin="n: 6").steps["document.cwl"]["workers"] == 2


def test_a_process_that_is_not_there(planner: Planner) -> None:
    planner.write("document.cwl", workflow({"a": step("none.cwl")}))
    planned = planner.run("document.cwl")
    assert planned.code == 2
    assert "undefined reference to `none.cwl`" in planned.err
    planner.write("document.cwl", GRAPH)
    planned = planner.run("document.cwl#nobody")
    assert planned.code == 2
    assert "document.cwl#nobody: is not there: the file has #other, #t, #main" in planned.err
