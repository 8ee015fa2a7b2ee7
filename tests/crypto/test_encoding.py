"""Base64: one text per value."""

import base64
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolhouse.crypto.encoding import NotCanonical, from_base64, from_base64url, to_base64, to_base64url

Decode = Callable[[bytes], bytes]


@given(data=st.binary(max_size=200))
def test_what_is_encoded_decodes(data: bytes) -> None:
    assert from_base64url(to_base64url(data)) == data
    assert from_base64(to_base64(data)) == data
    assert to_base64url(data) == base64.urlsafe_b64encode(data).rstrip(b"=")
    assert to_base64(data) == base64.b64encode(data)


@given(text=st.text(alphabet="AQgwBcz09-_+/= \n\x00é", max_size=9))
def test_whatever_decodes_encodes_to_the_same_text(text: str) -> None:
    pairs: list[tuple[Decode, Decode]] = [(from_base64url, to_base64url), (from_base64, to_base64)]
    for decode, encode in pairs:
        try:
            data = decode(text.encode())
        except NotCanonical:
            continue
        assert encode(data) == text.encode()


REFUSED_URL = [b"A", b"AAAAA", b"AB", b"AAB", b"QQ==", b"QQ=", b"+w", b"/w", b"Q Q", b"QQ\n", b"=", b"\xc3\xa9A"]
REFUSED = [b"A", b"QQ", b"QQ=", b"QQ===", b"QR==", b"QUJ=", b"-w==", b"_w==", b"QQ==QQ==", b"QQ==\n", b"====", b"Q==="]


@pytest.mark.parametrize("text", REFUSED_URL)
def test_another_spelling_is_refused_in_url_safe_text(text: bytes) -> None:
    with pytest.raises(NotCanonical):
        from_base64url(text)


@pytest.mark.parametrize("text", REFUSED)
def test_another_spelling_is_refused_in_standard_text(text: bytes) -> None:
    with pytest.raises(NotCanonical):
        from_base64(text)
