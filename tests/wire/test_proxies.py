"""Whose word on addresses and hosts counts: a trusted proxy's, nobody else's."""

import pytest

from poolhouse.http.message import Request
from poolhouse.wire.proxies import BadProxy, TrustedProxies
from tests.wire.exchange import Body


def request(peer: str, **headers: str) -> Request:
    lines = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    return Request("GET", b"/", lines, scheme="http", peer=peer, received_at=0.0, body=Body())


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "6.6.6.6, 203.0.113.9, 10.0.0.2", "203.0.113.9"),  # what a client adds in front counts for nothing
        ("10.0.0.1", "garbage", "10.0.0.1"),
        ("10.0.0.1", "10.0.0.5", "10.0.0.1"),
        ("198.51.100.7", "203.0.113.9", "198.51.100.7"),
        ("::1", "203.0.113.9", "::1"),
    ],
)
def test_the_client_is_the_last_address_that_no_trusted_proxy_has(peer: str, forwarded: str, address: str) -> None:
    proxies = TrustedProxies(["10.0.0.0/8"])
    assert proxies.client_address(request(peer, X_Forwarded_For=forwarded)) == address


def test_without_trusted_proxies_the_socket_decides() -> None:
    proxies = TrustedProxies([])
    seen = request("10.0.0.1", X_Forwarded_For="203.0.113.9", X_Forwarded_Host="evil.example", Host="evil.example")
    assert proxies.client_address(seen) == "10.0.0.1"
    assert proxies.base_url(seen) is None


@pytest.mark.parametrize(
    ("headers", "url"),
    [
        ({"Host": "id.example.com"}, "http://id.example.com"),
        ({"Host": "inner:9229", "X_Forwarded_Host": "id.example.com"}, "http://id.example.com"),
        ({"Host": "id.example.com", "X_Forwarded_Proto": "https"}, "https://id.example.com"),
        ({"Host": "id.example.com", "X_Forwarded_Proto": "gopher"}, "http://id.example.com"),
        ({"Host": "[::1]:9229"}, "http://[::1]:9229"),
        ({"Host": "id.example.com/path"}, None),
        ({"Host": "user@id.example.com"}, None),
        ({}, None),
    ],
)
def test_the_url_is_what_a_trusted_proxy_says(headers: dict[str, str], url: str | None) -> None:
    assert TrustedProxies(["10.0.0.1"]).base_url(request("10.0.0.1", **headers)) == url


def test_a_proxy_that_is_no_address_is_refused_with_what_to_do() -> None:
    with pytest.raises(BadProxy, match="POOLHOUSE_TRUSTED_PROXIES"):
        TrustedProxies(["proxy.internal"])
