"""What operations work with: the database and its repositories, the keys, the cached directory, the settings.

Built once by app.py (or by a test) and handed around in Call. Owns no behaviour beyond wiring.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from poolhouse.storage.audit import AuditRow
from poolhouse.storage.database import Batch, Database
from poolhouse.storage.store import Store

if TYPE_CHECKING:
    from poolhouse.call import Call
    from poolhouse.crypto.keyring import KeyRing
    from poolhouse.delivery.outbox import Outbox
    from poolhouse.userpools.authority import SessionAuthority
    from poolhouse.userpools.directory import Directory
    from poolhouse.userpools.refresh_tokens import RefreshTokens
    from poolhouse.userpools.signing import Signing

IssuerForm = Literal["public", "host", "aws"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What an installation is configured to be.

    public_url: the URL that clients use, without a trailing slash. issuer: how a token's `iss` is formed where the
    pool does not choose itself (tag `poolhouse:issuer`): from public_url, from the host that was asked, or as AWS does.
    """

    region: str = "eu-west-1"
    account_id: str = "000000000000"
    public_url: str = "http://localhost:9229"
    issuer: IssuerForm = "public"


@dataclass(slots=True)
class Services:
    """The rooms that an operation may use."""

    settings: Settings
    database: Database
    store: Store
    keyring: "KeyRing"
    answer_key: bytes
    """Secret of answers that must be the same whenever and wherever one asks; the same on every node."""
    directory: "Directory"
    signing: "Signing"
    refresh_tokens: "RefreshTokens"
    authority: "SessionAuthority"
    outbox: "Outbox"

    def audit(
        self,
        call: "Call",
        batch: Batch,
        event: str,
        *,
        pool_id: str,
        user_id: str | None = None,
        client_id: str | None = None,
        detail: str | None = None,
    ) -> None:
        """Record in `batch` what it does. `detail` is JSON and holds no secret and no attribute value."""
        row = AuditRow(
            pool_id=pool_id,
            event_id=call.ordered_id(),
            at=call.now_ms,
            event=event,
            user_id=user_id,
            client_id=client_id,
            actor=call.caller.arn if call.caller is not None else None,
            address=call.address,
            request_id=call.request_id,
            detail=detail,
        )
        self.store.audit.add(batch, row)
