-- What spans of any SDK say: their attributes in all accepted dialects, each named here and nowhere else.

-- What an attribute says. ClickHouse finds a key in the list of keys by its number in the block's dictionary, which is eight
-- times as fast as {attribute('…')}.
MACRO attribute(key) AS
SpanTexts[indexOf(SpanNames, {key})];
-- The first of some texts that says something.
MACRO first_of(texts) AS
arrayFirst(value -> value NOT IN ('', '[]', 'null'), {texts});

-- The accepted dialects, each said here and nowhere else. A conversation id that starts with resp_ is one of OpenAI's
-- responses, another one for every call.
MACRO is_conversation_id(value) AS
{value} NOT IN ('', 'null') AND NOT startsWith({value}, 'resp_');
MACRO conversation_id_of_span AS
if({is_conversation_id(SpanAttributes['gen_ai.conversation.id'])}, SpanAttributes['gen_ai.conversation.id'], arrayFirst(value -> {is_conversation_id(value)}, arrayMap(key -> SpanAttributes[key], ['agentsight.conversation.id', 'session.id', 'traceloop.association.properties.session_id', 'langfuse.session.id', 'ai.telemetry.metadata.sessionId', 'ai.settings.context.sessionId', 'langsmith.metadata.session_id', 'langsmith.metadata.thread_id', 'langsmith.metadata.conversation_id', 'conversation.id', 'traceloop.association.properties.thread_id', 'group_id'])));
-- `greatest` of conditions is their OR, with all of them computed: to spare the later ones, ClickHouse would copy rows.
MACRO is_tool_span AS
greatest(
        {attribute('agentsight.span.kind')} = 'tool',
        {attribute('gen_ai.operation.name')} = 'execute_tool',
        {attribute('openinference.span.kind')} = 'TOOL',
        {attribute('traceloop.span.kind')} = 'tool',
        {attribute('langfuse.observation.type')} = 'tool',
        {attribute('ai.operationId')} = 'ai.toolCall',
        {attribute('langsmith.span.kind')} = 'tool',
        {attribute('mlflow.spanType')} IN ('"TOOL"', 'TOOL'),
        {is_logfire_agents} AND startsWith(SpanName, 'Function'));
MACRO is_call_of_tool(is_tool) AS
least({is_tool}, NOT IsInterrupt, {attribute('gen_ai.tool.name')} != '(merged tools)');
-- logfire's spans of the OpenAI Agents SDK say by their names alone what they are.
MACRO is_logfire_agents AS
ScopeName = 'logfire.openai_agents';
MACRO tool_name AS
arrayFirst(name -> name != '', [
        {attribute('gen_ai.tool.name')},
        {attribute('agentsight.tool.name')},
        {attribute('tool.name')},
        ['', {attribute('traceloop.entity.name')}][1 + ({attribute('traceloop.span.kind')} = 'tool')],
        {attribute('ai.toolCall.name')},
        ['', {attribute('name')}][1 + ({is_logfire_agents})],
        ['', toString(SpanName)][1 + greatest({attribute('langfuse.observation.type')} = 'tool', {attribute('mlflow.spanType')} IN ('"TOOL"', 'TOOL'))],
        'unknown']);

