"""The operator's own certificate, looked at before anything is started: what cannot serve is refused in one line.

Owns those refusals. The server's TLS settings are the HTTP room's.
"""

import os
from pathlib import Path

from poolhouse.cli.failures import Refused
from poolhouse.config import PREFIX, Config

_CERTIFICATE = f"{PREFIX}TLS_CERTIFICATE"
_KEY = f"{PREFIX}TLS_KEY"


def check_certificate(config: Config) -> None:
    """Refuse half a pair, files that cannot be read, and a certificate and a key that do not serve. Raises Refused."""
    if bool(config.tls_certificate) != bool(config.tls_key):
        raise Refused(f"HTTPS needs both {_CERTIFICATE} and {_KEY}")
    if not config.tls_certificate:
        return
    chain, key = Path(config.tls_certificate), Path(config.tls_key)
    for name, path in ((_CERTIFICATE, chain), (_KEY, key)):
        if not path.is_file() or not os.access(path, os.R_OK):
            raise Refused(f"{name}: {path} cannot be read")
    if not _serves(chain, key):
        raise Refused(
            f"{_CERTIFICATE} and {_KEY}: {chain} and {key} are not a certificate chain and its key; "
            "give both as PEM, the key without a passphrase"
        )


def _serves(chain: Path, key: Path) -> bool:
    # Imported only where the operator brings a certificate.
    import ssl

    try:
        # An empty passphrase: without one OpenSSL would ask the terminal, and wait.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(chain, key, password="")
    except OSError:
        return False
    return True
