"""One step of a sign-in: who is asked about, through which client, and what a proof or a failure then writes.

The state machine's common ground (contract/auth-flows.md §§2, 5, 10). Knows no particular flow or challenge.
"""

from collections.abc import Mapping

from poolhouse.call import Call
from poolhouse.model.cognito_idp_model import (
    AuthenticationResultType,
    InvalidParameterException,
    NotAuthorizedException,
)
from poolhouse.storage.attempts import count_failure, count_success, spend
from poolhouse.storage.database import Batch
from poolhouse.storage.users import Found, UserRow
from poolhouse.userpools import refusals
from poolhouse.userpools.attribute_definitions import MAX_VALUE_LENGTH
from poolhouse.userpools.credentials import Credential, StandIn, credential_of, stand_in
from poolhouse.userpools.directory import Client, Pool
from poolhouse.userpools.issuing import Issue
from poolhouse.userpools.srp import verify_secret_hash

Parameters = Mapping[str, str]
SPENT_KEEP_MS = 900_000
"""No single-use token lives longer than the longest AuthSessionValidity, 15 minutes."""


def require(parameters: Parameters, name: str) -> str:
    """A parameter that must be there and not be empty."""
    value = parameters.get(name)
    if not value:
        raise refusals.missing_parameter(name)
    return value


def require_username(parameters: Parameters) -> str:
    """USERNAME. Nobody has a name longer than an attribute's value, so to refuse one tells nothing."""
    username = require(parameters, "USERNAME")
    if len(username) > MAX_VALUE_LENGTH:
        raise InvalidParameterException(
            "1 validation error detected: Value at 'username' failed to satisfy constraint: "
            f"Member must have length less than or equal to {MAX_VALUE_LENGTH}"
        )
    return username


def check_secret_hash(client: Client, parameters: Parameters, username: str) -> None:
    """SECRET_HASH over the username of the same request; either of two active secrets will do."""
    given = parameters.get("SECRET_HASH")
    if client.secrets and given is None:
        raise NotAuthorizedException(
            f"Client {client.client_id} is configured with secret but SECRET_HASH was not received"
        )
    if given is None:
        return
    if not verify_secret_hash(given, username, client.client_id, client.secrets):
        raise NotAuthorizedException(f"Unable to verify secret hash for client {client.client_id}")


class Subject:
    """Who a name stands for: a user, or, where existence is not told, nobody who answers like one."""

    __slots__ = ("credential", "subject_id", "user")

    def __init__(self, user: UserRow | None, credential: Credential, subject_id: str) -> None:
        self.user = user
        self.credential = credential
        self.subject_id = subject_id
        """What failed attempts are counted under."""


def hides_existence(client: Client) -> bool:
    """Whether this client's answers must not tell who exists (contract/rules.md §5)."""
    return client.settings.prevent_user_existence_errors == "ENABLED"


async def find_subject(call: Call, pool: Pool, client: Client, name: str) -> Subject:
    """Whom `name` stands for. Raises UserNotFoundException where the client may tell."""
    if not hides_existence(client):
        user = await call.services.directory.find_signing_in(pool, name)
        return _told_subject(call, pool, user, name)
    nobody = stand_in(call.services.answer_key, pool, name)
    found = await call.services.store.users.find_evenly(pool.pool_id, pool.fold(name), near=nobody.subject_id)
    return _even_subject(call, found, nobody)


async def find_subject_again(call: Call, pool: Pool, client: Client, subject_id: str, name: str) -> Subject:
    """A subject as they are now, who was found under `name`. Raises as `find_subject`."""
    users = call.services.store.users
    if not hides_existence(client):
        return _told_subject(call, pool, await users.get(pool.pool_id, subject_id), name)
    nobody = stand_in(call.services.answer_key, pool, name)
    return _even_subject(call, await users.get_evenly(pool.pool_id, subject_id), nobody)


def _told_subject(call: Call, pool: Pool, user: UserRow | None, name: str) -> Subject:
    """The subject where the client may tell who exists."""
    if user is None:
        raise refusals.user_does_not_exist()
    credential = credential_of(call.services.keyring, user)
    if credential is None:
        credential = stand_in(call.services.answer_key, pool, name).credential
    return Subject(user, credential, user.user_id)


def _even_subject(call: Call, found: Found | None, nobody: StandIn) -> Subject:
    """The subject where nobody is told who exists: a credential is unsealed and a stand-in made, whichever is used."""
    credential = None if found is None else credential_of(call.services.keyring, found.user)
    if found is None or not found.is_it:
        return Subject(None, nobody.credential, nobody.subject_id)
    return Subject(found.user, credential or nobody.credential, found.user.user_id)


class Step:
    """A sign-in step under way, and the writes that will conclude it."""

    __slots__ = ("batch", "call", "client", "pool", "subject_id")

    def __init__(self, call: Call, pool: Pool, client: Client, subject_id: str) -> None:
        self.call = call
        self.pool = pool
        self.client = client
        self.subject_id = subject_id
        self.batch = Batch()

    def spend(self, token_id: str, expires_at: int, used: Exception) -> None:
        """Use up the session string or secret block that this step answers, and that lives until `expires_at`.

        It is remembered for as long as it lives by any clock: one that is put back makes it live longer.
        """
        kept = max(expires_at, self.call.now_ms + SPENT_KEEP_MS)
        spend(self.batch, self.pool.pool_id, token_id, kept, used)

    async def fail(self, refusal: Exception) -> Exception:
        """Count the failure; returns what to raise: `refusal`, or the lock's if the user is locked meanwhile."""
        count_failure(self.batch, self.pool.pool_id, self.subject_id, self.call.now_ms, refusals.attempts_exceeded())
        self._audit("SignInFailed")
        try:
            await self.call.commit(self.batch)
        except NotAuthorizedException as decided:
            return decided
        return refusal

    async def refuse(self, refusal: Exception) -> Exception:
        """Conclude a right proof that opens nothing; returns what to raise."""
        self._forget_failures()
        self._audit("SignInRefused")
        await self.call.commit(self.batch)
        return refusal

    async def conclude(self, event: str) -> None:
        """Conclude a right proof that issues nothing yet: a further challenge, a changed password."""
        self._forget_failures()
        self._audit(event)
        await self.call.commit(self.batch)

    async def grant(self, user: UserRow) -> AuthenticationResultType:
        """Conclude a right proof with a session and its tokens."""
        issue = Issue(self.call, self.pool, self.client, user)
        self._forget_failures()
        issue.open(self.batch, refusals.session_expired())
        self._audit("SignIn")
        await self.call.commit(self.batch)
        return await issue.tokens()

    async def grant_changed(self, user: UserRow) -> AuthenticationResultType:
        """As `grant`, for a user whom this step's batch itself changes (and thereby guards)."""
        issue = Issue(self.call, self.pool, self.client, user)
        self._forget_failures()
        issue.open_changed(self.batch)
        self._audit("SignIn")
        await self.call.commit(self.batch)
        return await issue.tokens()

    def _forget_failures(self) -> None:
        count_success(self.batch, self.pool.pool_id, self.subject_id, self.call.now_ms, refusals.attempts_exceeded())

    def _audit(self, event: str) -> None:
        self.call.services.audit(
            self.call,
            self.batch,
            event,
            pool_id=self.pool.pool_id,
            user_id=self.subject_id,
            client_id=self.client.client_id,
        )


def new_token_id(call: Call) -> str:
    """An id for a single-use token."""
    return call.chance.randbytes(16).hex()
