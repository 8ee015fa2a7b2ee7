"""What an operation costs without sockets: CPU per call in this process, and the profile of one of them.

    python -m benchmarks.in_process [GetUser|AdminGetUser|ListUsers|AdminCreateUser|Refresh|Password]

The whole way of a request but HTTP's bytes: decode, authorise, operation, SQLite, encode. `make bench` has the rest.
"""

import cProfile
import itertools
import pstats
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import uvloop

from poolhouse.access.principals import DevelopmentAuthorizer
from poolhouse.endpoint import Endpoint
from poolhouse.http.message import Request, Response
from poolhouse.wire.proxies import TrustedProxies
from tests.house import House, open_house
from tests.userpools.people import PASSWORD, open_estate

_CALLS = 500
_ROUNDS = 5
_USERS = 60
_SIGNATURE = (
    b"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/eu-west-1/cognito-idp/aws4_request, "
    b"SignedHeaders=host;x-amz-date;x-amz-target, Signature=" + b"a" * 64
)


class _Body:
    """A body that has arrived."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def read(self, limit: int | None = None) -> bytes:
        del limit
        return self._content

    async def stream(self) -> AsyncIterator[bytes]:
        yield self._content

    async def wait_disconnect(self) -> None:
        return None

    def on_disconnect(self, callback: Callable[[], object]) -> None:
        del callback


def _request(operation: str, body: dict[str, object]) -> Request:
    headers = [
        (b"Host", b"localhost:9229"),
        (b"Content-Type", b"application/x-amz-json-1.1"),
        (b"X-Amz-Target", f"AWSCognitoIdentityProviderService.{operation}".encode()),
        (b"Authorization", _SIGNATURE),
        (b"X-Amz-Date", b"20261123T000000Z"),
    ]
    content = _Body(msgspec.json.encode(body))
    return Request("POST", b"/", headers, scheme="http", peer="127.0.0.1", received_at=0.0, body=content)


async def _closed(request: Request) -> Response:
    return Response(404)


async def _works(house: House) -> dict[str, Callable[[], Request]]:
    """What asks for each work, on a pool with a page of users."""
    estate = await open_estate(house)
    await estate.confirmed("alice", email="a@b.c", name="Alice")
    for number in range(_USERS):
        await estate.invite(f"user{number}", email=f"user{number}@b.c", name="Somebody")
    tokens = await estate.password_sign_in("alice")
    refresh = {"REFRESH_TOKEN": tokens.refresh_token}
    password = {"USERNAME": "alice", "PASSWORD": PASSWORD}
    sign_in = {"ClientId": estate.client_id}
    numbers = itertools.count()

    def new_user() -> Request:
        body = {"UserPoolId": estate.pool_id, "Username": f"new{next(numbers)}", "TemporaryPassword": PASSWORD}
        return _request("AdminCreateUser", {**body, "MessageAction": "SUPPRESS"})

    def asking(operation: str, body: dict[str, object]) -> Callable[[], Request]:
        return lambda: _request(operation, body)

    return {
        "GetUser": asking("GetUser", {"AccessToken": tokens.access_token}),
        "AdminGetUser": asking("AdminGetUser", {"UserPoolId": estate.pool_id, "Username": "alice"}),
        "ListUsers": asking("ListUsers", {"UserPoolId": estate.pool_id, "Limit": _USERS}),
        "AdminCreateUser": new_user,
        "Refresh": asking("InitiateAuth", {**sign_in, "AuthFlow": "REFRESH_TOKEN_AUTH", "AuthParameters": refresh}),
        "Password": asking("InitiateAuth", {**sign_in, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": password}),
    }


async def _measure(profiled: str | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        house = await open_house(f"sqlite:///{folder}/poolhouse.db", Path(folder) / "state")
        endpoint = Endpoint(
            house.services,
            DevelopmentAuthorizer(account_id="000000000000"),
            TrustedProxies([]),
            clock=house.clock,
            chance=random.SystemRandom(),
            time_limit=30,
            gateway=_closed,
            mounts=(),
        )

        async def run(ask: Callable[[], Request]) -> float:
            started = time.process_time()
            for _ in range(_CALLS):
                answer = await endpoint.handle(ask())
                assert answer.status == 200, answer.body
            return (time.process_time() - started) / _CALLS

        works = await _works(house)
        for name, ask in works.items():
            best = min([await run(ask) for _ in range(_ROUNDS)])
            print(f"{name:14} {best * 1e6:8.1f} µs CPU")
        if profiled is not None:
            # By this thread's CPU, or the profile would show waiting for the disk and for other programs.
            profile = cProfile.Profile(time.thread_time)
            profile.enable()
            await run(works[profiled])
            profile.disable()
            pstats.Stats(profile).sort_stats("tottime").print_stats(12)
        await house.close()


if __name__ == "__main__":
    uvloop.run(_measure(sys.argv[1] if len(sys.argv) > 1 else None))
