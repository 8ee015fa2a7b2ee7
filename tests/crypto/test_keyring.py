"""Sealing: only the right key, place, kind and time open; masters change without touching what is sealed."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolhouse.crypto.encoding import from_base64, from_base64url, to_base64, to_base64url
from poolhouse.crypto.keyring import (
    MAX_TOKEN_TEXT,
    DamagedDataKey,
    KeyRing,
    NoDataKey,
    SealExpired,
    Tampered,
    UnknownDataKey,
    Unsealable,
    WrappedKey,
    WrongMasterKey,
    new_data_key,
)
from poolhouse.crypto.master_key import MasterKey
from poolhouse.crypto.sealing import LANES

CHANCE = random.Random(20260101)
MASTER = MasterKey.generate(CHANCE.randbytes)
OLD, NEW = (new_data_key(MASTER, created, CHANCE.randbytes) for created in (1_000, 2_000))
RING = KeyRing(MASTER, [NEW, OLD], CHANCE.randbytes)
SECRET = b"an SRP verifier, say"
NOW = 1_700_000_000.0


@given(plaintext=st.binary(max_size=300), context=st.binary(max_size=50))
def test_what_is_sealed_opens_in_its_context(plaintext: bytes, context: bytes) -> None:
    assert RING.open(RING.seal(plaintext, context), context) == plaintext


def test_another_context_does_not_open() -> None:
    sealed = RING.seal(SECRET, b"user:a")
    for context in (b"user:b", b"", b"user:a ", b"ser:a"):
        with pytest.raises(Tampered):
            RING.open(sealed, context)


def test_every_changed_byte_is_noticed() -> None:
    sealed = RING.seal(SECRET, b"context")
    for at in range(len(sealed)):
        changed = bytearray(sealed)
        changed[at] ^= 1
        with pytest.raises(Unsealable):
            RING.open(bytes(changed), b"context")


@pytest.mark.parametrize("keep", [0, 1, 4, 5, 6, 18, 33, 34])
def test_a_shortened_box_is_noticed(keep: int) -> None:
    with pytest.raises(Unsealable):
        RING.open(RING.seal(SECRET, b"")[:keep], b"")


def test_a_lengthened_box_is_noticed() -> None:
    with pytest.raises(Tampered):
        RING.open(RING.seal(SECRET, b"") + b"\0", b"")


def test_no_two_boxes_of_one_secret_are_alike() -> None:
    assert len({RING.seal(SECRET, b"") for _ in range(100)}) == 100


def test_every_lane_opens() -> None:
    for lane in range(LANES):
        sealed = KeyRing(MASTER, [OLD], bytes([lane]).__mul__).seal(SECRET, b"lane")
        assert sealed[5] == lane
        assert RING.open(sealed, b"lane") == SECRET


def test_the_newest_key_seals_and_every_key_opens() -> None:
    before, after = KeyRing(MASTER, [OLD]), RING
    assert after.open(before.seal(SECRET, b""), b"") == SECRET
    with pytest.raises(UnknownDataKey) as refused:
        before.open(after.seal(SECRET, b""), b"")
    assert refused.value.key_id == NEW.key_id


# Tokens.


@given(payload=st.binary(max_size=300), kind=st.text(st.characters(codec="utf-8"), max_size=10))
def test_a_token_carries_its_payload(payload: bytes, kind: str) -> None:
    assert RING.open_token(kind, RING.seal_token(kind, payload, NOW + 180), NOW) == payload
    block = RING.seal_block(kind, payload, NOW + 180)
    opened = RING.open_block(kind, block, NOW)
    assert opened.payload == payload
    assert opened.block == from_base64(block.encode())


def test_a_token_of_another_kind_does_not_open() -> None:
    with pytest.raises(Tampered):
        RING.open_token("page", RING.seal_token("session", SECRET, NOW + 180), NOW)
    with pytest.raises(Tampered):
        RING.open_block("page", RING.seal_block("session", SECRET, NOW + 180), NOW)


def test_a_token_ends_at_its_very_millisecond() -> None:
    token = RING.seal_token("session", SECRET, NOW + 180)
    assert RING.open_token("session", token, NOW + 179.999) == SECRET
    with pytest.raises(SealExpired) as refused:
        RING.open_token("session", token, NOW + 180)
    assert refused.value.expires == NOW + 180


def test_a_token_whose_clock_was_moved_does_not_open() -> None:
    token = bytearray(from_base64url(RING.seal_token("session", SECRET, NOW).encode()))
    token[18:26] = int((NOW + 1_000_000) * 1000).to_bytes(8, "big")
    with pytest.raises(Tampered):
        RING.open_token("session", to_base64url(bytes(token)).decode(), NOW)


def test_every_changed_character_of_a_token_is_noticed() -> None:
    for payload in (b"x", b"xy", b"xyz"):  # every length of the last group
        token = RING.seal_token("session", payload, NOW + 180)
        block = RING.seal_block("session", payload, NOW + 180)
        for at in range(len(token)):
            for other in "AQgwz09-_=":
                if other != token[at]:
                    with pytest.raises(Unsealable):
                        RING.open_token("session", token[:at] + other + token[at + 1 :], NOW)
                if other != block[at]:
                    with pytest.raises(Unsealable):
                        RING.open_block("session", block[:at] + other + block[at + 1 :], NOW)


@pytest.mark.parametrize("text", ["", "A", "AA", "not base64!", "é" * 40, "A" * 60, "\0" * 60, "AgAA" * 20])
def test_what_was_never_a_token_does_not_open(text: str) -> None:
    with pytest.raises(Unsealable):
        RING.open_token("session", text, NOW)
    with pytest.raises(Unsealable):
        RING.open_block("session", text, NOW)


def test_a_box_is_no_token_and_a_token_no_box() -> None:
    box = RING.seal(SECRET + bytes(8), b"session")
    with pytest.raises(Tampered):
        RING.open_token("session", to_base64url(box).decode(), NOW)
    with pytest.raises(Tampered):
        RING.open_block("session", to_base64(box).decode(), NOW)
    token = from_base64url(RING.seal_token("session", SECRET, NOW + 180).encode())
    with pytest.raises(Tampered):
        RING.open(token, b"session")


def test_tokens_are_bounded_in_both_directions() -> None:
    with pytest.raises(Tampered):
        RING.open_token("session", "A" * (MAX_TOKEN_TEXT + 1), NOW)
    with pytest.raises(Tampered):
        RING.open_block("session", "A" * (MAX_TOKEN_TEXT + 4), NOW)
    with pytest.raises(ValueError, match="session token"):
        RING.seal_token("session", bytes(MAX_TOKEN_TEXT), NOW)


# Master keys.


def test_a_change_of_master_leaves_what_is_sealed_as_it_is() -> None:
    sealed, token = RING.seal(SECRET, b"c"), RING.seal_token("session", SECRET, NOW + 180)
    successor = MasterKey.generate(CHANCE.randbytes)
    changed = RING.rewrap(successor)
    assert [entry.old for entry in changed] == [OLD, NEW]
    after = KeyRing(successor, [entry.new for entry in changed])
    assert after.open(sealed, b"c") == SECRET
    assert after.open_token("session", token, NOW) == SECRET
    assert RING.open(after.seal(SECRET, b"d"), b"d") == SECRET
    with pytest.raises(WrongMasterKey):
        KeyRing(MASTER, [entry.new for entry in changed])


def test_a_wrong_master_key_is_refused_with_what_to_do() -> None:
    other = MasterKey.generate(CHANCE.randbytes)
    with pytest.raises(WrongMasterKey, match="Give the key that this database was made with") as refused:
        KeyRing(other, [OLD])
    assert (refused.value.needed, refused.value.given) == (MASTER.key_id, other.key_id)


def test_a_ring_without_data_keys_is_refused() -> None:
    with pytest.raises(NoDataKey):
        KeyRing(MASTER, [])


def test_a_damaged_data_key_is_not_taken_for_a_wrong_master_key() -> None:
    for at in (0, *range(9, len(OLD.wrapped))):
        wrapped = bytearray(OLD.wrapped)
        wrapped[at] ^= 1
        with pytest.raises(DamagedDataKey):
            KeyRing(MASTER, [WrappedKey(OLD.key_id, bytes(wrapped), OLD.created_at)])
    for wrapped_key in (OLD.wrapped[:-1], b"", b"\x01"):
        with pytest.raises(DamagedDataKey):
            KeyRing(MASTER, [WrappedKey(OLD.key_id, wrapped_key, OLD.created_at)])


def test_a_data_key_does_not_unwrap_under_another_id() -> None:
    with pytest.raises(DamagedDataKey):
        KeyRing(MASTER, [WrappedKey(NEW.key_id, OLD.wrapped, OLD.created_at)])


@pytest.mark.parametrize("key_id", ["", "zz", "abcd", "not hex!", "0011223344"])
def test_a_data_key_of_no_proper_id_is_damaged(key_id: str) -> None:
    with pytest.raises(DamagedDataKey):
        KeyRing(MASTER, [WrappedKey(key_id, OLD.wrapped, OLD.created_at)])


def test_nothing_secret_prints() -> None:
    for shown in (repr(MASTER), repr(RING), str(RING), repr(RING.__class__)):
        assert MASTER.text() not in shown
        assert MASTER.secret.hex() not in shown
    assert repr(MASTER) == f"MasterKey({MASTER.key_id}, ••••)"
