"""The load generator: a process that keeps so many connections busy, each with one operation after the other.

`python -m benchmarks.generator` reads a scene, then loads, one JSON line each, from standard input, and answers each
with a report. A closed loop: a connection sends its next request when it has the last one's answer.
"""

import selectors
import socket
import sys
import time

import msgspec

from benchmarks.messages import BadAnswer, Reader
from benchmarks.scene import Load, Report, Scene
from benchmarks.works import Exchange, WorkFailed, Works

_LARGEST_RATE = 10_000
"""Operations a second for which tokens are prepared, where each needs one of its own."""


class _Line:
    """One connection and the operation on it."""

    __slots__ = ("exchange", "reader", "sent_at", "socket", "spent")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reader = Reader()
        self.exchange: Exchange | None = None
        self.spent = 0.0
        self.sent_at = 0.0

    def begin(self, exchange: Exchange) -> None:
        """Start an operation."""
        self.exchange = exchange
        self.spent = 0.0
        self._send(next(exchange))

    def read(self) -> float | None:
        """Take what has arrived; the operation's latency when it is done. Raises WorkFailed, BadAnswer."""
        data = self.socket.recv(65536)
        if not data:
            raise BadAnswer("the server closed the connection")
        answer = self.reader.feed(data)
        if answer is None or self.exchange is None:
            return None
        self.spent += time.perf_counter() - self.sent_at
        try:
            self._send(self.exchange.send(answer))
        except StopIteration:
            self.exchange = None
            return self.spent
        return None

    def _send(self, request: bytes) -> None:
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)


class Generator:
    """Runs loads against a scene."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._works = Works(scene, time.time_ns())

    def run(self, load: Load) -> Report:
        """One run."""
        try:
            if load.preparing:
                self._prepare(load)
                return Report(0, 0.0, 0.0, 0.0, 0.0)
            gateway = load.work.startswith("gateway_")
            own = self._scene.gateway_port if gateway else self._scene.port
            return self._measure(load, load.port or own)
        except (WorkFailed, BadAnswer, OSError) as failure:
            return Report(0, 0.0, 0.0, 0.0, 0.0, failure=f"{load.work}: {type(failure).__name__}: {failure}")

    def _prepare(self, load: Load) -> None:
        exchanges = self._works.preparation(load.work, int(load.seconds * _LARGEST_RATE))
        line = _Line(self._scene.port)
        for exchange in exchanges:
            line.begin(exchange)
            while line.exchange is not None:
                line.read()
        line.socket.close()

    def _measure(self, load: Load, port: int) -> Report:
        start_operation = self._works.by_name[load.work]
        latencies: list[float] = []
        selector = selectors.DefaultSelector()
        lines = [_Line(port) for _ in range(load.connections)]
        started, cpu = time.perf_counter(), time.process_time()
        until = started + load.seconds
        busy = len(lines)
        for line in lines:
            selector.register(line.socket, selectors.EVENT_READ, line)
            line.begin(start_operation())
        while busy:
            for key, _ in selector.select():
                line = key.data
                spent = line.read()
                if spent is None:
                    continue
                latencies.append(spent)
                if time.perf_counter() < until:
                    line.begin(start_operation())
                else:
                    busy -= 1
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
        for line in lines:
            line.socket.close()
        latencies.sort()
        count = len(latencies)
        return Report(count, seconds, latencies[count // 2], latencies[int(count * 0.99)], cpu)


def main() -> None:
    """Serve loads until the input ends."""
    scene = msgspec.json.decode(sys.stdin.buffer.readline(), type=Scene)
    generator = Generator(scene)
    for line in sys.stdin.buffer:
        report = generator.run(msgspec.json.decode(line, type=Load))
        sys.stdout.buffer.write(msgspec.json.encode(report) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
