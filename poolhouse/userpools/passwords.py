"""Password policies and temporary passwords (contract/rules.md §4). Pure.

Owns which passwords a pool accepts. Must not know how they are stored.
"""

from enum import Enum
from random import Random
from typing import Final

from msgspec import Struct

from poolhouse.model.cognito_idp_model import InvalidPasswordException, UserPoolType

SHORTEST: Final = 6
LONGEST: Final = 256

UPPERCASE: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
LOWERCASE: Final = frozenset("abcdefghijklmnopqrstuvwxyz")
NUMBERS: Final = frozenset("0123456789")
SYMBOLS: Final = frozenset("^$*.[]{}()?\"!@#%&/\\,><':;|_~`=+-")

TEMPORARY_LENGTH: Final = 12
"""Of a temporary password, unless the policy asks for more: more than 60 random bits."""


class PasswordRule(Enum):
    """What a password can violate, in the order in which it is checked, and how the service calls that (PWPOL)."""

    TOO_SHORT = "Password not long enough"
    TOO_LONG = "Password too long"
    NO_UPPERCASE = "Password must have uppercase characters"
    NO_LOWERCASE = "Password must have lowercase characters"
    NO_NUMBER = "Password must have numeric characters"
    NO_SYMBOL = "Password must have symbol characters"


class PasswordRules(Struct, frozen=True):
    """A pool's policy; the defaults are the service's for a pool that says nothing."""

    minimum_length: int = 8
    require_uppercase: bool = True
    require_lowercase: bool = True
    require_numbers: bool = True
    require_symbols: bool = True


def password_rules(settings: UserPoolType) -> PasswordRules:
    """The policy of a pool. In a policy that is given, a flag left out is off."""
    policy = settings.policies.password_policy if settings.policies is not None else None
    if policy is None:
        return PasswordRules()
    return PasswordRules(
        minimum_length=policy.minimum_length if policy.minimum_length is not None else 8,
        require_uppercase=policy.require_uppercase is True,
        require_lowercase=policy.require_lowercase is True,
        require_numbers=policy.require_numbers is True,
        require_symbols=policy.require_symbols is True,
    )


def violated_rule(password: str, rules: PasswordRules) -> PasswordRule | None:
    """The first rule that the password violates, or None. Length counts characters; letters are basic Latin."""
    used = set(password)
    # A blank counts as a symbol where it is neither the first nor the last character (contract/rules.md §4).
    has_symbol = not used.isdisjoint(SYMBOLS) or " " in password.strip(" ")
    checks = (
        (PasswordRule.TOO_SHORT, len(password) < max(SHORTEST, rules.minimum_length)),
        (PasswordRule.TOO_LONG, len(password) > LONGEST),
        (PasswordRule.NO_UPPERCASE, rules.require_uppercase and used.isdisjoint(UPPERCASE)),
        (PasswordRule.NO_LOWERCASE, rules.require_lowercase and used.isdisjoint(LOWERCASE)),
        (PasswordRule.NO_NUMBER, rules.require_numbers and used.isdisjoint(NUMBERS)),
        (PasswordRule.NO_SYMBOL, rules.require_symbols and not has_symbol),
    )
    return next((rule for rule, violated in checks if violated), None)


def check_password_policy(settings: UserPoolType, password: str) -> None:
    """Refuse a password that violates the pool's policy. Raises InvalidPasswordException (PWPOL)."""
    violated = violated_rule(password, password_rules(settings))
    if violated is not None:
        raise InvalidPasswordException(f"Password did not conform with password policy: {violated.value}")


# People read temporary passwords from a mail, and type or paste them: nothing that looks like something else, nothing
# that HTML or the invitation's closing full stop would spoil, and a letter or digit at both ends.
_CLASSES: Final = ("ABCDEFGHJKLMNPQRSTUVWXYZ", "abcdefghijkmnpqrstuvwxyz", "23456789", "!#$%*+-=?@_~")
_ALL: Final = "".join(_CLASSES)
_LETTERS: Final = _CLASSES[0] + _CLASSES[1] + _CLASSES[2]


def temporary_password(settings: UserPoolType, chance: Random) -> str:
    """A password for a first sign-in, with characters of all four kinds, whatever the policy asks for.

    `chance` must be unpredictable: random.SystemRandom in production.
    """
    length = max(TEMPORARY_LENGTH, password_rules(settings).minimum_length)
    inside = [chance.choice(kind) for kind in _CLASSES]
    inside += chance.choices(_ALL, k=length - 2 - len(inside))
    chance.shuffle(inside)
    return chance.choice(_LETTERS) + "".join(inside) + chance.choice(_LETTERS)
