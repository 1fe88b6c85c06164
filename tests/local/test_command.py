"""`calrissian-dask local` as its user has it: a process, documents, exit codes, and nothing left over.

What a run leaves behind is found by an entry in PATH that all of its processes inherit.
"""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tests.gateway_server import PASSWORD, USER, GatewayServer
from tests.pod_processes import wait_until

ROOT = Path(__file__).parent.parent.parent

BIN = Path(sys.executable).parent

NAME = "calrissian:DaskGatewayRequirement"

SMALL = {"workerCores": 1, "workerMemory": "1G", "clusterMaxCores": 1, "clusterMaxMemory": "1G"}

COMPUTE = """
import os, sys
from distributed import Client
with Client() as client:
    print(client.submit(lambda x: x + 1, 41).result(), os.environ["DASK_CLUSTER"])
"""


def tool(script: str = COMPUTE, **more: Any) -> dict[str, Any]:
    return {
        "cwlVersion": "v1.2",
        "$namespaces": {"calrissian": "https://calrissian-cwl.github.io/schema#"},
        "class": "CommandLineTool",
        "requirements": {NAME: SMALL},
        "baseCommand": ["python3", "-c", script],
        "inputs": {},
        "outputs": {"out": "stdout"},
        "stdout": "out.txt",
        **more,
    }


@dataclass
class Place:
    """A folder to run in, with a mark by which its processes are found."""

    folder: Path

    @property
    def mark(self) -> str:
        return f"{self.folder}/mark"

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "PATH": f"{BIN}:{self.mark}:/usr/bin:/bin", "TMPDIR": self.temporary}

    @property
    def temporary(self) -> str:
        return str(self.folder / "tmp")

    def write(self, document: dict[str, Any], name: str = "tool.cwl") -> str:
        (self.folder / name).write_text(yaml.safe_dump(document, sort_keys=False))
        return name

    def start(self, *arguments: str, **more: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(BIN / "calrissian-dask"), "local", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **more,
        )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        process = self.start("--disable-color", *arguments)
        out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def left(self) -> list[str]:
        """The command lines of processes of this place."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if self.mark.encode() in (folder / "environ").read_bytes():
                    found.append((folder / "cmdline").read_text().replace("\0", " "))
        return found


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """Every test here ends with nothing left: no process, no file of ours."""
    made = Place(tmp_path)
    Path(made.temporary).mkdir()
    yield made
    assert made.left() == []
    assert [p.name for p in Path(made.temporary).glob("calrissian-dask*")] == []


def test_a_tool_computes_on_its_cluster_and_stdout_is_the_result_only(place: Place) -> None:
    done = place.run("--no-container", place.write(tool()))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["out"]["basename"] == "out.txt"
    assert (place.folder / "out.txt").read_text().startswith("42 ")
    assert "waiting for a Dask cluster of 1 worker" in done.stderr
    assert "tool.cwl: 1 x 1 cores, 1G, provision " in done.stderr


def test_a_tool_without_the_requirement_needs_no_gateway(place: Place) -> None:
    plain = tool("print('plain')", requirements={})
    done = place.run("--no-container", place.write(plain))
    assert done.returncode == 0, done.stderr
    assert "calrissian-dask:" not in done.stderr


@pytest.mark.parametrize("code", [3, 137])
def test_the_tools_exit_code_decides(place: Place, code: int) -> None:
    failing = (
        f"import os; os._exit({code})" if code != 137 else "import os; os.kill(os.getpid(), 9)"
    )
    done = place.run("--no-container", place.write(tool(failing)))
    assert done.returncode == 1
    assert "completed permanentFail" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_exit_code_that_the_tool_calls_success_is_one(place: Place) -> None:
    done = place.run("--no-container", place.write(tool("raise SystemExit(3)", successCodes=[3])))
    assert done.returncode == 0, done.stderr


def test_a_hint_is_a_cluster_as_well_and_an_image_is_set_aside(place: Place) -> None:
    hinted = tool(
        hints={NAME: SMALL},
        requirements={"DockerRequirement": {"dockerPull": "registry.example/a:1"}},
    )
    done = place.run("--no-container", place.write(hinted))
    assert done.returncode == 0, done.stderr
    assert "its image registry.example/a:1 is set aside" in done.stderr
    assert (place.folder / "out.txt").read_text().startswith("42 ")


@pytest.mark.parametrize("where", ["tool", "workflow"])
def test_an_image_without_no_container_is_refused(place: Place, where: str) -> None:
    docker = {"DockerRequirement": {"dockerPull": "registry.example/a:1"}}
    document = tool(requirements=docker | {NAME: SMALL})
    name = place.write(document)
    if where == "workflow":
        steps = {"one": {"run": "tool.cwl", "in": [], "out": []}}
        whole = {
            "cwlVersion": "v1.2",
            "class": "Workflow",
            "inputs": [],
            "outputs": [],
            "steps": steps,
        }
        name = place.write(whole, "workflow.cwl")
    done = place.run(name)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "names the image registry.example/a:1" in done.stderr
    assert "add --no-container" in done.stderr


@pytest.mark.parametrize("parallel", [[], ["--parallel"]])
def test_an_image_is_refused_before_any_job(place: Place, parallel: list[str]) -> None:
    """An exception in cwltool's parallel executor would hang it, and a late one lose what ran."""
    touch = {**tool("open('ran', 'w')", requirements={}), "outputs": {"out": "stdout"}}
    docker = {"DockerRequirement": {"dockerPull": "registry.example/a:1"}}
    late = tool(hints=docker, inputs={"before": "File"})
    place.write(touch, "touch.cwl")
    place.write(late, "late.cwl")
    whole = {
        "cwlVersion": "v1.2",
        "class": "Workflow",
        "inputs": [],
        "outputs": [],
        "steps": {
            "first": {"run": "touch.cwl", "in": [], "out": ["out"]},
            "late": {"run": "late.cwl", "in": {"before": "first/out"}, "out": []},
        },
    }
    done = place.run(*parallel, place.write(whole, "workflow.cwl"))
    assert done.returncode == 2
    assert "names the image registry.example/a:1" in done.stderr
    assert "[job first]" not in done.stderr
    assert place.run("--validate", "workflow.cwl").returncode == 0


