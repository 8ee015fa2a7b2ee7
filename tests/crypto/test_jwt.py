"""Our tokens: the exact form, what an independent library makes of them, and every forgery."""

import base64
import hashlib
import hmac
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_private_key
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws, jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from poolhouse.crypto.jwt import (
    MAX_TOKEN,
    BadSignature,
    Claims,
    ExpiredToken,
    InvalidToken,
    MalformedToken,
    PublicJwk,
    PublicKeys,
    SigningKey,
    TokenNotYetValid,
    UnknownKey,
    UnusableKey,
    check_times,
    unverified_issuer,
)

KEY, OTHER, STRANGER = SigningKey.generate(), SigningKey.generate(), SigningKey.generate()
KEYS = PublicKeys([KEY.public_jwk(), OTHER.public_jwk()])
CLAIMS: Claims = {"sub": "5f0c", "iss": "https://pool.example/eu-west-1_AbCdEfGhI", "exp": 2_000_000_000, "email": "ü"}
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def _encode(part: object) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _private(key: SigningKey) -> RSAPrivateKey:
    private = load_der_private_key(key.private_bytes(), None)
    assert isinstance(private, RSAPrivateKey)
    return private


def _joserfc_key(key: SigningKey) -> RSAKey:
    return RSAKey.import_key(key.private_bytes(), {"kid": key.kid})


def _signed_elsewhere(header: dict[str, object], key: SigningKey = KEY, claims: object = CLAIMS) -> str:
    """A token with a genuine signature over any header: what a thief of the signer, not of the key, could ask for."""
    registry = jws.JWSRegistry(strict_check_header=False)
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    return jws.serialize_compact(header, payload, _joserfc_key(key), registry=registry)


# Form.


def test_the_header_is_kid_and_alg_in_this_order() -> None:
    head = KEY.sign(CLAIMS).split(".")[0]
    decoded = base64.urlsafe_b64decode(head + "=" * (-len(head) % 4))
    assert decoded == b'{"kid":"' + KEY.kid.encode() + b'","alg":"RS256"}'
    assert head.startswith("eyJraWQiOi")


def test_a_kid_is_base64_of_32_bytes() -> None:
    assert len(KEY.kid) == 44
    assert len(base64.b64decode(KEY.kid, validate=True)) == 32
    assert KEY.kid != OTHER.kid


def test_the_jwk_has_the_members_of_the_service_in_their_order() -> None:
    jwk = KEY.public_jwk()
    assert list(jwk.__struct_fields__) == ["alg", "e", "kid", "kty", "n", "use"]
    assert (jwk.alg, jwk.e, jwk.kid, jwk.kty, jwk.use) == ("RS256", "AQAB", KEY.kid, "RSA", "sig")


def test_a_key_survives_storage() -> None:
    again = SigningKey.from_private(KEY.kid, KEY.private_bytes())
    assert again.sign(CLAIMS) == KEY.sign(CLAIMS)
    assert again.public_jwk() == KEY.public_jwk()
    assert repr(again) == f"SigningKey({KEY.kid}, ••••)"


def test_claims_may_come_encoded() -> None:
    assert KEYS.verify(KEY.sign(b'{"sub":"5f0c"}')) == {"sub": "5f0c"}


@settings(max_examples=30, deadline=None)
@given(claims=st.dictionaries(st.text(max_size=12), JSON_VALUES, max_size=6))
def test_what_is_signed_is_what_is_read(claims: Claims) -> None:
    assert KEYS.verify(KEY.sign(claims)) == claims


@pytest.mark.parametrize("private", [b"", b"nonsense", KEY.private_bytes()[:-5]])
def test_what_is_no_key_is_refused(private: bytes) -> None:
    with pytest.raises(UnusableKey):
        SigningKey.from_private("kid", private)


def test_a_short_or_foreign_key_is_refused() -> None:
    short = SigningKey("short", generate_private_key(65537, 1024))
    elliptic = ECKey.generate_key("P-256").as_der(private=True)
    for private in (short.private_bytes(), elliptic):
        with pytest.raises(UnusableKey):
            SigningKey.from_private("kid", private)
    for n in (short.public_jwk().n, "", "?", "AA"):
        with pytest.raises(UnusableKey):
            PublicKeys([PublicJwk(alg="RS256", e="AQAB", kid="kid", kty="RSA", n=n, use="sig")])


