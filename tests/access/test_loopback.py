"""Development mode opens to this machine only."""

import pytest

from poolhouse.access.principals import NotLoopback, require_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost", "LOCALHOST"])
def test_a_loopback_address_is_taken(host: str) -> None:
    require_loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "192.0.2.1", "example.com", "localhost.example.com", "[::]"])
def test_any_other_address_is_refused_with_what_to_do(host: str) -> None:
    with pytest.raises(NotLoopback, match="poolhouse serve"):
        require_loopback(host)
