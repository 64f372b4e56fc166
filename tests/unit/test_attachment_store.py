"""What is in attachments is stored where attachments_url says, in the background and once; else it is described."""

import base64
import hashlib
import io
import json
import os
import stat
import time
from pathlib import Path
from typing import Any

import pytest

import agentsight_otel as agentsight
from agentsight_otel import conversation_tracker, testing
from agentsight_otel._core import guard
from agentsight_otel._recording import attachment_store
from agentsight_otel.exceptions import UploadError

DATA = b"%PDF- how to reset a password"
DIGEST = hashlib.sha256(DATA).hexdigest()


def files(spans: testing.Capture) -> list[dict[str, Any]]:
    found = []
    for span in spans.finished:
        if span.name == "attachment":
            found += json.loads(str((span.attributes or {})["agentsight.attachment.files"]))
    return found


@pytest.mark.parametrize("shape", ["base64", "bytes", "file", "path"])
def test_what_is_in_a_file_is_stored_by_its_content(tmp_path: Path, shape: str) -> None:
    (tmp_path / "a.pdf").write_bytes(DATA)
    opened = io.BytesIO(DATA)
    file: Any = {
        "base64": {"filename": "a.pdf", "data": base64.b64encode(DATA).decode()},
        "bytes": {"filename": "a.pdf", "data": DATA},
        "file": {"filename": "a.pdf", "data": opened},
        "path": tmp_path / "a.pdf",
    }[shape]
    store = f"file://{tmp_path}/store"
    with testing.capture(attachments_url=store) as spans, agentsight.conversation("c"):
        agentsight.record_attachments([file])
        agentsight.record_attachments([file])
        found = files(spans)
    assert {one["url"] for one in found} == {f"{store}/{DIGEST[:2]}/{DIGEST}.pdf"}
    assert {(one["sha256"], one["size"]) for one in found} == {(DIGEST, len(DATA))}
    (stored,) = [path for path in (tmp_path / "store").rglob("*") if path.is_file()]
    assert stored.read_bytes() == DATA
    assert opened.tell() == 0


def test_the_trackers_attachments_are_stored_and_others_are_described(tmp_path: Path) -> None:
    given = [{"filename": "a.pdf", "mime_type": "application/pdf", "data": base64.b64encode(DATA).decode()}]
    for settings in ({"attachments_url": f"file://{tmp_path}"}, {"max_attachment_bytes": 5}):
        with testing.capture(**settings) as spans:
            conversation_tracker.get_or_create_conversation("c")
            conversation_tracker.track_human_message("See", attachments=given)
            conversation_tracker.send_tracked_data()
            (found,) = files(spans)
        assert ("url" in found) == ("attachments_url" in settings)
        assert (found["name"], found["type"], found["size"]) == ("a.pdf", "application/pdf", len(DATA))


def test_a_file_that_is_too_large_is_described_alone(tmp_path: Path) -> None:
    with testing.capture(attachments_url=f"file://{tmp_path}", max_attachment_bytes=10) as spans:
        with agentsight.conversation("c"):
            agentsight.record_attachments([{"filename": "a.pdf", "data": DATA}])
        assert files(spans) == [{"name": "a.pdf", "size": len(DATA)}]
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_fails_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    with testing.capture(attachments_url="nowhere://x", raise_errors=False) as spans:
        with agentsight.conversation("c"):
            agentsight.record_attachments([{"filename": "a.pdf", "data": DATA}])
        assert len(files(spans)) == 1
    assert "an attachment could not be stored" in caplog.text


def test_a_store_that_is_away_for_a_while_loses_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "_said", {})
    write, away = attachment_store._write, [OSError("503"), OSError("503"), TimeoutError()]

    def sometimes(url: str, data: bytes) -> None:
        if away:
            raise away.pop()
        write(url, data)

    monkeypatch.setattr(attachment_store, "_write", sometimes)
    monkeypatch.setattr(attachment_store, "_FIRST_PAUSE_S", 0.001)
    with testing.capture(attachments_url=f"file://{tmp_path}"), agentsight.conversation("c"):
        agentsight.record_attachments([{"filename": f"{name}.pdf", "data": DATA + name} for name in (b"a", b"b")])
        deadline_s = time.monotonic() + 30
        while not agentsight.flush() and time.monotonic() < deadline_s:
            pass
        stored = {path.read_bytes() for path in tmp_path.rglob("*.pdf")}
    assert stored == {DATA + b"a", DATA + b"b"}
    assert "could not be stored, and is tried again: " in caplog.text