def test_a_requirement_in_the_job_file_is_one(place: Place) -> None:
    place.write(tool(requirements={}))
    job = {"cwl:requirements": [{"class": NAME, **SMALL}]}
    (place.folder / "job.yml").write_text(yaml.safe_dump(job))
    done = place.run("--no-container", "tool.cwl", "job.yml")
    assert done.returncode == 0, done.stderr
    assert (place.folder / "out.txt").read_text().startswith("42 ")


def test_an_input_may_be_called_like_an_option_of_ours(place: Place) -> None:
    named = tool("import sys; print(sys.argv[1])", requirements={})
    named["inputs"] = {"max-workers": {"type": "int", "inputBinding": {}}}
    done = place.run("--no-container", place.write(named), "--max-workers", "3")
    assert done.returncode == 0, done.stderr
    assert (place.folder / "out.txt").read_text() == "3\n"


def test_a_gateway_that_is_not_there_is_said_while_it_is_waited_for(place: Place) -> None:
    (place.folder / "settings.yaml").write_text("gateway: {provisionTimeout: 4}")
    done = place.run(
        *["--no-container", "--dask-gateway-url", "http://127.0.0.1:1"],
        *["--dask-settings", "settings.yaml", place.write(tool())],
    )
    assert done.returncode == 1
    assert "tried again until it works or 4 s are over" in done.stderr
    assert "timeout after 4 s" in done.stderr
    assert "1 x 1 cores" in done.stderr


def test_what_a_scheduler_said_before_it_died_is_told(place: Place) -> None:
    """An interpreter that has everything and runs nothing."""
    fake = place.folder / "python3"
    fake.write_text(
        f'#!/bin/sh\n[ "$1" = -m ] && {{ echo boom; exit 1; }}\nexec {sys.executable} "$@"\n'
    )
    fake.chmod(0o755)
    done = place.run("--no-container", place.write(tool(baseCommand=[str(fake), "-c", "pass"])))
    assert done.returncode == 1
    assert "the scheduler's last words: boom" in done.stderr


def test_mistakes_are_said_together_before_anything_starts(place: Place) -> None:
    wrong = tool(requirements={NAME: {"workerCores": 0, "workerMemry": "4G", "clusterMaxCores": 1}})
    done = place.run("--no-container", place.write(wrong))
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if "tool.cwl:" in line]
    assert len(lines) == 4
    assert "tool.cwl:7:5: DaskGatewayRequirement.workerCores: 0 is not above zero" in done.stderr
    assert "Traceback" not in done.stderr


