"""The collector's config keeps what it was told: each setting below, left at its default, loses data."""

from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
CONFIG = yaml.safe_load((ROOT / "collector_config" / "local.yaml").read_text())
CLICKHOUSE = CONFIG["exporters"]["clickhouse"]


def test_the_schema_is_ours() -> None:
    assert CLICKHOUSE["create_schema"] is False
    assert CLICKHOUSE["traces_table_name"] == "otel_traces"


def test_a_batch_is_retried_for_ever_and_survives_a_crash() -> None:
    assert CLICKHOUSE["retry_on_failure"]["max_elapsed_time"] == "0s"
    assert CLICKHOUSE["sending_queue"]["storage"] == "file_storage"
    assert "file_storage" in CONFIG["service"]["extensions"]


def test_late_data_may_reach_into_any_number_of_partitions() -> None:
    assert CLICKHOUSE["connection_params"]["max_partitions_per_insert_block"] == "0"


def test_batching_is_in_the_queue_in_few_big_inserts() -> None:
    assert CLICKHOUSE["sending_queue"]["batch"]["sizer"] == "bytes"
    assert CLICKHOUSE["sending_queue"]["batch"]["min_size"] >= 2**20
    assert "batch" not in CONFIG["service"]["pipelines"]["traces"]["processors"]


def test_it_listens_on_the_loopback_and_takes_large_batches() -> None:
    protocols = CONFIG["receivers"]["otlp"]["protocols"]
    assert all(":-127.0.0.1:" in protocol["endpoint"] for protocol in protocols.values())
    assert protocols["grpc"]["max_recv_msg_size_mib"] >= 64
