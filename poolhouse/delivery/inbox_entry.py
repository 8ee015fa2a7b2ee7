"""What the development inbox shows of a message, for its page and its JSON alike, and where both are found."""

from urllib.parse import urlencode

import msgspec

from poolhouse.delivery.message import Channel, Purpose
from poolhouse.storage.outbox import State

PAGE_PATH = "/_poolhouse/inbox"
JSON_PATH = "/_poolhouse/inbox.json"
PAGE_SIZE = 50


class InboxEntry(msgspec.Struct, frozen=True, rename={"sender": "from"}):
    """One message; without subject, body and code where this server's keys do not open it."""

    id: str
    pool: str
    channel: Channel
    to: str
    sender: str
    subject: str | None
    body: str
    html: bool
    purpose: Purpose | None
    code: str | None
    created_at: str
    """ISO 8601 in UTC, with milliseconds."""
    state: State
    tries: int
    failure: str | None


class InboxPage(msgspec.Struct, frozen=True):
    """A page of messages, newest first."""

    to: str | None
    """The recipient it is narrowed to."""
    limit: int
    entries: list[InboxEntry]
    older: str | None
    """The `before` of the next page, if there is one."""
    paged: bool
    """Whether this is not the first page."""

    def link_older(self, path: str) -> str:
        """The address of the next page, below `path`."""
        query: dict[str, str | int] = {"before": self.older or ""}
        if self.to is not None:
            query["to"] = self.to
        if self.limit != PAGE_SIZE:
            query["limit"] = self.limit
        return f"{path}?{urlencode(query)}"
