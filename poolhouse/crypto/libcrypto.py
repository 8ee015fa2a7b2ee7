"""The door to libcrypto's big numbers: finds the library that Python itself runs on, and binds the few calls we use.

Owns ctypes, symbol lookup and the life of BIGNUMs. Must not know SRP, nor what a number stands for.
"""

import contextlib
import ctypes
import ctypes.util
import importlib
from collections.abc import Callable, Iterable, Iterator
from ctypes import c_char_p, c_int, c_ulong, c_void_p
from typing import Final

_OLDEST: Final = 0x10101000
"""OpenSSL 1.1.1 and later; also what LibreSSL and BoringSSL claim, which the self-test then judges."""

Pointer = c_void_p


class LibcryptoUnavailable(Exception):
    """No loadable libcrypto has what we need; the text names what was tried."""


class LibcryptoFailed(Exception):
    """A libcrypto call failed (memory, as its arguments are checked): the number it should have made is not there."""

    def __init__(self, call: str) -> None:
        super().__init__(f"libcrypto refused {call}")
        self.call = call


class Bindings:
    """The calls, typed. Those that run for long release the GIL; the short ones do not, which halves their cost."""

    def __init__(self, source: str | None) -> None:
        """Bind from `source`: a library, an extension linked to it, or (None) the process.

        Raises OSError or AttributeError.
        """
        short = ctypes.PyDLL(source)
        long = ctypes.CDLL(source)
        self.version = _bind(short, "OpenSSL_version_num", c_ulong)
        self.bn_new = _bind(short, "BN_new", c_void_p)
        self.bn_clear_free = _bind(short, "BN_clear_free", None, Pointer)
        self.bn_bin2bn = _bind(short, "BN_bin2bn", c_void_p, c_char_p, c_int, Pointer)
        self.bn_bn2binpad = _bind(short, "BN_bn2binpad", c_int, Pointer, c_char_p, c_int)
        self.bn_ctx_new = _bind(short, "BN_CTX_new", c_void_p)
        self.bn_ctx_free = _bind(short, "BN_CTX_free", None, Pointer)
        self.mont_new = _bind(short, "BN_MONT_CTX_new", c_void_p)
        self.mont_set = _bind(short, "BN_MONT_CTX_set", c_int, Pointer, Pointer, Pointer)
        self.to_montgomery = _bind(short, "BN_to_montgomery", c_int, *[Pointer] * 4)
        self.from_montgomery = _bind(short, "BN_from_montgomery", c_int, *[Pointer] * 4)
        self.mul_montgomery = _bind(short, "BN_mod_mul_montgomery", c_int, *[Pointer] * 5)
        self.exp_secret = _bind(long, "BN_mod_exp_mont_consttime", c_int, *[Pointer] * 6)
        self.exp_public = _bind(long, "BN_mod_exp_mont", c_int, *[Pointer] * 6)

    def number(self) -> Pointer:
        """A new BIGNUM, 0."""
        return _made(self.bn_new(), "BN_new")

    def context(self) -> Pointer:
        """A new BN_CTX: scratch space, for one thread."""
        return _made(self.bn_ctx_new(), "BN_CTX_new")

    def montgomery(self, modulus: Pointer, context: Pointer) -> Pointer:
        """A BN_MONT_CTX for the odd `modulus`; read-only from then on, so threads may share it."""
        made = _made(self.mont_new(), "BN_MONT_CTX_new")
        if not self.mont_set(made, modulus, context):
            raise LibcryptoFailed("BN_MONT_CTX_set")
        return made


def _bind(
    library: ctypes.CDLL, name: str, result: type[c_void_p] | type[c_int] | type[c_ulong] | None, *arguments: type
) -> Callable[..., int]:
    # ctypes gives integers (None for a null pointer) for the three result types that we use.
    bound = getattr(library, name)
    bound.restype = result
    bound.argtypes = list(arguments)
    function: Callable[..., int] = bound
    return function


def _made(address: int | None, call: str) -> Pointer:
    if not address:
        raise LibcryptoFailed(call)
    return c_void_p(address)


def find_libcrypto(candidates: Iterable[str | None] | None = None) -> Bindings:
    """The first of the candidates (see Bindings) that has every call. Raises LibcryptoUnavailable."""
    tried: list[str] = []
    for source in _candidates() if candidates is None else candidates:
        try:
            bindings = Bindings(source)
        except (OSError, AttributeError) as failure:
            tried.append(f"{source or 'this process'}: {failure}")
            continue
        if bindings.version() >= _OLDEST:
            return bindings
        tried.append(f"{source or 'this process'}: older than OpenSSL 1.1.1")
    raise LibcryptoUnavailable("; ".join(tried))


def _candidates() -> Iterator[str | None]:
    # A handle on Python's own extension also finds the symbols of the libcrypto it is linked to, so we get the very
    # copy that is loaded already: no second version in the process, and no guess at file names.
    for module in ("_hashlib", "_ssl"):
        with contextlib.suppress(ImportError):
            path = getattr(importlib.import_module(module), "__file__", None)
            if path is not None:
                yield path
    yield None  # a Python with OpenSSL linked in statically
    found = ctypes.util.find_library("crypto")
    if found is not None:
        yield found
