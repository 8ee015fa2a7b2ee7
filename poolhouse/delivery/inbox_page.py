"""The inbox's page as HTML: loads the template, its style and its script, and fixes what the page may do.

The only door to the template engine here. Everything that came in a message is escaped; HTML mails are shown in a
frame without scripts.
"""

import base64
import hashlib
import re
from functools import lru_cache
from pathlib import Path

import jinja2

from poolhouse.delivery.inbox_entry import PAGE_PATH, InboxEntry, InboxPage

_FOLDER = Path(__file__).parent / "pages"
_SCRIPT = (_FOLDER / "inbox.js").read_text("utf-8")
_STYLE = (_FOLDER / "inbox.css").read_text("utf-8")
_SCRIPT_HASH = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()

# A framed mail inherits this policy. Mails carry inline styles, so those must be allowed; nothing is ever fetched.
CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; script-src 'sha256-{_SCRIPT_HASH}'; style-src 'unsafe-inline'; img-src data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
).encode()

# In front of a framed mail: links leave the frame, and a mail without colours of its own is readable.
_FRAME_HEAD = (
    '<!doctype html><meta charset="utf-8"><base target="_blank"><meta name="color-scheme" content="light">'
    "<style>body{margin:14px 16px;font:15px/1.5 system-ui,sans-serif;color:#1b2430;overflow-wrap:anywhere}</style>"
)

_PURPOSES = {
    "sign_up": "Sign-up confirmation",
    "resend_code": "Confirmation, sent again",
    "verify_attribute": "Address verification",
    "forgot_password": "Password reset",
    "invitation": "Invitation",
    "mfa": "Second factor",
    "sign_in_code": "Sign-in code",
    "notice": "Security notice",
}
_STATES = {"pending": "Waiting to be sent", "sent": "Delivered", "failed": "Not delivered"}


def render_page(page: InboxPage) -> bytes:
    """The whole document, in UTF-8."""
    older = page.link_older(PAGE_PATH) if page.older is not None else None
    text = _template().render(page=page, older=older, style=_STYLE, script=_SCRIPT)
    return text.encode("utf-8", "replace")


@lru_cache(maxsize=1)
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"frame": _frame, "size": _size, "clock": _clock, "purpose": _purpose}
    environment.globals |= {"states": _STATES, "home": PAGE_PATH}
    return environment.get_template("inbox.html")


def _frame(body: str) -> str:
    """The document that a framed mail becomes; the template escapes it into the attribute."""
    return _FRAME_HEAD + body


def _size(body: str) -> str:
    """How tall a frame is likely to have to be: it cannot be measured from outside."""
    shown = re.sub(r"<(style|script|head)\b.*?</\1\s*>", "", body, flags=re.DOTALL | re.IGNORECASE)
    blocks = len(re.findall(r"<(?:p|div|br|h[1-6]|li|tr|table|hr|img)\b", shown, flags=re.IGNORECASE))
    lines = blocks * 1.5 + len(re.sub("<[^>]*>", " ", shown).split()) / 12
    return "short" if lines <= 3 else "middle" if lines <= 12 else "tall"


def _clock(moment: str) -> str:
    """`2026-01-02T03:04:05.678Z` for a reader: the script puts it into the reader's own time."""
    return f"{moment[:10]} {moment[11:19]} UTC"


def _purpose(entry: InboxEntry) -> str:
    return _PURPOSES[entry.purpose] if entry.purpose else "Message"
