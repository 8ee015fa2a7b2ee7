"""The condition keys that every request of ours fills, and how they are filled.

A policy may name no other key: one that is never filled would make its Deny statements silently empty.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from msgspec import Struct

from poolhouse.access.pattern import Context

KNOWN_KEYS = frozenset(
    {
        "aws:currenttime",
        "aws:epochtime",
        "aws:multifactorauthpresent",  # never filled, as for AWS's own long-term keys
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principaltype",
        "aws:referer",
        "aws:requestedregion",
        "aws:securetransport",
        "aws:sourceip",
        "aws:useragent",
        "aws:userid",
        "aws:username",
    }
)


class Circumstances(Struct, frozen=True, kw_only=True):
    """The facts of one signed request that conditions may ask about."""

    now: float
    """Epoch seconds."""
    principal_arn: str
    principal_name: str
    account_id: str
    key_id: str
    region: str
    source_ip: str
    secure: bool
    user_agent: str | None
    referer: str | None

    def as_context(self) -> Context:
        """Values by condition key."""
        moment = datetime.fromtimestamp(self.now, UTC)
        context: dict[str, Sequence[str]] = {
            "aws:currenttime": (moment.strftime("%Y-%m-%dT%H:%M:%SZ"),),
            "aws:epochtime": (str(int(self.now)),),
            "aws:principalaccount": (self.account_id,),
            "aws:principalarn": (self.principal_arn,),
            "aws:principaltype": ("User",),
            "aws:requestedregion": (self.region,),
            "aws:securetransport": ("true" if self.secure else "false",),
            "aws:sourceip": (self.source_ip,),
            "aws:userid": (self.key_id,),
            "aws:username": (self.principal_name,),
        }
        if self.user_agent is not None:
            context["aws:useragent"] = (self.user_agent,)
        if self.referer is not None:
            context["aws:referer"] = (self.referer,)
        return context
