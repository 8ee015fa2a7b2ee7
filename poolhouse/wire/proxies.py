"""The one door for proxy headers: whose X-Forwarded-* is believed, and what the client's address and URL then are."""

import ipaddress
import re
from collections.abc import Iterable

from poolhouse.http.message import Request

_HOST = re.compile(r"[A-Za-z0-9._\-]{1,253}(:[0-9]{1,5})?|\[[0-9a-fA-F:.]{2,45}\](:[0-9]{1,5})?")
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class BadProxy(Exception):
    """A trusted proxy is neither an address nor a network."""


class TrustedProxies:
    """The proxies in front of us; without any, a request is what its socket says."""

    def __init__(self, networks: Iterable[str]) -> None:
        """From addresses or CIDR networks. Raises BadProxy."""
        try:
            self._networks: list[_Network] = [ipaddress.ip_network(text, strict=False) for text in networks]
        except ValueError as error:
            raise BadProxy(f"POOLHOUSE_TRUSTED_PROXIES: {error}; give addresses or networks like 10.0.0.0/8") from error

    def client_address(self, request: Request) -> str:
        """The client's IP address: the last one in X-Forwarded-For that is not a trusted proxy's."""
        if not self._trusts(request.peer):
            return request.peer
        chain = [part.strip() for value in request.header_values(b"x-forwarded-for") for part in value.split(",")]
        for address in reversed(chain):
            if not _is_address(address):
                return request.peer
            if not self._trusts(address):
                return address
        return request.peer

    def base_url(self, request: Request) -> str | None:
        """The URL that the client asked, as a trusted proxy tells it; None where nobody we trust says so.

        A Host header alone is the client's own word: tokens must not carry an issuer of the caller's choosing.
        """
        if not self._trusts(request.peer):
            return None
        forwarded = request.header(b"x-forwarded-proto")
        scheme: str = forwarded if forwarded in ("http", "https") else request.scheme
        forwarded_hosts = request.header_values(b"x-forwarded-host")
        host = (forwarded_hosts[0] if forwarded_hosts else None) or request.header(b"host") or ""
        # Of several the first is the caller's own, added to instead of replaced on the way.
        if len(forwarded_hosts) > 1 or _HOST.fullmatch(host) is None:
            return None
        return f"{scheme}://{host}"

    def _trusts(self, address: str) -> bool:
        if not self._networks:
            return False
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._networks)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
