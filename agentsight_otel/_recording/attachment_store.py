"""Stores the content of attachments under ``attachments_url``: in the background, and the same content only once."""

import base64
import binascii
import hashlib
import logging
import mimetypes
import os
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agentsight_otel._core import process
from agentsight_otel._core.clock import steady_s
from agentsight_otel._core.config import Settings
from agentsight_otel._core.guard import say, swallow
from agentsight_otel._core.locks import new_lock
from agentsight_otel._core.private_files import whole_file
from agentsight_otel._core.threads import Bell, Worker, wait_for
from agentsight_otel._tracing import context, runtime
from agentsight_otel._tracing.sampling import records

MAX_WAITING_BYTES = 134_217_728
"""The most bytes that wait to be stored; of further attachments only the description is kept."""

_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 60.0
_FAILURES_TO_WAIT_FOR = 3
_HOPELESS = (ImportError, TypeError, ValueError)
"""Errors of a store that another attempt does not mend: no such protocol, or no library for it."""

_MISSING = "attachments_url needs fsspec; run: pip install 'agentsight-otel[attachments]'"
_MAX_REMEMBERED = 100_000


class _Store:
    """The files that wait to be stored, and the thread that stores them. A forked child starts with none."""

    def __init__(self) -> None:
        self._lock = new_lock()
        self._start_anew()
        process.in_child(process.Stage.RECORDING, self._start_anew)

    def _start_anew(self) -> None:
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._bytes = 0
        self._stored: set[str] = set()
        self._worker: Worker | None = None
        self._bell = Bell()
        self._drained: set[Bell] = set()
        self._failures = 0  # since the last success
        self._again_at_s = 0.0

    def add(self, url: str, data: bytes) -> bool:
        """Queues data to be stored; False where there is no room for it."""
        with self._lock:
            if url in self._stored:
                return True
            if self._bytes + len(data) > MAX_WAITING_BYTES:
                return False
            self._bytes += len(data)
            self._waiting.append((url, data))
            if self._worker is None or not self._worker.alive:
                self._worker = Worker(self._run)
                self._worker.start()
        self._bell.ring()
        return True

    def drain(self, timeout_s: float) -> bool:
        """Waits until all queued data is stored, or the store has failed a few times; returns whether it is stored."""
        bell = Bell()
        self._drained.add(bell)
        self._failures, self._again_at_s = 0, 0.0  # now, whatever it was to wait for
        self._bell.ring()
        try:
            wait_for(lambda: not self._bytes or self._failures >= _FAILURES_TO_WAIT_FOR, bell, timeout_s)
            return not self._bytes
        finally:
            self._drained.discard(bell)

    def _run(self) -> None:
        while True:
            while self._waiting:
                if (pause_s := self._again_at_s - steady_s()) > 0:
                    self._bell.wait(pause_s)
                else:
                    self._store_next(*self._waiting.popleft())
            for bell in list(self._drained):
                bell.ring()
            self._bell.wait(float("inf"))

    def _store_next(self, url: str, data: bytes) -> None:
        try:
            _write(url, data)
        except Exception as error:
            problem = _MISSING if isinstance(error, ImportError) else f"{type(error).__name__}: {error}"[:250]
            if not isinstance(error, _HOPELESS):
                self._waiting.append((url, data))
                self._failures += 1
                pause_s = min(_FIRST_PAUSE_S * 2 ** min(self._failures - 1, 10), _LONGEST_PAUSE_S)
                self._again_at_s = steady_s() + pause_s
                say("store again", f"an attachment could not be stored, and is tried again: {problem}")
                for bell in list(self._drained):
                    bell.ring()
                return
            say("store attachment", f"an attachment could not be stored: {problem}")
        else:
            self._failures = 0
            with self._lock:
                if len(self._stored) >= _MAX_REMEMBERED:
                    self._stored.clear()
                self._stored.add(url)
        with self._lock:
            self._bytes -= len(data)


_store = _Store()


def load(url: str) -> None:
    """Imports the modules that write to a URL: a process forked during an import in a thread waits for it for ever.

    Args:
        url: ``attachments_url``.
    """
    try:
        import fsspec

        fsspec.core.url_to_fs(url)
    except ImportError:
        say("fsspec", _MISSING)
    except Exception as error:
        say("attachments_url", f"attachments_url: {type(error).__name__}: {error}"[:300])


