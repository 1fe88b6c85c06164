"""The command as a process and in memory: what goes in, what comes out, and nothing but one of both."""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from calrissian_dask.annotations import annotate
from calrissian_dask.cli import main
from calrissian_dask.cli.mutate import run
from calrissian_dask.cli.settings_file import read_settings
from calrissian_dask.errors import ConfigurationError
from calrissian_dask.mutation import mutate_pod

from tests.podspec.pods import REQUIREMENT, URL, asking, environment_of, pod, settings

SCRIPT = str(Path(sys.executable).with_name("calrissian-dask"))


def options(**values: Any) -> argparse.Namespace:
    return argparse.Namespace(
        **{"dask_gateway_url": URL, "dask_settings": None, "requirement": None, **values}
    )


def mutate(text: str, environ: dict[str, str] | None = None, **values: Any) -> tuple[int, str, str]:
    stdout, stderr = io.StringIO(), io.StringIO()
    code = run(options(**values), environ or {}, io.StringIO(text), stdout, stderr)
    return code, stdout.getvalue(), stderr.getvalue()


def asking_at_url() -> dict[str, Any]:
    """The flag is said in the pod's own annotation."""
    return annotate(asking(), None, URL)


def test_the_command_is_the_function(tmp_path: Path) -> None:
    done = subprocess.run(
        [SCRIPT, "mutate", "--dask-gateway-url", URL],
        input=yaml.safe_dump(asking()),
        capture_output=True,
        text=True,
        check=True,
    )
    assert yaml.safe_load(done.stdout) == mutate_pod(asking_at_url(), settings())
    assert done.stderr == ""


def test_several_documents_in_json_and_yaml() -> None:
    text = json.dumps(asking()) + "\n---\n" + yaml.safe_dump(pod())
    code, out, _ = mutate(text)
    assert code == 0
    assert list(yaml.safe_load_all(out)) == [mutate_pod(asking_at_url(), settings()), pod()]


@pytest.mark.parametrize(
    "document",
    [
        REQUIREMENT,
        {"class": "DaskGatewayRequirement", **REQUIREMENT},
        {"class": "calrissian:DaskGatewayRequirement", **REQUIREMENT},
        {"class": "https://calrissian-cwl.github.io/schema#DaskGatewayRequirement", **REQUIREMENT},
        {"anything:DaskGatewayRequirement": REQUIREMENT},
    ],
)
def test_a_requirement_file_asks_for_every_pod(tmp_path: Path, document: Any) -> None:
    file = tmp_path / "requirement.yaml"
    file.write_text(yaml.safe_dump(document))
    code, out, err = mutate(yaml.safe_dump(pod()), requirement=str(file))
    assert (code, err) == (0, "")
    containers = yaml.safe_load(out)["spec"]["initContainers"]
    assert environment_of(containers[0])["CALRISSIAN_DASK_WORKERS"] == "5"


def test_a_published_spelling_in_the_file_is_warned_of(tmp_path: Path) -> None:
    file = tmp_path / "requirement.yaml"
    fields = {k: v for k, v in REQUIREMENT.items() if k != "clusterMaxCores"} | {
        "clusterMaxCore": 5
    }
    file.write_text(yaml.safe_dump(fields))
    code, _, err = mutate(yaml.safe_dump(pod()), requirement=str(file))
    assert code == 0
    assert "write clusterMaxCores" in err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "is not a mapping"),
        ("class: ResourceRequirement", "write DaskGatewayRequirement"),
        ("a: [", "requirement.yaml:1:"),
        ("workerCores: 0", "workerCores: 0 is not above zero"),
        ("a: 1\n---\nb: 2", "is not a mapping"),
    ],
)
def test_a_bad_requirement_file_is_one_line_per_problem(
    tmp_path: Path, text: str, words: str
) -> None:
    file = tmp_path / "requirement.yaml"
    file.write_text(text)
    code, out, err = mutate(yaml.safe_dump(pod()), requirement=str(file))
    assert (code, out) == (2, "")
    assert words in err
    assert all(line.startswith("calrissian-dask: ") for line in err.splitlines())


def test_one_bad_document_among_good_ones_writes_nothing_at_all() -> None:
    bad = asking({"workerCores": 0, "x": 1})
    bad["metadata"]["name"] = "second"
    code, out, err = mutate(yaml.safe_dump_all([asking(), bad]))
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 5
    assert "document 2 (second): metadata.annotations" in err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no pod"),
        ("---\n---\n", "holds no pod"),
        ("5", "document 1: is a int"),
        ("a: b", "document 1: spec is None"),
        ("kind: Deployment\nspec: {}", "is a Deployment"),
        ("a: [", "standard input:1:"),
        ("metadata: [1]\nspec: {containers: []}", "metadata is [1]"),
    ],
)
@pytest.mark.parametrize("requirement", [False, True])
def test_input_that_is_no_pod_is_exit_2_and_nothing_on_stdout(
    tmp_path: Path, text: str, words: str, requirement: bool
) -> None:
    file = tmp_path / "requirement.yaml"
    file.write_text(yaml.safe_dump(REQUIREMENT))
    code, out, err = mutate(text, requirement=str(file) if requirement else None)
    assert (code, out) == (2, "")
    assert words in err


