"""Powers modulo the SRP prime by libcrypto's Montgomery arithmetic.

Owns the numbers that live in libcrypto's memory. Must not know the protocol, nor when another arithmetic is chosen.
"""

import ctypes
import threading
from collections.abc import Callable
from typing import Any, Final

from poolhouse.crypto import comb
from poolhouse.crypto.libcrypto import Bindings, LibcryptoFailed, Pointer, find_libcrypto
from poolhouse.crypto.srp_group import GENERATOR, PRIME, PRIME_BYTES

_LINE: Final = 64
"""Bytes of a cache line; as many as a table has entries, on which the table's layout rests."""
_BLOCK_BYTES: Final = _LINE * PRIME_BYTES
_SPAN: Final = _BLOCK_BYTES - _LINE + 1
"""From an entry's first byte to just behind its last."""


class _Scratch:
    """One thread's BN_CTX and numbers. They hold secrets, so they are wiped when the thread ends."""

    def __init__(self, library: Bindings) -> None:
        self.context = library.context()
        self.base = library.number()
        self.exponent = library.number()
        self.result = library.number()
        self._wipe: Callable[[Pointer], int] = library.bn_clear_free
        self._free: Callable[[Pointer], int] = library.bn_ctx_free

    def __del__(self) -> None:
        for number in (self.base, self.exponent, self.result):
            self._wipe(number)
        self._free(self.context)


