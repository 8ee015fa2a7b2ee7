"""The development certificate: made once, renewed in time, kept private, and good for real clients."""

import asyncio
import ssl
from pathlib import Path

import pytest
from cryptography import x509

from poolhouse.http.server import Server
from poolhouse.http.tls import development_certificate, server_context
from tests.http.wire import echo

NOW = 1_800_000_000.0
DAY = 86_400.0


def test_keys_are_private_and_the_leaf_names_every_host(tmp_path: Path) -> None:
    files = development_certificate(tmp_path / "tls", lambda: NOW, ("pool.test", "192.0.2.7"))
    for name in ("authority.key", "localhost.key"):
        assert (tmp_path / "tls" / name).stat().st_mode & 0o777 == 0o600
    leaf = x509.load_pem_x509_certificate(files.chain.read_bytes())
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(names.get_values_for_type(x509.DNSName)) == {
        "localhost",
        "*.execute-api.localhost",
        "*.auth.localhost",
        "pool.test",
    }
    assert {str(ip) for ip in names.get_values_for_type(x509.IPAddress)} == {"127.0.0.1", "::1", "192.0.2.7"}


@pytest.mark.parametrize(
    ("later", "hosts", "same_leaf", "same_authority"),
    [
        (0, (), True, True),
        (300 * DAY, (), True, True),
        (370 * DAY, (), False, True),
        (0, ("new.test",), False, True),
        (3300 * DAY, (), False, False),
        (-30 * DAY, (), False, False),
    ],
)
def test_what_is_still_good_is_used_again(
    tmp_path: Path, later: float, hosts: tuple[str, ...], same_leaf: bool, same_authority: bool
) -> None:
    first = development_certificate(tmp_path, lambda: NOW)
    leaf, authority = first.chain.read_bytes(), first.authority.read_bytes()
    second = development_certificate(tmp_path, lambda: NOW + later, hosts)
    assert (second.chain.read_bytes() == leaf, second.authority.read_bytes() == authority) == (
        same_leaf,
        same_authority,
    )


def test_a_lost_leaf_key_is_replaced_with_its_certificate(tmp_path: Path) -> None:
    files = development_certificate(tmp_path, lambda: NOW)
    files.key.unlink()
    development_certificate(tmp_path, lambda: NOW)
    server_context(files.chain, files.key)


@pytest.mark.parametrize("name", ["localhost", "abc1234567.execute-api.localhost", "127.0.0.1"])
async def test_a_client_that_trusts_the_authority_connects_and_one_that_does_not_is_refused(
    tmp_path: Path, name: str
) -> None:
    import time

    files = development_certificate(tmp_path, time.time)
    server = Server(echo, tls=server_context(files.chain, files.key))
    await server.listen("127.0.0.1", 0)
    try:
        trusting = ssl.create_default_context(cafile=str(files.authority))
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=trusting, server_hostname=name)
        writer.write(b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert (await asyncio.wait_for(reader.read(), 10)).endswith(b"GET /x ")
        writer.close()
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.open_connection(
                "127.0.0.1", server.port, ssl=ssl.create_default_context(), server_hostname=name
            )
    finally:
        await server.stop(0)


async def test_old_protocol_versions_are_refused(tmp_path: Path) -> None:
    import time

    files = development_certificate(tmp_path, time.time)
    assert server_context(files.chain, files.key).minimum_version is ssl.TLSVersion.TLSv1_2
