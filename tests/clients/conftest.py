"""One real server and one browser for all client tests, and the record of what they exercised."""

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.clients.exercised import exercised
from tests.clients.javascript import Chromium, JavaScriptClient, NodeProcess, chromium
from tests.clients.people import administrator, anonymous
from tests.clients.tokens import Issued, issue
from tests.server import RunningServer, running_server

OpenClient = Callable[[str], JavaScriptClient]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """The example stack, served."""
    with running_server(tmp_path_factory.mktemp("server") / "state") as running:
        yield running


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """A headless Chromium."""
    with chromium(tmp_path_factory.mktemp("chromium")) as running:
        yield running


@pytest.fixture(scope="session")
def admin(server: RunningServer) -> Any:
    """The administrator's boto3 client."""
    return administrator(server)


@pytest.fixture(scope="session")
def public(server: RunningServer) -> Any:
    """An application's boto3 client, without keys."""
    return anonymous(server)


@pytest.fixture(scope="session")
def issued(server: RunningServer) -> Issued:
    """The tokens of a sign-in to the example's pool."""
    return issue(server, server.pool_id)


@pytest.fixture(scope="session")
def foreign(server: RunningServer, admin: Any) -> Issued:
    """Tokens as good as those, of another pool."""
    made = admin.create_user_pool(PoolName="foreign", UsernameAttributes=["email"])
    return issue(server, made["UserPool"]["Id"])


@pytest.fixture
def node(tmp_path: Path) -> Iterator[OpenClient]:
    """Opens a client's module in Node.js."""
    with ExitStack() as stack:
        yield lambda module: stack.enter_context(NodeProcess(module, tmp_path / f"{module}.log"))


@pytest.fixture(params=["node", "chromium"])
def javascript(request: pytest.FixtureRequest) -> OpenClient:
    """Opens a client's module in Node.js, and in Chromium from another origin."""
    if request.param == "node":
        opens: OpenClient = request.getfixturevalue("node")
        return opens
    running: Chromium = request.getfixturevalue("browser")
    return running.page


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call":
        item.stash[PASSED] = report.passed
    return report


PASSED: pytest.StashKey[bool] = pytest.StashKey()


@pytest.fixture(autouse=True)
def _note_what_is_exercised(request: pytest.FixtureRequest) -> Iterator[None]:
    if "server" not in request.fixturenames:
        yield
        return
    running: RunningServer = request.getfixturevalue("server")
    before = len(running.recorder.exchanges)
    yield
    if request.node.stash.get(PASSED, False):
        answered = [exchange for exchange in running.recorder.exchanges[before:] if exchange.status < 400]
        exercised(request.config).update(filter(None, (exchange.headers.get("x-amz-target") for exchange in answered)))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What compares the record with covered.json comes last."""
    items.sort(key=lambda item: item.path.name == "test_covered.py" and item.path.parent == Path(__file__).parent)