def test_input_that_is_no_text_is_exit_2() -> None:
    stdin = io.TextIOWrapper(io.BytesIO(b"\xff\xfe"), encoding="utf-8")
    stderr = io.StringIO()
    assert run(options(), {}, stdin, io.StringIO(), stderr) == 2
    assert "not UTF-8" in stderr.getvalue()


def test_the_entry_point_passes_its_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(yaml.safe_dump(asking())))
    assert main(["mutate", "--dask-gateway-url", URL]) == 0
    assert yaml.safe_load(capsys.readouterr().out) == mutate_pod(asking_at_url(), settings())


def test_a_command_line_without_a_command_says_which_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == 2
    assert "COMMAND" in capsys.readouterr().err


# Where settings come from: flag before environment before file.


def test_the_flag_is_before_the_environment_and_that_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("gateway: {url: 'http://file.example', scaling: adaptive}")
    usual = tmp_path / "usual.yaml"
    usual.write_text("gateway: {url: 'http://usual.example'}")
    environ = {"CALRISSIAN_DASK_GATEWAY_URL": "http://env.example"}

    def url(environ: dict[str, str], **values: Any) -> str | None:
        return read_settings(
            options(**{"dask_gateway_url": None, **values}), environ, usual=usual
        ).gateway.url

    assert url({}) == "http://usual.example"
    assert url({"CALRISSIAN_DASK_SETTINGS": str(file)}) == "http://file.example"
    assert (
        url({"CALRISSIAN_DASK_SETTINGS": "none"}, dask_settings=str(file)) == "http://file.example"
    )
    assert url(environ, dask_settings=str(file)) == "http://env.example"
    assert url(environ, dask_gateway_url="http://flag.example") == "http://flag.example"
    kept = read_settings(options(dask_settings=str(file)), {}, usual=usual)
    assert kept.gateway.scaling == "adaptive"
    assert (
        read_settings(options(dask_gateway_url=None), {}, usual=tmp_path / "none").gateway.url
        is None
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"gateway: {ulr: x}", "gateway.ulr: unknown key: did you mean gateway.url?"),
        (b"a: 1\n---\nb: 2", "has 2 documents"),
        (b"\xff", "is not UTF-8 text"),
        (b"a: [", "settings.yaml:1:"),
        (None, "cannot be read: No such file"),
    ],
)
def test_a_bad_settings_file_is_named(tmp_path: Path, content: bytes | None, words: str) -> None:
    file = tmp_path / "settings.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        read_settings(options(dask_settings=str(file)), {})
    assert words in str(caught.value)


def test_a_bad_url_names_the_flag_that_gave_it() -> None:
    with pytest.raises(ConfigurationError, match=r"--dask-gateway-url: gateway\.url: 'gateway'"):
        read_settings(options(dask_gateway_url="gateway"), {})
    with pytest.raises(ConfigurationError, match="CALRISSIAN_DASK_GATEWAY_URL"):
        read_settings(options(dask_gateway_url=None), {"CALRISSIAN_DASK_GATEWAY_URL": "gateway"})


def test_the_flag_is_before_the_pods_own_annotation() -> None:
    own = annotate(asking(), None, "http://own.example")
    code, out, _ = mutate(yaml.safe_dump(own))
    assert code == 0
    for container in yaml.safe_load(out)["spec"]["initContainers"]:
        assert environment_of(container)["CALRISSIAN_DASK_GATEWAY_URL"] == URL


def test_a_pod_that_has_its_cluster_stays_and_is_not_asked_anew(tmp_path: Path) -> None:
    once = mutate(yaml.safe_dump(asking()))[1]
    assert mutate(once)[1] == once
    file = tmp_path / "requirement.yaml"
    file.write_text(yaml.safe_dump({**REQUIREMENT, "workerCores": 0.5}))
    code, out, err = mutate(once, requirement=str(file))
    assert (code, out) == (2, "")
    assert "has a cluster already, for another ask" in err
    assert mutate(once, dask_gateway_url="http://other.example")[0] == 2


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (dict([(1, "a"), *REQUIREMENT.items()]), "1: unknown field"),
        ({**REQUIREMENT, "workerCores": [1]}, "workerCores: [1] is not a number"),
        ({**REQUIREMENT, "workerCores": "$(inputs.n)"}, "is an expression"),
    ],
)
def test_the_requirement_file_is_checked_once_with_its_name(
    tmp_path: Path, document: Any, words: str
) -> None:
    file = tmp_path / "requirement.yaml"
    file.write_text(yaml.safe_dump(document))
    code, out, err = mutate(yaml.safe_dump_all([pod(), pod()]), requirement=str(file))
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert str(file) in err
    assert words in err


def test_an_empty_name_of_a_file_is_no_silent_nothing() -> None:
    code, out, err = mutate(yaml.safe_dump(pod()), requirement="")
    assert (code, out) == (2, "")
    assert "cannot be read" in err
