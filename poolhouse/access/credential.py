"""A key that may sign requests, and where such keys are looked up. Knows neither tables nor signatures."""

from dataclasses import dataclass, field
from typing import Protocol

from poolhouse.access.policy import Policy


@dataclass(frozen=True, slots=True)
class Credential:
    """A key that may sign, with what its signature entitles to."""

    key_id: str
    secret: str = field(repr=False)
    principal: str
    policies: tuple[Policy, ...] = field(repr=False)
    expires_at: float | None = None
    """Epoch seconds, of temporary credentials; None for keys that last."""


class CredentialSource(Protocol):
    """Where keys are looked up: AccessKeys for lasting ones; other rooms may issue temporary ones."""

    async def find(self, key_id: str, session_token: str | None) -> Credential | None:
        """The usable key of that id, or None."""
        ...
