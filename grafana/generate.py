"""Writes the dashboards and the alert rules: ``python -m grafana.generate``."""

import json
from collections.abc import Iterator
from pathlib import Path

from grafana import alerts, conversations, models, overview, pipeline, tools

FOLDER = Path(__file__).resolve().parent


def files() -> Iterator[tuple[Path, str]]:
    """Every generated file with its text."""
    for dashboard in (
        overview.dashboard(),
        tools.dashboard(),
        models.dashboard(),
        conversations.conversations(),
        conversations.conversation(),
        pipeline.dashboard(),
    ):
        text = json.dumps(dashboard.as_json(), ensure_ascii=False, indent=2)
        yield FOLDER / "dashboards" / f"{dashboard.uid}.json", text + "\n"
    yield FOLDER / "provisioning" / "alerting" / "agentsight.yaml", alerts.as_yaml()


def main() -> None:
    """Writes all files, and removes dashboards that no longer exist here."""
    written = dict(files())
    for path, text in written.items():
        path.write_text(text, encoding="utf-8")
    for stale in set((FOLDER / "dashboards").glob("*.json")) - set(written):
        stale.unlink()


if __name__ == "__main__":
    main()
