"""Says which instrumentations record no texts: those that ``init()`` loads, and those that the application does."""

from collections.abc import Iterable

from opentelemetry.sdk.trace import ReadableSpan

from agentsight_otel._core import standard_config
from agentsight_otel._core.guard import say
from agentsight_otel._tracing import runtime

_PACKAGES = ("opentelemetry-instrumentation-genai-", "opentelemetry-util-genai")
"""OpenTelemetry's own. Those of OpenLLMetry and OpenInference record texts by default."""

_CONTENT_MODES = ("SPAN_ONLY", "SPAN_AND_EVENT", "EVENT_ONLY", "NO_CONTENT")
"""The values that OpenTelemetry's instrumentations understand; they take any other, also ``true``, as NO_CONTENT."""

_MOST_SCOPES = 1_024
_scopes: set[str] = set()
_named: set[str] = set()


def look_at(span: ReadableSpan) -> None:
    """Logs that a span's instrumentation records no texts, the first time that a span of it comes."""
    scope = span.instrumentation_scope
    if scope is None or scope.name in _scopes:
        return
    if len(_scopes) < _MOST_SCOPES:
        _scopes.add(scope.name)
    say_what_records_no_content([scope.name.replace(".", "-").replace("_", "-")])


def say_what_records_no_content(packages: Iterable[str]) -> None:
    """Logs which of these packages record no texts, unless the environment sets whether they do, or none are wanted.

    Args:
        packages: Names of instrumentation packages; each is mentioned once.
    """
    without = [name for name in packages if name.startswith(_PACKAGES) and name not in _named]
    if not without or "llm" not in runtime.current().settings.capture_content:
        return
    _named.update(without)
    variable, value = standard_config.GENAI_CONTENT, standard_config.genai_content()
    if value.upper() not in _CONTENT_MODES:
        say(
            f"content of {', '.join(without)}",
            f"{', '.join(without)}: {'record' if len(without) > 1 else 'records'} no prompts, answers, arguments and"
            f" results, as {variable} is {value or 'not set'}. Set it to SPAN_ONLY to have them",
            repeat_after_s=float("inf"),
        )
