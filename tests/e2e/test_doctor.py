"""`agentsight-otel doctor`: what it says of what is wrong, and that its probe counts nowhere afterwards."""

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import trustme

from agentsight_otel import replay
from agentsight_otel._export.clickhouse import RowInserter
from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import doctor, schema
from agentsight_otel.clickhouse import url as clickhouse_url
from agentsight_otel.clickhouse.doctor import PROBE
from agentsight_otel.clickhouse.erasure import Eraser
from agentsight_otel.local import EmbeddedClickHouse
from agentsight_otel.local.receiver.json_spans import parse_json
from agentsight_otel.local.receiver.otlp_rows import request_to_rows
from tests.e2e.running_up import ANY_PORTS, StartUp
from tests.e2e.test_cli import TRANSCRIPTS, run
from tests.sql.users import server_with_users


def messages(url: str) -> int:
    shown = json.loads(run("metrics", "--clickhouse-url", url, "--last", "4000d", "--json").stdout)
    return int(shown["metrics"]["metric_total_messages"][0]["messages"])


def assert_nothing_is_left(url: str) -> None:
    with Eraser(url) as eraser:
        assert eraser.verify([PROBE, "Does this arrive?"]) == []
        deployments = eraser.client.query("SELECT service FROM deployments").result_rows
        assert ("agentsight-doctor",) not in deployments


def test_all_is_well_and_nothing_is_left(schema_url: str) -> None:
    with TRANSCRIPTS.open() as lines:
        replay.play(replay.read(lines).transcripts, schema_url)
    before = messages(schema_url)
    # What an agent's environment may have must not make the probe one of its deployments, keep it, or leave it out.
    done = run(
        "doctor", "--clickhouse-url", schema_url, OTEL_RESOURCE_ATTRIBUTES="service.version=1.2.3",
        AGENTSIGHT_SAMPLE_RATIO="0",
    )  # fmt: skip
    said = done.stdout.splitlines()
    assert all(line.startswith("ok ") for line in said), done.stdout
    assert "sent, stored and counted" in said[-1]
    assert_nothing_is_left(schema_url)
    assert messages(schema_url) == before


def test_the_probe_comes_by_otlp_through_a_receiver(start_up: StartUp, tmp_path: Path) -> None:
    up = start_up(tmp_path, *ANY_PORTS).until("Ctrl-C")
    running = EmbeddedClickHouse.running(tmp_path)
    assert running is not None
    done = run("doctor", "--clickhouse-url", running.url(), "--endpoint", up.otlp)
    assert all(line.startswith("ok ") for line in done.stdout.splitlines()), done.stdout
    assert "OTLP: port" in done.stdout and "sent, stored and counted" in done.stdout
    assert_nothing_is_left(running.url())
    assert up.stop() == (0, "")


def spans(conversation_id: str) -> bytes:
    key = "gen_ai.conversation.id"
    span = {
        "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "00f067aa0ba902b7", "name": "turn",
        "startTimeUnixNano": "1790000000000000000", "endTimeUnixNano": "1790000001000000000",
        "attributes": [{"key": key, "value": {"stringValue": conversation_id}}],
        "events": [{"timeUnixNano": "1790000000000000000", "name": "agentsight.message", "attributes": [
            {"key": "agentsight.message.sender", "value": {"stringValue": "end_user"}}]}],
    }  # fmt: skip
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()


def test_a_probe_that_comes_after_the_last_look_counts_nowhere(schema_url: str) -> None:
    ids: list[str] = []
    (finding,) = doctor.probe(schema_url, ids.append, timeout_s=0.5)
    assert finding.severe and "not in this database" in finding.said
    rows, rejected = request_to_rows(parse_json(spans(ids[0])))
    assert not rejected
    RowInserter(schema_url).insert(rows)
    with clickhouse_client.connect(schema_url) as client:
        assert client.query("SELECT count() FROM otel_traces").first_row == (1,)
        assert client.query("SELECT count() FROM conversations_v").first_row == (0,)
    assert messages(schema_url) == 0
    run("erase", "--clickhouse-url", schema_url, "--clean-up")
    assert_nothing_is_left(schema_url)


