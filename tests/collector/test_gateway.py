"""Agent and gateway: TLS and a token at the entry, origin added on the way, more than one ClickHouse behind."""

import contextlib
import secrets
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
import requests
import trustme
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

import agentsight_otel as agentsight
from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import schema
from agentsight_otel.local import EmbeddedClickHouse
from tests.collector.conftest import StartCollector, clickhouse_environment
from tests.collector.running import Collector
from tests.collector.spans import span
from tests.collector.waiting import until


@dataclass(frozen=True)
class Secrets:
    """What a gateway and its senders have in common."""

    folder: Path
    token: str

    @property
    def gateway(self) -> dict[str, str]:
        return {
            "AGENTSIGHT_TLS_CERT_FILE": str(self.folder / "tls.crt"),
            "AGENTSIGHT_TLS_KEY_FILE": str(self.folder / "tls.key"),
            "AGENTSIGHT_TOKEN_FILE": str(self.folder / "token"),
        }

    @property
    def agent(self) -> dict[str, str]:
        return {"AGENTSIGHT_CA_FILE": str(self.ca), "AGENTSIGHT_TOKEN_FILE": str(self.folder / "token")}

    @property
    def ca(self) -> Path:
        return self.folder / "ca.crt"


@pytest.fixture
def shared(tmp_path: Path) -> Secrets:
    folder = tmp_path / "secrets"
    folder.mkdir()
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    authority.cert_pem.write_to_path(folder / "ca.crt")
    certificate.private_key_pem.write_to_path(folder / "tls.key")
    for blob in certificate.cert_chain_pems:
        blob.write_to_path(folder / "tls.crt", append=True)
    token = secrets.token_urlsafe()
    (folder / "token").write_text(f"{token}\n")
    return Secrets(folder, token)


def http_exporter(collector: Collector) -> OTLPSpanExporter:
    return OTLPSpanExporter(endpoint=f"{collector.http}/v1/traces", timeout=60)


def post(gateway: Collector, shared: Secrets, token: str | None, number: int = 1) -> int:
    """Sends a span over HTTP; returns the status."""
    return requests.post(
        f"https://127.0.0.1:{gateway.http_port}/v1/traces",
        data=encode_spans([span(number)]).SerializeToString(),
        headers={"Content-Type": "application/x-protobuf", **({"Authorization": f"Bearer {token}"} if token else {})},
        verify=str(shared.ca),
        timeout=30,
    ).status_code


def call(gateway: Collector, shared: Secrets, token: str | None, number: int = 1) -> grpc.StatusCode:
    """Sends a span over gRPC; returns the status."""
    with grpc.secure_channel(gateway.grpc, grpc.ssl_channel_credentials(shared.ca.read_bytes())) as channel:
        metadata = [("authorization", f"Bearer {token}")] if token else []
        try:
            TraceServiceStub(channel).Export(encode_spans([span(number)]), timeout=30, metadata=metadata)
        except grpc.RpcError as error:
            return error.code()
    return grpc.StatusCode.OK


def test_only_the_token_opens_the_gateway_and_only_over_tls(
    start_collector: StartCollector, clickhouse_env: dict[str, str], shared: Secrets
) -> None:
    gateway = start_collector("gateway.yaml", environment={**clickhouse_env, **shared.gateway})
    assert post(gateway, shared, shared.token, 1) == 200
    assert call(gateway, shared, shared.token, 2) is grpc.StatusCode.OK
    for wrong in (None, "wrong", shared.token[:-1], f"{shared.token}x"):
        assert post(gateway, shared, wrong) == 401
        assert call(gateway, shared, wrong) is grpc.StatusCode.UNAUTHENTICATED
    plain = requests.post(f"{gateway.http}/v1/traces", data=b"", timeout=30)
    assert (plain.status_code, plain.text) == (400, "Client sent an HTTP request to an HTTPS server.\n")
    gateway.wait_sent(2)


def test_tokens_are_exchanged_without_a_restart(
    start_collector: StartCollector, clickhouse_env: dict[str, str], shared: Secrets
) -> None:
    gateway = start_collector("gateway.yaml", environment={**clickhouse_env, **shared.gateway})
    tokens = shared.folder / "token"
    tokens.write_text(f"{shared.token}\nthe-new-one\n")
    until(lambda: post(gateway, shared, "the-new-one") == 200, what="the new token taken")
    assert post(gateway, shared, shared.token) == 200
    tokens.write_text("the-new-one\n")
    until(lambda: post(gateway, shared, shared.token) == 401, what="the old token refused")
    assert post(gateway, shared, "the-new-one") == 200