EXPRESSIONS = {
    "workerCores": "$(inputs.cores)",
    "workerMemory": "${ return inputs.cores + 'G'; }",
    "clusterMaxCores": "$(runtime.cores)",
    "clusterMaxMemory": "$(inputs.memory)",
}


def expressive(**defaults: Any) -> dict[str, Any]:
    return tool(
        requirements={"InlineJavascriptRequirement": {}, NAME: EXPRESSIONS},
        inputs={
            "cores": {"type": "int", "default": defaults.get("cores", 1)},
            "memory": {"type": "string", "default": defaults.get("memory", "1G")},
        },
    )


def test_expressions_are_evaluated_also_without_node(place: Place) -> None:
    """PATH has no node: the wheel brings it."""
    bare = place.folder / "bin"
    bare.mkdir()
    for name in ("sh", "env", "bash"):
        (bare / name).symlink_to(f"/bin/{name}" if name != "env" else "/usr/bin/env")
    name = place.write(expressive())
    process = subprocess.run(
        [str(BIN / "calrissian-dask"), "local", "--no-container", name],
        cwd=place.folder,
        env={**place.environment, "PATH": f"{BIN}:{place.mark}:{bare}"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert process.returncode == 0, process.stderr


@pytest.mark.parametrize(
    ("job", "words"),
    [
        ({"memory": "nonsense"}, "DaskGatewayRequirement.clusterMaxMemory: 'nonsense' is not"),
        ({"cores": 4}, "clusterMaxCores: 1 // workerCoresLimit 4 = 0 workers"),
    ],
)
def test_an_expressions_value_is_checked_when_its_job_starts(
    place: Place, job: dict[str, Any], words: str
) -> None:
    (place.folder / "job.yml").write_text(yaml.safe_dump(job))
    done = place.run("--no-container", place.write(expressive()), "job.yml")
    assert done.returncode == 1
    assert words in done.stderr
    assert "completed permanentFail" in done.stderr or "permanentFail" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("expression", "reason"),
    [("${ return inputs.absent.field; }", "TypeError"), ("$(inputs.absent)", "absent")],
)
def test_an_expression_that_fails_is_one_sentence_with_its_reason(
    place: Place, expression: str, reason: str
) -> None:
    script: dict[str, Any] = (
        {"InlineJavascriptRequirement": {}} if expression.startswith("${") else {}
    )
    broken = tool(requirements={**script, NAME: {**SMALL, "workerCores": expression}})
    done = place.run("--no-container", place.write(broken))
    assert done.returncode == 1
    assert "DaskGatewayRequirement.workerCores: " in done.stderr
    assert reason in done.stderr.split("cannot be evaluated: ")[1]
    assert "Traceback" not in done.stderr


def scattered(script: str, count: int) -> dict[str, Any]:
    inner = tool(script, inputs={"number": {"type": "int", "inputBinding": {}}})
    spaces = inner.pop("$namespaces")
    inner["requirements"] = {
        NAME: {**SMALL, "workerMemory": "$(inputs.number + 255)M"},
        "InlineJavascriptRequirement": {},
    }
    return {
        "cwlVersion": "v1.2",
        "$namespaces": spaces,
        "class": "Workflow",
        "requirements": {"ScatterFeatureRequirement": {}},
        "inputs": {"numbers": {"type": "int[]", "default": list(range(1, count + 1))}},
        "outputs": {"all": {"type": "File[]", "outputSource": "one/out"}},
        "steps": {
            "one": {"run": inner, "scatter": "number", "in": {"number": "numbers"}, "out": ["out"]}
        },
    }


@pytest.mark.parametrize("parallel", [[], ["--parallel"]])
def test_every_scattered_job_has_a_cluster_of_its_own(place: Place, parallel: list[str]) -> None:
    done = place.run("--no-container", *parallel, place.write(scattered(COMPUTE, 3)))
    assert done.returncode == 0, done.stderr
    outputs = json.loads(done.stdout)["all"]
    names = {Path(output["path"]).read_text().split()[1] for output in outputs}
    assert len(names) == 3
    assert done.stderr.count("is ready after") == 3


def test_a_job_that_fails_beside_others_does_not_stop_them(place: Place) -> None:
    script = COMPUTE + "\nif sys.argv[1] == '1': raise SystemExit(4)\n"
    done = place.run(
        "--no-container", "--parallel", "--on-error", "continue", place.write(scattered(script, 3))
    )
    assert done.returncode == 1
    assert done.stderr.count("completed success") >= 2


def test_a_cluster_that_cannot_be_made_is_a_failed_job_in_one_sentence(
    place: Place, tmp_path: Path
) -> None:
    bare = ROOT / ".venv-tool-new" / "bin" / "python3"
    done = place.run(
        "--no-container", "--parallel", place.write(tool(baseCommand=[str(bare), "-c", "pass"]))
    )
    assert done.returncode == 1
    assert "-m pip install distributed dask-gateway" in done.stderr
    assert "Traceback" not in done.stderr
    assert "tool.cwl: 1 x 1 cores, 1G, provision -, run -, stop -, no cluster" in done.stderr


def test_max_workers_is_the_authors_ask_on_this_machine(place: Place) -> None:
    many = tool(requirements={NAME: {**SMALL, "clusterMaxCores": 9, "clusterMaxMemory": "9G"}})
    done = place.run("--no-container", "--max-workers", "1", place.write(many))
    assert done.returncode == 0, done.stderr
    assert "asked for 9 workers, --max-workers allows 1" in done.stderr


def test_somebody_elses_gateway_is_used_and_left_as_it_was(
    place: Place, gateway: GatewayServer
) -> None:
    settings = {"gateway": {"auth": {"username": USER}, "options": {"image": None}}}
    (place.folder / "settings.yaml").write_text(yaml.safe_dump(settings))
    os.environ["CALRISSIAN_DASK_SECRET"] = PASSWORD
    try:
        done = place.run(
            *["--no-container", "--dask-gateway-url", gateway.url],
            *["--dask-settings", "settings.yaml", place.write(tool())],
        )
    finally:
        del os.environ["CALRISSIAN_DASK_SECRET"]
    assert done.returncode == 0, done.stderr
    assert (place.folder / "out.txt").read_text().startswith("42 ")
    assert gateway.alive() == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["tool.cwl", "--dask-gateway-url", "http://x"],
            "--dask-gateway-url stands behind the CWL",
        ),
        (["tool.cwl", "--max-workers=2"], "put it before"),
        (["tool.cwl", "--no-container"], "--no-container stands behind"),
        (["--max-workers", "0", "tool.cwl"], "'0' is not a number of workers"),
        (["--fast-parser", "tool.cwl"], "--fast-parser does not know"),
        (["--dask-gateway-url", "gateway", "tool.cwl"], "gateway.url: 'gateway'"),
        (["--dask-settings", "absent.yaml", "tool.cwl"], "absent.yaml: cannot be read"),
        ([], "no CWL document is given"),
    ],
)
def test_a_wrong_command_line_is_exit_2_with_a_sentence(
    place: Place, arguments: list[str], words: str
) -> None:
    place.write(tool())
    done = place.run(*arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("document", ["absent.cwl", "broken.cwl"])
def test_a_document_that_cannot_be_read_is_no_traceback(place: Place, document: str) -> None:
    (place.folder / "broken.cwl").write_text("class: [")
    done = place.run("--no-container", document)
    assert done.returncode == 1
    assert document in done.stderr
    assert "Traceback" not in done.stderr


def test_cwltools_own_arguments_still_work(place: Place) -> None:
    hello = tool("import sys; print(sys.argv[1])", requirements={})
    hello["inputs"] = {"message": {"type": "string", "inputBinding": {}}}
    name = place.write(hello)
    assert place.run("--version").stdout.startswith("calrissian-dask local, cwltool 3")
    assert place.run("--validate", place.write(tool(), "valid.cwl")).returncode == 0
    done = place.run("--no-container", "--outdir", "results", name, "--message", "hello")
    assert done.returncode == 0, done.stderr
    assert (place.folder / "results" / "out.txt").read_text() == "hello\n"


def test_on_a_terminal_one_line_tells_what_is_waited_for(place: Place) -> None:
    name = place.write(tool())
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [str(BIN / "calrissian-dask"), "local", "--no-container", name],
        cwd=place.folder,
        env=place.environment,
        stdout=subprocess.DEVNULL,
        stderr=follower,
        start_new_session=True,
    )
    os.close(follower)
    seen = bytearray()

    def read() -> None:
        with contextlib.suppress(OSError):
            while content := os.read(leader, 4096):
                seen.extend(content)

    reader = threading.Thread(target=read)
    reader.start()
    assert process.wait(60) == 0, seen.decode()
    reader.join()
    os.close(leader)
    assert b"\r\x1b[Kwaiting for a Dask cluster: [tool.cwl] 1 worker, 0 s" in seen


