"""SRP byte for byte as the clients compute it: the vectors, an independent client, and every dishonest number."""

import base64
import datetime
import hashlib
import hmac
import json
import random
from pathlib import Path

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct
from msgspec import json as msgspec_json
from pycognito.aws_srp import AWSSRP, generate_hash_device

from poolhouse.crypto.srp_group import GENERATOR, PRIME
from poolhouse.userpools import srp


class Case(Struct, kw_only=True):
    """One exchange that two clients agreed on; numbers in hex."""

    name: str
    kind: str
    identity: str
    context: str
    password: str
    salt_wire: str
    salt_pad_hex: str
    inner_hash_hex: str
    x: str
    verifier: str
    a: str
    SRP_A_wire: str
    b: str
    SRP_B_wire: str
    u: str
    u_pad_hex: str
    S: str
    hkdf_key_hex: str
    SECRET_BLOCK: str
    TIMESTAMP: str
    PASSWORD_CLAIM_SIGNATURE: str


VECTORS = json.loads(Path(__file__).with_name("srp-vectors.json").read_text())
CASES = msgspec_json.decode(msgspec_json.encode(VECTORS["cases"]), type=list[Case])
POOL = "AbCdEfGhI"


@pytest.fixture(params=CASES, ids=lambda case: f"{case.name}-{case.kind}")
def case(request: pytest.FixtureRequest) -> Case:
    """Each vector in turn."""
    found: Case = request.param
    return found


# The vectors.


def test_the_group_and_the_multiplier_are_the_vectors() -> None:
    assert int(VECTORS["N"], 16) == PRIME == srp.N
    assert int(VECTORS["g"], 16) == GENERATOR
    assert int(VECTORS["k"], 16) == srp.MULTIPLIER


def test_the_verifier_is_the_vector_s(case: Case) -> None:
    salt = int(case.salt_wire, 16)
    assert srp.wire_hex(salt) == case.salt_wire
    assert srp.pad(salt).hex() == case.salt_pad_hex
    inner = hashlib.sha256(f"{case.context}{case.identity}:{case.password}".encode()).hexdigest()
    assert inner == case.inner_hash_hex
    assert srp.private_key(case.context, case.identity, case.password, salt) == int(case.x, 16)
    verifier = srp.make_verifier(case.context, case.identity, case.password, salt)
    assert srp.wire_hex(verifier) == case.verifier


def test_b_is_the_vector_s(case: Case) -> None:
    public = srp.server_public(int(case.b, 16), int(case.verifier, 16))
    assert srp.wire_hex(public) == case.SRP_B_wire


def test_the_key_is_the_vector_s_step_by_step(case: Case) -> None:
    client_public = srp.parse_client_public(case.SRP_A_wire)
    server_public, private, verifier = (int(text, 16) for text in (case.SRP_B_wire, case.b, case.verifier))
    u = srp.scramble(client_public, server_public)
    assert srp.wire_hex(u) == case.u
    assert srp.pad(u).hex() == case.u_pad_hex
    secret = srp.shared_secret(client_public, u, private, verifier)
    assert srp.wire_hex(secret) == case.S
    assert srp.derive_key(secret, u).hex() == case.hkdf_key_hex
    assert srp.server_key(client_public, server_public, private, verifier).hex() == case.hkdf_key_hex


def test_the_proof_is_the_vector_s(case: Case) -> None:
    key, block = bytes.fromhex(case.hkdf_key_hex), base64.b64decode(case.SECRET_BLOCK)
    timestamp = srp.canonical_timestamp(case.TIMESTAMP)
    assert timestamp == case.TIMESTAMP
    made = srp.claim_signature(key, case.context, case.identity, block, timestamp)
    assert made == case.PASSWORD_CLAIM_SIGNATURE
    assert srp.verify_claim(made, key, case.context, case.identity, block, timestamp)


def test_a_proof_holds_for_nothing_else(case: Case) -> None:
    key, block, proof = (
        bytes.fromhex(case.hkdf_key_hex),
        base64.b64decode(case.SECRET_BLOCK),
        case.PASSWORD_CLAIM_SIGNATURE,
    )
    whole = (key, case.context, case.identity, block, case.TIMESTAMP)
    assert srp.verify_claim(proof, *whole)
    assert not srp.verify_claim(proof, bytes(16), *whole[1:])
    assert not srp.verify_claim(proof, key, "Other", *whole[2:])
    assert not srp.verify_claim(proof, *whole[:2], "mallory", *whole[3:])
    assert not srp.verify_claim(proof, *whole[:3], block[:-1], case.TIMESTAMP)
    assert not srp.verify_claim(proof, *whole[:4], srp.format_timestamp(0))


