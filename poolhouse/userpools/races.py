"""Changes that are tried anew when another one was first: read, decide, compare and swap, and again.

Owns how often. Knows nothing of what is changed.
"""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from poolhouse.model.cognito_idp_model import InternalErrorException

RACES: Final = 5

ResultT = TypeVar("ResultT")


class ChangedMeanwhile(Exception):
    """What an attempt has read is no longer so."""


async def until_settled(attempt: Callable[[], Awaitable[ResultT]]) -> ResultT:
    """Run the attempt, which reads and then commits, until nobody was first. Raises InternalErrorException."""
    for _ in range(RACES):
        try:
            return await attempt()
        except ChangedMeanwhile:
            continue
    raise InternalErrorException("The user is being changed by others, try again.")
