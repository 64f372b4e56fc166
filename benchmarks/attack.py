"""What hostile input costs the small receiver, and whether honest senders are still served beside it.

    python -m benchmarks.attack

Runs `agentsight-otel up` on this machine, on free ports and in a folder of its own. For some seconds each, it is sent
what is made to fill its memory, its connections or its time, while two honest senders, over HTTP and over gRPC, send a
conversation's spans ten times a second. Prints for each: the largest memory of the process (VmHWM), what the attacker
was answered, and of each honest sender how many requests were stored, at the first try or after being told to come
again, and how long they took. Loopback only, and bounded: it attacks nothing but the process that it started.
"""

import argparse
import statistics
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass

from benchmarks import hostile_bodies as bodies
from benchmarks.attacked import Honest, Target, by_grpc, by_http, running
from benchmarks.attacks import ATTACKS, all_at_once

LIMIT_MIB = 512
ALL = {**ATTACKS, "all kinds at once": all_at_once}


@dataclass(frozen=True)
class Outcome:
    """What became of an attack.

    Attributes:
        peak_mib: The largest memory of the process meanwhile.
        answers: The attacker's, by status.
        by_http: What the honest sender over HTTP met.
        by_grpc: What the one over gRPC met.
    """

    peak_mib: float
    answers: Counter[str]
    by_http: Honest
    by_grpc: Honest


def attack(target: Target, name: str, seconds: float) -> Outcome:
    """Attacks for a while, beside two honest senders."""
    for prepare in bodies.BODIES:
        prepare()
    target.forget_peak()
    ends = time.monotonic() + seconds
    http_sender = by_http(target.http_port)
    with by_grpc(target.grpc_port) as grpc_sender:
        senders = [
            threading.Thread(target=each.send, args=(lambda: time.monotonic() > ends,))
            for each in (http_sender, grpc_sender)
        ]
        for sender in senders:
            sender.start()
        answers = ALL[name](target, lambda: time.monotonic() > ends)
        for sender in senders:
            sender.join(120)
    return Outcome(target.peak_mib(), answers, http_sender, grpc_sender)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seconds", type=float, default=5, help="for each attack")
    arguments.add_argument("--only", default="", help="attacks whose name has this text")
    options = arguments.parse_args()
    print(
        f"{'sent':44} {'MiB':>5} " + " ".join(f"{way + ': stored':>14} first p50, p99 ms" for way in ("HTTP", "gRPC"))
    )
    worst = 0.0
    with running() as target:
        for name in ALL:
            if options.only not in name:
                continue
            outcome = attack(target, name, options.seconds)
            worst = max(worst, outcome.peak_mib)
            print(
                f"{name:44} {outcome.peak_mib:5.0f} {_line(outcome.by_http)} {_line(outcome.by_grpc)}  "
                + ", ".join(f"{number} {answer}" for answer, number in outcome.answers.most_common()),
                flush=True,
            )
    print(f"largest: {worst:.0f} MiB of {LIMIT_MIB}")
    return worst >= LIMIT_MIB


def _line(honest: Honest) -> str:
    first = sum(tries == 1 for tries in honest.tries)
    times_ms = sorted(1000 * took for took in honest.took_s)
    median_ms, longest_ms = statistics.median(times_ms), times_ms[int(0.99 * (len(times_ms) - 1))]
    return f"{honest.stored:6} of {len(honest.tries):4} {first:5} {median_ms:7.0f} {longest_ms:7.0f}"


if __name__ == "__main__":
    sys.exit(main())
