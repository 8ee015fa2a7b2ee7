"""What every verifier of our tokens asks for: a pool's JWKS and its OpenID configuration (contract/tokens.md §5).

Served under each issuer form. Knows no user and no session.
"""

import msgspec

from poolhouse.call import Call
from poolhouse.http.message import RawHeaders, Request, Response
from poolhouse.model.cognito_idp_model import ResourceNotFoundException
from poolhouse.userpools.issuing import issuer_of

_JWKS = "/.well-known/jwks.json"
_CONFIGURATION = "/.well-known/openid-configuration"
_JSON: RawHeaders = [(b"Content-Type", b"application/json"), (b"Access-Control-Allow-Origin", b"*")]
# A rotated-in key must be seen soon; verifiers look again when they meet an unknown kid.
_CACHED: RawHeaders = [*_JSON, (b"Cache-Control", b"public, max-age=300")]


def is_discovery(path: str) -> bool:
    """Whether the path is one of ours: `/{poolId}/.well-known/…`."""
    return path.endswith((_JWKS, _CONFIGURATION))


async def discovery(call: Call, request: Request) -> Response:
    """Answer GET and HEAD of a pool's published documents."""
    if request.method == "OPTIONS":
        return Response(204, [*_JSON[1:], (b"Access-Control-Allow-Methods", b"GET")])
    if request.method not in ("GET", "HEAD"):
        return Response(405, [*_JSON, (b"Allow", b"GET, HEAD")], b'{"message":"Method Not Allowed"}')
    pool_id, _, document = request.path[1:].partition("/")
    keys = await call.services.signing.keys(pool_id)
    if keys is None or f"/{document}" not in (_JWKS, _CONFIGURATION):
        return Response(404, _JSON, msgspec.json.encode({"message": f"User pool {pool_id[:64]} does not exist."}))
    if f"/{document}" == _JWKS:
        return Response(200, _CACHED, keys.jwks)
    try:
        pool = await call.services.directory.pool(pool_id)
    except ResourceNotFoundException as gone:
        return Response(404, _JSON, msgspec.json.encode({"message": gone.message}))
    return Response(200, _CACHED, msgspec.json.encode(_configuration(issuer_of(call, pool))))


def _configuration(issuer: str) -> dict[str, str | list[str]]:
    """The document of a pool without a domain; its members are in alphabetical order, as the service has them."""
    return {
        "authorization_endpoint": f"{issuer}/authorize",
        "end_session_endpoint": f"{issuer}/logout",
        "id_token_signing_alg_values_supported": ["RS256"],
        "issuer": issuer,
        "jwks_uri": f"{issuer}{_JWKS}",
        "response_types_supported": ["code", "token"],
        "revocation_endpoint": f"{issuer}/revoke",
        "scopes_supported": ["openid", "email", "phone", "profile"],
        "subject_types_supported": ["public"],
        "token_endpoint": f"{issuer}/token",
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "userinfo_endpoint": f"{issuer}/userInfo",
    }
