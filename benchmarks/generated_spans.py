"""Spans of made-up conversations, generated within ClickHouse: as many as wanted, the same each time.

A conversation of our own SDK has one to sixteen spans: a start, turns with their messages, tool calls, model calls, a button, feedback.
One in five is a visit alone; in one of 25 the second half comes hours or days later. One span in ten lacks the customer
and what the conversation is known by, as third parties' spans do. More happens by day than by night. One of other SDKs has three traces of four spans each: the agent's, which
alone names conversation and customer, two model calls and a tool call; every other one by OpenTelemetry's conventions,
the others by OpenInference's.
"""

from collections.abc import Iterator
from datetime import datetime, timezone

DAYS = 90
END = datetime(2026, 11, 1, tzinfo=timezone.utc)
SPANS_PER_CONVERSATION = 11.4
"""On average."""
FOREIGN_SPANS_PER_CONVERSATION = 12

COLUMNS = (
    "Timestamp, TraceId, SpanId, ParentSpanId, SpanName, SpanKind, ServiceName, ResourceAttributes, ScopeName, ScopeVersion,"
    " SpanAttributes, Duration, StatusCode, StatusMessage, `Events.Timestamp`, `Events.Name`, `Events.Attributes`"
)

_SPANS = """
WITH
    ['conversation', 'turn', 'llm', 'tool', 'turn', 'llm', 'task', 'turn', 'llm', 'tool', 'turn', 'llm', 'button', 'turn', 'llm', 'feedback'] AS kinds,
    splitByChar(' ', 'where is my order please I would like to return the blue shoes that came too small and get them in one size larger before Friday is that possible thank you very much for your help with this today your parcel left our warehouse this morning and will arrive tomorrow between nine and eleven the refund was sent') AS words,
    toInt64({end_s}) * 1000000000 AS end_ns,
    toInt64({days}) * 86400000000000 AS whole_ns,
    intDiv(number, 16) AS conversation,
    number % 16 AS place,
    sipHash64(conversation, 'conversation') AS dice,
    sipHash64(number, 'span') AS span_dice,
    kinds[place + 1] AS kind,
    (conversation + 0.5) / {conversations} * {days} AS day,
    end_ns - whole_ns + toInt64((day - 0.12 * sin(2 * pi() * day)) * 86400e9) AS begin_ns,
    begin_ns + place * toInt64(6000000000 + dice % 11000000000) + toInt64(span_dice % 2000000000)
        + if(place >= 7, toInt64([3, 26, 75, 0][multiIf(dice % 1000 < 30, 1, dice % 1000 < 38, 2, dice % 1000 < 40, 3, 4)]) * 3600000000000, 0) AS at_ns,
    800000000 + toInt64(span_dice % 9000000000) AS answer_ns,
    place > 0 AND span_dice % 10 = 3 AS is_bare,
    concat('conversation-', toString(conversation)) AS conversation_id,
    ['agent', 'sales', 'billing', 'people', 'desk'][multiIf(intDiv(dice, 7) % 100 < 50, 1, intDiv(dice, 7) % 100 < 75, 2, intDiv(dice, 7) % 100 < 88, 3, intDiv(dice, 7) % 100 < 95, 4, 5)] AS service,
    ['search', 'find_order', 'return_order', 'find_customer', 'fallback_to_human', 'open_ticket', 'calendar'][multiIf(intDiv(span_dice, 3) % 100 < 40, 1, intDiv(span_dice, 3) % 100 < 65, 2, intDiv(span_dice, 3) % 100 < 80, 3, intDiv(span_dice, 3) % 100 < 91, 4, intDiv(span_dice, 3) % 100 < 95, 5, intDiv(span_dice, 3) % 100 < 98, 6, 7)] AS tool,
    -- (sender, ns after the span's start)
    multiIf(kind != 'turn', [], intDiv(span_dice, 5) % 20 = 0, [('end_user', toInt64(0)), ('end_user', toInt64(500000000)), ('agent', answer_ns)],
        intDiv(span_dice, 5) % 20 = 1, [('end_user', toInt64(0)), ('agent', answer_ns), ('agent', answer_ns + 400000000)],
        intDiv(span_dice, 5) % 20 = 2, [('end_user', toInt64(0))], intDiv(span_dice, 5) % 20 = 3, [('agent', answer_ns)],
        [('end_user', toInt64(0)), ('agent', answer_ns)]) AS said
SELECT
    fromUnixTimestamp64Nano(at_ns, 'UTC') AS Timestamp,
    lower(hex(substring(SHA256(conversation_id), 1, 16))) AS TraceId,
    lower(hex(span_dice)) AS SpanId,
    if(kind IN ('llm', 'tool', 'task'), lower(hex(sipHash64(number - 1, 'span'))), '') AS ParentSpanId,
    multiIf(kind = 'conversation', if(dice % 5 = 0, 'conversation_opened', 'conversation_started'), kind = 'turn', concat('invoke_agent ', service),
        kind = 'tool', concat('execute_tool ', tool), kind = 'llm', 'chat small-1', kind = 'button', 'button pressed', kind) AS SpanName,
    if(kind = 'llm', 'Client', 'Internal') AS SpanKind,
    service AS ServiceName,
    map('service.name', service, 'service.version', '1.4.2', 'telemetry.sdk.language', 'python', 'telemetry.sdk.name', 'opentelemetry',
        'telemetry.sdk.version', '1.45.0', 'host.name', concat('pod-', toString(dice % 8))) AS ResourceAttributes,
    'agentsight_otel' AS ScopeName,
    '0.3.0' AS ScopeVersion,
    CAST(arrayFilter(pair -> pair.2 != '', arrayConcat(
        [('gen_ai.conversation.id', conversation_id), ('agentsight.span.kind', kind), ('deployment.environment.name', if(intDiv(dice, 11) % 100 < 85, 'production', 'staging'))],
        if(is_bare, [], [
            ('user.id', if(dice % 9 = 0, '', concat('customer-', toString(intDiv(dice, 13) % greatest(1, intDiv({conversations}, 3)))))),
            ('agentsight.conversation.device', ['desktop', 'mobile', 'tablet'][multiIf(intDiv(dice, 17) % 100 < 55, 1, intDiv(dice, 17) % 100 < 93, 2, 3)]),
            ('agentsight.conversation.source', ['web', 'whatsapp', 'viber', 'messenger', 'api'][multiIf(intDiv(dice, 19) % 100 < 60, 1, intDiv(dice, 19) % 100 < 85, 2, intDiv(dice, 19) % 100 < 90, 3, intDiv(dice, 19) % 100 < 97, 4, 5)]),
            ('agentsight.conversation.language', ['en-US', 'el-GR', 'de-DE', 'fr-FR', 'es-ES', 'it-IT'][1 + toUInt8(5.99 * pow(intDiv(dice, 23) % 1000 / 1000, 2))]),
            ('geo.country.iso_code', ['US', 'GR', 'DE', 'FR', 'ES', 'IT', 'GB', 'NL', 'BE', 'AT', 'PL', 'SE', 'NO', 'DK', 'FI', 'PT', 'IE', 'CH', 'CZ', 'RO'][1 + toUInt8(19.99 * pow(intDiv(dice, 29) % 1000 / 1000, 2))])]),
        multiIf(
            kind = 'turn', [('gen_ai.operation.name', 'invoke_agent'), ('agentsight.turn.id', lower(hex(span_dice))), ('agentsight.turn.complete', 'true')],
            kind = 'llm', [('gen_ai.operation.name', 'chat'), ('gen_ai.provider.name', 'openai'), ('gen_ai.request.model', 'small-1'),
                ('gen_ai.usage.input_tokens', toString(500 + span_dice % 3000)), ('gen_ai.usage.output_tokens', toString(20 + span_dice % 400))],
            kind = 'tool', [('gen_ai.operation.name', 'execute_tool'), ('gen_ai.tool.name', tool), ('gen_ai.tool.call.id', concat('call_', lower(hex(span_dice))))],
            kind = 'button', [('agentsight.button.event', 'pressed'), ('agentsight.button.label', 'Talk to sales')],
            kind = 'feedback', [('agentsight.feedback.sentiment', ['positive', 'positive', 'positive', 'neutral', 'negative'][1 + span_dice % 5])],
            []))), 'Map(LowCardinality(String), String)') AS SpanAttributes,
    toUInt64(multiIf(kind = 'turn', answer_ns + 1000000000, kind = 'tool', 20000000 + span_dice % 400000000, kind = 'llm', 300000000 + span_dice % 4000000000, kind = 'task', span_dice % 900000000, 0)) AS Duration,
    if(kind = 'tool' AND intDiv(span_dice, 37) % 25 = 0, 'Error', 'Unset') AS StatusCode,
    if(StatusCode = 'Error', 'the shop does not answer', '') AS StatusMessage,
    arrayMap(message -> fromUnixTimestamp64Nano(at_ns + message.2, 'UTC'), said) AS `Events.Timestamp`,
    arrayMap(message -> 'agentsight.message', said) AS `Events.Name`,
    arrayMap((message, position) -> map('agentsight.message.sender', message.1, 'agentsight.message.content',
        arrayStringConcat(arrayMap(word -> words[1 + sipHash64(span_dice, position, word) % length(words)], range(10)), ' ')), said, arrayEnumerate(said)) AS `Events.Attributes`
FROM numbers(toUInt64({first}) * 16, toUInt64({count}) * 16)
WHERE place < if(dice % 5 = 0, 1, 12 + intDiv(dice, 5) % 5)
"""

