"""USER_SRP_AUTH and its PASSWORD_VERIFIER challenge (contract/auth-flows.md §§3, 6).

The server keeps nothing between the two calls: its secret travels sealed in SECRET_BLOCK and is spent by the write
that concludes the answer.
"""

from typing import Final

import msgspec
from msgspec import Struct

from poolhouse.call import Call
from poolhouse.crypto.keyring import Unsealable
from poolhouse.model.cognito_idp_model import InitiateAuthResponse, InvalidParameterException
from poolhouse.userpools import refusals, srp
from poolhouse.userpools.directory import Client, Pool
from poolhouse.userpools.signin.first_factor import continue_after_password, refuse_before_proof
from poolhouse.userpools.signin.session_string import session_expiry
from poolhouse.userpools.signin.step import (
    Parameters,
    Step,
    Subject,
    check_secret_hash,
    find_subject,
    find_subject_again,
    new_token_id,
    require,
    require_username,
)

PASSWORD_VERIFIER: Final = "PASSWORD_VERIFIER"
_KIND = "srp-secret-block"
_SECRET_BYTES = 32


class SecretBlock(Struct, frozen=True, array_like=True):
    """What the server must know again when the proof arrives. `expires_at` is epoch milliseconds."""

    token_id: str
    pool_id: str
    client_id: str
    username: str
    user_id_for_srp: str
    subject_id: str
    client_public: bytes
    server_secret: bytes
    server_public: bytes
    credential_version: int
    expires_at: int


_decoder = msgspec.msgpack.Decoder(SecretBlock)
_encode = msgspec.msgpack.Encoder().encode


async def start_srp(call: Call, pool: Pool, client: Client, parameters: Parameters) -> InitiateAuthResponse:
    """Answer SRP_A with salt, B and the sealed state."""
    username = require_username(parameters)
    client_public = _client_public(require(parameters, "SRP_A"))
    check_secret_hash(client, parameters, username)
    subject = await find_subject(call, pool, client, username)
    if subject.user is not None:
        refuse_before_proof(Step(call, pool, client, subject.subject_id), subject.user)
    credential = subject.credential
    secret = call.chance.randbytes(_SECRET_BYTES)
    server_public = srp.server_public(int.from_bytes(secret, "big"), credential.verifier)
    block = SecretBlock(
        token_id=new_token_id(call),
        pool_id=pool.pool_id,
        client_id=client.client_id,
        username=username,
        user_id_for_srp=credential.user_id_for_srp,
        subject_id=subject.subject_id,
        client_public=_to_bytes(client_public),
        server_secret=secret,
        server_public=_to_bytes(server_public),
        credential_version=subject.user.credential_version if subject.user is not None else 0,
        expires_at=session_expiry(call, client),
    )
    return InitiateAuthResponse(
        challenge_name=PASSWORD_VERIFIER,
        challenge_parameters={
            "SALT": srp.wire_hex(credential.salt),
            "SRP_B": srp.wire_hex(server_public),
            "SECRET_BLOCK": call.services.keyring.seal_block(_KIND, _encode(block), block.expires_at / 1000),
            "USERNAME": credential.user_id_for_srp,
            "USER_ID_FOR_SRP": credential.user_id_for_srp,
        },
    )


async def answer_password_verifier(
    call: Call, pool: Pool, client: Client, responses: Parameters
) -> InitiateAuthResponse:
    """Answer the client's proof with tokens, a challenge or a refusal."""
    username = require_username(responses)
    signature = require(responses, "PASSWORD_CLAIM_SIGNATURE")
    secret_block = require(responses, "PASSWORD_CLAIM_SECRET_BLOCK")
    timestamp = _timestamp(require(responses, "TIMESTAMP"))
    check_secret_hash(client, responses, username)
    block, block_bytes = _open_block(call, pool, client, secret_block)
    subject = await _subject_again(call, pool, client, block, username)
    step = Step(call, pool, client, block.subject_id)
    step.spend(block.token_id, block.expires_at, refusals.incorrect_username_or_password())
    proved = _proved(pool, subject, block, block_bytes, timestamp, signature)
    fresh = subject.user is not None and subject.user.credential_version == block.credential_version
    if not proved or not fresh or subject.user is None:
        raise await step.fail(refusals.incorrect_username_or_password())
    return await continue_after_password(step, subject.user)


def _client_public(text: str) -> int:
    try:
        return srp.parse_client_public(text)
    except srp.BadClientPublic as error:
        raise InvalidParameterException("Invalid SRP_A") from error


def _timestamp(text: str) -> str:
    """The server's own spelling of the client's time: a client that spells it otherwise has signed another text."""
    try:
        return srp.canonical_timestamp(text)
    except srp.SrpRefused as error:
        raise InvalidParameterException("TIMESTAMP format should be EEE MMM d HH:mm:ss z yyyy in english.") from error


def _open_block(call: Call, pool: Pool, client: Client, text: str) -> tuple[SecretBlock, bytes]:
    try:
        opened = call.services.keyring.open_block(_KIND, text, call.now)
        block = _decoder.decode(opened.payload)
    except (Unsealable, msgspec.MsgspecError) as error:
        raise refusals.incorrect_username_or_password() from error
    if block.pool_id != pool.pool_id or block.client_id != client.client_id:
        raise refusals.incorrect_username_or_password()
    return block, opened.block


async def _subject_again(call: Call, pool: Pool, client: Client, block: SecretBlock, username: str) -> Subject:
    """The block's subject as they are now; `username` must mean the same one."""
    subject = await find_subject_again(call, pool, client, block.subject_id, block.username)
    if username not in (block.user_id_for_srp, block.username):
        other = await call.services.directory.find_signing_in(pool, username)
        if other is None or other.user_id != block.subject_id:
            raise refusals.incorrect_username_or_password()
    return subject


def _proved(
    pool: Pool, subject: Subject, block: SecretBlock, block_bytes: bytes, timestamp: str, signature: str
) -> bool:
    """Whether the client knows the password; costs the same for a stand-in, which nothing proves."""
    numbers = (block.client_public, block.server_public, block.server_secret)
    client_public, server_public, secret = (int.from_bytes(number, "big") for number in numbers)
    try:
        key = srp.server_key(client_public, server_public, secret, subject.credential.verifier)
    except srp.ZeroScramble:
        return False
    identity = block.user_id_for_srp
    fits = srp.verify_claim(signature, key, pool.short_id, identity, block_bytes, timestamp)
    return fits and subject.credential.genuine


def _to_bytes(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")
