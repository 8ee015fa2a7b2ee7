"""The development inbox by its own HTTP server: what it shows, how safely, and to whom."""

import base64
import hashlib
import json
import os
import re
from dataclasses import dataclass
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest

from poolhouse.crypto.keyring import KeyRing, new_data_key
from poolhouse.crypto.master_key import MasterKey
from poolhouse.delivery.inbox import Inbox
from poolhouse.delivery.outbox import Outbox
from poolhouse.http.message import Request, Response
from poolhouse.storage import Batch, Database
from tests.access.signing import make_request
from tests.delivery.conftest import Clock, add, make_message


@dataclass
class Answer:
    """A response, read."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def messages(self) -> list[dict[str, Any]]:
        loaded: list[dict[str, Any]] = json.loads(self.text)
        return loaded


@pytest.fixture
def shown(keyring: KeyRing, clock: Clock) -> Outbox:
    return Outbox(keyring, clock=clock, random=os.urandom, inbox_only=frozenset({"EMAIL", "SMS"}))


@pytest.fixture
async def inbox(database: Database, keyring: KeyRing) -> Inbox:
    return Inbox(database, keyring, hosts=frozenset({"pool.test"}))


async def get(inbox: Inbox, target: str, *, host: str = "localhost:9229", method: str = "GET") -> Answer:
    request: Request = make_request(method, target, [(b"Host", host.encode())])
    response: Response = await inbox.handle(request)
    assert isinstance(response.body, bytes)
    headers = {name.decode().lower(): value.decode() for name, value in response.headers}
    return Answer(response.status, headers, response.body.decode())


async def test_a_script_reads_the_code_of_the_newest_message_to_an_address(
    inbox: Inbox, database: Database, shown: Outbox, clock: Clock
) -> None:
    await add(database, shown, recipient="bob@example.com")
    await add(database, shown, code="first")
    clock.forward(1.25)
    newest = await add(database, shown, code="second")
    answer = await get(inbox, "/_poolhouse/inbox.json?to=ann@example.com")
    assert [message["code"] for message in answer.messages] == ["second", "first"]
    assert answer.messages[0] == {
        "id": newest,
        "pool": "eu-west-1_abcdefghi",
        "channel": "EMAIL",
        "to": "ann@example.com",
        "from": "no-reply@verificationemail.com",
        "subject": "Your temporary password",
        "body": "Your username is ann and temporary password is Xk7$wq2Lp!.",
        "html": False,
        "purpose": "invitation",
        "code": "second",
        "created_at": "2023-11-14T22:13:21.250Z",
        "state": "sent",
        "tries": 0,
        "failure": None,
    }


@pytest.mark.parametrize("query", ["to=%2B15550100", "to=+15550100", "limit=5&to=+15550100"])
async def test_a_phone_number_is_found_however_its_plus_is_written(
    inbox: Inbox, database: Database, shown: Outbox, query: str
) -> None:
    await add(database, shown, channel="SMS", recipient="+15550100")
    assert len((await get(inbox, f"/_poolhouse/inbox.json?{query}")).messages) == 1


async def test_pages_follow_each_other_without_gap_or_repeat(inbox: Inbox, database: Database, shown: Outbox) -> None:
    made = [await add(database, shown, recipient=f"u{index % 2}@example.com") for index in range(11)]
    seen: list[str] = []
    target: str | None = "/_poolhouse/inbox.json?limit=2&to=u0%40example.com"
    while target:
        answer = await get(inbox, target)
        seen += [message["id"] for message in answer.messages]
        match = re.fullmatch('<(.+)>; rel="next"', answer.headers.get("link", ""))
        target = match[1] if match else None
    assert seen == made[::2][::-1]


async def test_the_page_shows_fifty_and_leads_to_the_older(inbox: Inbox, database: Database, shown: Outbox) -> None:
    made = [await add(database, shown) for _ in range(53)]
    first = await get(inbox, "/_poolhouse/inbox")
    assert re.findall(r'id="s-([0-9a-f]+)"', first.text) == made[::-1][:50]
    older = re.search(r'class="older" href="([^"]+)"', first.text)
    assert older is not None
    second = await get(inbox, unescape(older[1]))
    assert re.findall(r'id="s-([0-9a-f]+)"', second.text) == made[:3][::-1]
    assert 'class="older"' not in second.text


HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>&amp;</iframe></style>"


class Tags(HTMLParser):
    """Every element and attribute of a page, as a browser would see them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


@pytest.mark.parametrize("html", [True, False])
async def test_nothing_in_a_message_becomes_part_of_the_page(
    inbox: Inbox, database: Database, shown: Outbox, html: bool
) -> None:
    hostile = dict.fromkeys(("recipient", "sender", "subject", "body", "code", "pool_id"), HOSTILE)
    await add(database, shown, html=html, **hostile)
    page = (await get(inbox, "/_poolhouse/inbox")).text
    tags = Tags(page).seen
    assert [tag for tag, _ in tags].count("script") == 1
    assert not [tag for tag, attributes in tags if tag == "img" or any(name.startswith("on") for name in attributes)]
    frames = [attributes for tag, attributes in tags if tag == "iframe"]
    assert len(frames) == int(html)
    for frame in frames:
        assert frame["sandbox"] == "allow-popups allow-popups-to-escape-sandbox"
        assert (frame["srcdoc"] or "").endswith(HOSTILE)


