"""Whether the time of an answer tells who exists: unknown and known names, both refused, in turn.

Owns the pairing. One connection, one request at a time, so that nothing but the server's own work is in the times.
"""

import socket
import statistics
import time
from collections.abc import Callable

import msgspec

from benchmarks.findings import Finding
from benchmarks.messages import Answer, Reader, Writer
from benchmarks.people import Person, spread
from benchmarks.process import free_port, serving
from benchmarks.scene import Scene
from benchmarks.site import Site
from poolhouse.userpools import srp

LIMIT = 0.05
"""How far the medians may lie apart, as a part of the time itself."""
_WRONG = "Wrong-passw0rd"
_SIGNATURE = "c2lnbmVkIHdpdGggYW5vdGhlciBwYXNzd29yZCB0aGFuIHRoaXM="
_PUBLIC = format(pow(5, 1 << 255, srp.N), "x")

_Ask = Callable[[str], tuple[float, Answer]]


class _Client:
    """A connection and the calls of a sign-in that fails."""

    def __init__(self, scene: Scene) -> None:
        self._write = Writer(scene)
        self._client_id = scene.client_id
        self._socket = socket.create_connection(("127.0.0.1", scene.port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = Reader()

    def start(self, name: str) -> tuple[float, Answer]:
        """USER_SRP_AUTH."""
        return self._initiate("USER_SRP_AUTH", {"USERNAME": name, "SRP_A": _PUBLIC})

    def password(self, name: str) -> tuple[float, Answer]:
        """USER_PASSWORD_AUTH with a wrong password."""
        return self._initiate("USER_PASSWORD_AUTH", {"USERNAME": name, "PASSWORD": _WRONG})

    def respond(self, name: str) -> tuple[float, Answer]:
        """PASSWORD_VERIFIER with a wrong proof; only the answer to it counts."""
        _, challenge = self.start(name)
        parameters = msgspec.json.decode(challenge.body)["ChallengeParameters"]
        responses = {
            "USERNAME": parameters["USER_ID_FOR_SRP"],
            "PASSWORD_CLAIM_SECRET_BLOCK": parameters["SECRET_BLOCK"],
            "PASSWORD_CLAIM_SIGNATURE": _SIGNATURE,
            "TIMESTAMP": srp.format_timestamp(time.time()),
        }
        members = {"ClientId": self._client_id, "ChallengeName": "PASSWORD_VERIFIER", "ChallengeResponses": responses}
        return self._ask(self._write.call("RespondToAuthChallenge", members))

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _initiate(self, flow: str, parameters: dict[str, str]) -> tuple[float, Answer]:
        members = {"ClientId": self._client_id, "AuthFlow": flow, "AuthParameters": parameters}
        return self._ask(self._write.call("InitiateAuth", members))

    def _ask(self, request: bytes) -> tuple[float, Answer]:
        started = time.perf_counter()
        self._socket.sendall(request)
        answer = None
        while answer is None:
            answer = self._reader.feed(self._socket.recv(65536))
        return time.perf_counter() - started, answer


def measure_existence(site: Site, pairs: int) -> list[Finding]:
    """Medians of both kinds for each step of a sign-in."""
    port, gateway_port = free_port(), free_port()
    command = ["serve", "--port", str(port), "--gateway-port", str(gateway_port)]
    scene = site.scene(port, gateway_port)
    # Two failures each at most: the fifth would lock, which is another answer.
    people = spread(scene.people, 2 * pairs)
    with serving(site.environment, command, port, site.log):
        client = _Client(scene)
        try:
            return [
                _compare("SRP start", client.start, people[:pairs]),
                _compare("SRP answer, wrong proof", client.respond, people[:pairs]),
                _compare("wrong password", client.password, people[pairs:]),
            ]
        finally:
            client.close()


def _compare(title: str, ask: _Ask, people: list[Person]) -> Finding:
    known: list[float] = []
    unknown: list[float] = []
    answers: set[tuple[int, bool]] = set()
    for turn, person in enumerate(people):
        stranger = f"nobody{person.email}"
        order = ((known, person.email), (unknown, stranger))
        for times, name in order if turn % 2 else reversed(order):
            seconds, answer = ask(name)
            times.append(seconds)
            answers.add((answer.status, b"Challenge" in answer.body))
    if len(answers) != 1:
        raise RuntimeError(f"{title}: known and unknown users are answered differently: {answers}")
    first, second = statistics.median(known), statistics.median(unknown)
    apart = abs(first - second) / first
    shown = f"{first * 1000:.2f} and {second * 1000:.2f} ms, {apart * 100:.1f} % apart"
    facts = {"known_ms": first * 1000, "unknown_ms": second * 1000, "apart": apart}
    target = f"< {LIMIT * 100:g} % apart"
    return Finding(f"known and unknown user: {title}", target, shown, apart < LIMIT, facts)
