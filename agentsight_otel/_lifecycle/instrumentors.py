"""Loads the GenAI instrumentations that are installed: OpenTelemetry's own, OpenInference's, OpenLLMetry's."""

import logging
import re
from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from opentelemetry.trace import TracerProvider

from agentsight_otel._core.guard import logger, say

_FAMILIES = ("opentelemetry-instrumentation-genai-", "openinference-instrumentation-", "opentelemetry-instrumentation-")
"""Prefixes of packages, the preferred first. One is loaded for each library: two would report each call twice."""

_LIBRARIES = frozenset(
    """agno alephalpha anthropic autogen bedrock beeai claudeagentsdk cohere crewai dspy googleadk googlegenai
    googlegenerativeai groq guardrails haystack instructor langchain litellm llamaindex mcp mistralai ollama openai
    openaiagents openaiv2 portkey promptflow pydanticai qwenagent replicate sagemaker smolagents strandsagents
    together transformers vertexai voyageai watsonx writer""".split()  # noqa: SIM905
)


def instrument(tracer_provider: TracerProvider | None = None, *, only: Iterable[str] | None = None) -> list[str]:
    """Loads one instrumentation for each GenAI library that is there; those loaded already stay as they are.

    Args:
        tracer_provider: Where their spans go. Default: the global one.
        only: Names of libraries, such as openai, langchain, llama_index. Default: all.

    Returns:
        The names of the instrumentation packages that are loaded now. Never raises; one that fails is logged.
    """
    loaded: list[str] = []
    candidates: dict[str, list[EntryPoint]] = {}
    for entry_point in entry_points(group="opentelemetry_instrumentor"):
        if _is_genai(entry_point):
            candidates.setdefault(_library(entry_point), []).append(entry_point)
    wanted = None if only is None else {_plain(name): name for name in only}
    for library in sorted((wanted or {}).keys() - candidates.keys()):
        name = (wanted or {})[library]
        say(
            f"instrument {library}",
            f"{name}: no instrumentation of it is installed; run: pip install openinference-instrumentation-{name}",
            level=logging.WARNING,
        )
    for library in sorted(candidates):
        if wanted is not None and library not in wanted:
            continue
        of_library = sorted(candidates[library], key=_rank)
        if name := _loaded_already(of_library) or _load_first(of_library, tracer_provider):
            loaded.append(name)
    return loaded


def _is_genai(entry_point: EntryPoint) -> bool:
    return _package(entry_point).startswith(_FAMILIES[:2]) or _library(entry_point) in _LIBRARIES


def _library(entry_point: EntryPoint) -> str:
    return _plain(entry_point.name)


def _plain(library: str) -> str:
    name = re.sub(r"[^a-z0-9]", "", library.lower())
    return {"openaiv2": "openai", "claude": "anthropic"}.get(name, name)


def _package(entry_point: EntryPoint) -> str:
    return entry_point.dist.name.lower().replace("_", "-") if entry_point.dist else ""


def _rank(entry_point: EntryPoint) -> tuple[int, str]:
    package = _package(entry_point)
    family = next((rank for rank, prefix in enumerate(_FAMILIES) if package.startswith(prefix)), len(_FAMILIES))
    return family, package


def _loaded_already(of_library: Iterable[EntryPoint]) -> str:
    for entry_point in of_library:
        try:
            if _instrumentor(entry_point).is_instrumented_by_opentelemetry:
                return _package(entry_point)
        except Exception as error:
            logger.debug("%s: %s", _package(entry_point), error)
    return ""


def _load_first(of_library: Iterable[EntryPoint], tracer_provider: TracerProvider | None) -> str:
    from opentelemetry.instrumentation.dependencies import get_dist_dependency_conflicts

    for entry_point in of_library:
        try:
            if entry_point.dist is not None and (conflict := get_dist_dependency_conflicts(entry_point.dist)):
                logger.debug("%s: not loaded: %s", _package(entry_point), conflict)
                continue
            instrumentor = _instrumentor(entry_point)
            arguments = {} if tracer_provider is None else {"tracer_provider": tracer_provider}
            instrumentor.instrument(**arguments)
            if instrumentor.is_instrumented_by_opentelemetry:
                return _package(entry_point)
        except ModuleNotFoundError as error:
            logger.debug("%s: not loaded: %s", _package(entry_point), error)
        except Exception as error:
            say(
                f"instrument {_package(entry_point)}",
                f"{_package(entry_point)} could not be loaded: {type(error).__name__}: {error}",
                level=logging.WARNING,
            )
    return ""


def _instrumentor(entry_point: EntryPoint) -> Any:
    return entry_point.load()()
