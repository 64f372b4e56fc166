"""Settings: wrong ones are named with what was expected, secrets are not shown, and none needs installed metadata."""

import importlib.metadata
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import agentsight_otel as agentsight
from agentsight_otel._core import guard, standard_config
from agentsight_otel._core.version import VERSION
from agentsight_otel._tracing import uncaptured
from agentsight_otel.cli import missing
from agentsight_otel.cli.root import cli
from agentsight_otel.testing import capture


def test_a_misspelt_setting_is_named() -> None:
    with pytest.raises(TypeError, match=r"'servce_name' \(did you mean service_name"):
        agentsight.init(servce_name="shop")


def test_settings_show_no_password() -> None:
    settings = agentsight.Settings.load(clickhouse_url="http://me:hidden@127.0.0.1:8123/agentsight")
    assert "hidden" not in f"{settings!r}{settings}"
    assert "http://me:***@127.0.0.1:8123/agentsight" in repr(settings)
    stored = agentsight.Settings.load(attachments_url="ftp://me:hidden@host/folder")
    assert "attachments_url='ftp://me:***@host/folder'" in repr(stored) and "hidden" not in repr(stored)
    for url, shown in [
        ("s3://bucket/prefix?key=hidden&secret=hidden", "s3://bucket/prefix?***"),
        ("s3://bucket/prefix?key=hidden@host", "s3://bucket/prefix?***@host"),
        ("https://me:hid?den@host/folder?sig=hidden", "https://me:***@host/folder?***"),
    ]:
        assert f"attachments_url={shown!r}" in repr(agentsight.Settings.load(attachments_url=url))


def test_the_destination_of_otlp_shows_no_login_and_no_header() -> None:
    where = standard_config.destination(
        "http/protobuf",
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "https://me:hidden@host:4318",
            "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20hidden",
        },
    )
    assert where.headers == {"authorization": "Bearer hidden"}
    assert "hidden" not in f"{where!r}{where}"


@pytest.mark.parametrize(
    "url",
    [
        "http://me:hidden//x@host:8123/db",
        "http://me:x//hidden@host:8123/db",
        "http://host:8123/db?password=hidden",
        "http://host:8123/db?user=me&password=x@hidden",
        "http://hidden@host:8123/a-b",
        "http://me:hidden",
        "me:hidden@host:8123/db",
        "http://me/hidden@host/db",
        "http://me:x#hidden@host/db",
        "http://me:x?hidden@host/db",
        "http://me:x@hidden@host:port/db",
        "ftp://me:hidden@host",
    ],
)
def test_the_error_of_a_malformed_url_shows_no_password(url: str) -> None:
    with pytest.raises(agentsight.SettingError) as raised:
        agentsight.Settings.load(clickhouse_url=url)
    assert "hidden" not in str(raised.value)
    assert "clickhouse_url" in str(raised.value) and "expected" in str(raised.value)


def test_a_copy_without_installed_metadata_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_ours(name: str) -> Any:
        if name.replace("_", "-").lower() == "agentsight-otel":
            raise importlib.metadata.PackageNotFoundError(name)
        return distribution(name)

    distribution = importlib.metadata.Distribution.from_name
    monkeypatch.setattr(importlib.metadata.Distribution, "from_name", without_ours)
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        importlib.metadata.version("agentsight-otel")
    with capture() as captured, agentsight.tool("work"):
        pass
    assert captured is not None


def test_the_command_line_says_its_version_without_metadata(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def none(name: str) -> Any:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata.Distribution, "from_name", none)
    assert CliRunner().invoke(cli, ["--version"], prog_name="agentsight-otel").output.split()[-1] == VERSION
    monkeypatch.setattr(sys, "argv", ["agentsight-otel", "--version"])
    with pytest.raises(SystemExit):
        missing.without_libraries(ModuleNotFoundError("No module named 'click'", name="click"))
    assert capsys.readouterr().out.split()[-1] == VERSION


def test_the_version_is_that_of_the_metadata() -> None:
    assert importlib.metadata.version("agentsight-otel") == VERSION


@pytest.mark.parametrize("loaded_by", ["init", "the application"])
@pytest.mark.parametrize(
    ("value", "is_said"),
    [("", True), ("true", True), ("SPAN_ONLY", False), ("span_and_event", False), ("NO_CONTENT", False)],
)
def test_that_opentelemetrys_instrumentations_record_no_texts_is_said_unless_it_was_asked_for(
    value: str, is_said: bool, loaded_by: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(guard, "_said", {})
    monkeypatch.setattr(uncaptured, "_scopes", set())
    monkeypatch.setattr(uncaptured, "_named", set())
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", value)
    with capture(capture_content="all") as spans:
        if loaded_by == "init":
            uncaptured.say_what_records_no_content(
                ["openinference-instrumentation-openai", "opentelemetry-instrumentation-genai-langchain"]
            )
        for scope in ("openinference.instrumentation.openai", "opentelemetry.instrumentation.genai.langchain") * 2:
            spans.tracer(scope).start_span("outside").end()
            with agentsight.conversation("c"):
                spans.tracer(scope).start_span("chat").end()
    said = [text for record in caplog.records if "records no" in (text := record.getMessage())]
    assert len(said) == is_said
    assert all("genai-langchain: records no prompts" in text and "Set it to SPAN_ONLY" in text for text in said)


def test_disabled_by_the_standard_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    agentsight.init(service_name="x")
    assert not agentsight.is_enabled()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"sample_ratio": 2}, "sample_ratio: 2: expected a number from 0 to 1"),
        ({"ip_policy": "some"}, "ip_policy: 'some': expected one of full, truncate, drop"),
        ({"trace_per": "day"}, "trace_per: 'day': expected one of conversation, turn"),
        ({"clickhouse_url": "ftp://u:secret@h"}, r"scheme 'ftp'; expected http"),
        ({"max_queue_spans": "many"}, "max_queue_spans: 'many': expected a whole number"),
    ],
)
def test_a_wrong_setting_says_its_name_its_value_and_what_was_expected(given: dict[str, object], said: str) -> None:
    with pytest.raises(agentsight.SettingError, match=said) as raised:
        agentsight.init(**given)  # type: ignore[arg-type]
    assert "secret" not in str(raised.value)
    assert not agentsight.is_enabled()


def test_settings_come_from_arguments_then_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    from agentsight_otel._core.config import Settings

    monkeypatch.setenv("AGENTSIGHT_SERVICE_NAME", "from environment")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "standard")
    assert Settings.load().service_name == "from environment"
    assert Settings.load(service_name="given").service_name == "given"
    monkeypatch.setenv("AGENTSIGHT_SAMPLE_RATIO", "none")
    with pytest.raises(agentsight.SettingError, match="AGENTSIGHT_SAMPLE_RATIO: 'none': expected a number"):
        Settings.load()


def test_the_ip_policy(tmp_path: Path) -> None:
    for policy, v4, v6 in [
        ("full", "203.0.113.77", "2001:db8:1:2::5"),
        ("truncated", "203.0.113.0", "2001:db8:1::"),
        ("dropped", None, None),
    ]:
        with capture(ip_policy=policy) as spans:
            for address in ("203.0.113.77", "::ffff:203.0.113.77", "2001:db8:1:2::5", "not an address"):
                agentsight.get_or_create_conversation(address, customer_ip_address=address)
            stored = [(span.attributes or {}).get("client.address") for span in spans.finished]
            assert stored == [v4, v4, v6, None]
