"""What the command line does where its libraries are not installed: it prints what to install."""

import importlib.metadata
import json
import os
import sys
from typing import NoReturn

from agentsight_otel._core.version import VERSION

EXTRAS = {
    "up": "local",
    "clickhouse": "local",
    "demo": "local",
    "schema": "clickhouse",
    "metrics": "clickhouse",
    "replay": "clickhouse",
    "export": "clickhouse",
    "erase": "clickhouse",
    "prices": "clickhouse",
    "doctor": "clickhouse",
    "escalation-tools": "clickhouse",
    "files": "clickhouse",
}
"""The extra that each command needs."""

_LIBRARIES = {
    **dict.fromkeys(("click", "rich", "clickhouse_connect"), "clickhouse"),
    **dict.fromkeys(("starlette", "uvicorn", "anyio", "h11", "chdb"), "local"),
}


def message_of(error: ModuleNotFoundError, command: str | None) -> str | None:
    """The message that says what to install for a missing library; None for a library that no extra brings.

    Args:
        error: The error that the import raised.
        command: The command to run; None for none.
    """
    library = (error.name or "").split(".")[0]
    if library not in _LIBRARIES:
        return None
    extra = EXTRAS.get(command or "", _LIBRARIES[library])
    asked_for = f"agentsight-otel {command}" if command in EXTRAS else "agentsight-otel"
    return f"{asked_for} needs {library}, which is not installed; run: pip install 'agentsight-otel[{extra}]'"


def without_libraries(error: ModuleNotFoundError) -> NoReturn:
    """Runs the command line where click and the other libraries are missing: version, help, or what to install."""
    words = sys.argv[1:]
    command = next((word for word in words if not word.startswith("-")), None)
    message = message_of(error, command)
    if message is None:
        raise error
    if "--version" in words:
        print(f"agentsight-otel, version {VERSION}")
        sys.exit(0)
    if command is None and (not words or {"-h", "--help"} & set(words)):
        print("Usage: agentsight-otel COMMAND\n\nThe SDK is installed; each command needs an extra, which is not:\n")
        for name, extra in EXTRAS.items():
            print(f"  {name:16} pip install 'agentsight-otel[{extra}]'")
        sys.exit(0)
    _again_by_uv(command, words)
    print(f"Error: {message}", file=sys.stderr)
    sys.exit(1)


_TRIED = "AGENTSIGHT_UV_TRIED"


def _again_by_uv(command: str | None, words: list[str]) -> None:
    """Under ``uvx``, runs the command once more, with its extra; otherwise returns.

    ``uvx --from . agentsight-otel up`` names no extra, and users cannot install one into uvx's temporary environment.
    """
    uv = os.environ.get("UV", "")
    if not uv or command not in EXTRAS or _TRIED in os.environ:
        return
    try:
        text = importlib.metadata.distribution("agentsight-otel").read_text("direct_url.json")
    except importlib.metadata.PackageNotFoundError:
        text = None
    address = json.loads(text or "{}").get("url", "")
    source = f" @ {address}" if address else f"=={VERSION}"
    os.environ[_TRIED] = "1"
    print(f"agentsight-otel {command} needs more than the SDK: again, with [{EXTRAS[command]}]", file=sys.stderr)
    arguments = [uv, "tool", "run", "--from", f"agentsight-otel[{EXTRAS[command]}]{source}", "agentsight-otel", *words]
    os.execv(uv, arguments)
