"""Powers modulo the SRP prime: the one place that chooses whose arithmetic is used.

Owns the choice (libcrypto, else gmpy2, else Python) and its check. Must not know the protocol: numbers in, numbers out.
"""

import functools
import hashlib
import importlib
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from poolhouse.crypto import comb
from poolhouse.crypto.libcrypto import LibcryptoFailed, LibcryptoUnavailable
from poolhouse.crypto.modexp_libcrypto import LibcryptoPowers
from poolhouse.crypto.srp_group import GENERATOR, PRIME, PRIME_BYTES
from poolhouse.telemetry.log import get_logger

log = get_logger(__name__)


class Powers(Protocol):
    """Arithmetic modulo PRIME. Bases are in [0, PRIME), exponents in [1, PRIME); safe to call from several threads."""

    name: str

    def power(self, base: int, exponent: int) -> int:
        """base^exponent, for a secret exponent."""
        ...

    def power_of_g(self, exponent: int) -> int:
        """GENERATOR^exponent, for a secret exponent; quick up to comb.EXPONENT_BITS bits."""
        ...

    def chained_power(self, base: int, public_exponent: int, factor: int, exponent: int) -> int:
        """(factor * base^public_exponent)^exponent, where only the last exponent is secret."""
        ...


class IntegerPowers:
    """Powers by a given modular exponentiation over integers, with a comb of integers for the fixed base.

    What is protected: as much as the `pow_secret` given protects. The comb's entries and the multiplications on them
    are plain integers', whose time depends on values; this serves where libcrypto cannot be had.
    """

    def __init__(
        self, name: str, pow_secret: Callable[[int, int, int], int], pow_public: Callable[[int, int, int], int]
    ) -> None:
        self.name = name
        self._pow_secret = pow_secret
        self._pow_public = pow_public

    @functools.cached_property
    def _tables(self) -> list[list[int]]:
        return comb.table(GENERATOR, 1, lambda left, right: left * right % PRIME)

    def power(self, base: int, exponent: int) -> int:
        """base^exponent."""
        return self._pow_secret(base, exponent, PRIME)

    def power_of_g(self, exponent: int) -> int:
        """GENERATOR^exponent."""
        if exponent.bit_length() > comb.EXPONENT_BITS:
            return self._pow_secret(GENERATOR, exponent, PRIME)
        result = 1
        for step in comb.picks(exponent):
            result = result * result % PRIME
            for block, entry in step:
                result = result * self._tables[block][entry] % PRIME
        return result

    def chained_power(self, base: int, public_exponent: int, factor: int, exponent: int) -> int:
        """(factor * base^public_exponent)^exponent."""
        inner = self._pow_public(base, public_exponent, PRIME)
        return self._pow_secret(factor * inner % PRIME, exponent, PRIME)


class ArithmeticWrong(Exception):
    """An arithmetic gave a wrong result in the check before its first use."""


_CHECKED_EXPONENT: Final = int.from_bytes(b"poolhouse checks its arithmetic.", "big")
_CHECKED_ANSWER: Final = "1648738a77291dd994faba097e39283a21baba7f3d5f6e63891fee87aa44f223"
"""Of Python's own pow, which the tests hold against it; computing it anew would cost 6 ms at every start."""


def check(powers: Powers) -> None:
    """Hold the arithmetic against a known answer, before anything relies on it. Raises ArithmeticWrong."""
    power = powers.power(GENERATOR, _CHECKED_EXPONENT)
    chained = powers.chained_power(power, 5, power, 7)
    if powers.power_of_g(_CHECKED_EXPONENT) != power or fingerprint(power, chained) != _CHECKED_ANSWER:
        raise ArithmeticWrong(powers.name)


def fingerprint(*numbers: int) -> str:
    """A short name of numbers modulo PRIME."""
    joined = b"".join(number.to_bytes(PRIME_BYTES, "big") for number in numbers)
    return hashlib.sha256(joined).hexdigest()


def available(libcrypto: Callable[[], Powers] = LibcryptoPowers) -> Iterator[Powers]:
    """Every arithmetic that this machine has and that passes the check, the best first; Python's own is the last."""
    try:
        first = libcrypto()
        check(first)
        yield first
    except (LibcryptoUnavailable, LibcryptoFailed, ArithmeticWrong) as failure:
        log.warning("arithmetic_unavailable", arithmetic="libcrypto", cause=str(failure))
    try:
        gmpy2 = importlib.import_module("gmpy2")
        gmp = IntegerPowers(
            "gmpy2",
            lambda base, exponent, modulus: int(gmpy2.powmod_sec(base, exponent, modulus)),
            lambda base, exponent, modulus: int(gmpy2.powmod(base, exponent, modulus)),
        )
        check(gmp)
        yield gmp
    except (ImportError, AttributeError, ArithmeticWrong) as failure:
        log.debug("arithmetic_unavailable", arithmetic="gmpy2", cause=str(failure))
    yield IntegerPowers("python", pow, pow)


def choose(arithmetics: Iterator[Powers]) -> Powers:
    """The first of them; says so where that is the slow last resort."""
    chosen = next(arithmetics)
    if chosen.name == "python":
        log.warning("arithmetic_slow", arithmetic="python", hint="install gmpy2: sign-ins take six times as long")
    return chosen


@functools.cache
def powers() -> Powers:
    """The arithmetic of this process, chosen and checked at the first call (about 8 ms)."""
    return choose(available())