@pytest.mark.parametrize("proof", ["", "A", "not base64", "é" * 44, "A" * 44, "A" * 5000])
def test_what_is_no_proof_is_wrong_and_not_an_error(proof: str) -> None:
    assert not srp.verify_claim(proof, bytes(16), POOL, "alice", b"block", "Tue Mar 4 05:06:07 UTC 2025")


def test_a_device_s_verifier_is_read_as_the_client_sends_it() -> None:
    (entry,) = (entry for entry in VECTORS["cases"] if entry["kind"] == "device")
    sent = entry["ConfirmDevice.DeviceSecretVerifierConfig"]
    salt, verifier = srp.device_verifier(sent["Salt"], sent["PasswordVerifier"])
    assert srp.wire_hex(salt) == entry["salt_wire"]
    assert srp.wire_hex(verifier) == entry["verifier"]


def _base64(number: int, length: int) -> str:
    return base64.b64encode(number.to_bytes(length, "big")).decode()


BAD_DEVICES = {
    "no salt": ("", _base64(7, 384)),
    "a long salt": (_base64(7, 65), _base64(7, 384)),
    "a long verifier": (_base64(7, 16), _base64(7, 386)),
    "verifier 0": (_base64(7, 16), _base64(0, 384)),
    "verifier 1": (_base64(7, 16), _base64(1, 384)),
    "verifier N-1": (_base64(7, 16), _base64(PRIME - 1, 384)),
    "verifier N": (_base64(7, 16), _base64(PRIME, 385)),
    "no verifier": (_base64(7, 16), ""),
    "no base64": ("salt!", _base64(7, 384)),
    "hex": (_base64(7, 16), "é"),
}


@pytest.mark.parametrize("name", BAD_DEVICES)
def test_a_device_verifier_that_proves_nothing_is_refused(name: str) -> None:
    with pytest.raises(srp.BadVerifier):
        srp.device_verifier(*BAD_DEVICES[name])


# An independent client.


def _client(password: str, secret: str | None = None) -> AWSSRP:
    unsigned = boto3.client("cognito-idp", region_name="eu-west-1", config=Config(signature_version=UNSIGNED))
    return AWSSRP("alice", password, f"eu-west-1_{POOL}", "client", client=unsigned, client_secret=secret)


def _sign_in(password: str, verifier: int, salt: int, seed: int) -> bool:
    """A whole exchange between pycognito and us; whether the proof holds."""
    chance = random.Random(seed)
    client = _client(password)
    private = int.from_bytes(chance.randbytes(32), "big")
    client_public = srp.parse_client_public(client.get_auth_params()["SRP_A"])
    server_public = srp.server_public(private, verifier)
    block = chance.randbytes(500)
    challenge = {
        "USERNAME": "alice",
        "USER_ID_FOR_SRP": "alice",
        "SALT": srp.wire_hex(salt),
        "SRP_B": srp.wire_hex(server_public),
        "SECRET_BLOCK": base64.b64encode(block).decode(),
    }
    answer = client.process_challenge(challenge, {"USERNAME": "alice"})
    key = srp.server_key(client_public, server_public, private, verifier)
    timestamp = srp.canonical_timestamp(answer["TIMESTAMP"])
    return srp.verify_claim(answer["PASSWORD_CLAIM_SIGNATURE"], key, POOL, "alice", block, timestamp)


@settings(max_examples=20, deadline=None)
@given(
    password=st.text(st.characters(codec="utf-8"), min_size=1, max_size=40),
    salt=st.integers(min_value=1, max_value=2**128 - 1),
    seed=st.integers(min_value=0, max_value=2**32),
)
def test_pycognito_signs_in_with_any_password_and_salt(password: str, salt: int, seed: int) -> None:
    assert _sign_in(password, srp.make_verifier(POOL, "alice", password, salt), salt, seed)


@pytest.mark.parametrize("salt", [1, 0x7F, 0x80, 0xFF, 0x0B02, 2**120 - 1, 2**127, 2**124 + 1])
def test_pycognito_signs_in_under_every_shape_of_salt(salt: int) -> None:
    assert _sign_in("Passw0rd!", srp.make_verifier(POOL, "alice", "Passw0rd!", salt), salt, salt)


