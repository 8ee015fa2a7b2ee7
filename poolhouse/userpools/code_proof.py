"""A code that comes back: whose it should be, what it is worth, and the batch that counts the try.

Each try is counted in the very commit after which it is answered, so that no number of guesses in parallel is
answered uncounted. Knows no operation.
"""

from msgspec import Struct

from poolhouse.call import Call
from poolhouse.model.cognito_idp_model import LimitExceededException
from poolhouse.storage.codes import CodeRow, count_use, find_code, use_code
from poolhouse.storage.database import Batch
from poolhouse.storage.users import UserRow
from poolhouse.userpools import code_refusals
from poolhouse.userpools.codes import (
    FAMILY,
    HOUR_MS,
    TRIES_AN_HOUR,
    CodeScope,
    Destination,
    Worth,
    hash_code,
    read_destination,
    worth_of,
)
from poolhouse.userpools.credentials import stand_in
from poolhouse.userpools.directory import Client, Pool
from poolhouse.userpools.signin.step import check_secret_hash, hides_existence


class CodeSubject(Struct, frozen=True):
    """Who a name stands for where codes are sent and tried without signing in.

    subject_id: what tries and sends are counted under. nobody_id: the id that the name would be answered with if it
    were nobody's. hidden: whether answers must not tell who exists.
    """

    name: str
    user: UserRow | None
    subject_id: str
    nobody_id: str
    hidden: bool


async def client_and_pool(call: Call, client_id: str, secret_hash: str | None, username: str) -> tuple[Client, Pool]:
    """The client that asks, its secret proved, and its pool. Raises CLI, SECRET."""
    client = await call.services.directory.client(client_id)
    pool = await call.services.directory.pool(client.pool_id)
    check_secret_hash(client, {} if secret_hash is None else {"SECRET_HASH": secret_hash}, username)
    return client, pool


async def find_code_subject(call: Call, pool: Pool, client: Client, name: str, unknown: Exception) -> CodeSubject:
    """Whom `name` stands for. Raises `unknown` for nobody, where the client may tell (contract/rules.md §5)."""
    user = await call.services.directory.find_signing_in(pool, name)
    hidden = hides_existence(client)
    if user is None and not hidden:
        raise unknown
    nobody_id = stand_in(call.services.answer_key, pool, name).subject_id
    return CodeSubject(name, user, nobody_id if user is None else user.user_id, nobody_id, hidden)


def subject_of_account(user: UserRow) -> CodeSubject:
    """A user who asks with their own access token: there is nothing to hide."""
    return CodeSubject(user.username, user, user.user_id, user.user_id, hidden=False)


class Proof:
    """A code that came back, weighed; and the batch, in which the try is counted already, that will answer it."""

    __slots__ = ("_row", "_scope", "batch", "call", "destination", "pool", "subject", "worth")

    def __init__(
        self, call: Call, pool: Pool, subject: CodeSubject, scope: CodeScope, row: CodeRow | None, worth: Worth
    ) -> None:
        self.call = call
        self.pool = pool
        self.subject = subject
        self.worth = worth
        self.destination: Destination | None = None if row is None else read_destination(row.destination)
        self.batch = Batch()
        self._scope = scope
        self._row = row
        family = FAMILY[scope.purpose]
        count_use(
            self.batch,
            pool.pool_id,
            subject.subject_id,
            f"try_{family}",
            call.now_ms,
            limit=TRIES_AN_HOUR[family],
            window=HOUR_MS,
            exceeded=code_refusals.limit_exceeded(),
        )

    def use(self) -> None:
        """Use the code up; the commit raises CEXP if it has been used or replaced in the meantime."""
        assert self._row is not None
        use_code(self.batch, self._row, self.call.now_ms, code_refusals.code_expired())

    async def fail(self, refusal: Exception) -> Exception:
        """Count the try; returns what to raise: `refusal`, or the limit's."""
        self._audit("CodeRefused")
        try:
            await self.call.commit(self.batch)
        except LimitExceededException as exceeded:
            return exceeded
        return refusal

    async def conclude(self, event: str) -> None:
        """Commit what the right code has brought about. Raises what the batch's guards raise."""
        self._audit(event)
        await self.call.commit(self.batch)

    def _audit(self, event: str) -> None:
        self.call.services.audit(
            self.call,
            self.batch,
            event,
            pool_id=self.pool.pool_id,
            user_id=self.subject.subject_id,
            detail=f'{{"purpose":"{self._scope.purpose}"}}',
        )


async def weigh(call: Call, pool: Pool, subject: CodeSubject, scope: CodeScope, code: str) -> Proof:
    """What `code` is worth for the subject; its row is that of `scope`.

    A code is spent as well when the user no longer has the address that it was sent to: it proves another one.
    """
    row = await find_code(call.services.database, scope.pool_id, scope.user_id, scope.purpose)
    worth = worth_of(row, hash_code(call.services.answer_key, scope, code), call.now_ms)
    proof = Proof(call, pool, subject, scope, row, worth)
    if worth is Worth.GOOD and proof.destination is not None and _has_moved(subject.user, proof.destination):
        proof.worth = Worth.SPENT
    return proof


def _has_moved(user: UserRow | None, destination: Destination) -> bool:
    if user is None or destination.pending:
        return False
    return user.attributes.get(destination.attribute) != destination.address


def refusal_of(proof: Proof) -> Exception | None:
    """What a code that is not good is refused with; None for a good one.

    DEVIATION: where existence is hidden, that no code is pending is told only to whoever sends the right one; the
    service tells it to every guess, which tells who exists (contract/rules.md §3 and §5).
    """
    if proof.subject.user is None:
        return code_refusals.code_mismatch()
    match proof.worth:
        case Worth.GOOD:
            return None
        case Worth.SPENT:
            return code_refusals.code_expired()
        case Worth.WRONG:
            return code_refusals.code_mismatch()
        case Worth.NONE_PENDING:
            return code_refusals.code_mismatch() if proof.subject.hidden else code_refusals.code_expired()
