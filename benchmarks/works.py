"""The works that are measured: each an exchange of requests and answers that makes one operation of a user.

Owns what a client says and what it must get. Knows no socket and no clock but the one in a proof's timestamp.
"""

import base64
import hmac
import itertools
import random
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator

import msgspec
from msgspec import Struct

from benchmarks.messages import Answer, Writer
from benchmarks.people import PASSWORD, Person, email_of
from benchmarks.scene import Scene
from poolhouse.crypto.modexp import powers
from poolhouse.crypto.srp_group import PRIME
from poolhouse.userpools import srp

Exchange = Generator[bytes, Answer, None]
"""Yields requests, is sent their answers, and ends when the operation is done. Raises WorkFailed."""

_SECRET_BITS = 256
_TOKENS = 64
"""People whose tokens are used where a work needs one."""


class WorkFailed(Exception):
    """The server gave another answer than the work must get."""


class _Result(Struct, rename="pascal"):
    access_token: str = ""
    id_token: str = ""
    refresh_token: str = ""


class _SignIn(Struct, rename="pascal"):
    challenge_parameters: dict[str, str] = {}
    authentication_result: _Result | None = None


class _Page(Struct, rename="pascal"):
    pagination_token: str | None = None


_sign_in = msgspec.json.Decoder(_SignIn)
_page = msgspec.json.Decoder(_Page)


