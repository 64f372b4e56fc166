"""Writes the collector's ``redaction.yaml`` and ``no-content.yaml`` from what the SDK does.

``python -m docs.collector_privacy``
"""

import re
from collections.abc import Iterable
from pathlib import Path

from agentsight_otel import semconv
from agentsight_otel._export import content
from agentsight_otel._export.masking import RULES

FOLDER = Path(__file__).resolve().parents[1] / "collector_config" / "optional"

_REDACTION = """\
# Replaces secrets, e-mail addresses, IBANs, card numbers and phone numbers in whatever spans, their events, scopes and
# resources say, by what they were: [secret], [email], [iban], [card], [phone].
#
#   otelcol-contrib --config gateway.yaml --config optional/redaction.yaml
#
# For senders that cannot do it themselves: what is masked where it arises never travels. Ids are left as they are, for
# conversations and customers are counted by them; a customer id that is an e-mail address is its sender's to hash. It
# is by pattern: names, addresses and numbers of other shapes stay (no-content.yaml removes texts altogether), and what
# looks like a card, an IBAN or a phone number goes, be it one or not: there are no checksums here. Lists and maps
# become their JSON text, as they are stored anyway; a number in JSON becomes [card] without quotes. The attributes of
# links are out of this processor's reach.
#
# Made by docs/collector_privacy.py from the table RULES of agentsight_otel/_export/masking.py.
processors:
  transform/redaction:
    # What cannot be redacted is refused, with the request that it came in, and not passed on as it is.
    error_mode: propagate
    trace_statements:
"""
_NO_CONTENT = """\
# Removes what people, agents, models and tools said, and keeps that they did: every metric stays the same.
#
#   otelcol-contrib --config gateway.yaml --config optional/no-content.yaml
#
# For senders that cannot do it themselves: content that is not recorded never travels. What goes, in all dialects, is
# what capture_content="none" withholds in the SDK: see docs/privacy.md. The attributes of links are out of this
# processor's reach.
#
# Made by docs/collector_privacy.py from the table KEYS of agentsight_otel/_export/content.py.
processors:
  transform/no-content:
    # What cannot be cleared is refused, with the request that it came in, and not passed on as it is.
    error_mode: propagate
    trace_statements:
"""
_PIPELINE = """
service:
  pipelines:
    traces:
      processors: [memory_limiter, {processor}]
"""
_GROUPS: list[tuple[str, str, list[str]]] = [
    ("resource", "", ["resource.attributes"]),
    ("scope", "", ["scope.attributes", "scope.name"]),
    ("span", "", ["span.attributes", "span.name"]),
    ("span", 'span.status.message != ""', ["span.status.message"]),
    ("span", 'span.trace_state != ""', ["span.trace_state"]),
    ("spanevent", "", ["spanevent.attributes", "spanevent.name"]),
]


def _quoted(text: str) -> str:
    """A string literal in OTTL; dollars are doubled, so that the collector does not expand variables."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return f'"{escaped}"'


def replacements(target: str) -> list[str]:
    """The rules as the collector's statements about one target."""
    calls = [f"replace_pattern({target}, "]
    if target.endswith(".attributes"):
        calls = [f'replace_all_patterns({target}, "value", ', f'replace_all_patterns({target}, "key", ']
    return [
        f"{call}{_quoted(rule.pattern)}, {_quoted(f'{first}[{rule.name}]{second}')})"
        for call in calls
        for rule in RULES
        for groups in [re.compile(rule.pattern).groups]
        for first, second in [("$1" * (groups > 0), "$2" * (groups > 1))]
    ]


def redaction() -> str:
    """The file ``redaction.yaml``."""
    lines = []
    ids = (*semconv.CONVERSATION_ID_KEYS, *semconv.CUSTOMER_KEYS)
    for context, condition, targets in _GROUPS:
        lines.append(f"- context: {context}")
        if condition:
            lines += ["  conditions:", f"    - {condition}"]
        lines.append("  statements:")
        for target in targets:
            statements = replacements(target)
            if target.endswith(".attributes"):
                statements.insert(0, f"stringify_all({target})")
            if target == "span.attributes":
                statements.insert(0, 'set(span.cache["given"], span.attributes)')
                statements += [
                    f'set(span.attributes["{key}"], span.cache["given"]["{key}"])'
                    f' where span.cache["given"]["{key}"] != nil'
                    for key in ids
                ]
            lines += ["    - " + _yaml(statement) for statement in statements]
    return _file(_REDACTION, lines, "transform/redaction")


def no_content() -> str:
    """The file ``no-content.yaml``."""
    lines = []
    for context in ("span", "spanevent"):
        lines += [f"- context: {context}", "  statements:"]
        if context == "span":
            lines.append('    - set(span.status.message, "")')
        else:
            kept = content.NO_TEXT_OF_EVENTS
            lines.append(
                f"    - keep_matching_keys(spanevent.attributes, {_keys(kept)}) "
                f'where IsMatch(spanevent.name, "^gen_ai\\\\.")'
            )
        for kind, keys in content.KEYS.items():
            lines += [f"    # {kind}", f"    - delete_matching_keys({context}.attributes, {_keys(keys)})"]
    return _file(_NO_CONTENT, lines, "transform/no-content")


def _keys(keys: Iterable[str]) -> str:
    patterns = [re.escape(key[:-1]) + ".*" if key.endswith("*") else re.escape(key) for key in keys]
    return _quoted(f"^(?:{'|'.join(patterns)})$")


def _file(head: str, lines: list[str], processor: str) -> str:
    return head + "".join(f"      {line}\n" for line in lines) + _PIPELINE.format(processor=processor)


def _yaml(statement: str) -> str:
    if not statement.startswith("replace"):
        return statement
    return "'" + statement.replace("'", "''") + "'"


if __name__ == "__main__":
    (FOLDER / "redaction.yaml").write_text(redaction(), "utf-8")
    (FOLDER / "no-content.yaml").write_text(no_content(), "utf-8")