-- What a span of another SDK is: tool, model, agent, chain, or something else.
MACRO span_role AS
['other', 'tool', 'model', 'agent', 'chain'][1 + indexOf([
        {is_tool_span},
        greatest(
            {attribute('gen_ai.operation.name')} IN ('chat', 'text_completion', 'generate_content'), {attribute('openinference.span.kind')} = 'LLM',
            {attribute('langfuse.observation.type')} = 'generation', endsWith({attribute('ai.operationId')}, '.doGenerate'), endsWith({attribute('ai.operationId')}, '.doStream'),
            {attribute('langsmith.span.kind')} = 'llm', {attribute('mlflow.spanType')} IN ('LLM', '"LLM"', 'CHAT_MODEL', '"CHAT_MODEL"')),
        greatest(
            {attribute('gen_ai.operation.name')} = 'invoke_agent', {attribute('openinference.span.kind')} = 'AGENT', {attribute('traceloop.span.kind')} = 'agent',
            {attribute('langfuse.observation.type')} = 'agent', {attribute('ai.operationId')} IN ('ai.generateText', 'ai.streamText', 'ai.generateObject', 'ai.streamObject'),
            {attribute('mlflow.spanType')} IN ('AGENT', '"AGENT"'), {is_logfire_agents} AND startsWith(SpanName, 'Agent run')),
        greatest(
            {attribute('gen_ai.operation.name')} = 'invoke_workflow', {attribute('openinference.span.kind')} = 'CHAIN', {attribute('traceloop.span.kind')} = 'workflow',
            {attribute('langfuse.observation.type')} IN ('span', 'chain'), {attribute('langsmith.span.kind')} = 'chain', {attribute('mlflow.spanType')} IN ('CHAIN', '"CHAIN"'))],
        true)];

-- The attributes in which SDKs keep what went into a span, what came out, and why a model stopped.
MACRO input_texts AS
[{attribute('gen_ai.input.messages')}, {attribute('input.value')}, {attribute('traceloop.entity.input')}, {attribute('langfuse.observation.input')}, {attribute('ai.prompt')}, {attribute('ai.prompt.messages')}, {attribute('gen_ai.prompt')}, {attribute('lk.pii.user_input')}, {attribute('mlflow.spanInputs')}, {attribute('input')}];
MACRO output_texts AS
[{attribute('gen_ai.output.messages')}, {attribute('output.value')}, {attribute('traceloop.entity.output')}, {attribute('langfuse.observation.output')}, {attribute('ai.response.text')}, {attribute('gen_ai.completion')}, {attribute('final_result')}, {attribute('lk.pii.response.text')}, {attribute('mlflow.spanOutputs')}, {attribute('output')}];
MACRO finish_texts AS
[{attribute('gen_ai.response.finish_reasons')}, {attribute('gen_ai.response.finish_reason')}, {attribute('llm.finish_reason')}, {attribute('ai.response.finishReason')}, {attribute('langfuse.observation.metadata.finish_reason')}];
MACRO answer_texts AS
[{attribute('gen_ai.usage.output_tokens')}, {attribute('gen_ai.usage.completion_tokens')}, {attribute('llm.token_count.completion')}, {attribute('ai.usage.completionTokens')}, {attribute('ai.usage.outputTokens')}, {attribute('langfuse.observation.usage_details')}, {attribute('gen_ai.response.id')}];

-- Whether a span is one of this product's own in a conversation: then its messages are recorded, not derived.
MACRO is_own_span AS
(ConversationId != '' AND (AgentKind != '' OR {attribute('agentsight.turn.id')} != ''));
MACRO is_marked AS
({attribute('agentsight.exchange')} = 'true');

-- Time first, so that the smallest text is the first in time: 8 bytes, sign flipped, big-endian.
MACRO time_bytes(number) AS
reinterpretAsFixedString(byteSwap(bitXor(reinterpretAsUInt64({number}), 9223372036854775808)));

-- The key of the trace that a conversation has by its id alone.
MACRO own_trace_key(conversation_id) AS
sipHash64(lower(hex(substring(SHA256({conversation_id}), 1, 16))));
-- Up to when everything that arrived was looked at for the derivation, in ms; not later than now, though the clock was set
-- back.
MACRO derived_until_ms AS
least(toInt64((SELECT max(version) FROM {database}.derived_conversations WHERE conversation_key = 0)), {now_ms});
MACRO now_ms AS
toUnixTimestamp64Milli(now64(3, 'UTC'));
MACRO moment(ms) AS
fromUnixTimestamp64Milli({ms}, 'UTC');
-- Up to when a round of it looks, so that one after a pause needs no more memory than others: now, or what 20,000 traces
-- or a million rows of touched take it to. Needs the alias derived_until_ms.
MACRO derived_to_ms AS
least(
        {now_ms},
        {reach_of_traces(derived_until_ms)},
        {reach_of_traces(derived_until_ms - 120000)} + 120000,
        (SELECT if(count() < 1000000, {now_ms}, toInt64(toUnixTimestamp(max(touched_at))) * 1000) FROM (SELECT touched_at FROM {database}.touched WHERE touched_at > {second(derived_until_ms)} ORDER BY touched_at LIMIT 1000000)));