@pytest.mark.parametrize("wrong", ["Passw0rd", "passw0rd!", "Passw0rd! ", "Pässw0rd!"])
def test_pycognito_does_not_sign_in_with_a_wrong_password(wrong: str) -> None:
    assert not _sign_in(wrong, srp.make_verifier(POOL, "alice", "Passw0rd!", 99), 99, 1)


def test_a_verifier_belongs_to_one_user_of_one_pool() -> None:
    mine = srp.make_verifier(POOL, "alice", "Passw0rd!", 99)
    assert mine != srp.make_verifier(POOL, "bob", "Passw0rd!", 99)
    assert mine != srp.make_verifier("Other", "alice", "Passw0rd!", 99)
    assert mine != srp.make_verifier(POOL, "alice", "Passw0rd!", 100)


def test_pycognito_s_device_is_confirmed_and_verified() -> None:
    password, sent = generate_hash_device("-group", "eu-west-1_device")
    salt, verifier = srp.device_verifier(sent["Salt"], sent["PasswordVerifier"])
    assert verifier == srp.make_verifier("-group", "eu-west-1_device", password, salt)


@settings(max_examples=20, deadline=None)
@given(a=st.integers(1, 2**256), b=st.integers(1, 2**256), x=st.integers(1, 2**256))
def test_both_sides_find_the_same_secret(a: int, b: int, x: int) -> None:
    """The client's formula, by Python's own arithmetic."""
    verifier = pow(GENERATOR, x, PRIME)
    client_public = pow(GENERATOR, a, PRIME)
    server_public = srp.server_public(b, verifier)
    u = srp.scramble(client_public, server_public)
    client_s = pow(server_public - srp.MULTIPLIER * verifier, a + u * x, PRIME)
    assert srp.shared_secret(client_public, u, b, verifier) == client_s


@given(number=st.integers(min_value=0, max_value=2**3200))
def test_padding_is_java_s(number: int) -> None:
    padded = srp.pad(number)
    assert int.from_bytes(padded, "big", signed=True) == number
    assert len(padded) == 1 or padded[0] != 0 or padded[1] >= 0x80


# Dishonest numbers.

BAD_PUBLICS = {
    "0": "zero modulo N",
    "00": "zero modulo N",
    format(PRIME, "x"): "zero modulo N",
    format(2 * PRIME, "x"): "zero modulo N",
    format(PRIME << 200, "x"): "zero modulo N",
    "f" * 1025: "too long",
    "": "not hexadecimal",
    " ff": "not hexadecimal",
    "0xff": "not hexadecimal",
    "-ff": "not hexadecimal",
    "f_f": "not hexadecimal",
    "ff\n": "not hexadecimal",
    "fg": "not hexadecimal",
    "\u0661\u0662": "not hexadecimal",
    "\uff11": "not hexadecimal",
}


@pytest.mark.parametrize("text", BAD_PUBLICS, ids=[f"{text[:6]!a}({len(text)})" for text in BAD_PUBLICS])
def test_a_dishonest_a_is_refused(text: str) -> None:
    with pytest.raises(srp.BadClientPublic) as refused:
        srp.parse_client_public(text)
    assert refused.value.reason == BAD_PUBLICS[text]


def test_an_honest_a_may_be_of_any_length_and_case() -> None:
    assert srp.parse_client_public("2") == 2
    assert srp.parse_client_public("ABCdef") == 0xABCDEF
    assert srp.parse_client_public("0" * 1000 + "2") == 2
    assert srp.parse_client_public(format(PRIME + 2, "x")) == PRIME + 2


def test_u_zero_is_refused() -> None:
    with pytest.raises(srp.ZeroScramble):
        srp.shared_secret(2, 0, 5, 7)


def test_an_a_beyond_n_counts_modulo_n() -> None:
    assert srp.shared_secret(PRIME + 2, 9, 5, 7) == srp.shared_secret(2, 9, 5, 7)


# TIMESTAMP.

CANONICAL = {
    "Tue Mar 4 05:06:07 UTC 2025": 1741064767,
    "Thu Jan 1 00:00:00 UTC 1970": 0,
    "Wed Dec 31 23:59:59 UTC 2025": 1767225599,
    "Thu Feb 29 12:00:00 UTC 2024": 1709208000,
    "Fri Dec 31 23:59:59 UTC 9999": 253402300799,
}


