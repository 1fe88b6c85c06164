"""Every setting, variable, annotation, flag and exit code is in the README; tables come from the code."""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
from pathlib import Path

import calrissian_dask.annotations as names_of_pods
import pytest
from calrissian_dask import __version__
from calrissian_dask.cli import mutate, plan, settings_file
from calrissian_dask.containers import FROM_POD
from calrissian_dask.dask_environment import dask_environment
from calrissian_dask.local.command import make_parser
from calrissian_dask.settings import Settings, keys
from calrissian_dask_sidecar import contract
from calrissian_dask_sidecar.program_settings import ProgramSettings, variable

from tests.conftest import Golden

ROOT = Path(__file__).parent.parent

README = ROOT / "README.md"

DOCUMENTS = [
    README,
    *sorted(ROOT.glob("docs/*.md")),
    ROOT / "CONTRIBUTING.md",
    ROOT / "examples/README.md",
]


def default_of(path: str) -> str:
    value: object = Settings().model_dump(by_alias=True)
    for part in path.split("."):
        assert isinstance(value, dict)
        value = value[part]
    if isinstance(value, dict):
        return ", ".join(f"{key}: {inner}" for key, inner in value.items()) or "{}"
    return "" if value is None else str(value)


def settings_table() -> str:
    rows = ["| key | default | meaning |", "|---|---|---|"]
    for path, description in keys().items():
        default = default_of(path)
        if path == "image.tag":
            default = "this version"
        rows.append(f"| `{path}` | {default and f'`{default}`'} | {description} |")
    return "\n".join(rows)


def variables_table() -> str:
    rows = ["| variable | meaning |", "|---|---|"]
    rows += [
        f"| `{variable(field.name)}` | {field.metadata['doc']} |"
        for field in dataclasses.fields(ProgramSettings)
    ]
    return "\n".join(rows)


def test_the_tables_are_those_of_the_code(golden: Golden) -> None:
    """`pytest tests/test_documentation.py --update-golden` writes them."""
    text = README.read_text()
    for name, table in [("settings", settings_table()), ("variables", variables_table())]:
        block = f"<!-- {name} -->\n{table}\n<!-- /{name} -->"
        before, _, rest = text.partition(f"<!-- {name} -->")
        text = before + block + rest.partition(f"<!-- /{name} -->")[2]
    golden.check(README, text)


def test_every_annotation_and_label_is_in_the_readme() -> None:
    names = [
        value
        for value in vars(names_of_pods).values()
        if str(value).startswith(names_of_pods.PREFIX)
    ]
    assert len(names) == 6
    for name in names:
        assert name in README.read_text(), name


def test_every_variable_of_ours_is_in_the_readme() -> None:
    names = [
        contract.SECRET_ENV,
        settings_file.SETTINGS_ENV,
        settings_file.GATEWAY_URL_ENV,
        *FROM_POD,
    ]
    for name in names:
        assert name in README.read_text(), name


def test_every_exit_code_is_in_the_readme() -> None:
    codes = [value for name, value in vars(contract).items() if name.startswith("EXIT_")]
    for code in [*codes, 130]:
        assert re.search(rf"^\| [\d, ]*\b{code}\b", README.read_text(), flags=re.MULTILINE), code


def test_every_variable_of_the_tool_is_in_the_readme() -> None:
    text = README.read_text()
    for name in [*dask_environment(1, 2, "h:1", "http://h"), "DASK_CLUSTER", "`USER`"]:
        assert name in text, name


@pytest.mark.parametrize("command", ["local", "mutate", "plan"])
def test_every_flag_of_ours_is_in_the_readme(command: str) -> None:
    if command == "local":
        group = make_parser(settings_file.add_options)
        actions = [a for a in group._actions if "dask" in a.dest or a.dest == "max_workers"]
    else:
        parser = argparse.ArgumentParser()
        {"mutate": mutate, "plan": plan}[command].add_command(parser.add_subparsers())
        (commands,) = (a for a in parser._actions if a.choices)
        assert isinstance(commands.choices, dict)
        actions = commands.choices[command]._actions
    flags = [
        option for action in actions for option in action.option_strings if option.startswith("--")
    ]
    assert flags
    for flag in flags:
        assert f"`{flag}" in README.read_text(), flag


