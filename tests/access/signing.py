"""Requests as botocore signs them, in the shape in which our server hands them on."""

from collections.abc import AsyncIterator, Callable
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from poolhouse.http.message import RawHeaders, Request

KEY_ID = "AKIAABCDEFGHIJKLMNOP"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


class WholeBody:
    """A body that has already arrived."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def read(self, limit: int | None = None) -> bytes:
        return self._body

    async def stream(self) -> AsyncIterator[bytes]:
        yield self._body

    async def wait_disconnect(self) -> None:
        return

    def on_disconnect(self, callback: Callable[[], object]) -> None:
        callback()


def make_request(
    method: str, target: str, headers: RawHeaders, body: bytes = b"", *, peer: str = "127.0.0.1"
) -> Request:
    return Request(
        method,
        target.encode(),
        headers,
        scheme="http",
        peer=peer,
        received_at=0.0,
        body=WholeBody(body),
    )


def sign(
    *,
    method: str = "POST",
    url: str = "http://localhost:9229/",
    params: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
    body: bytes = b"{}",
    service: str = "cognito-idp",
    region: str = "eu-west-1",
    token: str | None = None,
    key_id: str = KEY_ID,
    secret: str = SECRET,
    presigned_seconds: int | None = None,
    peer: str = "127.0.0.1",
) -> Request:
    """Sign with botocore's own signer, at the present time."""
    request = AWSRequest(method=method, url=url, params=params or {}, headers=headers or {}, data=body)
    credentials = Credentials(key_id, secret, token)
    if presigned_seconds is None:
        SigV4Auth(credentials, service, region).add_auth(request)
    else:
        SigV4QueryAuth(credentials, service, region, expires=presigned_seconds).add_auth(request)
    prepared = request.prepare()
    parts = urlsplit(prepared.url)
    raw: RawHeaders = [(b"Host", parts.netloc.encode())]
    for name, value in prepared.headers.items():
        text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
        raw.append((name.encode(), text.encode("latin-1")))
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    return make_request(method, target, raw, body, peer=peer)


def replace_header(request: Request, name: bytes, value: bytes | None) -> Request:
    """The same request with one header changed, or left out."""
    headers = [(key, old) for key, old in request.headers if key.lower() != name]
    if value is not None:
        headers.append((name, value))
    return make_request(request.method, request.target.decode(), headers, peer=request.peer)
