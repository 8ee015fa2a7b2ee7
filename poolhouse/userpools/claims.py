"""The claims of ID and access tokens (contract/tokens.md §§1-3, 6). Pure: facts in, claims out."""

from poolhouse.storage.groups import GroupOfUser
from poolhouse.storage.users import UserRow

Claim = str | int | bool | list[str] | dict[str, str]
Claims = dict[str, Claim]

API_SCOPE = "aws.cognito.signin.user.admin"
"""The scope of every token from an API sign-in: it opens the user's own account."""

_BOOLEANS = ("email_verified", "phone_number_verified")


class TokenFacts:
    """What both tokens of one issue have in common. Times are epoch seconds."""

    __slots__ = ("auth_time", "client_id", "event_id", "groups", "iat", "issuer", "origin_jti", "user")

    def __init__(
        self,
        *,
        user: UserRow,
        groups: list[GroupOfUser],
        client_id: str,
        issuer: str,
        auth_time: int,
        iat: int,
        event_id: str,
        origin_jti: str | None,
    ) -> None:
        self.user = user
        self.groups = groups
        self.client_id = client_id
        self.issuer = issuer
        self.auth_time = auth_time
        self.iat = iat
        self.event_id = event_id
        self.origin_jti = origin_jti


def id_claims(facts: TokenFacts, readable: frozenset[str], *, jti: str, lifetime: int) -> Claims:
    """Claims of an ID token; `readable` limits the attributes (empty: all), `lifetime` is in seconds."""
    claims: Claims = {"sub": facts.user.user_id}
    _add_groups(claims, facts.groups)
    if facts.groups:
        _add_roles(claims, facts.groups)
    claims["iss"] = facts.issuer
    claims["cognito:username"] = facts.user.username
    if facts.origin_jti is not None:
        claims["origin_jti"] = facts.origin_jti
    claims["aud"] = facts.client_id
    claims["event_id"] = facts.event_id
    claims["token_use"] = "id"
    claims["auth_time"] = facts.auth_time
    claims["exp"] = facts.iat + lifetime
    claims["iat"] = facts.iat
    claims["jti"] = jti
    for name, value in facts.user.attributes.items():
        if name.startswith("dev:") or (readable and name not in readable):
            continue
        claims[name] = _attribute_claim(name, value)
    return claims


def access_claims(facts: TokenFacts, *, scope: str, device_key: str | None, jti: str, lifetime: int) -> Claims:
    """Claims of an access token; `lifetime` is in seconds."""
    claims: Claims = {"sub": facts.user.user_id}
    if device_key is not None:
        claims["device_key"] = device_key
    _add_groups(claims, facts.groups)
    claims["iss"] = facts.issuer
    claims["client_id"] = facts.client_id
    if facts.origin_jti is not None:
        claims["origin_jti"] = facts.origin_jti
    claims["event_id"] = facts.event_id
    claims["token_use"] = "access"
    claims["scope"] = scope
    claims["auth_time"] = facts.auth_time
    claims["exp"] = facts.iat + lifetime
    claims["iat"] = facts.iat
    claims["jti"] = jti
    claims["username"] = facts.user.username
    return claims


def _attribute_claim(name: str, value: str) -> Claim:
    if name in _BOOLEANS:
        return value == "true"
    if name == "address":
        return {"formatted": value}
    if name == "updated_at" and value.isascii() and value.isdigit():
        return int(value)
    return value


def _add_groups(claims: Claims, groups: list[GroupOfUser]) -> None:
    if groups:
        claims["cognito:groups"] = [group.name for group in groups]


def _add_roles(claims: Claims, groups: list[GroupOfUser]) -> None:
    """All roles, and the one preferred: the best precedence's, unless groups tie there with different roles."""
    with_role = [group for group in groups if group.role_arn is not None]
    if not with_role:
        return
    claims["cognito:roles"] = [group.role_arn for group in with_role if group.role_arn is not None]
    best = with_role[0].precedence
    contenders = {group.role_arn for group in with_role if group.precedence == best}
    if len(contenders) == 1:
        (preferred,) = contenders
        if preferred is not None:
            claims["cognito:preferred_role"] = preferred
