"""Conversations in one process beside another SDK, in the main thread, a pool and a thread. usage: plain.py PRODUCT

Prints, as JSON, what the other product's backend got: for each of its spans the name and the parent's.
"""

import contextlib
import json
import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any

import chatbot

import agentsight_otel as agentsight

product = sys.argv[1]
theirs: list[Any] = []


def nothing() -> tuple[AbstractContextManager[Any], Any]:
    return contextlib.nullcontext(), list


def logfire() -> tuple[Any, Any]:
    import logfire
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    ours = os.environ.pop("OTEL_EXPORTER_OTLP_ENDPOINT")  # Logfire would send there, too
    logfire.configure(send_to_logfire=False, console=False, additional_span_processors=[SimpleSpanProcessor(exporter)])
    logfire.instrument_httpx()
    os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = ours

    def found() -> list[list[str | None]]:
        logfire.force_flush()
        spans = [
            span
            for span in exporter.get_finished_spans()
            if (span.attributes or {}).get("logfire.span_type") != "pending_span"
        ]
        names = {span.context.span_id: span.name for span in spans}
        return [[span.name, names.get(span.parent.span_id) if span.parent else None] for span in spans]

    return logfire.span("request"), found


def sentry() -> tuple[Any, Any]:
    import logging

    import sentry_sdk
    from sentry_sdk.transport import Transport

    class Kept(Transport):
        def capture_envelope(self, envelope: Any) -> None:
            theirs.extend(item.payload.json for item in envelope.items if item.payload.json)

    sentry_sdk.init(dsn="http://key@127.0.0.1:9/1", transport=Kept, traces_sample_rate=1.0)

    @contextlib.contextmanager
    def request() -> Iterator[None]:
        with sentry_sdk.start_transaction(name="request"):
            yield
        logging.getLogger("shop").error("reported")

    def found() -> list[list[str | None]]:
        sentry_sdk.flush()
        spans = [span for item in theirs for span in item.get("spans", ()) if item.get("type") == "transaction"]
        told = [[span.get("op"), "request"] for span in spans]
        return told + [["event", item["logentry"]["message"]] for item in theirs if "logentry" in item]

    return request(), found


def datadog() -> tuple[Any, Any]:
    from ddtrace.trace import TraceFilter, tracer

    class Kept(TraceFilter):
        def process_trace(self, trace: Any) -> None:
            theirs.extend(trace)

    tracer.configure(trace_processors=[Kept()])

    def found() -> list[list[str | None]]:
        names = {span.span_id: span.name for span in theirs}
        return [[span.name, names.get(span.parent_id) if span.parent_id else None] for span in theirs]

    return tracer.trace("request"), found


def work(cid: str) -> None:
    chatbot.converse(cid)


around, found = {"nothing": nothing, "logfire": logfire, "sentry": sentry, "datadog": datadog}[product]()
agentsight.init(service_name=product)
with around:
    work("main")
    with agentsight.conversation("pooled", customer_id="u1", device="mobile", source="web", language="en"):
        with agentsight.turn(agent="support"), ThreadPoolExecutor(1) as pool:
            pool.submit(chatbot.answer, "tool").result()
        with agentsight.turn(agent="support"):
            thread = threading.Thread(target=agentsight.carry(lambda: list(chatbot.words())))
            thread.start()
            thread.join()
        with contextlib.suppress(Exception), agentsight.turn(agent="support"), ThreadPoolExecutor(1) as pool:
            pool.submit(chatbot.answer, "error").result()
agentsight.shutdown()
print(json.dumps(found()))
