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

from tests.cluster import environment, namespaces
from tests.cluster.calrissian import runs
from tests.cluster.calrissian.runs import Calrissian
from tests.cluster.gateway import GatewayView
from tests.cluster.namespaces import Namespace
from tests.cluster.session import ENVIRONMENT
from tests.cluster.step_pods import StepPod
from tests.conftest import run_folder

REPORT = pytest.StashKey[pytest.TestReport]()

NamespaceMaker = Callable[..., Namespace]
CalrissianMaker = Callable[[Namespace], Calrissian]

LONGEST = 900
"""Seconds for a test: more than two waits of `step_pods.HANG`, so that these can say what hung."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark ours; the longest first, those that need the node for themselves last."""
    here = Path(__file__).parent
    ours = [item for item in items if here in item.path.parents]
    for item in ours:
        item.add_marker(pytest.mark.cluster)
        if not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(LONGEST))
    items.sort(key=lambda item: (item in ours) * (1 + _order(item)))


def _order(item: pytest.Item) -> int:
    if item.get_closest_marker("alone"):
        return 2
    return 0 if item.get_closest_marker("soak") else 1


@contextmanager
def locked(path: Path, *, shared: bool = False) -> Iterator[None]:
    """Hold a lock of all workers."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> environment.Environment:
    """Everything that is made once; the first worker makes it, the others read of it.

    It is deleted after the run (`session.finish`), unless it was there before.
    """
    record = run_folder() / ENVIRONMENT
    with locked(run_folder() / "environment.lock"):
        if record.exists():
            made_before = json.loads(record.read_text())["environment"]
            assert made_before, "the environment could not be made, see the first worker's error"
            return environment.Environment(**made_before)
        keep = bool(request.config.getoption("--keep-cluster")) or environment.exists()
        record.write_text(json.dumps({"keep": keep, "environment": None}))  # for the other workers
        made = environment.up()
        record.write_text(json.dumps({"keep": keep, "environment": dataclasses.asdict(made)}))
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

        def make(infix: str = "-", **labels: str) -> Namespace:
            name = f"{namespaces.PREFIX}{infix}{secrets.token_hex(4)}"
            entered = namespaces.namespace(cluster.api(), gateway_view, name, **labels)
            made.append(stack.enter_context(entered))
            return made[-1]

        yield make
        report = request.node.stash.get(REPORT, None)
        if report is not None and report.failed:
            for one in made:
                for name, states in one.history.items():
                    print(StepPod(one, name, states[-1]["metadata"]["uid"]).describe())


@pytest.fixture
def ns(make_namespace: NamespaceMaker) -> Namespace:
    """The namespace of this test."""
    return make_namespace()


@pytest.fixture
def calrissian(ns: Namespace) -> Iterator[Calrissian]:
    """The namespace of this test, as Calrissian's documentation prepares one."""
    with runs.documented(ns) as ready:
        yield ready


@pytest.fixture
def calrissian_in() -> Iterator[CalrissianMaker]:
    """Prepares further namespaces in the same way."""
    with ExitStack() as stack:
        yield lambda one: stack.enter_context(runs.documented(one))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if report.when == "call":
        item.stash[REPORT] = report


@pytest.fixture(autouse=True)
def node_peace(request: pytest.FixtureRequest) -> Iterator[None]:
    """Tests that need the node for themselves (marker `alone`) run while no other does."""
    alone = request.node.get_closest_marker("alone") is not None
    with locked(run_folder() / "node.lock", shared=not alone):
        yield
