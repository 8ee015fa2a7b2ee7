"""Password policies: each rule, their order, and temporary passwords that satisfy every policy."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolhouse.model.cognito_idp_model import (
    InvalidPasswordException,
    PasswordPolicyType,
    UserPoolPolicyType,
    UserPoolType,
)
from poolhouse.userpools.passwords import (
    LONGEST,
    SYMBOLS,
    PasswordRule,
    PasswordRules,
    check_password_policy,
    password_rules,
    temporary_password,
    violated_rule,
)

STRICT = PasswordRules()
LAX = PasswordRules(6, False, False, False, False)

CASES: list[tuple[str, PasswordRules, PasswordRule | None]] = [
    ("Passw0rd!", STRICT, None),
    ("", STRICT, PasswordRule.TOO_SHORT),
    ("Pa0!", STRICT, PasswordRule.TOO_SHORT),
    ("Passw0!", STRICT, PasswordRule.TOO_SHORT),
    ("Passw0r!", STRICT, None),
    ("passw0rd!", STRICT, PasswordRule.NO_UPPERCASE),
    ("PASSW0RD!", STRICT, PasswordRule.NO_LOWERCASE),
    ("Password!", STRICT, PasswordRule.NO_NUMBER),
    ("Passw0rdd", STRICT, PasswordRule.NO_SYMBOL),
    # The first violated rule only, in order.
    ("a", STRICT, PasswordRule.TOO_SHORT),
    ("aaaaaaaa", STRICT, PasswordRule.NO_UPPERCASE),
    ("AAAAAAAA", STRICT, PasswordRule.NO_LOWERCASE),
    ("AAAAaaaa", STRICT, PasswordRule.NO_NUMBER),
    ("AAAAaaa1", STRICT, PasswordRule.NO_SYMBOL),
    # Letters and numbers are basic Latin; others are accepted and count for nothing.
    ("ÄÖÜäöü12!", STRICT, PasswordRule.NO_UPPERCASE),
    ("AÖÜäöü12!", STRICT, PasswordRule.NO_LOWERCASE),
    ("Passwörd\u0661!", STRICT, PasswordRule.NO_NUMBER),
    ("Passw0rd€", STRICT, PasswordRule.NO_SYMBOL),
    ("Passw0rd\u2019", STRICT, PasswordRule.NO_SYMBOL),
    # A blank inside is a symbol, at an end it is not.
    ("Passw0rd x", STRICT, None),
    (" Passw0rd ", STRICT, PasswordRule.NO_SYMBOL),
    # No policy goes below six, nor beyond what the service stores.
    ("aaaaa", LAX, PasswordRule.TOO_SHORT),
    ("aaaaaa", LAX, None),
    ("a" * LONGEST, LAX, None),
    ("a" * (LONGEST + 1), LAX, PasswordRule.TOO_LONG),
    ("Passw0rd!" * 11, PasswordRules(minimum_length=99), None),
    (("Passw0rd!" * 11)[:-1], PasswordRules(minimum_length=99), PasswordRule.TOO_SHORT),
]


@pytest.mark.parametrize(("password", "rules", "expected"), CASES)
def test_the_first_violated_rule_is_named(password: str, rules: PasswordRules, expected: PasswordRule | None) -> None:
    assert violated_rule(password, rules) is expected


@pytest.mark.parametrize("symbol", sorted(SYMBOLS))
def test_every_symbol_of_the_service_counts(symbol: str) -> None:
    assert violated_rule(f"Passw0rd{symbol}", STRICT) is None
    assert violated_rule(f"{symbol}Passw0rd", STRICT) is None


def test_the_symbols_are_the_service_s() -> None:
    listed = "^ $ * . [ ] { } ( ) ? \" ! @ # % & / \\ , > < ' : ; | _ ~ ` = + -"
    assert set(listed.split()) == SYMBOLS


def _pool(policy: PasswordPolicyType | None) -> UserPoolType:
    return UserPoolType(policies=UserPoolPolicyType(password_policy=policy))


def test_a_pool_that_says_nothing_has_the_service_s_policy() -> None:
    assert password_rules(UserPoolType()) == password_rules(_pool(None)) == STRICT


def test_a_flag_left_out_of_a_policy_is_off() -> None:
    assert password_rules(_pool(PasswordPolicyType(minimum_length=10))) == PasswordRules(10, False, False, False, False)
    assert password_rules(_pool(PasswordPolicyType(require_numbers=True))) == PasswordRules(
        8, False, False, True, False
    )


MESSAGES = {
    "Short1!": "Password not long enough",
    "passw0rd!": "Password must have uppercase characters",
    "PASSW0RD!": "Password must have lowercase characters",
    "Password!": "Password must have numeric characters",
    "Passw0rdd": "Password must have symbol characters",
}


@pytest.mark.parametrize("password", MESSAGES)
def test_a_refusal_has_the_service_s_words(password: str) -> None:
    with pytest.raises(InvalidPasswordException) as refused:
        check_password_policy(UserPoolType(), password)
    assert str(refused.value) == f"Password did not conform with password policy: {MESSAGES[password]}"
    assert password not in str(refused.value)


def test_a_good_password_is_accepted() -> None:
    check_password_policy(UserPoolType(), "Passw0rd!")


# Temporary passwords.


@given(minimum=st.integers(6, 99), seed=st.integers(0, 2**32))
def test_a_temporary_password_satisfies_every_policy(minimum: int, seed: int) -> None:
    pool = _pool(PasswordPolicyType(minimum_length=minimum))
    password = temporary_password(pool, random.Random(seed))
    assert violated_rule(password, PasswordRules(minimum_length=minimum)) is None
    assert len(password) == max(12, minimum)


@given(seed=st.integers(0, 2**32))
def test_a_temporary_password_can_be_read_and_pasted(seed: int) -> None:
    password = temporary_password(UserPoolType(), random.Random(seed))
    assert set(password).isdisjoint("0O1lIo<>&\"'`\\/.,;:|() []{}^")
    assert password[0].isalnum()
    assert password[-1].isalnum()


def test_temporary_passwords_come_from_the_source_they_are_given() -> None:
    pool = UserPoolType()
    assert temporary_password(pool, random.Random(7)) == temporary_password(pool, random.Random(7))
    assert len({temporary_password(pool, random.SystemRandom()) for _ in range(200)}) == 200


def test_no_place_in_a_temporary_password_is_predictable() -> None:
    chance = random.Random(11)
    made = [temporary_password(UserPoolType(), chance) for _ in range(4000)]
    for place in range(12):
        _, times = Counter(password[place] for password in made).most_common(1)[0]
        assert times < 4000 * 0.07