class Works:
    """Every work against one scene."""

    def __init__(self, scene: Scene, seed: int) -> None:
        self._chance = random.Random(seed)
        self._write = Writer(scene)
        self._scene = scene
        self._people = self._shuffled(scene.people)
        # One secret for the whole run: the client's half of the arithmetic is not what is measured.
        self._secret = self._chance.getrandbits(_SECRET_BITS)
        self._public = powers().power_of_g(self._secret)
        self._created = itertools.count(self._chance.getrandbits(40) << 20)
        self._pages: list[str] = []
        self._tokens: deque[_Result] = deque()
        self._new_tokens: deque[_Result] = deque(maxlen=10_000)
        self.by_name: dict[str, Callable[[], Exchange]] = {
            "srp": self.srp,
            "password": self.password,
            "refresh": self.refresh,
            "get_user": self.get_user,
            "admin_get_user": self.admin_get_user,
            "list_users": self.list_users,
            "admin_create_user": self.admin_create_user,
            "admin_create_user_inviting": self.admin_create_user_inviting,
            "gateway_open": lambda: self._get("/val/open", None),
            "gateway_known": lambda: self._get("/val/guarded", self._token()),
            "gateway_unknown": lambda: self._get("/val/guarded", self._new_token()),
            "gateway_function": lambda: self._get("/val/hello", self._token()),
            "gateway_upstream": lambda: self._get("/val/static", self._token()),
            "gateway_upstream_open": lambda: self._get("/val/open-static", None),
            "static": lambda: self._get("/static", None),
        }

    def preparation(self, work: str, operations: int) -> list[Exchange]:
        """What must be done before a work can be measured for about so many operations."""
        needs_tokens = work in ("refresh", "get_user") or work.startswith("gateway_")
        first = [self.password() for _ in range(_TOKENS - len(self._tokens))] if needs_tokens else []
        if work == "gateway_unknown":
            first += [self.refresh() for _ in range(operations - len(self._new_tokens))]
        return first

    def _token(self) -> _Result:
        """One of a few tokens that the server has seen before."""
        self._tokens.rotate()
        return self._tokens[0]

    def _new_token(self) -> _Result:
        """A token that the server has never been shown."""
        if not self._new_tokens:
            raise WorkFailed("more operations than tokens were prepared for")
        return self._new_tokens.pop()

    # -- sign-ins

    def srp(self) -> Exchange:
        """USER_SRP_AUTH, both calls."""
        person = next(self._people)
        parameters = {"USERNAME": person.email, "SRP_A": format(self._public, "x")}
        answer = yield self._initiate("USER_SRP_AUTH", parameters)
        challenge = _sign_in.decode(_good(answer)).challenge_parameters
        answer = yield self._write.call(
            "RespondToAuthChallenge",
            {
                "ClientId": self._scene.client_id,
                "ChallengeName": "PASSWORD_VERIFIER",
                "ChallengeResponses": self._proof(challenge),
            },
        )
        _tokens_of(answer)

    def password(self) -> Exchange:
        """USER_PASSWORD_AUTH."""
        person = next(self._people)
        answer = yield self._initiate("USER_PASSWORD_AUTH", {"USERNAME": person.email, "PASSWORD": PASSWORD})
        if len(self._tokens) < _TOKENS:
            self._tokens.append(_tokens_of(answer))

    def refresh(self) -> Exchange:
        """REFRESH_TOKEN_AUTH."""
        answer = yield self._initiate("REFRESH_TOKEN_AUTH", {"REFRESH_TOKEN": self._token().refresh_token})
        self._new_tokens.append(_tokens_of(answer))

    def _initiate(self, flow: str, parameters: dict[str, str]) -> bytes:
        return self._write.call(
            "InitiateAuth", {"ClientId": self._scene.client_id, "AuthFlow": flow, "AuthParameters": parameters}
        )

    def _proof(self, challenge: dict[str, str]) -> dict[str, str]:
        """RFC 5054's client, as Cognito's clients compute it: S = (B - k g^x)^(a + u x)."""
        identity, block = challenge["USER_ID_FOR_SRP"], challenge["SECRET_BLOCK"]
        server_public, salt = int(challenge["SRP_B"], 16), int(challenge["SALT"], 16)
        context = self._scene.pool_id.partition("_")[2]
        x = srp.private_key(context, identity, PASSWORD, salt)
        u = srp.scramble(self._public, server_public)
        base = (server_public - srp.MULTIPLIER * powers().power_of_g(x)) % PRIME
        key = srp.derive_key(powers().power(base, self._secret + u * x), u)
        stamp = srp.format_timestamp(time.time())
        message = context.encode() + identity.encode() + base64.b64decode(block) + stamp.encode()
        return {
            "USERNAME": identity,
            "PASSWORD_CLAIM_SECRET_BLOCK": block,
            "PASSWORD_CLAIM_SIGNATURE": base64.b64encode(hmac.digest(key, message, "sha256")).decode(),
            "TIMESTAMP": stamp,
        }

    # -- users

    def get_user(self) -> Exchange:
        """GetUser with a token that the server has seen before."""
        _good((yield self._write.call("GetUser", {"AccessToken": self._token().access_token})))

    def admin_get_user(self) -> Exchange:
        """AdminGetUser of anybody, by e-mail address, signed."""
        name = email_of(self._chance.randrange(self._scene.size))
        _good((yield self._write.signed("AdminGetUser", {"UserPoolId": self._scene.pool_id, "Username": name})))

    def list_users(self) -> Exchange:
        """The next page of 60, signed; the first again after the last."""
        members: dict[str, object] = {"UserPoolId": self._scene.pool_id, "Limit": 60}
        if self._pages:
            members["PaginationToken"] = self._pages.pop()
        answer = yield self._write.signed("ListUsers", members)
        following = _page.decode(_good(answer)).pagination_token
        if following is not None:
            self._pages.append(following)

    def admin_create_user(self) -> Exchange:
        """AdminCreateUser without a message, signed."""
        return self._create({"MessageAction": "SUPPRESS"})

    def admin_create_user_inviting(self) -> Exchange:
        """AdminCreateUser with the invitation by e-mail, signed."""
        return self._create({"DesiredDeliveryMediums": ["EMAIL"]})

    def _create(self, more: dict[str, object]) -> Exchange:
        email = f"new{next(self._created)}@example.com"
        members = {
            "UserPoolId": self._scene.pool_id,
            "Username": email,
            "TemporaryPassword": PASSWORD,
            "UserAttributes": [
                {"Name": "email", "Value": email},
                {"Name": "email_verified", "Value": "true"},
                {"Name": "name", "Value": "Somebody New"},
            ],
            **more,
        }
        _good((yield self._write.signed("AdminCreateUser", members)))

    # -- the gateway

    def _get(self, path: str, held: _Result | None) -> Exchange:
        _good((yield self._write.get(path, None if held is None else held.id_token)))

    def _shuffled(self, people: list[Person]) -> Iterator[Person]:
        order = list(people)
        self._chance.shuffle(order)
        return itertools.cycle(order)


def _good(answer: Answer) -> bytes:
    if answer.status != 200:
        raise WorkFailed(f"{answer.status} {answer.body[:300].decode('utf-8', 'replace')}")
    return answer.body


def _tokens_of(answer: Answer) -> _Result:
    result = _sign_in.decode(_good(answer)).authentication_result
    if result is None:
        raise WorkFailed(f"no tokens: {answer.body[:300].decode('utf-8', 'replace')}")
    return result
