"""The crypto floor adds up as the benchmarks say it does."""

from benchmarks.floor import Floor, measure


def test_the_floors_are_sums_of_their_operations() -> None:
    floor = Floor("libcrypto", modular_exponentiation=100.0, fixed_base_power=10.0, rs256_signature=1.0)
    assert floor.srp_sign_in == 212.0
    assert floor.password_sign_in == 12.0
    assert floor.refresh == 2.0


def test_a_measured_floor_is_of_this_machine_s_arithmetic() -> None:
    floor = measure(rounds=1)
    assert floor.arithmetic == "libcrypto"
    assert min(floor.modular_exponentiation, floor.fixed_base_power, floor.rs256_signature) > 0
