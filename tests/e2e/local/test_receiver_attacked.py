"""Whatever the small receiver is sent, its process stays below 512 MiB, and honest senders are served."""

from collections.abc import Iterator

import pytest

from benchmarks.attack import LIMIT_MIB, attack
from benchmarks.attacked import Target, running

# Of those in benchmarks/attacks.py the dearest of each kind; the benchmark has all.
KINDS = [
    "8 million empty events in a span, gzip",
    "values of JSON at the limit",
    "4 spans of 8 MiB with an emoji",
    "24 stalled bodies of 31 MiB",
    "300 bodies that never come",
    "gRPC: 600 connections without a call",
    "gRPC: 24 stalled messages of 8 MiB",
    "all kinds at once",
]


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    """`agentsight-otel up`, the same through all attacks: what one leaves behind counts for the next."""
    with running() as started:
        yield started


def test_no_attack_fills_the_memory_or_keeps_an_honest_sender_out(target: Target) -> None:
    for name in KINDS:
        outcome = attack(target, name, seconds=1.5)
        assert outcome.peak_mib < LIMIT_MIB, name
        for honest in (outcome.by_http, outcome.by_grpc):
            assert honest.tries and 0 not in honest.tries, name
        assert target.process.poll() is None, name
