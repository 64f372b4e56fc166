"""Builds the documentation's site: adds pages that live beside the code, rewrites links, and writes llms.txt.

Beside each page lies its Markdown, to which llms.txt links.

MkDocs calls these functions (``hooks`` in mkdocs.yml); ``make docs`` builds the site, and fails on a broken link.
"""

import os
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
ELSEWHERE = {
    "index.md": "README.md",
    "grafana.md": "grafana/README.md",
    "collector.md": "collector_config/README.md",
    "kubernetes.md": "charts/agentsight/README.md",
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
}
"""Pages outside of ``docs/``: their place in the repository, by their place on the site."""

NAVIGATION = {
    "Record": ("instrument", "other-sdks", "wire-format", "reference", "privacy", "delivery", "migrating", "replay"),
    "Look": ("local", "security", "grafana", "beside-others", "export", "erasure"),
    "Operate": ("collector", "kubernetes", "operations", "schema", "cluster", "benchmarks"),
    "Contribute": ("architecture", "contributing", "changelog"),
}
"""The pages under each heading; a page that is not listed comes under More."""

_LINK = re.compile(r"(\]\()([^)#\s:]+)((?:#[^)\s]*)?\))")
_PAGES = {source: page for page, source in ELSEWHERE.items()}


def on_config(config: Any) -> Any:
    """Sets the navigation to the existing pages."""
    there = [*ELSEWHERE, *(path.name for path in sorted((ROOT / "docs").glob("*.md")))]
    placed = {f"{name}.md" for names in NAVIGATION.values() for name in names}
    groups = {title: [f"{name}.md" for name in names if f"{name}.md" in there] for title, names in NAVIGATION.items()}
    more = [page for page in there if page not in placed and page != "index.md"]
    config["nav"] = ["index.md", *({title: pages} for title, pages in {**groups, "More": more}.items() if pages)]
    return config


def on_files(files: Any, config: Any) -> Any:
    """Adds the pages that live outside of ``docs/``."""
    from mkdocs.structure.files import File

    for page, source in ELSEWHERE.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Turns links between the repository's files into links on the site, or into links to the repository."""
    return _on_site(markdown, page.file.src_uri)


def _on_site(markdown: str, page: str) -> str:
    source = Path(ELSEWHERE.get(page, f"docs/{page}"))
    return _LINK.sub(lambda match: match[1] + linked(source, match[2]) + match[3], markdown)


def linked(source: Path, target: str) -> str:
    """The target of a link on the site.

    Args:
        source: The file with the link, relative to the repository's root.
        target: The link's target in that file.

    Raises:
        FileNotFoundError: The link is broken.
    """
    if target.startswith(("http", "mailto")):
        return target
    place = Path(os.path.normpath(source.parent / target))
    if not (ROOT / place).exists():
        raise FileNotFoundError(f"{source}: {target} leads nowhere")
    if str(place) in _PAGES:
        return _PAGES[str(place)]
    if place.parts[0] == "docs" and place.suffix in (".md", ".png", ".json"):
        return place.relative_to("docs").as_posix()
    return f"{_repository()}/{place}"


def _repository() -> str:
    """The URL under which the repository's files can be read; a fork sets it by AGENTSIGHT_REPOSITORY."""
    return os.environ.get("AGENTSIGHT_REPOSITORY", "https://github.com/agentsight/agentsight-otel/blob/main").rstrip(
        "/"
    )


def on_post_build(config: Any) -> None:
    """Writes the Markdown of each page, and llms.txt: a list of them for language models."""
    site = Path(config["site_dir"])
    lines = [f"# {config['site_name']}", "", f"> {config['site_description']}", ""]
    for page in sorted([*ELSEWHERE, *(path.name for path in (ROOT / "docs").glob("*.md"))]):
        text = (ROOT / ELSEWHERE.get(page, f"docs/{page}")).read_text(encoding="utf-8")
        title = re.search(r"^# (.+)$", text, re.MULTILINE)
        summary = next((line for line in text.splitlines() if line and line[0].isalpha()), "")
        lines.append(f"- [{title[1] if title else page}]({page}): {summary[:160]}")
        (site / page).write_text(_on_site(text, page), encoding="utf-8")
    (site / "llms.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