def store(file: object, name: str | None) -> dict[str, Any]:
    """Queues a file's content to be stored.

    Args:
        file: A path, an open file, bytes, or a mapping with ``data`` or ``content``: base64 text, bytes or a file.
        name: The file's name, for the end of the URL.

    Returns:
        ``url``, ``sha256`` and ``size``; empty where it is not stored, which is logged: it is too large, the store is
        behind, ``capture_content`` withholds attachments, or the current conversation is not recorded. Never raises.
    """
    settings = runtime.current().settings
    if settings.attachments_url is None:
        return {}
    try:
        if not _is_wanted(settings):
            return {}
        data = content_of(file, settings.max_attachment_bytes)
        if data is None:
            return {}
        described = _described(data, name, settings.attachments_url)
        if not _store.add(described["url"], data):
            say(
                "attachments wait",
                "attachments come faster than they are stored: of some only the description is kept",
            )
            return {"size": len(data)}
        return described
    except Exception as error:
        swallow("storing an attachment", error)
        return {}


def store_now(file: object, name: str | None) -> dict[str, Any]:
    """Stores a file's content at once, in the caller's thread; returns the same as ``store``.

    Nothing is stored where ``capture_content`` withholds attachments, or the current conversation is not recorded.

    Raises:
        ValueError: ``attachments_url`` is not set, or the file is too large or not readable as a file.
        Exception: An error of the store.
    """
    settings = runtime.current().settings
    if settings.attachments_url is None:
        raise ValueError("attachments_url: not set; expected an fsspec URL, such as s3://bucket/prefix")
    if not _is_wanted(settings):
        return {}
    data = content_of(file, settings.max_attachment_bytes)
    if data is None:
        raise ValueError(f"attachment: expected a file of at most {settings.max_attachment_bytes:,} bytes")
    described = _described(data, name, settings.attachments_url)
    _write(described["url"], data)
    return described


def _is_wanted(settings: Settings) -> bool:
    if "attachments" not in settings.capture_content:
        say(
            "withheld attachments",
            "attachments_url: nothing is stored, as capture_content withholds attachments",
            level=logging.INFO,
        )
        return False
    conversation = context.current_conversation()
    return conversation.recorded and (not conversation.id or records(conversation.id, settings.sample_ratio))


def content_of(file: object, most: int) -> bytes | None:
    """A file's content from its current position; None where it cannot be read, or has more than ``most`` bytes."""
    if isinstance(file, Mapping):
        file = next((file[key] for key in ("data", "content") if file.get(key) is not None), None)
        if isinstance(file, str):
            try:
                file = base64.b64decode(file, validate=True)
            except (binascii.Error, ValueError):
                return None
    if isinstance(file, (bytes, bytearray, memoryview)):
        data = bytes(file)
    elif isinstance(file, (str, os.PathLike)):
        if os.path.getsize(file) > most:  # noqa: PTH202
            return _too_large(most)
        data = Path(file).read_bytes()
    elif hasattr(file, "read") and hasattr(file, "seek"):
        at = file.tell()  # type: ignore[attr-defined]
        data = file.read(most + 1)
        file.seek(at)
        if isinstance(data, str):
            data = data.encode()
    else:
        return None
    return data if len(data) <= most else _too_large(most)


def _too_large(most: int) -> bytes | None:
    say("large attachment", f"attachments of more than {most:,} bytes (max_attachment_bytes) are described, not stored")
    return None


def _described(data: bytes, name: str | None, url: str) -> dict[str, Any]:
    digest = hashlib.sha256(data).hexdigest()
    suffix = Path(name or "").suffix.lower()
    if not suffix[1:].isalnum() or len(suffix) > 10 or mimetypes.guess_type(f"a{suffix}")[0] is None:
        suffix = ""
    return {"url": f"{url.rstrip('/')}/{digest[:2]}/{digest}{suffix}", "sha256": digest, "size": len(data)}


def drain(timeout_s: float = 10.0) -> bool:
    """Waits until all queued data is stored, or the store has failed a few times; returns whether it is stored."""
    return _store.drain(timeout_s)


def _write(url: str, data: bytes) -> None:
    import fsspec
    from fsspec.implementations.local import LocalFileSystem

    filesystem, path = fsspec.core.url_to_fs(url)
    if filesystem.exists(path):
        return
    if not isinstance(filesystem, LocalFileSystem):
        filesystem.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
        filesystem.pipe_file(path, data)
        return
    # Whole or not at all: a file under this name counts as stored for ever.
    Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with whole_file(Path(path)) as file:
        file.write(data)
