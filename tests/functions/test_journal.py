"""The log of a sandbox, line by line."""

import pytest

from poolhouse.functions.journal import Journal, LogSource, RecentLogs, Report


def journal(limit: int = 1 << 20) -> tuple[Journal, RecentLogs]:
    sink = RecentLogs()
    return Journal(LogSource("f", "s"), sink, lambda: 1000.5, limit), sink


def texts(sink: RecentLogs) -> list[bytes]:
    return [line.text for line in sink.recent("f")]


@pytest.mark.parametrize(
    ("pieces", "lines"),
    [
        ([b"a\nb\n"], [b"a", b"b"]),
        ([b"a", b"b\nc", b"\n"], [b"ab", b"c"]),
        ([b"a\rb\n"], [b"a\rb"]),
        ([b"a\r\n"], [b"a\r"]),
        ([b"\n\n"], [b"", b""]),
        ([b"no end"], [b"no end"]),
        ([b"\xff\x00\n"], [b"\xff\x00"]),
    ],
)
def test_lines_end_with_lf_alone(pieces: list[bytes], lines: list[bytes]) -> None:
    one, sink = journal()
    for piece in pieces:
        one.feed(piece)
    one.close()
    assert texts(sink) == lines


def test_a_call_is_framed_by_start_end_and_report() -> None:
    one, sink = journal()
    one.begin("id-1")
    one.feed(b"inside\n")
    one.end("id-1", Report(15.7391, 128, 56, 130.489))
    assert texts(sink) == [
        b"START RequestId: id-1 Version: $LATEST",
        b"inside",
        b"END RequestId: id-1",
        b"REPORT RequestId: id-1\tDuration: 15.74 ms\tBilled Duration: 16 ms\tMemory Size: 128 MB"
        b"\tMax Memory Used: 56 MB\tInit Duration: 130.49 ms",
    ]
    assert one.tail == b"".join(line + b"\n" for line in texts(sink))


def test_a_warm_report_has_no_init_duration() -> None:
    one, sink = journal()
    one.begin("id-1")
    one.end("id-1", Report(1.0, 128, 56, None))
    assert texts(sink)[-1].endswith(b"Billed Duration: 1 ms\tMemory Size: 128 MB\tMax Memory Used: 56 MB")


def test_the_tail_is_the_last_4_kilobytes_of_this_call() -> None:
    one, _ = journal()
    one.feed(b"before\n")
    one.begin("id-1")
    for _ in range(100):
        one.feed(b"x" * 99 + b"\n")
    assert len(one.tail) == 4096
    one.begin("id-2")
    assert one.tail == b"START RequestId: id-2 Version: $LATEST\n"


def test_output_over_the_limit_is_counted_not_kept() -> None:
    one, sink = journal(limit=10)
    one.begin("id-1")
    one.feed(b"123456789\n")
    one.feed(b"dropped\n")
    one.end("id-1", Report(1.0, 128, 1, None))
    assert b"[poolhouse] 8 bytes of output dropped: over the limit of one call" in texts(sink)
    assert b"dropped" not in texts(sink)
    one.begin("id-2")
    one.feed(b"again\n")
    assert b"again" in texts(sink)


def test_a_line_without_end_is_cut() -> None:
    one, sink = journal(limit=10 << 20)
    for _ in range(20):
        one.feed(b"x" * (64 << 10))
    one.close()
    assert sum(map(len, texts(sink))) == 20 * (64 << 10)
    assert max(map(len, texts(sink))) == 256 << 10


def test_recent_logs_keep_a_bounded_number_of_lines() -> None:
    sink = RecentLogs(lines=3)
    one = Journal(LogSource("f", "s"), sink, lambda: 0.0, 1000)
    one.feed(b"1\n2\n3\n4\n5\n")
    assert texts(sink) == [b"3", b"4", b"5"]
