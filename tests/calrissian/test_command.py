"""`calrissian-dask run` on a machine without Kubernetes: flags, sources of settings, refusals.

Runs in .venv-calrissian; what reaches a pod is in tests/cluster.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.podspec.pods import REQUIREMENT

pytest.importorskip("calrissian.main", reason="stock Calrissian is in .venv-calrissian only")

COMMAND = Path(sys.executable).with_name("calrissian-dask")
STOCK = Path(sys.executable).with_name("calrissian")

SPACES = {"calrissian": "https://calrissian-cwl.github.io/schema#"}
DASK = "calrissian:DaskGatewayRequirement"
URL = "http://127.0.0.1:9"


def tool(**more: Any) -> dict[str, Any]:
    return {
        "class": "CommandLineTool",
        "hints": {"DockerRequirement": {"dockerPull": "debian:12"}},
        "baseCommand": "true",
        "inputs": [],
        "outputs": [],
        **more,
    }


EXPRESSION = {
    "class": "ExpressionTool",
    "inputs": [],
    "outputs": {"n": "int"},
    "requirements": {"InlineJavascriptRequirement": {}},
    "expression": "${ return {n: 4}; }",
}
"""Ends without a pod."""


class Place:
    """A folder, an environment without Kubernetes, and the command."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "CALRISSIAN_POD_NAME": "calrissian",
        }

    def write(self, content: dict[str, Any], name: str = "document.cwl") -> str:
        path = self.folder / name
        path.write_text(yaml.safe_dump({"cwlVersion": "v1.2", "$namespaces": SPACES, **content}))
        return str(path)

    def run(
        self,
        *arguments: str,
        command: Path = COMMAND,
        environ: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        first = [str(command), *(["run"] if command == COMMAND else [])]
        done = subprocess.run(
            [*first, "--max-ram", "1G", "--max-cores", "1", *arguments],
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
            cwd=self.folder,
            env={**self.environ, **(environ or {})},
        )
        if command == COMMAND:
            assert "Traceback" not in done.stderr, done.stderr
        return done


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def flat(text: str) -> str:
    """Without the colours and line breaks that cwltool gives its messages."""
    for code in ("\x1b[0m", "\x1b[1;30m", "\x1b[31m", "\x1b[33m"):
        text = text.replace(code, "")
    return " ".join(text.split())


def flat_lines(text: str) -> list[str]:
    return [flat(line) for line in text.splitlines()]


def test_help_has_calrissians_flags_and_ours_in_a_group_of_their_own(place: Place) -> None:
    done = place.run("--help")
    assert done.returncode == 0
    calrissians, ours = done.stdout.split("\nDask:\n")
    assert "--tool-logs-basepath" in calrissians
    assert "--dask-gateway-url URL" in ours
    assert "--dask-settings FILE" in ours


def test_the_version_is_calrissians(place: Place) -> None:
    assert place.run("--version").stdout == place.run("--version", command=STOCK).stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--fast-parser", "d.cwl"], "--fast-parser does not know DaskGatewayRequirement"),
        (["--dask-gateway-url", "gateway", "d.cwl"], "--dask-gateway-url: gateway.url: 'gateway'"),
        (["--dask-settings", "none.yaml", "d.cwl"], "none.yaml: cannot be read"),
    ],
)
def test_a_wrong_command_line_is_one_sentence_and_exit_2(
    place: Place, arguments: list[str], said: str
) -> None:
    done = place.run(*arguments)
    assert done.returncode == 2
    (sentence,) = [line for line in done.stderr.splitlines() if line.startswith("calrissian-dask")]
    assert said in sentence


def test_a_flag_behind_the_workflow_is_refused_with_the_remedy(place: Place) -> None:
    document = place.write(EXPRESSION)
    done = place.run(document, f"--dask-gateway-url={URL}")
    assert done.returncode == 2
    assert (
        "--dask-gateway-url stands behind the workflow: put it before the workflow" in done.stderr
    )


def test_an_input_that_is_called_as_a_flag_of_ours_is_an_input(place: Place) -> None:
    document = place.write({**EXPRESSION, "inputs": {"dask-settings": "string"}})
    done = place.run(document, "--dask-settings", "value")
    assert '"n": 4' in done.stdout


def test_without_kubernetes_there_is_one_sentence_and_no_traceback(place: Place) -> None:
    done = place.run("--dask-gateway-url", URL, place.write(tool(hints={DASK: REQUIREMENT})))
    assert done.returncode == 1
    assert "calrissian-dask run: no Kubernetes" in done.stderr


def test_a_document_without_a_pod_gives_its_outputs_as_with_stock_calrissian(place: Place) -> None:
    document = place.write(EXPRESSION)
    ours, stock = place.run(document), place.run(document, command=STOCK)
    assert ours.stdout == stock.stdout
    assert json.loads(ours.stdout) == {"n": 4}
    assert ours.returncode == stock.returncode == 1, "Calrissian's clean-up asks for a Kubernetes"


# The requirement, while the document loads.


def test_without_a_gateway_the_requirement_is_an_error_with_its_place(place: Place) -> None:
    document = place.write(tool(requirements={DASK: REQUIREMENT}))
    done = place.run(document)
    assert done.returncode == 1
    line = Path(document).read_text().splitlines().index("  calrissian:DaskGatewayRequirement:") + 2
    placed = f"document.cwl:{line}:5: tool document.cwl has DaskGatewayRequirement"
    assert placed in flat(done.stderr)
    remedy = "no Dask Gateway is known: give --dask-gateway-url before the workflow"
    assert remedy in flat(done.stderr)