_FOREIGN_SPANS = """
WITH
    toInt64({end_s}) * 1000000000 AS end_ns,
    toInt64({days}) * 86400000000000 AS whole_ns,
    intDiv(number, 12) AS conversation,
    intDiv(number, 4) % 3 AS turn,
    number % 4 AS place,
    sipHash64(conversation, 'foreign') AS dice,
    sipHash64(intDiv(number, 4), 'turn') AS turn_dice,
    sipHash64(number, 'foreign span') AS span_dice,
    (conversation + 0.5) / {conversations} * {days} AS day,
    end_ns - whole_ns + toInt64((day - 0.12 * sin(2 * pi() * day)) * 86400e9) + turn * toInt64(20000000000 + dice % 60000000000) AS begin_ns,
    1000000000 + toInt64(turn_dice % 8000000000) AS model_ns,
    dice % 2 = 0 AS by_openinference,
    place = 0 AS is_agent,
    place = 2 AS is_tool,
    concat('foreign-', toString(conversation)) AS conversation_id,
    concat('Where is parcel ', toString(turn_dice % 100000), ', and when will it arrive?') AS question,
    concat('It left our warehouse this morning and will arrive on day ', toString(turn_dice % 28), ' between nine and eleven.') AS answer
SELECT
    fromUnixTimestamp64Nano(begin_ns + [0, 5000000, 10000000 + model_ns, 40000000 + model_ns][place + 1], 'UTC') AS Timestamp,
    lower(hex(substring(SHA256(concat('trace ', toString(intDiv(number, 4)))), 1, 16))) AS TraceId,
    lower(hex(span_dice)) AS SpanId,
    if(is_agent, '', lower(hex(sipHash64(number - place, 'foreign span')))) AS ParentSpanId,
    [if(by_openinference, 'Agent.run', 'invoke_agent support'), 'chat small-1', 'execute_tool find_order', 'chat small-1'][place + 1] AS SpanName,
    if(place % 2 = 1, 'Client', 'Internal') AS SpanKind,
    'other-agent' AS ServiceName,
    map('service.name', 'other-agent', 'deployment.environment.name', if(dice % 100 < 85, 'production', 'staging'), 'telemetry.sdk.language', 'python', 'telemetry.sdk.name', 'opentelemetry') AS ResourceAttributes,
    if(by_openinference, 'openinference.instrumentation.agents', 'opentelemetry.instrumentation.genai') AS ScopeName,
    '1.0.0' AS ScopeVersion,
    CAST(arrayFilter(pair -> pair.2 != '', arrayConcat(
        if(is_agent, [('user.id', concat('customer-', toString(dice % 100000)))], []),
        if(by_openinference, arrayConcat(
            [('openinference.span.kind', ['AGENT', 'LLM', 'TOOL', 'LLM'][place + 1])],
            multiIf(
                is_agent, [('session.id', conversation_id), ('input.value', question), ('output.value', answer)],
                is_tool, [('tool.name', 'find_order'), ('input.value', '{"order": 1001}')],
                [('llm.model_name', 'small-1'), ('llm.provider', 'openai'), ('llm.token_count.prompt', toString(500 + span_dice % 3000)),
                    ('llm.token_count.completion', toString(20 + span_dice % 400)), ('llm.input_messages.0.message.content', question)])),
            arrayConcat(
            [('gen_ai.operation.name', ['invoke_agent', 'chat', 'execute_tool', 'chat'][place + 1])],
            multiIf(
                is_agent, [('gen_ai.conversation.id', conversation_id), ('gen_ai.agent.name', 'support'),
                    ('gen_ai.input.messages', concat('[{"role":"user","parts":[{"type":"text","content":"', question, '"}]}]')),
                    ('gen_ai.output.messages', concat('[{"role":"assistant","parts":[{"type":"text","content":"', answer, '"}],"finish_reason":"stop"}]'))],
                is_tool, [('gen_ai.tool.name', 'find_order'), ('gen_ai.tool.call.id', concat('call_', lower(hex(span_dice))))],
                [('gen_ai.provider.name', 'openai'), ('gen_ai.request.model', 'small-1'), ('gen_ai.response.finish_reasons', if(place = 1, '["tool_calls"]', '["stop"]')),
                    ('gen_ai.usage.input_tokens', toString(500 + span_dice % 3000)), ('gen_ai.usage.output_tokens', toString(20 + span_dice % 400))]))))), 'Map(LowCardinality(String), String)') AS SpanAttributes,
    toUInt64([50000000 + 2 * model_ns, model_ns, 20000000, model_ns][place + 1]) AS Duration,
    if(is_tool AND span_dice % 25 = 0, 'Error', 'Unset') AS StatusCode,
    '' AS StatusMessage,
    CAST([], 'Array(DateTime64(9))') AS `Events.Timestamp`,
    CAST([], 'Array(LowCardinality(String))') AS `Events.Name`,
    CAST([], 'Array(Map(LowCardinality(String), String))') AS `Events.Attributes`
FROM numbers(toUInt64({first}) * 12, toUInt64({count}) * 12)
"""


def selected(first: int, count: int, conversations: int, foreign: bool = False) -> str:
    """SQL that gives the spans of some conversations, columns as in ``COLUMNS``.

    Args:
        first: The number of the first conversation.
        count: Of how many.
        conversations: How many there are in all, spread evenly over the ``DAYS`` days before ``END``.
        foreign: Of other SDKs.
    """
    return (
        (_FOREIGN_SPANS if foreign else _SPANS)
        .replace("{end_s}", str(int(END.timestamp())))
        .replace("{days}", str(DAYS))
        .replace("{conversations}", str(conversations))
        .replace("{first}", str(first))
        .replace("{count}", str(count))
    )


def inserts(
    table: str, conversations: int, at_once: int, begin: int = 0, end: int | None = None, foreign: bool = False
) -> Iterator[tuple[str, int]]:
    """INSERTs of the spans of conversations ``begin`` to ``end``, in order of time, each with how many it is after."""
    end = conversations if end is None else end
    for first in range(begin, end, at_once):
        count = min(at_once, end - first)
        yield f"INSERT INTO {table} ({COLUMNS})\n{selected(first, count, conversations, foreign)}", first + count
