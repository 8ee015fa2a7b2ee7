"""The crypto floor: what a sign-in cannot cost less than, measured in the same run as the sign-ins themselves.

Bare operations on this machine, in CPU time of this thread. Must not know the server that is compared with them.
"""

import random
import statistics
import time
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from msgspec import Struct

from poolhouse.crypto.modexp import powers
from poolhouse.crypto.srp_group import PRIME

ROUNDS = 15
SECRET_BITS = 256
TOKEN_BYTES = 900
"""About as much as the header and claims of an ID token."""


class Floor(Struct, frozen=True):
    """CPU seconds of each operation: medians of rounds. arithmetic: whose modular exponentiation it is."""

    arithmetic: str
    modular_exponentiation: float
    fixed_base_power: float
    rs256_signature: float

    @property
    def srp_sign_in(self) -> float:
        """Two modular exponentiations, one fixed-base power, two signatures."""
        return 2 * self.modular_exponentiation + self.fixed_base_power + self.refresh

    @property
    def password_sign_in(self) -> float:
        """One fixed-base power, to compare with the verifier, and two signatures."""
        return self.fixed_base_power + self.refresh

    @property
    def refresh(self) -> float:
        """Two signatures."""
        return 2 * self.rs256_signature


def measure(rounds: int = ROUNDS) -> Floor:
    """Measure the floor; takes about 25 ms a round."""
    arithmetic, chance = powers(), random.Random(1)
    base, exponent = chance.randrange(PRIME), chance.getrandbits(SECRET_BITS)
    key, token = generate_private_key(65537, 2048), chance.randbytes(TOKEN_BYTES)
    padding, algorithm = PKCS1v15(), SHA256()
    return Floor(
        arithmetic=arithmetic.name,
        modular_exponentiation=_median(lambda: arithmetic.power(base, exponent), 10, rounds),
        fixed_base_power=_median(lambda: arithmetic.power_of_g(exponent), 25, rounds),
        rs256_signature=_median(lambda: key.sign(token, padding, algorithm), 20, rounds),
    )


def _median(operation: Callable[[], object], repeats: int, rounds: int) -> float:
    operation()
    times: list[float] = []
    for _ in range(rounds):
        start = time.thread_time()
        for _ in range(repeats):
            operation()
        times.append((time.thread_time() - start) / repeats)
    return statistics.median(times)


def main() -> None:
    """Print the floor, in milliseconds."""
    floor = measure()
    print(f"arithmetic               {floor.arithmetic}")
    for name, seconds in (
        ("modular exponentiation", floor.modular_exponentiation),
        ("fixed-base power", floor.fixed_base_power),
        ("RS256 signature", floor.rs256_signature),
        ("floor: SRP sign-in", floor.srp_sign_in),
        ("floor: password sign-in", floor.password_sign_in),
        ("floor: refresh", floor.refresh),
    ):
        print(f"{name:<24} {seconds * 1000:.3f} ms")


if __name__ == "__main__":
    main()
