"""Every arithmetic that this machine has gives Python's own results, in every thread."""

import _hashlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poolhouse.crypto import comb, modexp
from poolhouse.crypto.libcrypto import LibcryptoUnavailable, find_libcrypto
from poolhouse.crypto.modexp_libcrypto import LibcryptoPowers
from poolhouse.crypto.srp_group import GENERATOR, PRIME

ARITHMETICS = {powers.name: powers for powers in modexp.available()}
NUMBERS = st.integers(min_value=0, max_value=PRIME - 1)
SHORT_EXPONENTS = st.integers(min_value=1, max_value=2**comb.EXPONENT_BITS - 1)
EXPONENTS = SHORT_EXPONENTS | st.integers(min_value=1, max_value=PRIME - 1)
EDGES = [1, 2, 2**42, 2**43, 2**256 - 1, 2**257, 2**258 - 1, 2**258, 2**1024 + 1, PRIME - 1]


@pytest.fixture(params=sorted(ARITHMETICS))
def powers(request: pytest.FixtureRequest) -> modexp.Powers:
    """Each arithmetic in turn."""
    return ARITHMETICS[request.param]


def test_libcrypto_is_the_first_choice_where_python_has_openssl() -> None:
    assert next(iter(ARITHMETICS)) == "libcrypto"
    assert modexp.powers().name == "libcrypto"


def test_the_prime_is_a_safe_prime_of_3072_bits() -> None:
    assert PRIME.bit_length() == 3072
    assert pow(GENERATOR, PRIME - 1, PRIME) == 1
    assert pow(3, (PRIME - 1) // 2, PRIME) in {1, PRIME - 1}


@pytest.mark.parametrize("exponent", EDGES)
def test_powers_agree_at_the_edges_of_exponents(powers: modexp.Powers, exponent: int) -> None:
    assert powers.power_of_g(exponent) == pow(GENERATOR, exponent, PRIME)
    assert powers.power(3, exponent) == pow(3, exponent, PRIME)


@pytest.mark.parametrize("base", [0, 1, 2, PRIME - 1, PRIME - 2, 2**64, 2**3071])
def test_powers_agree_at_the_edges_of_bases(powers: modexp.Powers, base: int) -> None:
    assert powers.power(base, 65537) == pow(base, 65537, PRIME)
    assert powers.chained_power(base, 3, PRIME - 1, 5) == pow(pow(base, 3, PRIME) * (PRIME - 1), 5, PRIME)


@pytest.mark.parametrize("name", sorted(ARITHMETICS))
@settings(max_examples=25, deadline=None)
@given(base=NUMBERS, exponent=EXPONENTS)
def test_a_power_is_python_s_power(name: str, base: int, exponent: int) -> None:
    assert ARITHMETICS[name].power(base, exponent) == pow(base, exponent, PRIME)


@pytest.mark.parametrize("name", sorted(ARITHMETICS))
@settings(max_examples=50, deadline=None)
@given(exponent=SHORT_EXPONENTS)
def test_a_power_of_g_is_python_s_power(name: str, exponent: int) -> None:
    assert ARITHMETICS[name].power_of_g(exponent) == pow(GENERATOR, exponent, PRIME)


@pytest.mark.parametrize("name", sorted(ARITHMETICS))
@settings(max_examples=15, deadline=None)
@given(base=NUMBERS, public=SHORT_EXPONENTS, factor=NUMBERS, secret=SHORT_EXPONENTS)
def test_a_chained_power_is_two_of_python_s(name: str, base: int, public: int, factor: int, secret: int) -> None:
    expected = pow(pow(base, public, PRIME) * factor, secret, PRIME)
    assert ARITHMETICS[name].chained_power(base, public, factor, secret) == expected


def test_the_known_answer_of_the_check_is_python_s() -> None:
    for powers in ARITHMETICS.values():
        modexp.check(powers)


class _OffByOne:
    """An arithmetic that is almost right."""

    name = "off by one"

    def power(self, base: int, exponent: int) -> int:
        return pow(base, exponent, PRIME) ^ 1

    def power_of_g(self, exponent: int) -> int:
        return self.power(GENERATOR, exponent)

    def chained_power(self, base: int, public_exponent: int, factor: int, exponent: int) -> int:
        return pow(pow(base, public_exponent, PRIME) * factor, exponent, PRIME)


def test_an_arithmetic_that_is_wrong_is_not_used() -> None:
    with pytest.raises(modexp.ArithmeticWrong):
        modexp.check(_OffByOne())


def _no_library() -> modexp.Powers:
    return LibcryptoPowers(find_libcrypto([]))


def test_without_libcrypto_the_others_remain_and_python_is_the_last() -> None:
    for broken in (_no_library, _OffByOne):
        names = [powers.name for powers in modexp.available(broken)]
        assert names[-1] == "python"
        assert "libcrypto" not in names


def test_the_first_arithmetic_is_chosen_even_if_it_is_the_last_resort() -> None:
    last = modexp.IntegerPowers("python", pow, pow)
    assert modexp.choose(iter([last])) is last
    assert modexp.choose(iter([ARITHMETICS["libcrypto"], last])).name == "libcrypto"


def test_no_library_names_what_was_tried() -> None:
    with pytest.raises(LibcryptoUnavailable, match=r"libm\.so\.6.*no-such\.so"):
        find_libcrypto(["libm.so.6", "no-such.so"])


def test_the_first_library_that_fits_is_taken() -> None:
    assert find_libcrypto(["no-such.so", _hashlib.__file__]).version() >= 0x10101000


def test_threads_do_not_disturb_each_other() -> None:
    powers = LibcryptoPowers()
    exponents = [3**160 + 7 * n for n in range(64)]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(powers.power_of_g, exponents))
        general = list(threads.map(powers.power, [5] * 64, exponents))
    assert found == [pow(GENERATOR, exponent, PRIME) for exponent in exponents]
    assert general == [pow(5, exponent, PRIME) for exponent in exponents]


def test_the_table_of_g_lies_on_cache_lines() -> None:
    assert LibcryptoPowers().table.aligned


@given(exponent=SHORT_EXPONENTS)
def test_the_comb_takes_the_same_steps_for_every_exponent(exponent: int) -> None:
    blocks = [[block for block, _ in step] for step in comb.picks(exponent)]
    assert blocks == [[block for block, _ in step] for step in comb.picks(1)]
    assert sum(map(len, blocks)) == comb.COLUMNS


@given(exponent=SHORT_EXPONENTS)
def test_what_the_comb_picks_adds_up_to_the_exponent(exponent: int) -> None:
    # The comb of the additive group of integers: a power of the base 1 is the exponent itself.
    tables = comb.table(1, 0, lambda left, right: left + right)
    total = 0
    for step in comb.picks(exponent):
        total = 2 * total + sum(tables[block][entry] for block, entry in step)
    assert total == exponent
