"""The unit tests on every supported Python, with the oldest and the newest OpenTelemetry that pyproject.toml admits.

`nox` runs all of it, `nox -s "tests-3.12(newest)"` one of them. A Python that is not on the PATH is named and left out.
"""

import re
from pathlib import Path

import nox

PYTHONS = ["3.10", "3.11", "3.12", "3.13"]
ADMITTED = re.search(r'"opentelemetry-sdk>=([\d.]+)', Path(__file__).with_name("pyproject.toml").read_text())
assert ADMITTED is not None
OLDEST = f"{ADMITTED[1]}.0"

nox.options.default_venv_backend = "uv"
nox.options.error_on_missing_interpreters = False


@nox.session(python=PYTHONS)
@nox.parametrize("opentelemetry", ["newest", "oldest"], ids=["newest", "oldest"])
def tests(session: nox.Session, opentelemetry: str) -> None:
    """The unit tests; on the newest Pythons, with the newest OpenTelemetry, those of processes and their ends too."""
    pins: list[str] = []
    if opentelemetry == "oldest":
        pins = [f"opentelemetry-{part}=={OLDEST}" for part in ("api", "sdk", "exporter-otlp")]
    session.install("-q", "-e", ".[dev]", *pins)
    session.run("python", "-c", "import opentelemetry.sdk.version as sdk; print('OpenTelemetry', sdk.__version__)")
    paths = ["tests/unit"]
    if opentelemetry == "newest" and session.python in ("3.12", "3.13"):  # each ends in a way of its own
        paths.append("tests/e2e/test_processes.py")
    session.run("python", "-m", "pytest", "-q", "-n", "2", *paths, *session.posargs)