def test_without_a_gateway_a_hint_is_one_warning(place: Place) -> None:
    document = place.write(tool(hints={DASK: REQUIREMENT}))
    done = place.run(document)
    assert flat(done.stderr).count("runs without a cluster; give --dask-gateway-url") == 1


def test_all_problems_of_a_document_come_together_before_any_step(place: Place) -> None:
    wrong = {**REQUIREMENT, "workerCores": 0, "workerMemory": "4 Q"}
    steps = {
        name: {"run": tool(hints={DASK: dict(wrong)}), "in": [], "out": []}
        for name in ("one", "two")
    }
    content = {"class": "Workflow", "inputs": [], "outputs": [], "steps": steps}
    done = place.run("--dask-gateway-url", URL, place.write(content))
    assert done.returncode == 1
    assert flat(done.stderr).count("DaskGatewayRequirement.workerCores: 0") == 2
    assert flat(done.stderr).count("DaskGatewayRequirement.workerMemory: '4 Q'") == 2
    assert "no Kubernetes" in done.stderr, "Calrissian's clean-up; no step asked for one"


def test_an_override_is_checked_as_what_it_overrides(place: Place) -> None:
    """Cwltool merges it when the document is there: nothing before sees its value."""
    document = place.write(tool(requirements={DASK: REQUIREMENT}))
    requirement = {"class": DASK, **REQUIREMENT, "workerCores": -1}
    overrides = {"cwltool:overrides": {Path(document).name: {"requirements": [requirement]}}}
    spaces = {**SPACES, "cwltool": "http://commonwl.org/cwltool#"}
    Path(place.folder, "o.yml").write_text(yaml.safe_dump({"$namespaces": spaces, **overrides}))
    done = place.run("--dask-gateway-url", URL, "--overrides", "o.yml", document)
    assert done.returncode == 1
    assert "workerCores: -1" in flat(done.stderr)


@pytest.mark.parametrize(
    ("written", "changes", "said"),
    [
        (DASK, {"workerMemry": "4G"}, "unknown field: did you mean workerMemory?"),
        (
            DASK,
            {"workerMemory": "8G", "clusterMaxMemory": "4G"},
            "= 0 workers: raise clusterMaxMemory",
        ),
        ("DaskGatewayRequirement", {}, "is not the extension: declare its prefix"),
    ],
)
def test_a_mistake_in_the_requirement_has_its_place_and_its_remedy(
    place: Place, written: str, changes: dict[str, str], said: str
) -> None:
    document = place.write(tool(hints={written: {**REQUIREMENT, **changes}}))
    done = place.run("--dask-gateway-url", URL, document)
    assert done.returncode == 1
    (line,) = [line for line in flat_lines(done.stderr) if said in line]
    assert re.search(r"document\.cwl:\d+:\d+: ", line)


def test_a_published_spelling_is_accepted_with_a_warning(place: Place) -> None:
    fields = {**REQUIREMENT, "clusterMaxCore": REQUIREMENT["clusterMaxCores"]}
    del fields["clusterMaxCores"]
    done = place.run("--dask-gateway-url", URL, place.write(tool(hints={DASK: fields})))
    assert flat(done.stderr).count("is an accepted spelling of clusterMaxCores") == 1
    assert "no Kubernetes" in done.stderr, "it went on"


# Where the settings come from.


def settings_of(place: Place, *arguments: str, environ: Mapping[str, str] | None = None) -> str:
    """Which URL holds: it is not one, so the refusal names it and its place."""
    done = place.run(*arguments, place.write(EXPRESSION), environ=environ)
    assert done.returncode == 2, done.stderr
    return done.stderr


def test_the_flag_before_the_environment_before_conf_before_default_json(place: Place) -> None:
    conf = place.folder / "conf.json"
    conf.write_text(json.dumps({"dask_gateway_url": "conf"}))
    (place.folder / ".calrissian").mkdir()
    default = place.folder / ".calrissian" / "default.json"
    default.write_text(json.dumps({"dask_gateway_url": "default"}))
    assert "'default'" in settings_of(place)
    with_conf = ["--conf", str(conf)]
    assert "--conf: dask_gateway_url: gateway.url: 'conf'" in settings_of(place, *with_conf)
    env = {"CALRISSIAN_DASK_GATEWAY_URL": "env"}
    assert "'env'" in settings_of(place, *with_conf, environ=env)
    flag = [*with_conf, "--dask-gateway-url", "flag"]
    assert "--dask-gateway-url: gateway.url: 'flag'" in settings_of(place, *flag, environ=env)


def test_a_settings_file_may_stand_in_conf(place: Place) -> None:
    (place.folder / "s.yaml").write_text("gateway: {url: file}")
    conf = place.folder / "conf.json"
    conf.write_text(json.dumps({"dask_settings": "s.yaml"}))
    assert "s.yaml: gateway.url: 'file'" in settings_of(place, "--conf", str(conf))


def test_a_misspelt_key_of_ours_in_conf_is_an_error(place: Place) -> None:
    conf = place.folder / "conf.json"
    conf.write_text(json.dumps({"dask_gatway_url": URL}))
    said = settings_of(place, "--conf", str(conf))
    assert "--conf: dask_gatway_url is no key of ours: there are dask_gateway_url" in said
