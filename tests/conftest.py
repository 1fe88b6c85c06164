from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import session

try:
    from tests import gateway_server
except ImportError:  # pragma: no cover  # .venv-calrissian has neither dask nor a gateway
    gateway_server = None  # type: ignore[assignment]


RUN_FOLDER = "CALRISSIAN_DASK_TEST_RUN"
"""Names a folder that all workers of a run see, and the process that outlives them."""


def run_folder() -> Path:
    """That folder."""
    return Path(os.environ[RUN_FOLDER])


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        os.environ[RUN_FOLDER] = tempfile.mkdtemp(prefix="calrissian-dask-")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Take away what the cluster suite has made, whether it was run by its own name or not."""
    if not hasattr(config, "workerinput"):
        session.finish(run_folder())
        shutil.rmtree(run_folder())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for title, lines in session.summary(run_folder()):
        terminalreporter.section(title)
        for line in lines:
            terminalreporter.line(line)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden pods anew")
    parser.addoption("--rounds", type=int, default=30, help="rounds of random kills")
    parser.addoption("--seed", type=int, default=None, help="seed of the random kills")
    parser.addoption("--keep-cluster", action="store_true", help="leave the kind cluster running")
    parser.addoption("--soak-pods", type=int, default=100, help="pods of the cluster suite's soak")


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[gateway_server.GatewayServer]:
    """A real gateway with a password, the options as eoap publish them, and a mapping for the tag."""
    with gateway_server.GatewayServer(tmp_path_factory.mktemp("gateway")) as server:
        yield server


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    return Golden(bool(request.config.getoption("--update-golden")))


class Golden:
    """Compares text with a file in the repository, or writes it there."""

    def __init__(self, update: bool) -> None:
        self.update = update

    def check(self, path: Path, text: str) -> None:
        if self.update:
            path.write_text(text)
        assert path.exists(), f"{path} is missing: pytest --update-golden writes it"
        assert text == path.read_text()
