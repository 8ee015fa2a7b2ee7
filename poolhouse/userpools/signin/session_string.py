"""The Session between two challenges: sealed, bound to pool, client and user, expiring, used once.

Any node can open what another has sealed. Knows no challenge's meaning.
"""

import msgspec
from msgspec import Struct

from poolhouse.call import Call
from poolhouse.crypto.keyring import SealExpired, Unsealable
from poolhouse.storage.users import UserRow
from poolhouse.userpools import refusals
from poolhouse.userpools.directory import Client, Pool
from poolhouse.userpools.signin.step import new_token_id

_KIND = "challenge-session"
_LEAST_MINUTES = 3


class ChallengeSession(Struct, frozen=True, array_like=True):
    """What a session string holds. `expires_at` is epoch milliseconds."""

    token_id: str
    challenge: str
    pool_id: str
    client_id: str
    user_id: str
    username: str
    credential_version: int
    generation: int
    expires_at: int


_decoder = msgspec.msgpack.Decoder(ChallengeSession)
_encode = msgspec.msgpack.Encoder().encode


def session_expiry(call: Call, client: Client) -> int:
    """When a session string that is made now expires, in epoch milliseconds."""
    return call.now_ms + (client.settings.auth_session_validity or _LEAST_MINUTES) * 60_000


def new_session(call: Call, pool: Pool, client: Client, user: UserRow, challenge: str) -> str:
    """A session string that waits for the answer to `challenge`."""
    state = ChallengeSession(
        token_id=new_token_id(call),
        challenge=challenge,
        pool_id=pool.pool_id,
        client_id=client.client_id,
        user_id=user.user_id,
        username=user.username,
        credential_version=user.credential_version,
        generation=user.generation,
        expires_at=session_expiry(call, client),
    )
    return call.services.keyring.seal_token(_KIND, _encode(state), state.expires_at / 1000)


def open_session(call: Call, pool: Pool, client: Client, text: str, challenge: str) -> ChallengeSession:
    """The state in a session string that was made for this challenge and client.

    Raises CodeMismatchException for what we never made, NotAuthorizedException for what is expired or another's.
    Whether it has been used is decided by the write that answers it.
    """
    try:
        state = _decoder.decode(call.services.keyring.open_token(_KIND, text, call.now))
    except SealExpired as error:
        raise refusals.session_expired() from error
    except (Unsealable, msgspec.MsgspecError) as error:
        raise refusals.session_malformed() from error
    if state.challenge != challenge:
        raise refusals.session_malformed()
    if state.pool_id != pool.pool_id or state.client_id != client.client_id:
        raise refusals.session_of_another()
    return state
