"""What a real gateway offers and refuses, found out before any step runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from calrissian_dask.cli import main

from tests.gateway_server import FLOATS, NONE, PASSWORD, GatewayServer, free_port
from tests.plan.published import REQUIREMENT_IN_GRAPH


def plan(folder: Path, url: str, text: str = REQUIREMENT_IN_GRAPH) -> int:
    document = folder / "document.cwl"
    document.write_text(text)
    settings = folder / "settings.yml"
    auth = {"username": "someone", "existingSecret": "unused-here"}
    settings.write_text(yaml.safe_dump({"gateway": {"auth": auth}}))
    words = ["plan", str(document), "--dask-settings", str(settings), "--dask-gateway-url", url]
    return main([*words, "--output", "json"])


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALRISSIAN_DASK_SECRET", PASSWORD)


def test_a_gateway_that_offers_everything(
    gateway: GatewayServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert plan(tmp_path, gateway.url) == 0, capsys.readouterr()


def test_a_gateway_without_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with GatewayServer(tmp_path / "g", config=NONE) as gateway:
        assert plan(tmp_path, gateway.url) == 1
    (step,) = json.loads(capsys.readouterr().out)["steps"]
    (problem,) = step["problems"]
    assert "Options(" in problem["message"], "the snippet for the gateway's configuration"


def test_a_limit_of_the_gateways_options(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Memory as a Float of GiB, at most 1 here; the ask is 2."""
    with GatewayServer(tmp_path / "g", config=FLOATS.replace("max=64", "max=1")) as gateway:
        assert plan(tmp_path, gateway.url) == 1
    (step,) = json.loads(capsys.readouterr().out)["steps"]
    assert "worker_memory" in step["problems"][0]["message"]


def test_credentials_that_are_refused(
    gateway: GatewayServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CALRISSIAN_DASK_SECRET", "wrong")
    assert plan(tmp_path, gateway.url) == 1
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert "does not accept our credentials (401" in problem["message"]


def test_a_gateway_that_is_down(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert plan(tmp_path, f"http://127.0.0.1:{free_port()}") == 1
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert "check its URL, and that it is reached from here" in problem["message"]


def test_a_gateway_is_asked_also_where_only_the_run_knows_what_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = REQUIREMENT_IN_GRAPH.replace("workerCores: 1\n", "workerCores: $(runtime.cores)\n")
    assert plan(tmp_path, f"http://127.0.0.1:{free_port()}", document) == 1
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert "check its URL" in problem["message"]


def test_without_the_secret_the_gateway_is_not_asked_and_that_is_said(
    gateway: GatewayServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CALRISSIAN_DASK_SECRET")
    assert plan(tmp_path, gateway.url) == 0
    warnings = json.loads(capsys.readouterr().out)["warnings"]
    assert any("set CALRISSIAN_DASK_SECRET" in warning for warning in warnings)


def test_a_url_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert plan(tmp_path, "gateway") == 2
    assert "--dask-gateway-url: gateway.url: 'gateway'" in capsys.readouterr().err
