"""When a message that did not go out is tried again, and when nobody tries any more. Pure rules."""

FIRST_DELAY = 5.0
LONGEST_DELAY = 3600.0
GIVE_UP_AFTER = 86_400.0
"""Seconds from a message's creation."""
SPREAD = 0.2
"""Part of a delay by which chance moves it either way, so that a returning server is not met by all at once."""


def next_delay(tries: int, chance: float) -> float:
    """Seconds until the next try after `tries` of them; `chance` is from 0 to 1."""
    # 2 ** 10 is past the longest delay already; a larger exponent only makes a larger number.
    delay = min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(tries - 1, 10))
    return delay * (1 - SPREAD + 2 * SPREAD * chance)


def last_moment(created_at: float, useful_until: float | None) -> float:
    """Epoch seconds from which on the message is given up."""
    end = created_at + GIVE_UP_AFTER
    return end if useful_until is None else min(end, useful_until)