MACRO reach_of_traces(ms) AS
(SELECT if(count() < 20000, {now_ms}, toUnixTimestamp64Milli(max(touched_at))) FROM (SELECT touched_at FROM {database}.touched_traces WHERE touched_at > {moment({ms})} ORDER BY touched_at LIMIT 20000));
MACRO second(ms) AS
toDateTime(greatest(intDiv({ms}, 1000), 0), 'UTC');
-- Where it starts to look: ten seconds before, as an insert may have been on its way, but not where it is behind.
MACRO derived_from_ms AS
derived_until_ms - if(derived_until_ms > {now_ms} - 20000, 10000, 0);
-- The keys of conversations to derive anew: of traces with spans of others, those that a span arrived for; a span of our
-- own, too, may say whose a trace is, or that messages are recorded. What arrived two minutes ago is looked at once more, for
-- inserts that took longer. Needs the aliases derived_until_ms and derived_to_ms.
MACRO changed_conversations AS
SELECT conversation_key
FROM {database}.trace_claims
WHERE trace_key IN (
    SELECT trace_key FROM {database}.touched_traces
    WHERE touched_at > {moment({derived_from_ms})} AND touched_at <= {moment(derived_to_ms)}
        OR touched_at > {moment(derived_until_ms - 120000)} AND touched_at <= {moment(derived_to_ms - 120000)}
    UNION ALL
    SELECT trace_key FROM {database}.foreign_spans
    WHERE trace_key IN (SELECT trace_key FROM {database}.touched WHERE {touched_since})
)
UNION ALL
SELECT conversation_key
FROM {database}.derived_conversations
WHERE conversation_key != 0
    AND conversation_key IN (SELECT conversation_key FROM {database}.touched WHERE ({touched_since}) AND trace_key != 0);
MACRO touched_since AS
touched_at >= {second({derived_from_ms})} AND touched_at <= {second(derived_to_ms)}
        OR touched_at >= {second(derived_until_ms - 120000)} AND touched_at <= {second(derived_to_ms - 120000)};

-- The message events of a span: (ms, sent by the agent, what identifies it).
MACRO messages_of_span AS
arrayMap(item -> (item.2, item.3, item.4, item.5), arrayFilter(item -> item.1, arrayMap(
            (position, at, event, attributes) -> (
                event = 'agentsight.message' AND attributes['agentsight.message.sender'] IN ('end_user', 'agent'),
                {instant_ms(at)},
                attributes['agentsight.message.sender'] = 'agent',
                sipHash64(TraceId, SpanId, position),
                attributes['agentsight.message.content']),
            arrayEnumerate(Events.Name), Events.Timestamp, Events.Name, Events.Attributes)));

-- positive, neutral or negative, from what people and SDKs write for it: words, thumbs, 0 to 1, or 1 to 5 stars.
MACRO sentiment_of(value) AS
multiIf(
        lowerUTF8({value}) IN ('positive', 'good', 'up', 'thumbs_up', 'thumbs up', 'thumbsup', 'like', 'liked', 'true', 'yes', '👍'), 'positive',
        lowerUTF8({value}) IN ('negative', 'bad', 'down', 'thumbs_down', 'thumbs down', 'thumbsdown', 'dislike', 'disliked', 'false', 'no', '👎'), 'negative',
        lowerUTF8({value}) = 'neutral', 'neutral',
        isNull(toFloat64OrNull({value})), '',
        toFloat64OrZero({value}) > 1, multiIf(toFloat64OrZero({value}) >= 4, 'positive', toFloat64OrZero({value}) >= 3, 'neutral', 'negative'),
        toFloat64OrZero({value}) > 0.5, 'positive',
        toFloat64OrZero({value}) = 0.5, 'neutral',
        'negative');

