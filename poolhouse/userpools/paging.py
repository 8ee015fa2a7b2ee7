"""The opaque tokens that lists are paged with: where the next page starts, sealed to the list that it belongs to.

Owns the token's form (contract/rules.md section 8). Knows no list.
"""

from collections.abc import Sequence

import msgspec

from poolhouse.call import Call
from poolhouse.crypto.keyring import Unsealable
from poolhouse.model.cognito_idp_model import InvalidParameterException

TOKEN_SECONDS = 86_400
LARGEST_PAGE = 60

_after = msgspec.json.Decoder(list[str])


def seal_page(call: Call, scope: Sequence[str], after: Sequence[str]) -> str:
    """A token for the page that follows the key `after` in the list `scope` (operation, pool, filters …)."""
    return call.services.keyring.seal_token(_kind(scope), msgspec.json.encode(after), call.now + TOKEN_SECONDS)


def open_page(call: Call, scope: Sequence[str], token: str | None) -> list[str] | None:
    """The key that the page follows; None for the first page.

    Raises InvalidParameterException for a token that is forged, too old, or of another list.
    """
    if token is None:
        return None
    try:
        return _after.decode(call.services.keyring.open_token(_kind(scope), token, call.now))
    except Unsealable:
        raise InvalidParameterException("Invalid pagination token") from None


def _kind(scope: Sequence[str]) -> str:
    return "page:" + msgspec.json.encode(scope).decode()
