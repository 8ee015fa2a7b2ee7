"""The example's web application in Chromium: what a person sees and does, by mouse and by keyboard alone."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.clients.javascript import Chromium, NodeProcess
from tests.clients.people import administrator, confirmed_person, invited_person
from tests.postgresql import missing_toolchain
from tests.server import ROOT, RunningServer, running_server, until_we_die

FOLDER = ROOT / "examples" / "web"
NEW_PASSWORD = "Sunny-Day7"
DESKTOP, PHONE = (1280, 900), (390, 844)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """The example stack, served."""
    with running_server(tmp_path_factory.mktemp("web") / "state") as running:
        yield running


@contextmanager
def web_server(state: Path) -> Iterator[str]:
    """`npm run dev`, without npm's own process around it; the page's URL."""
    if shutil.which("node") is None:
        missing_toolchain("Node.js")
    if not (FOLDER / "node_modules" / ".package-lock.json").exists():
        missing_toolchain("the example's packages (npm ci in examples/web)")
    environment = {"PATH": os.environ["PATH"], "HOME": str(state.parent), "PORT": "0", "POOLHOUSE_STATE": str(state)}
    process = subprocess.Popen(
        [*until_we_die(), "node", "serve.mjs"], cwd=FOLDER, env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        said = process.stdout.readline()
        found = re.fullmatch(r"Open (http://localhost:\d+)\n", said)
        assert found is not None, said
        yield found[1]
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


@pytest.fixture(scope="module")
def url(server: RunningServer) -> Iterator[str]:
    with web_server(server.state_dir) as running:
        yield running


@pytest.fixture
def page(browser: Chromium, url: str) -> NodeProcess:
    """A fresh page of the application."""
    browser.process.call("open", url)
    return browser.process


def test_the_whole_way(page: NodeProcess, server: RunningServer) -> None:
    person = invited_person(server)
    page.call("expectHeading", "Sign in")
    page.call("fill", "Email", person.email)
    page.call("fill", "Password", person.password)
    page.call("click", "button", "Sign in")

    page.call("expectHeading", "Choose a password")
    page.call("fill", "New password", "secret")
    page.call("click", "button", "Save and sign in")
    page.call("expectText", "alert", "Password must have uppercase characters")
    assert page.call("focused") == "New password"
    page.call("fill", "New password", NEW_PASSWORD)
    page.call("click", "button", "Save and sign in")

    page.call("expectHeading", "You are in")
    page.call("click", "button", "Call /val/foo")
    answer = page.call("expectText", "status", "200")
    assert '"feature": "foo"' in answer

    page.call("click", "button", "Sign out")
    page.call("expectHeading", "Signed out")
    page.call("click", "button", "Call /val/foo with the old token")
    refusal = page.call("expectText", "status", "401")
    assert '"message": "Unauthorized"' in refusal
    assert page.call("complaintsSoFar") == []


def test_the_keyboard_is_enough(page: NodeProcess, server: RunningServer) -> None:
    person = confirmed_person(server)
    page.call("expectHeading", "Sign in")
    assert page.call("focused") == "Sign in"
    for key, expected in (("Tab", "Email"), ("Tab", "Password")):
        page.call("press", key)
        assert page.call("focused") == expected
        page.call("type", {"Email": person.email, "Password": person.password}[expected])
    page.call("press", "Enter")
    page.call("expectHeading", "You are in")
    page.call("press", "Tab")
    assert page.call("focused") == "Call /val/foo"
    page.call("press", "Enter")
    page.call("expectText", "status", "200")


def test_a_session_survives_a_reload_and_its_end_elsewhere_is_noticed(
    page: NodeProcess, server: RunningServer, url: str
) -> None:
    person = confirmed_person(server)
    page.call("fill", "Email", person.email)
    page.call("fill", "Password", person.password)
    page.call("click", "button", "Sign in")
    page.call("expectHeading", "You are in")
    page.call("reload")
    page.call("expectHeading", "You are in")
    administrator(server).admin_user_global_sign_out(UserPoolId=server.pool_id, Username=person.email)
    page.call("click", "button", "Call /val/foo")
    page.call("expectText", "status", "401")


@pytest.mark.parametrize(
    ("name", "password", "complaint", "field"),
    [
        ("", "", "Your email address is missing.", "Email"),
        ("somebody@example.com", "", "Your password is missing.", "Password"),
        ("nobody@example.com", "Wrong-Guess1", "User does not exist.", "Email"),
    ],
)
def test_a_problem_is_told_and_the_cursor_is_where_it_can_be_put_right(
    page: NodeProcess, name: str, password: str, complaint: str, field: str
) -> None:
    page.call("fill", "Email", name)
    page.call("fill", "Password", password)
    page.call("click", "button", "Sign in")
    page.call("expectText", "alert", complaint)
    assert page.call("focused") == field


@pytest.mark.parametrize("size", [DESKTOP, PHONE, (320, 640)])
def test_nothing_is_wider_than_the_window(page: NodeProcess, size: tuple[int, int]) -> None:
    page.call("resize", *size, "light")
    page.call("expectHeading", "Sign in")
    assert not page.call("overflows")


def test_without_poolhouse_it_says_how_to_start_it(browser: Chromium, tmp_path: Path) -> None:
    with web_server(tmp_path / "nothing-here") as url:
        browser.process.call("open", url)
        browser.process.call("expectHeading", "Poolhouse is not there yet")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_every_screen_is_accessible(
    page: NodeProcess, server: RunningServer, size: tuple[int, int], scheme: str
) -> None:
    person = invited_person(server)
    page.call("resize", *size, scheme)
    page.call("expectHeading", "Sign in")
    assert page.call("violations") == []
    page.call("fill", "Email", person.email)
    page.call("fill", "Password", "Wrong-Guess1")
    page.call("click", "button", "Sign in")
    page.call("expectText", "alert", "Incorrect username or password.")
    assert page.call("violations") == []
    page.call("fill", "Password", person.password)
    page.call("click", "button", "Sign in")
    page.call("expectHeading", "Choose a password")
    page.call("fill", "New password", "secret")
    page.call("click", "button", "Save and sign in")
    page.call("expectText", "alert", "Password must have uppercase characters")
    assert page.call("violations") == []
    page.call("fill", "New password", NEW_PASSWORD)
    page.call("click", "button", "Save and sign in")
    page.call("expectHeading", "You are in")
    page.call("click", "button", "Call /val/foo")
    page.call("expectText", "status", "200")
    assert page.call("violations") == []
    page.call("click", "button", "Sign out")
    page.call("expectHeading", "Signed out")
    page.call("click", "button", "Call /val/foo with the old token")
    page.call("expectText", "status", "401")
    assert page.call("violations") == []
    assert page.call("overflows") is False