# An independent library.


def test_joserfc_believes_our_tokens_by_our_jwks() -> None:
    jwks = KeySet([RSAKey.import_key(_as_dict(key)) for key in (KEY, OTHER)])
    read = jwt.decode(OTHER.sign(CLAIMS), jwks, algorithms=["RS256"])
    assert read.claims == CLAIMS
    assert read.header == {"kid": OTHER.kid, "alg": "RS256"}


def _as_dict(key: SigningKey) -> dict[str, str | list[str]]:
    jwk = key.public_jwk()
    return {name: getattr(jwk, name) for name in jwk.__struct_fields__}


def test_we_believe_joserfc_s_tokens_by_our_key() -> None:
    for header in ({"kid": KEY.kid, "alg": "RS256"}, {"alg": "RS256", "typ": "JWT", "kid": KEY.kid}):
        assert KEYS.verify(jwt.encode(dict(header), dict(CLAIMS), _joserfc_key(KEY))) == CLAIMS


# Forgeries.


def test_every_changed_character_is_noticed() -> None:
    token = KEY.sign({"sub": "x"})
    for at in range(len(token)):
        for other in "AQgw.=":
            if other != token[at]:
                with pytest.raises(InvalidToken):
                    KEYS.verify(token[:at] + other + token[at + 1 :])


def test_no_signature_is_no_proof() -> None:
    payload = _encode(CLAIMS)
    for alg in ("none", "None", "NONE", ""):
        head = _encode({"kid": KEY.kid, "alg": alg})
        for signature in ("", "AA", KEY.sign(CLAIMS).split(".")[2]):
            with pytest.raises(MalformedToken):
                KEYS.verify(f"{head}.{payload}.{signature}")
    head, payload, _ = KEY.sign(CLAIMS).split(".")
    with pytest.raises(BadSignature):
        KEYS.verify(f"{head}.{payload}.")


def test_our_public_key_is_no_hmac_secret() -> None:
    public = _joserfc_key(KEY).as_pem(private=False)
    for secret in (public, public.strip(), KEY.public_jwk().n.encode(), b""):
        signed = f"{_encode({'kid': KEY.kid, 'alg': 'HS256'})}.{_encode(CLAIMS)}"
        proof = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
        with pytest.raises(MalformedToken):
            KEYS.verify(f"{signed}.{_encode(proof)}")


@pytest.mark.parametrize("alg", ["RS384", "RS512", "PS256", "rs256"])
def test_our_key_under_another_algorithm_is_refused(alg: str) -> None:
    if alg == "rs256":
        _, payload, signature = KEY.sign(CLAIMS).split(".")
        token = f"{_encode({'kid': KEY.kid, 'alg': alg})}.{payload}.{signature}"
    else:
        signer = jws.JWSRegistry(algorithms=[alg])
        token = jws.serialize_compact({"kid": KEY.kid, "alg": alg}, b"{}", _joserfc_key(KEY), registry=signer)
    with pytest.raises(MalformedToken):
        KEYS.verify(token)


def test_a_key_that_is_not_in_the_set_is_unknown() -> None:
    with pytest.raises(UnknownKey) as refused:
        KEYS.verify(STRANGER.sign(CLAIMS))
    assert refused.value.kid == STRANGER.kid


def test_a_stranger_s_signature_under_our_kid_is_bad() -> None:
    for kid in (KEY.kid, OTHER.kid):
        with pytest.raises(BadSignature):
            KEYS.verify(_signed_elsewhere({"kid": kid, "alg": "RS256"}, STRANGER))
    with pytest.raises(BadSignature):
        KEYS.verify(_signed_elsewhere({"kid": KEY.kid, "alg": "RS256"}, OTHER))


POINTERS: dict[str, dict[str, object]] = {
    "jwk": {"jwk": _as_dict(STRANGER)},
    "jku": {"jku": "https://attacker.example/jwks.json"},
    "x5u": {"x5u": "https://attacker.example/cert.pem"},
    "x5c": {"x5c": ["MIIB"]},
    "crit": {"crit": ["exp"], "exp": 1},
    "b64": {"b64": False, "crit": ["b64"]},
    "zip": {"zip": "DEF"},
}