def test_a_store_that_stays_away_holds_up_no_spans_and_is_said_at_the_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(url: str, data: bytes) -> None:
        raise OSError("503")

    monkeypatch.setattr(guard, "_said", {})
    monkeypatch.setattr(attachment_store, "_write", away)
    monkeypatch.setattr(attachment_store, "_FIRST_PAUSE_S", 0.001)
    with testing.capture(attachments_url=f"file://{tmp_path}") as spans:
        with agentsight.conversation("c"):
            agentsight.record_attachments([{"filename": "a.pdf", "data": DATA}])
        began_s = time.monotonic()
        assert not agentsight.flush(timeout_s=30)
        assert time.monotonic() - began_s < 20
        assert len(spans._exporter.get_finished_spans()) == 1
        assert not agentsight.shutdown()
    assert "some attachments are not stored yet" in caplog.text
    attachment_store._store._start_anew()


@pytest.mark.parametrize(
    ("settings", "enabled"),
    [({"capture_content": ["messages"]}, True), ({}, False), ({"sample_ratio": 0.0}, True)],
    ids=["withheld", "not recorded", "not sampled"],
)
def test_what_is_not_to_be_recorded_is_not_stored_either(
    settings: dict[str, Any], enabled: bool, tmp_path: Path
) -> None:
    class Unread:
        filename = "a.pdf"

        def read(self, size: int = -1) -> bytes:
            raise AssertionError("it was read")

        seek = tell = read

    with testing.capture(attachments_url=f"file://{tmp_path}", **settings) as spans:
        with agentsight.conversation("c", enabled=enabled):
            agentsight.record_attachments([Unread()])
            answer = agentsight.upload_attachments(Unread(), "c")
            conversation_tracker.track_attachments(
                [{"filename": "a.pdf", "mime_type": "a/b", "data": Unread()}], mode="form_data"
            )
        conversation_tracker.send_tracked_data()
        assert answer["attachments"] == [{"filename": "a.pdf", "mime_type": None, "size_bytes": None, "file_url": None}]
        assert "file://" not in "".join(span.to_json() for span in spans.finished)
    assert list(tmp_path.iterdir()) == []


def test_a_file_on_disk_is_for_its_owner_and_whole_or_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    before = os.umask(0)
    try:
        with testing.capture(attachments_url=f"file://{tmp_path}"):

            def full(descriptor: int) -> None:
                raise OSError(28, "No space left on device")

            with monkeypatch.context() as patched, pytest.raises(UploadError, match="No space"):
                patched.setattr(os, "fsync", full)
                agentsight.upload_attachments({"filename": "a.pdf", "data": DATA}, "c")
            assert [path.name for path in tmp_path.rglob("*")] == [DIGEST[:2]]
            agentsight.upload_attachments({"filename": "a.pdf", "data": DATA}, "c")
    finally:
        os.umask(before)
    stored = tmp_path / DIGEST[:2] / f"{DIGEST}.pdf"
    assert stored.read_bytes() == DATA
    assert (stat.S_IMODE(stored.stat().st_mode), stat.S_IMODE(stored.parent.stat().st_mode)) == (0o600, 0o700)


def test_upload_attachments_stores_at_once_or_raises(tmp_path: Path) -> None:
    with testing.capture(attachments_url=f"memory://{tmp_path.name}") as spans:
        answer = agentsight.upload_attachments({"filename": "a.pdf", "data": DATA}, "c", sender="agent")
        assert answer["attachments"][0]["file_url"] == files(spans)[0]["url"]
        assert answer["conversation_id"] == "c"
        with pytest.raises(ValueError, match="conversation_id"):
            agentsight.upload_attachments({"filename": "a.pdf", "data": DATA})
    with testing.capture() as spans:
        with pytest.raises(UploadError, match="attachments_url: not set"):
            agentsight.upload_attachments({"filename": "a.pdf", "data": DATA}, "c")
        assert spans.names() == []


def test_a_class_can_be_a_tool_and_stays_a_class() -> None:
    @agentsight.tool
    class Search:
        def __init__(self, where: str) -> None:
            self.where = where

    @agentsight.tool(name="bare")
    class Bare:
        pass

    with testing.capture() as spans, agentsight.conversation("c"):
        assert isinstance(Search("web"), Search) and isinstance(Bare(), Bare)
        assert spans.names() == ["execute_tool Search", "execute_tool bare"]
        arguments = (spans.named("execute_tool Search").attributes or {})["gen_ai.tool.call.arguments"]
    assert arguments == '{"where":"web"}'


def test_a_list_of_instrumentations_means_those(caplog: pytest.LogCaptureFixture) -> None:
    with testing.capture(auto_instrument=["carrier_pigeon"]):
        pass
    assert "carrier_pigeon: no instrumentation of it is installed" in caplog.text