def test_a_probe_that_cannot_be_erased_is_named(tmp_path: Path) -> None:
    grants = ["GRANT SELECT, INSERT, SHOW ON agentsight.*", "GRANT SELECT ON system.*"]
    with server_with_users(tmp_path / "home", {"writer": grants}) as server:
        schema.apply(server.server.url())
        done = run("doctor", "--clickhouse-url", server.url("writer", "agentsight"))
        (note,) = [line for line in done.stdout.splitlines() if not line.startswith("ok ")]
        assert note.startswith("note") and "is not erased" in note and "ALTER DELETE" in note
        command = note.rpartition("agentsight-otel ")[2].split()
        assert command[:2] == ["erase", "--conversation"] and command[2].startswith(PROBE)
        run(*command, "--yes", "--clickhouse-url", server.server.url())
        assert_nothing_is_left(server.server.url())


@contextmanager
def listening(context: ssl.SSLContext | None = None) -> Iterator[int]:
    """A port that takes connections, and says nothing; with a context, but what TLS needs."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        stop = threading.Event()

        def take() -> None:
            while not stop.is_set():
                try:
                    connection = server.accept()[0]
                    if context is not None:
                        connection = context.wrap_socket(connection, server_side=True)
                    connection.close()
                except OSError:
                    if context is None:
                        return

        threading.Thread(target=take, daemon=True).start()
        yield server.getsockname()[1]
        stop.set()


@contextmanager
def answering(status: int) -> Iterator[int]:
    """An HTTP server that answers every request so."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def problems(*arguments: str, **environment: str) -> list[str]:
    done = run("doctor", *arguments, code=7, **environment)
    return [line for line in done.stdout.splitlines() if line.startswith("PROBLEM")]


def test_it_names_what_is_wrong_and_what_to_do(schema_url: str) -> None:
    (said,) = problems("--clickhouse-url", "http://no-such-host.invalid/x")
    assert "no address" in said and "DNS" in said
    (said,) = problems("--clickhouse-url", "http://127.0.0.1:1/x")
    assert "takes no connection" in said
    address = clickhouse_url.parse(schema_url)
    (said,) = problems("--clickhouse-url", f"https://u:p@127.0.0.1:{address.port}/x")
    assert "TLS" in said and "use http://" in said
    (said,) = problems("--clickhouse-url", str(replace(address, password="not this")))
    assert "refuses user" in said and "not this" not in said
    with clickhouse_client.connect(schema_url) as client:
        client.command("DROP VIEW filter_values")
    assert any("run: agentsight-otel schema apply" in line for line in problems("--clickhouse-url", schema_url))
    schema.apply(schema_url)
    (said,) = problems("--clickhouse-url", schema_url, "--endpoint", "http://127.0.0.1:1")
    assert said.startswith("PROBLEM  OTLP: port")
    with listening() as port:
        (said,) = problems("--clickhouse-url", schema_url, "--endpoint", f"http://127.0.0.1:{port}")
        assert said.startswith("PROBLEM  probe: could not be sent")


def test_it_says_what_the_receiver_answers(schema_url: str) -> None:
    for status, reason in ((401, "Unauthorized"), (403, "Forbidden"), (400, "Bad Request")):
        with answering(status) as port:
            (said,) = problems("--clickhouse-url", schema_url, "--endpoint", f"http://127.0.0.1:{port}")
        assert f"HTTP {status} {reason}" in said
        assert ("OTEL_EXPORTER_OTLP_HEADERS" in said) == (status != 400)


def test_it_trusts_what_the_exporter_trusts(schema_url: str, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    with listening(context) as port:
        command = ("doctor", "--clickhouse-url", schema_url, "--no-probe", "--endpoint", f"https://localhost:{port}")
        (said,) = problems(*command[1:])
        assert said.startswith("PROBLEM  OTLP: TLS") and "OTEL_EXPORTER_OTLP_CERTIFICATE" in said
        well = run(*command, OTEL_EXPORTER_OTLP_CERTIFICATE=str(tmp_path / "ca.pem")).stdout
        assert "OTLP: TLS: TLSv1.3, certificate trusted" in well
        (said,) = problems(*command[1:], OTEL_EXPORTER_OTLP_CERTIFICATE=str(tmp_path / "absent.pem"))
        assert said.startswith("PROBLEM  OTLP: certificates") and "absent.pem" in said