-- Texts as SDKs of others write them: plain, as JSON, as a list of messages or of their parts, or as arguments of a call.
MACRO text_of_content(raw) AS
multiIf(
        {raw} IN ('', 'null'), '',
        startsWith({raw}, '"'), JSONExtractString({raw}),
        startsWith({raw}, '['), arrayStringConcat(arrayFilter(text -> text != '', arrayMap(
            part -> multiIf(
                startsWith(part, '"'), JSONExtractString(part),
                JSONExtractString(part, 'type') NOT IN ('', 'text', 'input_text', 'output_text'), '',
                JSONExtractString(part, 'text') != '', JSONExtractString(part, 'text'),
                JSONExtractString(part, 'content')),
            JSONExtractArrayRaw({raw}))), '\n'),
        startsWith({raw}, '{') AND isValidJSON({raw}), if(JSONExtractString({raw}, 'text') != '', JSONExtractString({raw}, 'text'), JSONExtractString({raw}, 'content')),
        {raw});
MACRO messages_in(raw) AS
arrayFirst(found -> notEmpty(found), [
            if(startsWith({raw}, '[['), JSONExtractArrayRaw({raw}, 1), JSONExtractArrayRaw({raw})),
            JSONExtractArrayRaw({raw}, 'messages', 1), JSONExtractArrayRaw({raw}, 'messages'),
            JSONExtractArrayRaw({raw}, 'inputs', 'messages'), JSONExtractArrayRaw({raw}, 'outputs', 'messages'),
            JSONExtractArrayRaw({raw}, 'kwargs', 'messages'), JSONExtractArrayRaw({raw}, 'input'),
            JSONExtractArrayRaw({raw}, 'output'), JSONExtractArrayRaw({raw}, 'choices'),
            JSONExtractArrayRaw({raw}, 'contents'), JSONExtractArrayRaw({raw}, 'candidates')]);
MACRO text_of_last_message(raw, roles) AS
arrayLast(text -> text != '', arrayMap(
            message -> if(
                has({roles}, arrayFirst(role -> role != '', [JSONExtractString(message, 'role'), JSONExtractString(message, 'message', 'role'),
                    JSONExtractString(message, 'content', 'role'), JSONExtractString(message, 'kwargs', 'type'), JSONExtractString(message, 'data', 'type'), JSONExtractString(message, 'type')])),
                arrayFirst(text -> text != '', arrayMap(content -> {text_of_content(content)}, [
                    JSONExtractRaw(message, 'content', 'parts'), JSONExtractRaw(message, 'content'), JSONExtractRaw(message, 'parts'), JSONExtractRaw(message, 'message', 'content'),
                    JSONExtractRaw(message, 'kwargs', 'content'), JSONExtractRaw(message, 'data', 'content')])),
                ''),
            {messages_in({raw})}));
MACRO text_of_object(raw) AS
arrayFirst(text -> text != '' AND left(text, 1) NOT IN ('{', '['), arrayConcat(
            [JSONExtractString({raw}, 'generations', 1, 1, 'text'), {text_of_content(JSONExtractRaw({raw}, 'content'))}, JSONExtractString({raw}, 'prompt')],
            arrayMap(argument -> JSONExtractString(argument), arrayFilter(argument -> startsWith(argument, '"'), JSONExtractArrayRaw({raw}, 'args'))),
            arrayMap(field -> field.2, if(JSONHas({raw}, 'messages') OR JSONHas({raw}, 'model') OR JSONHas({raw}, 'choices') OR JSONHas({raw}, 'role') OR JSONHas({raw}, 'contents') OR JSONHas({raw}, 'candidates'), [], JSONExtractKeysAndValues({raw}, 'String')))));