@pytest.mark.parametrize("text", CANONICAL)
def test_the_canonical_form_reads_as_itself(text: str) -> None:
    assert srp.canonical_timestamp(text) == text == srp.format_timestamp(CANONICAL[text])


@given(moment=st.datetimes(datetime.datetime(1970, 1, 1), datetime.datetime(9999, 12, 31)))  # UTC
def test_the_form_is_pycognito_s(moment: datetime.datetime) -> None:
    theirs = AWSSRP.get_cognito_formatted_timestamp(moment)
    seconds = int(moment.replace(tzinfo=datetime.UTC, microsecond=0).timestamp())
    assert srp.format_timestamp(seconds) == theirs == srp.canonical_timestamp(theirs)


MISSPELT = {
    "Tue Mar 04 05:06:07 UTC 2025": "Tue Mar 4 05:06:07 UTC 2025",
    "Mon Mar 4 05:06:07 UTC 2025": "Tue Mar 4 05:06:07 UTC 2025",
    "Tue Mar 4 5:6:7 UTC 2025": "Tue Mar 4 05:06:07 UTC 2025",
    "Tue Mar 4 05:06:07 GMT 2025": "Tue Mar 4 05:06:07 UTC 2025",
}


@pytest.mark.parametrize("text", MISSPELT)
def test_another_spelling_is_read_so_that_its_proof_fails(text: str) -> None:
    canonical = srp.canonical_timestamp(text)
    assert canonical == MISSPELT[text]
    theirs = srp.claim_signature(bytes(16), POOL, "alice", b"block", text)
    assert not srp.verify_claim(theirs, bytes(16), POOL, "alice", b"block", canonical)


UNREADABLE = [
    *("", "now", "1741064767", "2025-03-04T05:06:07Z", "Tue Mar 4 05:06:07 2025", "Tue Mär 4 05:06:07 UTC 2025"),
    *("Die Mar 4 05:06:07 UTC 2025", "tue mar 4 05:06:07 utc 2025", "Tue Mar 4 05:06:07 CET 2025"),
    *("Tue Mar 4 24:06:07 UTC 2025", "Tue Mar 4 05:60:07 UTC 2025", "Tue Mar 4 05:06:60 UTC 2025"),
    *("Sat Feb 29 05:06:07 UTC 2025", "Tue Mar 0 05:06:07 UTC 2025", "Tue Mar 32 05:06:07 UTC 2025"),
    *("Tue Mar 4 05:06:07 UTC 1969", "Tue Mar 4 05:06:07 UTC 0000", "Tue Mar 4 05:06:07 UTC 20250"),
    *(" Tue Mar 4 05:06:07 UTC 2025", "Tue Mar 4 05:06:07 UTC 2025\n", "Tue  Mar 4 05:06:07 UTC 2025"),
    "Tue Mar \u0664 05:06:07 UTC 2025",
]


@pytest.mark.parametrize("text", UNREADABLE)
def test_what_is_no_timestamp_is_refused(text: str) -> None:
    with pytest.raises(srp.BadTimestamp):
        srp.canonical_timestamp(text)


# SECRET_HASH.


@pytest.mark.parametrize("sample", VECTORS["secret_hash"], ids=lambda sample: str(sample["username"]))
def test_a_secret_hash_is_the_vector_s(sample: dict[str, str]) -> None:
    user, client, secret, expected = (sample[name] for name in ("username", "clientId", "clientSecret", "SECRET_HASH"))
    assert srp.secret_hash(user, client, secret) == expected
    assert AWSSRP.get_secret_hash(user, client, secret) == expected
    assert srp.verify_secret_hash(expected, user, client, [secret])
    assert srp.verify_secret_hash(expected, user, client, ["another", secret])
    assert srp.verify_secret_hash(expected, user, client, [secret, "another"])


@pytest.mark.parametrize("given_hash", ["", "A", "é", "=" * 44, srp.secret_hash("bob", "client", "secret")])
def test_another_secret_hash_is_refused(given_hash: str) -> None:
    assert not srp.verify_secret_hash(given_hash, "alice", "client", ["secret", "second"])


def test_a_client_without_secrets_fits_no_secret_hash() -> None:
    empty = base64.b64encode(hmac.digest(b"", b"aliceclient", "sha256")).decode()
    assert not srp.verify_secret_hash(empty, "alice", "client", [])
