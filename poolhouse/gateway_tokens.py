"""The gateway's question "is this token good" put to the session authority of the user pools.

Translates between the two rooms' shapes and keeps nothing that the authority has not just confirmed.
"""

from collections import OrderedDict
from typing import cast

from poolhouse.gateway.authority import JsonValue, Refusal, TokenAuthority, TokenRefused
from poolhouse.gateway.authority import VerifiedToken as GatewayToken
from poolhouse.services import Services
from poolhouse.userpools import authority

TOKENS_HELD = 20_000


class GatewayTokens(TokenAuthority):
    """Tokens of this installation's pools, as the gateway sees them."""

    def __init__(self, services: Services) -> None:
        self._authority = services.authority
        self._settings = services.settings
        self._held: OrderedDict[str, tuple[authority.VerifiedToken, GatewayToken]] = OrderedDict()

    async def verify(self, token: str, *, live: bool) -> GatewayToken:
        """See TokenAuthority."""
        try:
            if live:
                verified = await self._authority.verify(token)
            else:
                verified = await self._authority.verify_signature(token)
        except authority.TokenRefused as refused:
            raise TokenRefused(_REFUSALS[refused.reason]) from refused
        held = self._held.get(token)
        if held is not None and held[0] is verified:
            return held[1]
        seen = self._translate(verified)
        self._held[token] = (verified, seen)
        if len(self._held) > TOKENS_HELD:
            self._held.popitem(last=False)
        return seen

    def _translate(self, verified: authority.VerifiedToken) -> GatewayToken:
        region = verified.pool_id.partition("_")[0]
        return GatewayToken(
            pool_arn=f"arn:aws:cognito-idp:{region}:{self._settings.account_id}:userpool/{verified.pool_id}",
            token_use=verified.token_use,
            claims=cast(dict[str, JsonValue], verified.claims),
            expires_at=verified.expires_at,
        )


_REFUSALS: dict[authority.Reason, Refusal] = {
    "malformed": Refusal.MALFORMED,
    "unknown_key": Refusal.UNKNOWN_KEY,
    "bad_signature": Refusal.BAD_SIGNATURE,
    "expired": Refusal.EXPIRED,
    "wrong_pool": Refusal.UNKNOWN_POOL,
    "revoked": Refusal.REVOKED,
    "signed_out": Refusal.SIGNED_OUT,
    "user_disabled": Refusal.USER_DISABLED,
    "user_deleted": Refusal.USER_DELETED,
    "client_deleted": Refusal.CLIENT_DELETED,
}
