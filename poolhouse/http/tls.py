"""Development TLS: a certificate authority and a leaf for localhost, kept in the state folder.

Owns those files and the server's TLS settings. Production brings its own certificate; this authority is
for one developer's machine and its key never leaves the folder.
"""

import ipaddress
import os
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_HOSTS = ("localhost", "*.execute-api.localhost", "*.auth.localhost", "127.0.0.1", "::1")
_AUTHORITY_DAYS = 3650
_LEAF_DAYS = 397
"""Apple's platforms refuse longer-lived leaves."""
_RENEW_BEFORE = timedelta(days=30)
_BACKDATE = timedelta(minutes=5)

_Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class DevelopmentCertificate:
    """Where the files lie. `authority` is what a client is told to trust."""

    authority: Path
    chain: Path
    key: Path


def development_certificate(folder: Path, clock: _Clock, extra_hosts: tuple[str, ...] = ()) -> DevelopmentCertificate:
    """The development certificate in `folder`, made or renewed if need be.

    `clock` is epoch seconds. What is still valid and names every host is used again; the authority is only
    replaced when it expires, so that trust in it lasts. Raises OSError (folder not writable) and ValueError
    (a file there is not what it should be, or a host name is not one).
    """
    now = datetime.fromtimestamp(clock(), UTC)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    files = DevelopmentCertificate(
        authority=folder / "authority.pem", chain=folder / "localhost.pem", key=folder / "localhost.key"
    )
    names = _alternative_names((*_HOSTS, *extra_hosts))
    authority, authority_key = _authority(files.authority, folder / "authority.key", now)
    if not _leaf_serves(files, authority, names, now):
        _issue_leaf(files, authority, authority_key, names, now)
    return files


def server_context(chain: Path, key: Path) -> ssl.SSLContext:
    """TLS 1.2 or newer with the given certificate chain and key (PEM files). Raises OSError, ssl.SSLError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(chain, key)
    return context


def _alternative_names(hosts: tuple[str, ...]) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = []
    for host in dict.fromkeys(hosts):
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(host)))
        except ValueError:
            names.append(x509.DNSName(host.lower()))
    return names


def _authority(certificate: Path, key: Path, now: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """The kept authority while it lives long enough for another leaf, or a new one."""
    if certificate.exists() and key.exists():
        kept = x509.load_pem_x509_certificate(certificate.read_bytes())
        if kept.not_valid_before_utc <= now < kept.not_valid_after_utc - timedelta(days=_LEAF_DAYS):
            return kept, _load_key(key)
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Poolhouse development authority")])
    made = (
        _builder(name, name, private.public_key(), now, timedelta(days=_AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(private.public_key()), critical=False)
        .sign(private, hashes.SHA256())
    )
    _write_private(key, _pem_key(private))
    _write(certificate, made.public_bytes(serialization.Encoding.PEM))
    return made, private


def _leaf_serves(
    files: DevelopmentCertificate, authority: x509.Certificate, names: list[x509.GeneralName], now: datetime
) -> bool:
    """Whether the kept leaf is this authority's, names every host and lives long enough."""
    if not files.chain.exists() or not files.key.exists():
        return False
    leaf = x509.load_pem_x509_certificate(files.chain.read_bytes())
    try:
        leaf.verify_directly_issued_by(authority)
    except Exception:  # noqa: BLE001 -- whatever is wrong with it, a new one is the answer
        return False
    held = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    matches = leaf.public_key() == _load_key(files.key).public_key()
    fresh = leaf.not_valid_before_utc <= now < leaf.not_valid_after_utc - _RENEW_BEFORE
    return fresh and matches and set(names) <= set(held)


def _issue_leaf(
    files: DevelopmentCertificate,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    names: list[x509.GeneralName],
    now: datetime,
) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    leaf = (
        _builder(subject, authority.subject, private.public_key(), now, timedelta(days=_LEAF_DAYS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    _write_private(files.key, _pem_key(private))
    _write(files.chain, leaf.public_bytes(pem) + authority.public_bytes(pem))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATE)
        .not_valid_after(now + life)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{path.name} does not hold an elliptic-curve key")  # noqa: TRY004 -- a file's content
    return key


def _pem_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write_private(path: Path, data: bytes) -> None:
    _write(path, data, mode=0o600)


def _write(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Replace a file in one step, so that no reader ever sees half of it."""
    fresh = path.with_suffix(path.suffix + ".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
