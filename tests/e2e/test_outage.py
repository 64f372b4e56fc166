"""The short variant of ``benchmarks/outage.py``: whatever the receiver does, every span is somewhere, and counted."""

from benchmarks.outage import PASSING, PROTOCOLS, measure

LOSSLESS = ("ok", "absent", *PASSING)
LOSING = {"refusing": "refused", "absent, queue full": "queue_full", "absent at shutdown": "unsent"}


def test_no_span_is_unaccounted_for_and_only_what_nobody_could_take_is_lost() -> None:
    measured = measure(1.0, others_s=0.3, rate=30, max_queue_spans=600, attempt_s=1.0)
    phases = {phase.phase: phase for phase in measured}
    assert list(phases) == [f"{protocol}: {name}" for protocol in PROTOCOLS for name in (*LOSSLESS, *LOSING)]
    for name, phase in phases.items():
        assert phase.created > 0, name
        assert (phase.unaccounted, phase.queued) == (0, 0), name
        assert (phase.failed_attempts > 0) is not name.endswith(": ok"), name
        assert phase.warnings <= 2, name
    for protocol in PROTOCOLS:
        for name in LOSSLESS:
            assert phases[f"{protocol}: {name}"].dropped == {}, name
        for name, reason in LOSING.items():
            phase = phases[f"{protocol}: {name}"]
            assert phase.dropped == {reason: 120 if reason == "queue_full" else phase.created}, name