def test_an_agent_adds_the_origin_and_waits_for_its_gateway(
    start_collector: StartCollector, clickhouse_env: dict[str, str], schema_url: str, shared: Secrets
) -> None:
    gateway = start_collector("gateway.yaml", environment={**clickhouse_env, **shared.gateway})
    gateway.stop()
    origin = {
        "AGENTSIGHT_ENVIRONMENT": "staging",
        "AGENTSIGHT_HOST_NAME": "host-1",
        "AGENTSIGHT_K8S_NAMESPACE": "shop",
        "AGENTSIGHT_K8S_POD": "agent-0",
    }
    agent = start_collector(
        "agent.yaml", environment={"AGENTSIGHT_GATEWAY_ENDPOINT": gateway.grpc, **shared.agent, **origin}
    )
    for environment, conversation in ((None, "c1"), ("production", "c2")):
        agentsight.init(
            service_name="shop-agent",
            environment=environment,
            set_global=False,
            span_exporter=http_exporter(agent),
            resource_attributes={"k8s.pod.name": "said by itself"} if environment else {},
        )
        with agentsight.conversation(conversation), agentsight.turn():
            agentsight.user_message("hi")
        assert agentsight.shutdown()
    gateway.start()
    gateway.wait_sent(2)
    with clickhouse_client.connect(schema_url) as client:
        asked = ("deployment.environment.name", "host.name", "k8s.namespace.name", "k8s.pod.name", "k8s.node.name")
        columns = ", ".join(f"ResourceAttributes['{key}']" for key in asked)
        assert client.query(f"SELECT {columns} FROM otel_traces ORDER BY ConversationId").result_rows == [
            ("staging", "host-1", "shop", "agent-0", ""),
            ("production", "host-1", "shop", "said by itself", ""),
        ]
        assert client.query(
            "SELECT has(mapKeys(ResourceAttributes), 'k8s.node.name') FROM otel_traces"
        ).result_rows == [
            (False,),
            (False,),
        ]


def test_of_several_clickhouse_endpoints_one_that_answers_is_enough(
    start_collector: StartCollector, shared: Secrets, tmp_path: Path
) -> None:
    with EmbeddedClickHouse(tmp_path / "a", password="same") as first:
        with EmbeddedClickHouse(tmp_path / "b", password="same") as second:
            for server in (first, second):
                schema.apply(server.url())
            environment = {
                **clickhouse_environment(first, first.url()),
                "AGENTSIGHT_CLICKHOUSE_ENDPOINT": f"tcp://127.0.0.1:{first.tcp_port},127.0.0.1:{second.tcp_port}",
            }
            gateway = start_collector("gateway.yaml", environment={**environment, **shared.gateway})
            for number in range(1, 3):
                assert post(gateway, shared, shared.token, number) == 200
                gateway.wait_sent(number)
        for number in range(3, 6):
            assert post(gateway, shared, shared.token, number) == 200
            gateway.wait_sent(number)
        with clickhouse_client.connect(first.url()) as client:
            assert client.query("SELECT count() FROM otel_traces WHERE SpanName IN ('span 3', 'span 5')").first_row == (
                2,
            )


@contextlib.contextmanager
def behind_tls(shared: Secrets, server: EmbeddedClickHouse) -> Iterator[str]:
    """The server's native port behind TLS, as ClickHouse has it on 9440."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shared.folder / "tls.crt", shared.folder / "tls.key")

    def pass_on(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                target.sendall(data)
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def accept(listener: socket.socket) -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError):
                wrapped = context.wrap_socket(plain, server_side=True)
                behind = socket.create_connection((server.host, server.tcp_port))
                for ends in ((wrapped, behind), (behind, wrapped)):
                    threading.Thread(target=pass_on, args=ends, daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, args=(listener,), daemon=True).start()
        yield f"tcp://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("setting", ["?secure=true", "AGENTSIGHT_CLICKHOUSE_CA_FILE"])
def test_one_setting_turns_tls_to_clickhouse_on(
    start_collector: StartCollector,
    clickhouse_server: EmbeddedClickHouse,
    clickhouse_env: dict[str, str],
    shared: Secrets,
    setting: str,
) -> None:
    by_address = setting.startswith("?")
    # What the system trusts, or what the setting says.
    trusted = {"SSL_CERT_FILE" if by_address else setting: str(shared.ca)}
    with behind_tls(shared, clickhouse_server) as endpoint:
        endpoint += setting if by_address else ""
        environment = {**clickhouse_env, "AGENTSIGHT_CLICKHOUSE_ENDPOINT": endpoint, **trusted}
        collector = start_collector("local.yaml", environment=environment)
        answer = requests.post(
            f"{collector.http}/v1/traces",
            data=encode_spans([span(1)]).SerializeToString(),
            headers={"Content-Type": "application/x-protobuf"},
            timeout=30,
        )
        assert answer.status_code == 200
        collector.wait_sent(1)