COMMAND = "tests/calrissian/test_command.py"
FAILED_STEP = "tests/cluster/test_calrissian_failures.py"
TOOL = "tests/cluster/test_tool_errors.py"

ERRORS = {
    "no Dask Gateway is known: give --dask-gateway-url before the workflow": COMMAND,
    "is a hint, and no Dask Gateway is known: it runs without a cluster": TOOL,
    "Unknown hint https://calrissian-cwl.github.io/schema#DaskGatewayRequirement": TOOL,
    "--dask-gateway-url stands behind the workflow: put it before the workflow": COMMAND,
    "--fast-parser does not know DaskGatewayRequirement": COMMAND,
    "dask_gatway_url is no key of ours": COMMAND,
    "unknown field: did you mean workerMemory?": COMMAND,
    "is an accepted spelling of clusterMaxCores": COMMAND,
    "= 0 workers: raise clusterMaxMemory": COMMAND,
    "is not the extension: declare its prefix": COMMAND,
    "cannot be evaluated": "tests/local/test_command.py",
    "its URL is right where the step runs": FAILED_STEP,
    "does not accept our credentials (401": FAILED_STEP,
    "Options(": FAILED_STEP,
    "gives no worker": FAILED_STEP,
    "gateway.provisionTimeout": FAILED_STEP,
    "check gateway.auth.existingSecret": FAILED_STEP,
    "check image.repository": FAILED_STEP,
    "raise resources.provision.limits.memory": FAILED_STEP,
    "the pod found no node in 1800 s": "tests/runner/test_pod_state.py",
    "Unexpected keyword arguments: ['n_workers']": TOOL,
    "nothing: the cluster ends early": TOOL,
    "the tool hangs, in the library": TOOL,
    "No module named 'distributed'": TOOL,
}
"""What the table of errors says that one sees, and the test that sees it."""

SEEN = {
    "nothing: the cluster ends early": "test_a_client_that_shuts_the_cluster_down",
    "the tool hangs, in the library": "shuts_the_cluster_down_hangs_in_the_library",
}
"""Where nothing is printed: the test's name."""


def test_every_row_of_the_table_of_errors_is_a_test() -> None:
    text = (ROOT / "docs/calrissian.md").read_text()
    table = text.partition("<!-- errors -->")[2].partition("<!-- /errors -->")[0]
    rows = [line.split(" | ") for line in table.splitlines()[3:]]
    assert len(rows) == len(ERRORS)
    for (_, seen, _), (words, test) in zip(rows, ERRORS.items(), strict=True):
        assert words in seen
        assert SEEN.get(words, words) in (ROOT / test).read_text(), words


@pytest.mark.parametrize(
    ("file", "schema"),
    [("docs/settings.schema.json", Settings.model_json_schema(by_alias=True))],
)
def test_the_schema_of_the_settings_is_that_of_the_code(
    golden: Golden, file: str, schema: dict[str, object]
) -> None:
    golden.check(ROOT / file, json.dumps(schema, indent=2) + "\n")


def test_the_version_in_the_readmes_commands_is_this_one() -> None:
    for file in ("README.md", "examples/kubernetes/calrissian.yaml", "docs/calrissian.md"):
        named = re.findall(r"/calrissian(?:-dask-sidecar)?:([\w.]+)", (ROOT / file).read_text())
        assert set(named) == {__version__}, file


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
        assert (document.parent / target).exists(), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_make_targets_that_are_named_exist(document: Path) -> None:
    targets = set(
        re.findall(
            r"^([a-z.-]+(?: [a-z.-]+)*):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE
        )
    )
    known = {name for line in targets for name in line.split()}
    for target in re.findall(r"`make ([a-z-]+)", document.read_text()):
        assert target in known, target