async def test_the_filter_is_escaped_too(inbox: Inbox) -> None:
    answer = await get(inbox, "/_poolhouse/inbox?to=%22%3E%3Cscript%3Ex%3C/script%3E")
    assert [tag for tag, _ in Tags(answer.text).seen].count("script") == 1


async def test_the_policy_lets_only_the_pages_own_script_run(inbox: Inbox) -> None:
    answer = await get(inbox, "/_poolhouse/inbox")
    script = re.search("<script>(.*)</script>", answer.text, re.DOTALL)
    assert script is not None
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    policy = answer.headers["content-security-policy"]
    assert policy.startswith(f"default-src 'none'; script-src 'sha256-{digest}'; ")
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", answer.text)


async def test_waiting_and_failed_messages_say_so(inbox: Inbox, database: Database, outbox: Outbox) -> None:
    await add(database, outbox)
    batch = Batch()
    batch.add("UPDATE outbox SET tries = 2, failure = 'cannot reach the mail server'")
    await database.commit(batch)
    page = (await get(inbox, "/_poolhouse/inbox")).text
    assert "Waiting to be sent</strong> · 2 tries · cannot reach the mail server" in page
    batch = Batch()
    batch.add("UPDATE outbox SET state = 'failed'")
    await database.commit(batch)
    assert "Not delivered</strong>" in (await get(inbox, "/_poolhouse/inbox")).text


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("/_poolhouse/inbox", "Nothing has been sent yet"),
        ("/_poolhouse/inbox?to=ann@example.com", "Nothing for this recipient"),
        ("/_poolhouse/inbox?before=00", "Nothing older"),
    ],
)
async def test_an_empty_inbox_says_why(inbox: Inbox, target: str, words: str) -> None:
    assert words in (await get(inbox, target)).text
    assert (await get(inbox, target.replace("inbox", "inbox.json"))).messages == []


async def test_a_message_that_our_keys_do_not_open_is_listed_without_its_content(
    database: Database, shown: Outbox
) -> None:
    await add(database, shown)
    master = MasterKey.generate()
    stranger = Inbox(database, KeyRing(master, [new_data_key(master, 0)]))
    assert "do not open this message" in (await get(stranger, "/_poolhouse/inbox")).text
    (entry,) = (await get(stranger, "/_poolhouse/inbox.json")).messages
    assert (entry["to"], entry["body"], entry["code"]) == ("ann@example.com", "", None)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:9229", 200),
        ("LOCALHOST", 200),
        ("auth.localhost:9229", 200),
        ("127.0.0.1:9229", 200),
        ("[::1]:9229", 200),
        ("pool.test:9229", 200),
        ("evil.example", 403),
        ("localhost.evil.example", 403),
        ("192.0.2.1", 403),
        ("", 403),
    ],
)
async def test_a_name_that_anybody_can_point_here_reads_nothing(inbox: Inbox, host: str, status: int) -> None:
    for path in ("/_poolhouse/inbox", "/_poolhouse/inbox.json"):
        answer = await get(inbox, path, host=host)
        assert answer.status == status
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=51",
        "limit=x",
        "limit=-1",
        "limit=" + "9" * 5000,
        "before=zz",
        "before=%00",
        "to=a%00b",
        "to=" + "a" * 400,
        "&".join(["a=1"] * 50),
    ],
)
async def test_a_question_that_makes_no_sense_is_answered_with_the_known_ones(inbox: Inbox, query: str) -> None:
    answer = await get(inbox, f"/_poolhouse/inbox.json?{query}")
    assert answer.status == 400
    assert "known parameters" in answer.text


async def test_in_a_terminal_each_fact_has_its_line(inbox: Inbox, database: Database, shown: Outbox) -> None:
    await add(database, shown)
    text = (await get(inbox, "/_poolhouse/inbox.json")).text
    assert '    "code": "' in text
    assert text.endswith("]\n")


async def test_the_inbox_is_only_read(inbox: Inbox) -> None:
    answer = await get(inbox, "/_poolhouse/inbox", method="POST")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


def test_only_the_inboxs_own_paths_are_its() -> None:
    assert Inbox.handles("/_poolhouse/inbox")
    assert Inbox.handles("/_poolhouse/inbox.json")
    assert not Inbox.handles("/_poolhouse/inbox/")
    assert not Inbox.handles("/")


def test_a_message_never_shows_its_content_in_a_log() -> None:
    assert "Xk7" not in repr(make_message())
    assert "ann@example.com" not in repr(make_message())
