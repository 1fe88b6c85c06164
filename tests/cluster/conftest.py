"""Session fixtures: images, kind cluster, Dask Gateway; then a namespace for each test."""

from __future__ import annotations

import dataclasses
import fcntl
import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.cluster import environment, step_pods
from tests.cluster.engine import running
from tests.cluster.gateway import GatewayView
from tests.cluster.step_pods import Namespace

REPORT = pytest.StashKey[pytest.TestReport]()
KEEP = pytest.StashKey[bool]()

NamespaceMaker = Callable[..., Namespace]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark ours; the longest first, those that need the node for themselves last."""
    here = Path(__file__).parent
    ours = [item for item in items if here in item.path.parents]
    for item in ours:
        item.add_marker(pytest.mark.cluster)
    items.sort(key=lambda item: (item in ours) * (1 + _order(item)))


def _order(item: pytest.Item) -> int:
    if item.get_closest_marker("alone"):
        return 2
    return 0 if item.get_closest_marker("soak") else 1


def pytest_sessionstart(session: pytest.Session) -> None:
    """Note, before any test, whether somebody keeps a cluster."""
    session.stash[KEEP] = bool(session.config.getoption("--keep-cluster")) or not running()
    if not session.stash[KEEP] and not hasattr(session.config, "workerinput"):
        session.stash[KEEP] = environment.exists()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Delete the cluster, in the process that outlives all workers."""
    if not session.stash[KEEP] and not hasattr(session.config, "workerinput"):
        environment.down()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was measured: sizes of images, the time line of a step's end."""
    folder = _shared(terminalreporter.config)
    if folder is None:
        return
    environment_file, time_line = folder / "environment.json", folder / "time-line.json"
    if environment_file.exists():
        terminalreporter.section("images")
        for image, size in json.loads(environment_file.read_text())["sizes"].items():
            terminalreporter.line(f"{size / 1e6:8.1f} MB  {image}")
    if time_line.exists():
        terminalreporter.section("the end of a step, median of five")
        for line in json.loads(time_line.read_text()):
            terminalreporter.line(line)


def _shared(config: pytest.Config) -> Path | None:
    """The folder of `shared_folder`, outside a test."""
    factory = getattr(config, "_tmp_path_factory", None)
    if factory is None:
        return None
    base = Path(factory.getbasetemp())
    return base.parent if hasattr(config, "workerinput") else base


@pytest.fixture(scope="session")
def shared_folder(request: pytest.FixtureRequest) -> Path:
    """A folder that all workers of this run see."""
    folder = _shared(request.config)
    assert folder is not None
    return folder


@contextmanager
def locked(path: Path, *, shared: bool = False) -> Iterator[None]:
    """Hold a lock of all workers."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def cluster(shared_folder: Path) -> environment.Environment:
    """Everything that is made once; the first worker makes it, the others read of it.

    It is deleted after the run (`pytest_sessionfinish`), unless it was there before.
    """
    record = shared_folder / "environment.json"
    with locked(shared_folder / "environment.lock"):
        if record.exists():
            return environment.Environment(**json.loads(record.read_text()))
        made = environment.up()
        record.write_text(json.dumps(dataclasses.asdict(made)))
        return made


@pytest.fixture(scope="session")
def gateway_view(cluster: environment.Environment) -> GatewayView:
    return GatewayView(cluster.gateway_address)


@pytest.fixture
def make_namespace(
    cluster: environment.Environment, gateway_view: GatewayView, request: pytest.FixtureRequest
) -> Iterator[NamespaceMaker]:
    """Makes namespaces, with labels; each is deleted after the test."""
    with ExitStack() as stack:
        made: list[Namespace] = []

        def make(**labels: str) -> Namespace:
            name = f"{step_pods.CREATED}{secrets.token_hex(4)}"
            entered = step_pods.namespace(cluster.api(), gateway_view, name, **labels)
            made.append(stack.enter_context(entered))
            return made[-1]

        yield make
        report = request.node.stash.get(REPORT, None)
        if report is not None and report.failed:
            for one in made:
                for name in one.history:
                    print(step_pods.StepPod(one, name, "").describe())


@pytest.fixture
def ns(make_namespace: NamespaceMaker) -> Namespace:
    """The namespace of this test."""
    return make_namespace()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if report.when == "call":
        item.stash[REPORT] = report


@pytest.fixture(autouse=True)
def node_peace(request: pytest.FixtureRequest, shared_folder: Path) -> Iterator[None]:
    """Tests that need the node for themselves (marker `alone`) run while no other does."""
    alone = request.node.get_closest_marker("alone") is not None
    with locked(shared_folder / "node.lock", shared=not alone):
        yield