class LibcryptoPowers:
    """Powers modulo PRIME. What is protected against whoever measures time, or shares the machine's caches:

    - `power`, and the last step of `chained_power`: libcrypto's constant-time exponentiation. Its steps and the cache
      lines it touches do not depend on the exponent.
    - `power_of_g`: the number and order of steps do not depend on the exponent, and every table entry is spread over
      the same cache lines as its neighbours, so which lines are read does not depend on it either.
    - not protected: which byte within a line is read (bank conflicts); the interpreter's own small integers, which
      are objects with addresses; conversions to and from Python's integers, whose time depends on length. Whoever can
      watch those is on this machine, among the interpreter's own noise; a secret of SRP's (b) is used just once.
    - `public_exponent` is on the wire anyway (u = H(A, B)); it takes the quicker sliding window.
    """

    name = "libcrypto"

    def __init__(self, library: Bindings | None = None) -> None:
        """Bind and precompute (a few milliseconds). Raises LibcryptoUnavailable or LibcryptoFailed."""
        self._library = library if library is not None else find_libcrypto()
        self._threads = threading.local()
        scratch = self._scratch()
        self._modulus = self._library.number()
        self._put(PRIME, self._modulus)
        self._montgomery = self._library.montgomery(self._modulus, scratch.context)
        self.table = SpreadTable(self._entries())

    def power(self, base: int, exponent: int) -> int:
        """base^exponent."""
        scratch = self._scratch()
        self._put(base, scratch.base)
        self._put(exponent, scratch.exponent)
        self._exponentiate(self._library.exp_secret, scratch.result, scratch.base, scratch)
        return self._take(scratch.result)

    def chained_power(self, base: int, public_exponent: int, factor: int, exponent: int) -> int:
        """(factor * base^public_exponent)^exponent, without leaving libcrypto in between."""
        scratch = self._scratch()
        self._put(base, scratch.base)
        self._put(public_exponent, scratch.exponent)
        self._exponentiate(self._library.exp_public, scratch.result, scratch.base, scratch)
        self._put(factor, scratch.base)
        self._multiply(scratch.base, scratch.result, scratch)
        self._put(exponent, scratch.exponent)
        self._exponentiate(self._library.exp_secret, scratch.result, scratch.base, scratch)
        return self._take(scratch.result)

    def power_of_g(self, exponent: int) -> int:
        """GENERATOR^exponent: 48 multiplications by the comb, where a general power takes 340."""
        if exponent.bit_length() > comb.EXPONENT_BITS:
            return self.power(GENERATOR, exponent)
        scratch = self._scratch()
        result, picked, context, montgomery = scratch.result, scratch.base, scratch.context, self._montgomery
        multiply, load, entry = self._library.mul_montgomery, self._library.bn_bin2bn, self.table.entry
        (first, *others), *later = comb.picks(exponent)
        load(entry(*first), PRIME_BYTES, result)
        done = 1
        for step in (others, *later):
            if step is not others:
                done &= multiply(result, result, result, montgomery, context)
            for block, index in step:
                load(entry(block, index), PRIME_BYTES, picked)
                done &= multiply(result, result, picked, montgomery, context)
        if not done or not self._library.from_montgomery(result, result, montgomery, context):
            raise LibcryptoFailed("BN_mod_mul_montgomery")
        return self._take(result)

    def _multiply(self, product: Pointer, other: Pointer, scratch: _Scratch) -> None:
        """product *= other, in constant time: Montgomery's factor goes in once and comes out once."""
        into, times = self._library.to_montgomery, self._library.mul_montgomery
        if not into(product, product, self._montgomery, scratch.context) or not times(
            product, product, other, self._montgomery, scratch.context
        ):
            raise LibcryptoFailed("BN_mod_mul_montgomery")

    def _exponentiate(self, call: Callable[..., int], result: Pointer, base: Pointer, scratch: _Scratch) -> None:
        if not call(result, base, scratch.exponent, self._modulus, scratch.context, self._montgomery):
            raise LibcryptoFailed("BN_mod_exp_mont")

    def _scratch(self) -> _Scratch:
        try:
            scratch: _Scratch = self._threads.scratch
        except AttributeError:
            scratch = self._threads.scratch = _Scratch(self._library)
        return scratch

    def _put(self, value: int, number: Pointer) -> None:
        if not self._library.bn_bin2bn(value.to_bytes(PRIME_BYTES, "big"), PRIME_BYTES, number):
            raise LibcryptoFailed("BN_bin2bn")

    def _take_bytes(self, number: Pointer) -> bytes:
        # A fresh object each time: libcrypto writes into it, which no one else may see happen.
        taken = bytes(bytearray(PRIME_BYTES))
        if self._library.bn_bn2binpad(number, taken, PRIME_BYTES) != PRIME_BYTES:
            raise LibcryptoFailed("BN_bn2binpad")
        return taken

    def _take(self, number: Pointer) -> int:
        return int.from_bytes(self._take_bytes(number), "big")

    def _entries(self) -> list[list[bytes]]:
        """The comb's tables in Montgomery form, big-endian."""
        scratch, library = self._scratch(), self._library
        generator = library.number()
        self._put(GENERATOR, generator)
        if not library.to_montgomery(generator, generator, self._montgomery, scratch.context):
            raise LibcryptoFailed("BN_to_montgomery")
        made: list[Pointer] = [generator]

        def multiply(left: Pointer, right: Pointer) -> Pointer:
            product = library.number()
            if not library.mul_montgomery(product, left, right, self._montgomery, scratch.context):
                raise LibcryptoFailed("BN_mod_mul_montgomery")
            made.append(product)
            return product

        one = library.number()
        self._put((1 << 8 * PRIME_BYTES) % PRIME, one)
        made.append(one)
        try:
            return [[self._take_bytes(entry) for entry in block] for block in comb.table(generator, one, multiply)]
        finally:
            for number in made:
                library.bn_clear_free(number)


class SpreadTable:
    """Entries of the comb's tables, interleaved: line i of a block holds byte i of each of its entries, so that reading
    any entry reads all the lines."""

    __slots__ = ("_start", "_store")

    def __init__(self, blocks: list[list[bytes]]) -> None:
        spread = bytearray(_BLOCK_BYTES * len(blocks))
        for number, entries in enumerate(blocks):
            for index, entry in enumerate(entries):
                at = number * _BLOCK_BYTES + index
                spread[at : at + _SPAN : _LINE] = entry
        # Typed as it behaves: a slice of characters is bytes, where the stub says a list.
        self._store: Any = ctypes.create_string_buffer(len(spread) + _LINE)
        self._start = -ctypes.addressof(self._store) % _LINE
        ctypes.memmove(ctypes.addressof(self._store) + self._start, bytes(spread), len(spread))

    @property
    def aligned(self) -> bool:
        """Whether the table begins at a cache line."""
        return (ctypes.addressof(self._store) + self._start) % _LINE == 0

    def entry(self, block: int, index: int) -> bytes:
        """Entry `index` of a block."""
        at = self._start + block * _BLOCK_BYTES + index
        read: bytes = self._store[at : at + _SPAN : _LINE]
        return read
