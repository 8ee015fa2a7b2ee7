"""Where an app client may send browsers: which addresses can be registered for sign-in and sign-out.

Pure (CreateUserPoolClient CallbackURLs, LogoutURLs, DefaultRedirectURI). Knows no request that uses them.
"""

from collections.abc import Sequence
from urllib.parse import urlsplit

from poolhouse.model.cognito_idp_model import InvalidParameterException

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
# DEVIATION: the service takes any scheme; these run in the page that redirects instead of leaving it.
_RUNNING_SCHEMES = frozenset({"javascript", "data", "vbscript", "blob", "file"})


def check_redirects(callbacks: Sequence[str], logouts: Sequence[str], default: str | None) -> None:
    """Raises InvalidParameterException for an address that must not be redirected to, or an unlisted default."""
    for url in (*callbacks, *logouts):
        _check(url)
    if default is not None and default not in callbacks:
        raise InvalidParameterException("DefaultRedirectURI must be one of the CallbackURLs.")


def _check(url: str) -> None:
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        raise InvalidParameterException(f"{url} is not a valid URL.") from None
    if not parts.scheme or parts.scheme in _RUNNING_SCHEMES or (parts.scheme in ("http", "https") and not host):
        raise InvalidParameterException(f"{url} is not a valid URL.")
    if "#" in url:
        raise InvalidParameterException(f"{url} cannot contain a fragment.")
    if parts.scheme == "http" and host not in _LOOPBACK:
        raise InvalidParameterException(f"{url} cannot use the HTTP protocol.")
