"""What the gateway asks of whoever knows the user pools: is this token good, and what does it say.

Owns the question's shape and the tokens' texts for integrations. Knows nothing of keys, pools or storage.
"""

import time
from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

if TYPE_CHECKING:
    JsonValue = dict[str, "JsonValue"] | list["JsonValue"] | str | int | float | bool | None
else:
    # msgspec reads annotations at run time and knows no recursive alias.
    JsonValue = Any


class Refusal(Enum):
    """Why a token is not good. For the log; the caller only ever learns of EXPIRED."""

    MALFORMED = "malformed"
    BAD_SIGNATURE = "bad_signature"
    UNKNOWN_KEY = "unknown_key"
    UNKNOWN_POOL = "unknown_pool"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    REVOKED = "revoked"
    SIGNED_OUT = "signed_out"
    USER_DISABLED = "user_disabled"
    USER_DELETED = "user_deleted"
    CLIENT_DELETED = "client_deleted"
    MISSING = "missing"
    WRONG_POOL = "wrong_pool"
    WRONG_USE = "wrong_use"
    NO_SCOPE = "no_scope"
    AUDIENCE = "audience"


class TokenRefused(Exception):
    """The token is not good, and why."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason.value)
        self.reason = reason


class VerifiedToken:
    """A token whose signature, times and (if asked) session are good. Shared between requests: do not change."""

    __slots__ = ("_claims_json", "_scopes", "claims", "expires_at", "pool_arn", "token_use")

    def __init__(self, *, pool_arn: str, token_use: str, claims: Mapping[str, JsonValue], expires_at: int) -> None:
        self.pool_arn = pool_arn
        self.token_use = token_use
        """The claim token_use: "id" or "access"."""
        self.claims = claims
        """All claims, in the token's order."""
        self.expires_at = expires_at
        """Epoch seconds."""
        self._claims_json: msgspec.Raw | None = None
        self._scopes: frozenset[str] | None = None

    @property
    def audience(self) -> str | None:
        """The claim `aud` where it is text: ID tokens have it, access tokens do not."""
        audience = self.claims.get("aud")
        return audience if isinstance(audience, str) else None

    @property
    def scopes(self) -> frozenset[str]:
        """The scopes of an access token."""
        if self._scopes is None:
            scope = self.claims.get("scope")
            self._scopes = frozenset(scope.split()) if isinstance(scope, str) else frozenset()
        return self._scopes

    @property
    def claims_json(self) -> msgspec.Raw:
        """The claims as integrations get them, as a JSON object; made once for each token."""
        if self._claims_json is None:
            texts = {name: claim_text(name, value) for name, value in self.claims.items()}
            self._claims_json = msgspec.Raw(msgspec.json.encode(texts))
        return self._claims_json


class TokenAuthority(Protocol):
    """Who knows the user pools; the composition root provides it, with its cache."""

    async def verify(self, token: str, *, live: bool) -> VerifiedToken:
        """Check a token; with `live` also that its client, user and session still stand.

        The answer may be kept for as long as a revocation may take to arrive, and no longer. The same token
        should give the same object, so that what is derived from it is made once. Raises TokenRefused.
        """
        ...


def claim_text(name: str, value: JsonValue) -> str:
    """One claim as the event carries it: always text (api-gateway.md section 2)."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _date_text(value) if name in {"exp", "iat"} else msgspec.json.encode(value).decode()
    if isinstance(value, list):
        return ",".join(claim_text("", element) for element in value)
    if value is None:
        return ""
    return msgspec.json.encode(value).decode()


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _date_text(epoch: float) -> str:
    """Java's Date.toString() in UTC: `Fri Dec 17 12:39:25 UTC 2021`, whatever our locale is."""
    t = time.gmtime(epoch)
    day, month = _DAYS[t.tm_wday], _MONTHS[t.tm_mon - 1]
    return f"{day} {month} {t.tm_mday:02} {t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02} UTC {t.tm_year}"