MACRO message_text(raw, roles) AS
multiIf(
        {raw} IN ('', '__REDACTED__'), '',
        startsWith({raw}, '"'), JSONExtractString({raw}),
        left({raw}, 1) NOT IN ('{', '[') OR NOT isValidJSON({raw}), {raw},
        arrayFirst(text -> text != '', [{text_of_last_message({raw}, {roles})}, if(startsWith({raw}, '{'), {text_of_object({raw})}, '')]));

-- What a tool was called with and what it returned, as its SDK wrote them.
MACRO tool_arguments AS
{first_of([{attribute('gen_ai.tool.call.arguments')}, {attribute('agentsight.tool.arguments')}, {attribute('ai.toolCall.args')}, {attribute('tool.parameters')}, {attribute('traceloop.entity.input')}, {attribute('input.value')}, {attribute('langfuse.observation.input')}, {attribute('gen_ai.prompt')}, {attribute('mlflow.spanInputs')}, {attribute('input')}])};
MACRO tool_result AS
{first_of([{attribute('gen_ai.tool.call.result')}, {attribute('agentsight.tool.response')}, {attribute('ai.toolCall.result')}, {attribute('traceloop.entity.output')}, {attribute('output.value')}, {attribute('langfuse.observation.output')}, {attribute('gen_ai.completion')}, {attribute('mlflow.spanOutputs')}, {attribute('output')}])};

-- What tool_calls_v shows of a tool call, whether its span names the conversation or its trace does.
MACRO tool_call_columns AS
fromUnixTimestamp64Milli(StartMs, 'UTC') AS timestamp,
    any(ToolName) AS tool,
    any(DurationNs) / 1e9 AS duration_s,
    any(toUInt8(ToolFailed)) AS error,
    any({attribute('error.type')}) AS error_type,
    any({first_of([{attribute('gen_ai.tool.call.id')}, {attribute('ai.toolCall.id')}, {attribute('tool_call.id')}])}) AS call_id,
    any({tool_arguments}) AS arguments,
    any({tool_result}) AS result,
    TraceId AS trace_id,
    SpanId AS span_id,
    any(ServiceName) AS service;

-- What feedback_v shows of a feedback, whether its span names the conversation or its trace does.
MACRO feedback_columns AS
fromUnixTimestamp64Milli(StartMs, 'UTC') AS timestamp,
    any(if({sentiment_of_span} != '', {sentiment_of_span}, {attribute('agentsight.feedback.sentiment')})) AS sentiment,
    any(if(AgentKind = 'feedback', {attribute('agentsight.feedback.source')}, 'customer')) AS source,
    any({first_of([{attribute('agentsight.feedback.comment')}, {attribute('logfire.feedback.comment')}])}) AS comment,
    any({attribute('agentsight.metadata')}) AS metadata,
    TraceId AS trace_id,
    SpanId AS span_id,
    any(ServiceName) AS service;

-- The sentiment of feedback that a customer gave, in any accepted dialect; empty on other spans.
MACRO sentiment_of_span AS
arrayFirst(sentiment -> sentiment != '', arrayMap(
    said -> if(AgentKind = 'feedback', if(said IN ('positive', 'neutral', 'negative'), said, ''), {sentiment_of(said)}),
    multiIf(
        AgentKind = 'feedback', if({attribute('agentsight.feedback.source')} IN ('', 'customer'), [{attribute('agentsight.feedback.sentiment')}], []),
        {attribute('logfire.span_type')} = 'annotation' AND {attribute('logfire.feedback.name')} != '', [trim(BOTH '"' FROM {attribute({attribute('logfire.feedback.name')})})],
        has(Events.Name, 'gen_ai.evaluation.result'), arrayMap(attributes -> multiIf(
            attributes['agentsight.feedback.source'] != 'customer', '',
            attributes['gen_ai.evaluation.score.label'] != '', attributes['gen_ai.evaluation.score.label'],
            attributes['gen_ai.evaluation.score.value']), Events.Attributes),
        [])));