MOMENTS = [0.2, 0.8, 1.4, 2.0, 2.6, 3.4, 5.0]
"""Seconds after the start: import, load, gateway, provision, run."""

LONG = """
import time
from distributed import Client
with Client() as client:
    client.submit(time.sleep, 100).result()
"""


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("how", ["Ctrl-C", "SIGTERM"])
def test_an_interrupt_at_any_moment_ends_all_within_seconds(
    place: Place, how: str, moment: float
) -> None:
    parallel = ["--parallel"] if MOMENTS.index(moment) % 2 else []
    name = place.write(scattered(LONG, 2))
    process = place.start("--no-container", *parallel, name)
    time.sleep(moment)
    if how == "Ctrl-C":
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does it
    else:
        process.terminate()
    _, err = process.communicate(timeout=25)
    assert process.returncode in {"Ctrl-C": (130, -2), "SIGTERM": (143, -15)}[how], err
    wait_until(lambda: place.left() == [], timeout=5)


def test_a_tool_that_ignores_sigterm_ends_as_well(place: Place) -> None:
    stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1); time.sleep(100)"
    process = place.start("--no-container", place.write(tool(f"{stubborn}")))
    time.sleep(5)
    process.terminate()
    process.communicate(timeout=25)
    assert process.returncode == 143


