"""The configs keep what they were told: left at its default, each setting below loses data or protection."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from agentsight_otel import semconv

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "collector_config"
BASES = {name: yaml.safe_load((FOLDER / f"{name}.yaml").read_text()) for name in ("local", "agent", "gateway")}
OPTIONAL = {path.stem: yaml.safe_load(path.read_text()) for path in sorted((FOLDER / "optional").glob("*.yaml"))}
STORING = {name: BASES[name] for name in ("local", "gateway")}
# Where a component's module is not named as its type is.
MODULES = {"otlp_grpc": "otlp", "otlp_http": "otlphttp"}
KINDS = ("receivers", "processors", "exporters", "extensions")


def each(configs: dict[str, Any]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("config", configs.values(), ids=configs.keys())


@each(STORING)
def test_the_schema_is_ours_and_batches_are_the_collectors(config: dict[str, Any]) -> None:
    clickhouse = config["exporters"]["clickhouse"]
    assert clickhouse["create_schema"] is False
    assert clickhouse["traces_table_name"] == "otel_traces"
    assert clickhouse["async_insert"] is False
    assert clickhouse["compress"] == "lz4"


@each(STORING)
def test_late_data_may_reach_into_any_number_of_partitions(config: dict[str, Any]) -> None:
    parameters = config["exporters"]["clickhouse"]["connection_params"]
    assert parameters["max_partitions_per_insert_block"] == "0"


@each({**BASES, "fan-out": OPTIONAL["fan-out"]})
def test_a_batch_is_retried_for_ever_and_survives_a_crash(config: dict[str, Any]) -> None:
    for exporter in config["exporters"].values():
        assert exporter["retry_on_failure"]["max_elapsed_time"] == "0s"
        assert exporter["sending_queue"]["storage"] == "file_storage"
    if "extensions" in config:
        storage = config["extensions"]["file_storage"]
        assert storage["fsync"] is True
        assert storage["max_size"]
        assert storage["compaction"]["on_rebound"] is True


@each({**BASES, "fan-out": OPTIONAL["fan-out"]})
def test_batching_is_in_the_queue_in_few_big_requests_bounded_in_bytes(config: dict[str, Any]) -> None:
    for exporter in config["exporters"].values():
        assert exporter["sending_queue"]["batch"]["sizer"] == "bytes"
        assert exporter["sending_queue"]["batch"]["min_size"] >= 2**20
    for pipeline in config["service"]["pipelines"].values():
        assert not [name for name in pipeline["processors"] if name.startswith("batch")]


@each(BASES)
def test_what_a_receiver_takes_its_exporter_can_pass_on(config: dict[str, Any]) -> None:
    protocols = config["receivers"]["otlp"]["protocols"]
    (exporter,) = config["exporters"].values()
    largest = exporter["sending_queue"]["batch"]["max_size"]
    assert protocols["grpc"]["max_recv_msg_size_mib"] * 2**20 == largest
    assert protocols["http"]["max_request_body_size"] == largest >= 48 * 2**20


def test_an_agents_requests_fit_its_gateway() -> None:
    (exporter,) = BASES["agent"]["exporters"].values()
    assert (
        exporter["sending_queue"]["batch"]["max_size"]
        < BASES["gateway"]["receivers"]["otlp"]["protocols"]["grpc"]["max_recv_msg_size_mib"] * 2**20
    )


@each({**BASES, **OPTIONAL})
def test_memory_is_limited_first_in_every_pipeline(config: dict[str, Any]) -> None:
    for pipeline in config["service"]["pipelines"].values():
        assert pipeline["processors"][0] == "memory_limiter"


@pytest.mark.parametrize("name", ["local", "agent"])
def test_what_has_no_token_listens_on_the_loopback(name: str) -> None:
    protocols = BASES[name]["receivers"]["otlp"]["protocols"]
    assert all(":-127.0.0.1:" in protocol["endpoint"] for protocol in protocols.values())


def test_the_gateway_has_tls_and_a_token_on_both_protocols() -> None:
    for protocol in BASES["gateway"]["receivers"]["otlp"]["protocols"].values():
        assert protocol["auth"] == {"authenticator": "bearertokenauth"}
        assert {"cert_file", "key_file"} <= set(protocol["tls"])


def test_local_and_gateway_store_alike() -> None:
    def without(config: dict[str, Any]) -> dict[str, Any]:
        exporter = dict(config["exporters"]["clickhouse"])
        exporter["connection_params"] = {
            key: value for key, value in exporter["connection_params"].items() if key != "connection_open_strategy"
        }
        exporter["sending_queue"] = {
            key: value for key, value in exporter["sending_queue"].items() if key not in ("queue_size", "num_consumers")
        }
        return exporter

    assert without(BASES["local"]) == without(BASES["gateway"])


@each({**BASES, **OPTIONAL})
def test_every_component_declared_is_used(config: dict[str, Any]) -> None:
    service = config["service"]
    for kind in ("receivers", "processors", "exporters"):
        used = {name for pipeline in service["pipelines"].values() for name in pipeline.get(kind, ())}
        assert set(config.get(kind, {})) <= used, kind
    assert set(config.get("extensions", {})) == set(service.get("extensions", ()))


def test_the_manifest_has_what_the_configs_use_and_nothing_else() -> None:
    manifest = yaml.safe_load((FOLDER / "builder.yaml").read_text())
    for kind in KINDS:
        used = {
            name.partition("/")[0]
            for config in (*BASES.values(), *OPTIONAL.values())
            for name in config.get(kind, {})
            # optional/geoip.yaml says that it needs another build.
            if name != "geoip"
        }
        modules = [one["gomod"].split() for one in manifest[kind]]
        built = {module.rpartition("/")[2].removesuffix(kind.removesuffix("s")) for module, _ in modules}
        assert built == {MODULES.get(name, name.replace("_", "")) for name in used}
        assert {version for _, version in modules} == {f"v{manifest['dist']['version']}"}
    schemes = {
        scheme
        for path in (FOLDER / f"{name}.yaml" for name in BASES)
        for scheme in re.findall(r"\$\{(\w+):", path.read_text())
    }
    assert schemes == {"env"}


@pytest.mark.parametrize("name", [*BASES, *(f"optional/{name}" for name in OPTIONAL)])
def test_every_setting_is_explained_with_its_default(name: str) -> None:
    text = (FOLDER / f"{name}.yaml").read_text()
    explained = " ".join(line.lstrip("# ") for line in text.splitlines() if line.startswith("#"))
    assert re.findall(r"\$\{env:\w+\}", text) == [], "a setting without a default"
    for variable, default in re.findall(r"\$\{env:(\w+):-([^}]*)\}", text):
        assert re.search(rf"\b({variable}|{variable.removeprefix('AGENTSIGHT')})\b", explained) or (
            variable == "AGENTSIGHT_METRICS_PORT" and "AGENTSIGHT_METRICS_HOST, _PORT" in explained
        ), f"{variable} is not explained"
        assert not default or f" {default}" in explained, f"{variable}: its default {default} is not said"


def test_every_key_is_one_of_the_contract() -> None:
    """Or a resource's, an HTTP header's, or the geoip processor's own name for what becomes one."""
    declared: set[str] = set()
    pending: list[object] = [value for key, value in vars(semconv).items() if key.isupper()]
    while pending:
        value = pending.pop()
        if isinstance(value, str):
            declared.add(value)
        elif isinstance(value, tuple):
            pending.extend(value)
    others = {"host.name", "http.request.header.baggage", "geo.region_iso_code", "geo.city_name"}
    for path in [*FOLDER.glob("*.yaml"), *FOLDER.glob("optional/*.yaml")]:
        for key in re.findall(r'attributes\["([^"]+)"\]', path.read_text()):
            assert key in declared | others or key.startswith("k8s."), f"{path.name}: {key}"
