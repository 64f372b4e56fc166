"""Environments with other products, made by uv for the session: some would change this process by being here."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.backends import missing

ROOT = Path(__file__).parents[2]
REQUIREMENTS = {
    "newest": """
        agentsight==0.1.4 celery ddtrace django fastapi flask gevent gunicorn httpx ipykernel langchain
        langchain-openai langgraph logfire logfire[httpx] mcp nbclient openai openai-agents
        openinference-instrumentation-langchain opentelemetry-distro opentelemetry-exporter-otlp
        opentelemetry-instrumentation-genai-openai-agents opentelemetry-instrumentation-httpx
        pydantic-ai-slim[openai] sentry-sdk uvicorn
    """,
    # Of the summer of 2023, with Starlette 0.27.
    "oldest": """
        celery==5.3.0 django==4.2 fastapi==0.100.1 flask==2.2.5 gunicorn==20.1.0 httpx==0.24.1 setuptools<81
        uvicorn==0.23.0 werkzeug<2.3
    """,
}


def python_of(name: str, base: Path) -> str:
    """The interpreter of an environment, which the first of several test processes makes.

    Args:
        name: Of ``REQUIREMENTS``.
        base: A folder that they share.
    """
    folder = base / f"beside-{name}"
    python = str(folder / "bin" / "python")
    with (base / f"beside-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "made").exists():
            _make(folder, python, REQUIREMENTS[name].split())
            (folder / "made").touch()
    return python


def _make(folder: Path, python: str, requirements: list[str]) -> None:
    try:
        from uv import find_uv_bin

        uv = find_uv_bin()
    except (ImportError, FileNotFoundError):
        missing("uv", "pip install -e '.[dev]'")
    done = subprocess.run(
        [uv, "venv", "-q", "--clear", "--python", sys.executable, str(folder)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    install = [uv, "pip", "install", "-q", "--python", python, "-e", str(ROOT), *requirements]
    done = subprocess.run(install, capture_output=True, text=True, timeout=500, env=os.environ)
    if done.returncode:
        missing(f"a package index with {', '.join(requirements)}", f"uv said: {done.stderr[-500:]}")


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all test processes of the session share; AGENTSIGHT_BESIDE keeps the environments for the next."""
    if kept := os.environ.get("AGENTSIGHT_BESIDE"):
        Path(kept).mkdir(parents=True, exist_ok=True)
        return Path(kept)
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
