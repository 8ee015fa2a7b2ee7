"""Tokens that open nothing, at every door that takes one: the operations and the gateway (contract/tokens.md §§3-7)."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.attacks.premises import PASSWORD, Premises

OPERATIONS: dict[str, Callable[[str], dict[str, Any]]] = {
    "GetUser": lambda token: {"AccessToken": token},
    "GlobalSignOut": lambda token: {"AccessToken": token},
    "ChangePassword": lambda token: {
        "AccessToken": token,
        "PreviousPassword": PASSWORD,
        "ProposedPassword": "N3w!passw0rd-x",
    },
    "DeleteUser": lambda token: {"AccessToken": token},
}
STRANGER = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    header, payload, signature = token.split(".")
    return _decoded(header), _decoded(payload), signature


def _decoded(part: str) -> dict[str, Any]:
    return dict(json.loads(base64.urlsafe_b64decode(part + "==")))


def assembled(header: dict[str, Any], claims: dict[str, Any], sign: Callable[[bytes], bytes]) -> str:
    message = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims).encode())}"
    return f"{message}.{b64(sign(message.encode()))}"


def stranger(message: bytes) -> bytes:
    return STRANGER.sign(message, padding.PKCS1v15(), hashes.SHA256())


async def published_key(premises: Premises, kid: str) -> bytes:
    """Our own public key as PEM: what an HMAC with it would be keyed with."""
    reply = await premises.service.send("GET", f"/{premises.pool_id}/.well-known/jwks.json")
    jwk = next(key for key in reply.json()["keys"] if key["kid"] == kid)
    n, e = (int.from_bytes(base64.urlsafe_b64decode(jwk[name] + "=="), "big") for name in ("n", "e"))
    return (
        rsa.RSAPublicNumbers(e, n)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


async def forgeries(premises: Premises, genuine: str) -> dict[str, str]:
    """Every token that somebody without our keys could make of a genuine one."""
    header, claims, signature = parts(genuine)
    head, payload, _ = genuine.split(".")
    key = await published_key(premises, header["kid"])
    richer = {**claims, "sub": "11111111-1111-4111-8111-111111111111", "username": "root"}
    own_jwk = {"kty": "RSA", "n": b64(STRANGER.public_key().public_numbers().n.to_bytes(256, "big")), "e": "AQAB"}
    elsewhere = claims["iss"].rpartition("/")[0] + "/eu-west-1_Nowhere00"
    return {
        "other claims under the old signature": f"{head}.{b64(json.dumps(richer).encode())}.{signature}",
        "signed by a stranger": assembled(header, richer, stranger),
        "signed by a stranger, whose key comes along": assembled({**header, "jwk": own_jwk}, richer, stranger),
        "signed by a stranger, whose key is elsewhere": assembled(
            {**header, "jku": "http://127.0.0.1:1/jwks.json"}, richer, stranger
        ),
        "a kid that nobody has": assembled({**header, "kid": b64(b"k" * 32)}, richer, stranger),
        "a kid that is a path": assembled({**header, "kid": "../../../dev/null"}, richer, stranger),
        "no kid": assembled({"alg": "RS256"}, richer, stranger),
        "a pool that does not exist": assembled(header, {**claims, "iss": elsewhere}, stranger),
        "an issuer of somebody else": assembled(header, {**claims, "iss": "https://evil.example/"}, stranger),
        "none": assembled({**header, "alg": "none"}, richer, lambda _: b""),
        "None": assembled({**header, "alg": "None"}, richer, lambda _: b""),
        "none, without a last part": f"{b64(json.dumps({**header, 'alg': 'none'}).encode())}.{payload}",
        "HS256 by our public key": assembled(
            {**header, "alg": "HS256"}, richer, lambda message: hmac.digest(key, message, "sha256")
        ),
        "HS256 by nothing": assembled({**header, "alg": "HS256"}, richer, lambda m: hmac.digest(b"", m, "sha256")),
        "another algorithm's name": assembled({**header, "alg": "RS512"}, richer, stranger),
        "no signature": f"{head}.{payload}.",
        "a signature of zeros": f"{head}.{payload}.{b64(bytes(256))}",
        "a signature that is one": f"{head}.{payload}.{b64((1).to_bytes(256, 'big'))}",
        "a longer signature": f"{genuine}AAAA",
        "padding": f"{genuine}=",
        "a line break": f"{head}.\n{payload}.{signature}".replace("\n", "%0A"),
        "five parts": f"{genuine}.{payload}.{head}",
        "claims that are no object": assembled(header, [], stranger),  # type: ignore[arg-type]
        "digest only": f"{head}.{payload}.{b64(hashlib.sha256(f'{head}.{payload}'.encode()).digest())}",
        "not a token": "eyJ",
    }


@pytest.mark.parametrize("operation", list(OPERATIONS))
async def test_a_forged_token_opens_no_operation(embedded: Premises, operation: str) -> None:
    await embedded.user("alice")
    genuine = (await embedded.sign_in("alice"))["AccessToken"]
    for what, token in (await forgeries(embedded, genuine)).items():
        reply = await embedded.service.call(operation, OPERATIONS[operation](token))
        assert (reply.status, reply.error) in (
            (400, "NotAuthorizedException"),
            (400, "InvalidParameterException"),
        ), (what, reply)
    assert (await embedded.service.call("GetUser", {"AccessToken": genuine})).status == 200


@pytest.mark.parametrize("use", ["AccessToken", "IdToken"])
async def test_a_forged_token_does_not_pass_the_gateway(embedded: Premises, use: str) -> None:
    await embedded.user("alice")
    genuine = (await embedded.sign_in("alice"))[use]
    for what, token in (await forgeries(embedded, genuine)).items():
        for spelling in (token, f"Bearer {token}"):
            assert await embedded.visit(spelling) == 401, what
    assert embedded.upstream.seen == []
    assert await embedded.visit(genuine) == 200


@pytest.mark.parametrize("operation", list(OPERATIONS))
async def test_an_id_token_is_no_access_token(embedded: Premises, operation: str) -> None:
    await embedded.user("alice")
    token = (await embedded.sign_in("alice"))["IdToken"]
    reply = await embedded.service.call(operation, OPERATIONS[operation](token))
    assert (reply.error, reply.message) == ("NotAuthorizedException", "Invalid Access Token")
    assert await embedded.visit(token, "/v/scoped/x") == 401, "where scopes are asked for an ID token has none"


@pytest.mark.parametrize("operation", list(OPERATIONS))
async def test_an_expired_token_opens_no_operation(embedded: Premises, operation: str) -> None:
    await embedded.user("alice")
    token = (await embedded.sign_in("alice"))["AccessToken"]
    embedded.clock.forward(3600)
    reply = await embedded.service.call(operation, OPERATIONS[operation](token))
    assert (reply.error, reply.message) == ("NotAuthorizedException", "Access Token has expired")


async def test_an_expired_token_does_not_pass_the_gateway_however_well_it_is_known(embedded: Premises) -> None:
    await embedded.user("alice")
    tokens = await embedded.sign_in("alice")
    for use in ("AccessToken", "IdToken"):
        assert await embedded.visit(tokens[use]) == 200
    embedded.clock.forward(3600)
    for use in ("AccessToken", "IdToken"):
        reply = await embedded.gateway.send("GET", "/v/guarded/x", {"Authorization": tokens[use]})
        assert (reply.status, reply.json()) == (401, {"message": "The incoming token has expired"})


async def test_a_token_of_another_pool_is_of_no_use_here(premises: Premises) -> None:
    """Genuine, of this installation, signed by keys that we know: but the route is another pool's."""
    pool_id, client_id = await premises.another_pool()
    await premises.user("mallory", pool_id=pool_id)
    foreign = await premises.sign_in("mallory", client_id=client_id)
    for use in ("AccessToken", "IdToken"):
        assert await premises.visit(foreign[use]) == 401
    await premises.user("alice")
    own = await premises.sign_in("alice")
    header, claims, signature = parts(own["AccessToken"])
    other_header, _, _ = parts(foreign["AccessToken"])
    swapped = f"{b64(json.dumps({**header, 'kid': other_header['kid']}).encode())}.{own['AccessToken'].split('.')[1]}"
    assert await premises.visit(f"{swapped}.{signature}") == 401
    reply = await premises.service.call("GetUser", {"AccessToken": f"{swapped}.{signature}"})
    assert reply.error == "NotAuthorizedException"
    moved = {**claims, "iss": claims["iss"].replace(premises.pool_id, pool_id)}
    assert (
        await premises.visit(f"{b64(json.dumps(header).encode())}.{b64(json.dumps(moved).encode())}.{signature}") == 401
    )