@pytest.mark.parametrize("name", POINTERS)
@pytest.mark.parametrize("signer", [KEY, STRANGER], ids=["ours", "stranger"])
def test_a_header_that_points_or_asks_is_refused_whoever_signed(name: str, signer: SigningKey) -> None:
    head = _encode({"kid": KEY.kid, "alg": "RS256", **POINTERS[name]})
    signed = f"{head}.{_encode(CLAIMS)}"
    proof = _private(signer).sign(signed.encode(), PKCS1v15(), SHA256())
    with pytest.raises(MalformedToken):
        KEYS.verify(f"{signed}.{_encode(proof)}")


HEADERS: list[object] = [
    b"",
    b"[]",
    b"null",
    b"{",
    b"\xff",
    {"alg": "RS256"},
    {"kid": KEY.kid},
    {"kid": 1, "alg": "RS256"},
]


@pytest.mark.parametrize("header", [*HEADERS, b"[" * 6000])
def test_a_header_that_is_not_ours_is_malformed(header: object) -> None:
    with pytest.raises(MalformedToken):
        KEYS.verify(f"{_encode(header)}.{_encode(CLAIMS)}.AAAA")


TEXTS = ["", ".", "..", "...", "a.b", "a.b.c.d", "é.é.é", "\ud800..", "a b.c.d", "A" * (MAX_TOKEN + 1)]


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_what_is_no_token_is_malformed(text: str) -> None:
    with pytest.raises(MalformedToken):
        KEYS.verify(text)
    if text != "..":
        with pytest.raises(MalformedToken):
            unverified_issuer(text)


@pytest.mark.parametrize("payload", [b"[]", b"1", b"", b"{", b"\xff", b'{"a":' * 3000])
def test_genuine_claims_that_are_no_object_are_malformed(payload: bytes) -> None:
    with pytest.raises(MalformedToken):
        KEYS.verify(_signed_elsewhere({"kid": KEY.kid, "alg": "RS256"}, claims=payload))


def test_padding_and_line_breaks_make_another_token() -> None:
    token = KEY.sign(CLAIMS)
    for changed in (token + "=", token + "\n", " " + token, token.replace(".", "=.", 1)):
        with pytest.raises(MalformedToken):
            KEYS.verify(changed)


# Issuer and times.


def test_the_issuer_can_be_read_before_anything_is_proved() -> None:
    assert unverified_issuer(STRANGER.sign(CLAIMS)) == CLAIMS["iss"]
    assert unverified_issuer(STRANGER.sign({"sub": "x"})) == ""
    for claims in (b"[]", b'{"iss":1}', b"[" * 5000):
        with pytest.raises(MalformedToken):
            unverified_issuer(f"e30.{_encode(claims)}.AA")


TIMES: list[tuple[Claims, type[InvalidToken] | None]] = [
    ({"exp": 1001}, None),
    ({"exp": 1000.5}, None),
    ({"exp": 1001, "nbf": 1000}, None),
    ({"exp": 1000}, ExpiredToken),
    ({"exp": 0}, ExpiredToken),
    ({"exp": 1001, "nbf": 1001}, TokenNotYetValid),
    ({}, MalformedToken),
    ({"exp": None}, MalformedToken),
    ({"exp": "1001"}, MalformedToken),
    ({"exp": True}, MalformedToken),
    ({"exp": 1001, "nbf": "0"}, MalformedToken),
]


@pytest.mark.parametrize(("claims", "refusal"), TIMES)
def test_a_token_counts_within_its_times_only(claims: Claims, refusal: type[InvalidToken] | None) -> None:
    if refusal is None:
        check_times(claims, 1000.0)
    else:
        with pytest.raises(refusal):
            check_times(claims, 1000.0)


def test_leeway_widens_both_ends() -> None:
    check_times({"exp": 1000, "nbf": 1003}, 1001.0, leeway=2.0)
    with pytest.raises(ExpiredToken):
        check_times({"exp": 1000}, 1002.0, leeway=2.0)
    with pytest.raises(TokenNotYetValid):
        check_times({"exp": 2000, "nbf": 1004}, 1001.0, leeway=2.0)