# The examples, as the README tells to run them.


def elevation() -> str:
    import matplotlib as mpl

    return f"{mpl.get_data_path()}/sample_data/jacksboro_fault_dem.npz"


def example(place: Place, name: str, *arguments: str) -> dict[str, Any]:
    document = str(ROOT / "examples" / name)
    done = place.run("--no-container", *arguments, document, "--elevation", elevation())
    assert done.returncode == 0, done.stderr
    outputs = json.loads(done.stdout)
    assert isinstance(outputs, dict)
    return outputs


def slope_by_numpy() -> Any:
    with np.load(elevation()) as model:
        heights = model["elevation"].astype(float)
        dx = 111_200.0 * float(model["dx"]) * np.cos(np.radians(float(model["ymin"])))
        by_row, by_column = np.gradient(heights, 111_200.0 * float(model["dy"]), dx)
    return np.degrees(np.arctan(np.hypot(by_column, by_row)))


def test_the_demo_gives_what_numpy_gives_without_dask(place: Place) -> None:
    outputs = example(place, "terrain/relief.cwl")
    statistics = json.loads(Path(outputs["statistics"]["path"]).read_text())
    slope = slope_by_numpy()
    counts, edges = np.histogram(slope, bins=np.arange(0, 95, 5))
    assert statistics["cells"] == slope.size
    assert statistics["slope_degrees"]["min"] == slope.min()
    assert statistics["slope_degrees"]["max"] == slope.max()
    assert statistics["slope_degrees"]["mean"] == pytest.approx(slope.mean(), abs=1e-8)
    assert statistics["slope_degrees"]["histogram"] == {
        f"{low}-{low + 5}": int(n) for low, n in zip(edges[:-1], counts, strict=True) if n
    }
    assert Path(outputs["picture"]["path"]).read_bytes().startswith(b"\x89PNG")


def test_the_example_with_dask_gateways_own_client(place: Place) -> None:
    outputs = example(place, "gateway/mean.cwl")
    with np.load(elevation()) as model:
        expected = model["elevation"].astype(float).mean()
    assert Path(outputs["mean"]["path"]).read_text() == f"{expected:.3f}\n"


def test_the_example_that_scatters_with_expressions(place: Place) -> None:
    outputs = example(place, "scatter/azimuths.cwl", "--parallel")
    texts = [Path(output["path"]).read_text().split() for output in outputs["lit"]]
    assert [azimuth for azimuth, _ in texts] == ["0", "90", "225"]
    assert all(0.4 < float(share) < 0.6 for _, share in texts)