async def test_a_refresh_token_is_no_access_token_and_an_access_token_no_refresh_token(embedded: Premises) -> None:
    await embedded.user("alice")
    tokens = await embedded.sign_in("alice")
    assert await embedded.visit(tokens["RefreshToken"]) == 401
    reply = await embedded.service.call("GetUser", {"AccessToken": tokens["RefreshToken"]})
    assert reply.status == 400
    for use in ("AccessToken", "IdToken"):
        reply = await embedded.service.call(
            "InitiateAuth",
            {
                "ClientId": embedded.client_id,
                "AuthFlow": "REFRESH_TOKEN_AUTH",
                "AuthParameters": {"REFRESH_TOKEN": tokens[use]},
            },
        )
        assert (reply.error, reply.message) == ("NotAuthorizedException", "Invalid Refresh Token")


async def test_two_authorization_headers_are_no_authorization(embedded: Premises) -> None:
    """The authorizer and the integration would each believe another one."""
    await embedded.user("alice")
    good = (await embedded.sign_in("alice"))["IdToken"]
    _, claims, _ = parts(good)
    forged = assembled({"alg": "none"}, {**claims, "cognito:groups": ["admins"]}, lambda _: b"")
    for first, second in ((good, forged), (forged, good), (good, good)):
        reply = await embedded.gateway.send(
            "GET", "/v/guarded/x", [("Authorization", first), ("authorization", second)]
        )
        assert reply.status == 401, reply
    assert embedded.upstream.seen == []
