"""The development inbox in Chromium: what a person sees, and what a hostile mail in it cannot do."""

import http.server
import threading
from collections.abc import Iterator

import pytest

from tests.clients.javascript import Chromium, NodeProcess
from tests.clients.people import administrator, invited_person
from tests.server import RunningServer, running_server

DESKTOP, PHONE = (1280, 900), (390, 844)


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """The example stack, with an empty inbox."""
    with running_server(tmp_path_factory.mktemp("inbox") / "state") as running:
        yield running


@pytest.fixture
def page(browser: Chromium, server: RunningServer) -> NodeProcess:
    browser.process.call("open", f"{server.endpoint}/_poolhouse/inbox")
    return browser.process


class Spy:
    """A site elsewhere, and what reached it."""

    def __init__(self) -> None:
        seen: list[str] = []

        class Answer(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                seen.append(self.path)
                self.send_response(200)
                self.end_headers()

            do_POST = do_GET  # noqa: N815 -- the name is the server class's

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self.seen = seen
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def spy() -> Iterator[Spy]:
    running = Spy()
    thread = threading.Thread(target=running.server.serve_forever, daemon=True)
    thread.start()
    yield running
    running.server.shutdown()
    running.server.server_close()
    thread.join()


def hostile_mail(site: str) -> str:
    """Everything in a mail that would run, fetch, leak, navigate or submit."""
    return (
        "<p>Hello {username}, {####}</p>"
        "<script>parent.document.title = 'taken'</script>"
        "<img src=x onerror=\"parent.document.title = 'taken'\">"
        "<svg><script>parent.document.title = 'taken'</script></svg>"
        "<a class=js href=\"javascript:parent.document.title = 'taken'\">run</a>"
        f"<meta http-equiv=refresh content='0;url={site}/refresh'><base href='{site}/base/'>"
        f"<style>@import url({site}/import.css); body {{ background: url({site}/background.png) }}"
        f"@font-face {{ font-family: spy; src: url({site}/font.woff) }} p {{ font-family: spy }}</style>"
        f"<link rel=stylesheet href='{site}/link.css'><link rel=prefetch href='{site}/prefetch'>"
        f"<img src='{site}/pixel.png'><iframe src='{site}/frame'></iframe><object data='{site}/object'></object>"
        f"<video src='{site}/video' autoplay></video>"
        f"<form action='{site}/form'><input name=code value=1><button>Send</button></form>"
    )


def test_a_hostile_mail_is_shown_and_runs_fetches_and_sends_nothing(
    page: NodeProcess, server: RunningServer, spy: Spy
) -> None:
    administrator(server).update_user_pool(
        UserPoolId=server.pool_id,
        AdminCreateUserConfig={
            "AllowAdminCreateUserOnly": True,
            "InviteMessageTemplate": {"EmailMessage": hostile_mail(spy.url), "EmailSubject": "<b>Hello</b>"},
        },
    )
    administrator(server).admin_create_user(
        UserPoolId=server.pool_id,
        Username="ann@example.com",
        UserAttributes=[{"Name": "email", "Value": "ann@example.com"}],
        DesiredDeliveryMediums=["EMAIL"],
    )
    page.call("expectHeading", "<b>Hello</b>")
    assert "Hello ann@example.com" in page.call("framedText")
    page.call("clickInFrame", "a.js")
    page.call("clickInFrame", "button")
    assert "Hello ann@example.com" in page.call("framedText")
    assert page.call("title") == "Inbox · Poolhouse"
    assert spy.seen == []


def test_it_updates_while_it_is_open_and_a_password_is_copied_by_a_button(
    page: NodeProcess, server: RunningServer
) -> None:
    page.call("expectHeading", "Nothing has been sent yet")
    person = invited_person(server)
    page.call("expectHeading", "Your temporary password")
    page.call("allowClipboard")
    page.call("click", "button", "Copy temporary password")
    page.call("expectText", "status", "Copied")
    assert page.call("clipboard") == person.password


def test_it_is_whole_without_scripts(browser: Chromium, server: RunningServer) -> None:
    person = invited_person(server)
    page = browser.process
    page.call("openWithoutScripts", f"{server.endpoint}/_poolhouse/inbox")
    page.call("expectHeading", "Your temporary password")
    assert person.password in page.call("expectText", "article", person.email)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_it_is_accessible_and_never_wider_than_the_window(
    page: NodeProcess, server: RunningServer, size: tuple[int, int], scheme: str
) -> None:
    page.call("resize", *size, scheme)
    page.call("expectHeading", "Nothing has been sent yet")
    assert page.call("violations") == []
    invited_person(server)
    page.call("expectHeading", "Your temporary password")
    assert page.call("violations") == []
    assert page.call("overflows") is False
