"""The development inbox: every outgoing message as a page for people and as JSON for scripts.

Shows codes and temporary passwords, so only a development server mounts it, and it answers to loopback names alone:
a web page elsewhere that points its own name at this machine must not read it.
"""

import ipaddress
import re
from datetime import UTC, datetime
from urllib.parse import parse_qsl

import msgspec

from poolhouse.crypto.keyring import KeyRing
from poolhouse.crypto.sealing import Unsealable
from poolhouse.delivery.inbox_entry import JSON_PATH, PAGE_PATH, PAGE_SIZE, InboxEntry, InboxPage
from poolhouse.delivery.message import OutgoingMessage, open_payload
from poolhouse.http.message import RawHeaders, Request, Response
from poolhouse.storage.database import Database
from poolhouse.storage.outbox import OutboxRow, find_newest

_MESSAGE_ID = re.compile("[0-9a-f]{1,64}")
_MAX_RECIPIENT = 320
_NO_STORE: RawHeaders = [
    (b"Cache-Control", b"no-store"),
    (b"X-Content-Type-Options", b"nosniff"),
    (b"Referrer-Policy", b"no-referrer"),
    (b"Cross-Origin-Resource-Policy", b"same-origin"),
]


class _Question(msgspec.Struct, frozen=True):
    to: str | None
    before: str | None
    limit: int


class Inbox:
    """Answers for the inbox's page and its JSON."""

    def __init__(self, database: Database, keyring: KeyRing, *, hosts: frozenset[str] = frozenset()) -> None:
        """`hosts` are further names, lower case and without port, that the development server is reached by."""
        self._database = database
        self._keyring = keyring
        self._hosts = hosts

    @staticmethod
    def handles(path: str) -> bool:
        """Whether the path is the inbox's."""
        return path in {PAGE_PATH, JSON_PATH}

    async def handle(self, request: Request) -> Response:
        """Answer a request for the page or for the JSON."""
        if request.method not in {"GET", "HEAD"}:
            return _refuse(405, "the inbox is read with GET", [(b"Allow", b"GET, HEAD")])
        if not self._is_own_host(request.header(b"host") or ""):
            return _refuse(403, "the inbox answers on loopback names only, such as localhost")
        question = _read_question(request.query)
        if question is None:
            return _refuse(400, "known parameters: to=ADDRESS, before=ID, limit=1…50")
        page = await self._read(question)
        return _answer_json(page) if request.path == JSON_PATH else _answer_page(page)

    async def _read(self, question: _Question) -> InboxPage:
        rows = await find_newest(
            self._database, before=question.before, recipient=question.to, limit=question.limit + 1
        )
        older = rows[question.limit - 1].message_id if len(rows) > question.limit else None
        entries = [self._entry(row) for row in rows[: question.limit]]
        return InboxPage(question.to, question.limit, entries, older, question.before is not None)

    def _entry(self, row: OutboxRow) -> InboxEntry:
        message = self._open(row)
        moment = datetime.fromtimestamp(row.created_at / 1000, UTC)
        return InboxEntry(
            id=row.message_id,
            pool=row.pool_id,
            channel=row.channel,
            to=row.recipient,
            sender=message.sender if message else "",
            subject=message.subject if message else None,
            body=message.body if message else "",
            html=message is not None and message.html,
            purpose=message.purpose if message else None,
            code=message.code if message else None,
            created_at=f"{moment:%Y-%m-%dT%H:%M:%S}.{row.created_at % 1000:03d}Z",
            state=row.state,
            tries=row.tries,
            failure=row.failure,
        )

    def _open(self, row: OutboxRow) -> OutgoingMessage | None:
        try:
            return open_payload(
                self._keyring,
                row.message_id,
                row.payload,
                pool_id=row.pool_id,
                channel=row.channel,
                recipient=row.recipient,
            )
        except Unsealable:
            return None

    def _is_own_host(self, host: str) -> bool:
        name = re.sub(r":[0-9]{1,5}\Z", "", host).lower().removesuffix(".")
        if name == "localhost" or name.endswith(".localhost") or name in self._hosts:
            return True
        try:
            return ipaddress.ip_address(name.removeprefix("[").removesuffix("]")).is_loopback
        except ValueError:
            return False


def _read_question(query: str) -> _Question | None:
    try:
        given = dict(parse_qsl(query, keep_blank_values=True, max_num_fields=8))
    except ValueError:
        return None
    to = given.get("to", "").strip() or None
    # A form sends a plus sign as %2B; whoever types the address into the URL does not.
    if to is not None and to[0].isdigit() and " " not in to and f"to=+{to}" in query:
        to = f"+{to}"
    if to is not None and (len(to) > _MAX_RECIPIENT or not to.isprintable()):
        return None
    before = given.get("before") or None
    if before is not None and not _MESSAGE_ID.fullmatch(before):
        return None
    limit = given.get("limit") or str(PAGE_SIZE)
    if not re.fullmatch("[0-9]{1,4}", limit) or not 1 <= int(limit) <= PAGE_SIZE:
        return None
    return _Question(to, before, int(limit))


def _refuse(status: int, message: str, more: RawHeaders | None = None) -> Response:
    headers = [(b"Content-Type", b"application/json"), *_NO_STORE, *(more or [])]
    return Response(status, headers, msgspec.json.encode({"message": message}))


def _answer_json(page: InboxPage) -> Response:
    headers: RawHeaders = [(b"Content-Type", b"application/json; charset=utf-8"), *_NO_STORE]
    if page.older is not None:
        headers.append((b"Link", f'<{page.link_older(JSON_PATH)}>; rel="next"'.encode("ascii")))
    # People read this in a terminal: a line to each fact, and the prompt after it on a line of its own.
    return Response(200, headers, msgspec.json.format(msgspec.json.encode(page.entries), indent=2) + b"\n")


def _answer_page(page: InboxPage) -> Response:
    # The template engine is loaded when somebody first looks: it has no place on the start path.
    from poolhouse.delivery.inbox_page import CONTENT_SECURITY_POLICY, render_page

    headers: RawHeaders = [
        (b"Content-Type", b"text/html; charset=utf-8"),
        (b"Content-Security-Policy", CONTENT_SECURITY_POLICY),
        *_NO_STORE,
    ]
    return Response(200, headers, render_page(page))
