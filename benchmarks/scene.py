"""What a load generator is told: where the server is, who may sign in, what to ask for, and what it reports back."""

from msgspec import Struct

from benchmarks.people import Person


class Scene(Struct, frozen=True):
    """A served installation."""

    port: int
    gateway_port: int
    pool_id: str
    client_id: str
    key_id: str
    secret: str
    size: int
    people: list[Person]


class Load(Struct, frozen=True):
    """One run: a work by its name, over so many connections at once, for so many seconds.

    port: where to, if not to the scene's server. preparing: only ask for what such a run needs first (tokens to use).
    """

    work: str
    connections: int
    seconds: float
    port: int = 0
    preparing: bool = False


class Report(Struct, frozen=True):
    """What a run came to. Latencies are seconds between a request and its answer, summed over an operation's."""

    operations: int
    seconds: float
    p50: float
    p99: float
    generator_cpu: float
    failure: str | None = None
