-- The conversations with spans of others that were touched since the time before last, derived anew and whole, and a row that says so.
-- Grain: one row per conversation that changed, and one with conversation_key 0. Units: as in derived_conversations.
--
-- Read by: derived_conversations_mv.
--
-- The rule is described in docs/other-sdks.md; tests hold it against a model in plain Python. An item is a span:
-- (1 start, 2 end, 3 role, 4 name, 5 failed, 6 has input, 7 has output, 8 answered, 9 guardrail, 10 wants a tool, 11 span id).
-- A part is what ran without a gap in one trace: (1 start, 2 end, 3 trace key, 4 has an agent, 5 a chain, 6 a model call,
-- 7 its agents' names, 8 its chains', 9 all names, 10 input, 11 output, 12 failed, 13 cut off, 14 model calls, 15 texts).
-- Texts: (1 trace id, 2 spans that may have the user's, 3 the agent's).
CREATE OR REPLACE VIEW {database}.newly_derived
(
    `conversation_key` UInt64 COMMENT 'As in derived_conversations',
    `version` UInt64 COMMENT 'As in derived_conversations',
    `conversation_id` String COMMENT 'As in derived_conversations',
    `derivation` Enum8('none' = 0, 'marked' = 1, 'derived' = 2) COMMENT 'As in derived_conversations',
    `messages` Array(Tuple(at_ms Int64, by_agent Bool, message_key UInt64, trace_id String, span_ids Array(String), content String)) COMMENT 'As in derived_conversations',
    `messages_service` String COMMENT 'As in derived_conversations',
    `traces` Array(UInt64) COMMENT 'As in derived_conversations',
    `gone_days` Array(Int32) COMMENT 'As in derived_conversations',
    `first_service` String COMMENT 'As in derived_conversations',
    `first_environment` String COMMENT 'As in derived_conversations',
    `first_device` String COMMENT 'As in derived_conversations',
    `first_source` String COMMENT 'As in derived_conversations',
    `first_language` String COMMENT 'As in derived_conversations',
    `first_country` String COMMENT 'As in derived_conversations',
    `last_customer` String COMMENT 'As in derived_conversations',
    `opened_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'As in derived_conversations',
    `started_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'As in derived_conversations',
    `explicit_end_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'As in derived_conversations',
    `last_activity_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'As in derived_conversations',
    `first_message` UInt64 COMMENT 'As in derived_conversations',
    `last_message` UInt64 COMMENT 'As in derived_conversations',
    `robot` UInt8 COMMENT 'As in derived_conversations',
    `tools` Array(UInt64) COMMENT 'As in derived_conversations',
    `days` Array(Int32) COMMENT 'As in derived_conversations',
    `last_name` String COMMENT 'As in derived_conversations',
    `last_marked` String COMMENT 'As in derived_conversations',
    `last_deleted` String COMMENT 'As in derived_conversations',
    `content_hash` UInt64 COMMENT 'As in derived_conversations'
) AS
WITH
    1000000 AS pause_us,
    50000 AS gap_us,
    300000 AS join_us,
    20000 AS same_end_us,
    {derived_until_ms} AS derived_until_ms,
    {derived_to_ms} AS derived_to_ms,
    {now_ms} AS now_ms,
    (SELECT argMax(value, changed_at) FROM {database}.settings WHERE name = 'derive_exchanges') AS derive_exchanges,
    spans -> arraySort(arrayConcat(arrayMap(i -> (i.1, 1, i.3), spans), arrayMap(i -> (i.2, 0, i.3), spans))) AS edges_of,
    -- Where something starts after nothing ran: within other spans, and for a pause; or at all, and for a gap.
    (edges, within) -> arrayMap(x -> x.1, arrayFilter(
        (x, before, leaves, running) -> x.2 = 1 AND before.2 = 0 AND leaves = if(x.3 <= 1, 1, 0)
            AND if(within,
                running > 1 AND x.3 >= 2 AND before.3 >= 2 AND x.1 - before.1 >= pause_us,
                running = 1 AND x.1 - before.1 > gap_us),
        edges,
        arrayPopBack(arrayPushFront(edges, (toInt64(0), 1, toInt8(0)))),
        arrayCumSum(x -> if(x.3 > 1, 0, if(x.2 = 1, 1, -1)), edges),
        arrayCumSum(x -> if(x.2 = 1, 1, -1), edges))) AS quiet_in,
    (spans, pauses) -> arrayFilter(i -> i.3 = 0 OR NOT arrayExists(at -> i.1 < at AND at < i.2, pauses), spans) AS without_longer,
    (texts, span_ids) -> arrayFirst(text -> text != '', arrayMap(id -> arrayFirst(t -> t.1 = id, texts).2, span_ids)) AS text_in,
    us -> intDiv(us - positiveModulo(us, 1000), 1000) AS ms_of,
    us -> {time_bytes(ms_of(us))} AS stamp,
    changed AS ({changed_conversations}),
    traces_of_changed AS (
        SELECT trace_key FROM {database}.conversation_traces WHERE conversation_key IN changed
        UNION ALL
        SELECT {own_trace_key(conversation_id)} FROM {database}.conversations WHERE conversation_key IN changed),
    claims AS (
        SELECT trace_key, substring(min(first_claim), 17) AS owner
        FROM {database}.trace_claims
        WHERE trace_key IN traces_of_changed
        GROUP BY trace_key),
    owned AS (
        SELECT
            sipHash64(owner) AS conversation_key, owner, toInt8(role) AS role_number, conversation_id = '' AS nameless, spans.*
        FROM {database}.foreign_spans AS spans FINAL
        INNER JOIN claims USING trace_key
        WHERE trace_key IN traces_of_changed AND sipHash64(owner) IN changed),
    traces AS (
        SELECT
            conversation_key,
            trace_key,
            any(owned.trace_id) AS trace_id,
            groupArrayIf((start_us, end_us, role_number, toString(name), failed, has_input, has_output, answered, guardrail, wants_tool, span_id), role_number <= 3) AS items,
            max(role_number = 1 AND answered) AS models_say,
            groupArrayIf((start_us, end_us), role_number = 0) AS tool_times,
            hasAny(groupArrayIf(parent_span_id, role_number = 1), groupArrayIf(span_id, role_number = 4 AND NOT nameless)) AS below_others,
            any(owner) AS conversation_id,
            -- What spans without an id, and marked spans, say by themselves.
            groupArrayIf((CAST(start_us, 'Nullable(Int64)'), CAST(if(failed, NULL, end_us), 'Nullable(Int64)'), owned.trace_id, [span_id], [span_id]), marked) AS marked_exchanges,
            arrayFlatten(groupArrayIf(arrayMap(m -> (m.at_ms, m.by_agent, m.message_key, owned.trace_id, [span_id], m.content), messages), nameless)) AS recorded,
            max(nameless) AS has_nameless,
            groupArrayIf((span_id, input_text), input_text != '') AS input_texts,
            groupArrayIf((span_id, output_text), output_text != '') AS output_texts,
            min(if(nameless, concat(stamp(start_us), owned.service), concat(unhex('FFFFFFFFFFFFFFFF'), 'unknown'))) AS first_service,
            min(if(nameless AND environment != '', concat(stamp(start_us), environment), concat(unhex('FFFFFFFFFFFFFFFF'), 'unknown'))) AS first_environment,
            min(if(nameless AND device != '', concat(stamp(start_us), device), concat(unhex('FFFFFFFFFFFFFFFF'), 'unknown'))) AS first_device,
            min(if(nameless AND source != '', concat(stamp(start_us), source), concat(unhex('FFFFFFFFFFFFFFFF'), 'unknown'))) AS first_source,
            min(if(nameless AND language != '', concat(stamp(start_us), language), concat(unhex('FFFFFFFFFFFFFFFF'), 'unknown'))) AS first_language,
            min(if(nameless AND country != '', concat(stamp(start_us), country), concat(unhex('FFFFFFFFFFFFFFFF'), 'unknown'))) AS first_country,
            max(if(nameless AND customer_id != '', concat(stamp(start_us), customer_id), '')) AS last_customer,
            min(if(nameless AND opens, ms_of(start_us), NULL)) AS opened_ms,
            min(if(nameless AND starts, ms_of(start_us), NULL)) AS begun_ms,
            max(if(nameless AND ends, ms_of(start_us), NULL)) AS explicit_end_ms,
            max(if(nameless AND kind NOT IN ('conversation', 'feedback'), ms_of(end_us), NULL)) AS active_ms,
            max(nameless AND owned.robot) AS robot,
            groupUniqArrayIf(sipHash64({tool_key(tool)}), nameless AND is_tool_call) AS tools_called,
            groupUniqArrayIf(toInt32({day_of_ms(ms_of(start_us))}), nameless) AS span_days,
            min(owned.service) AS messages_service
        FROM owned
        GROUP BY conversation_key, trace_key),
    exposed AS (
        SELECT *, arrayFilter(i -> i.3 = 0 OR NOT arrayExists(t -> t.1 <= i.1 AND i.2 <= t.2, tool_times), items) AS outside
        FROM traces),
    whole AS (
        SELECT *, arrayFold((left, round) -> without_longer(left, quiet_in(edges_of(left), 1)), range(4), outside) AS rest
        FROM exposed),
    cut AS (
        SELECT *, quiet_in(edges_of(rest), 0) AS cuts, arrayFilter(i -> i.3 != 0, rest) AS talk
        FROM whole),
    numbered AS (
        SELECT *, arrayMap(i -> arrayCount(c -> c <= i.1, cuts), talk) AS numbers
        FROM cut),
    split AS (
        SELECT *, arrayMap(number -> arrayFilter((i, n) -> n = number, talk, numbers), arrayDistinct(numbers)) AS pieces
        FROM numbered),
    looked_at AS (
        SELECT
            *,
            -- (items, the longest, end, agents' names, model calls, whether a guardrail ended it)
            arrayMap(p -> (
                p,
                arrayReverseSort(i -> (i.2 - i.1, i.3, -i.1), p)[1],
                arrayMax(i -> i.2, p),
                arrayDistinct(arrayMap(i -> i.4, arrayFilter(i -> i.3 = 2, p))),
                arraySort(i -> i.2, arrayFilter(i -> i.3 = 1, p)),
                arrayExists(i -> i.9, p)), pieces) AS looks
        FROM split),
    parted AS (
        SELECT
            *,
            arrayMap(l -> (
                arrayMin(i -> i.1, l.1), l.3, trace_key,
                notEmpty(l.4), arrayExists(i -> i.3 = 3, l.1), notEmpty(l.5),
                if(notEmpty(l.4), l.4, [l.2.4]),
                arrayDistinct(arrayMap(i -> i.4, arrayFilter(i -> i.3 = 3, l.1))),
                arrayDistinct(arrayMap(i -> i.4, l.1)),
                toUInt8(l.2.6), toUInt8(l.2.7),
                toUInt8(NOT l.6 AND (l.2.5 OR arrayExists(i -> i.3 = 2 AND i.5 AND i.2 >= l.3 - same_end_us, l.1))),
                toUInt8(NOT l.6 AND notEmpty(l.5) AND NOT l.5[-1].8 AND NOT l.5[-1].5),
                arrayMap(i -> (i.1, i.2, toUInt8(i.5), toUInt8(i.10), toUInt8(i.6), toUInt8(i.7), trace_id, i.11), l.5),
                (trace_id, arrayDistinct([l.2.11, l.5[1].11]), arrayDistinct([l.2.11, l.5[-1].11]))), looks) AS trace_parts
        FROM looked_at),
    conversations AS (
        SELECT
            conversation_key,
            any(parted.conversation_id) AS conversation_id,
            arraySort(arrayFlatten(groupArray(trace_parts))) AS parts,
            max(parted.models_say) AS models_say,
            arrayFlatten(groupArray(arrayMap(t -> t.1, tool_times))) AS tool_starts,
            max(parted.below_others) AS below_others,
            arraySort(groupArrayIf(trace_key, has_nameless)) AS traces,
            arrayFlatten(groupArray(parted.marked_exchanges)) AS marked_exchanges,
            arrayFlatten(groupArray(parted.recorded)) AS recorded,
            arrayFlatten(groupArray(parted.input_texts)) AS input_texts,
            arrayFlatten(groupArray(parted.output_texts)) AS output_texts,
            min(parted.first_service) AS first_service,
            min(parted.first_environment) AS first_environment,
            min(parted.first_device) AS first_device,
            min(parted.first_source) AS first_source,
            min(parted.first_language) AS first_language,
            min(parted.first_country) AS first_country,
            max(parted.last_customer) AS last_customer,
            min(parted.opened_ms) AS opened_ms,
            min(parted.begun_ms) AS begun_ms,
            max(parted.explicit_end_ms) AS explicit_end_ms,
            max(parted.active_ms) AS active_ms,
            max(parted.robot) AS robot,
            arraySort(arrayDistinct(arrayFlatten(groupArray(parted.tools_called)))) AS tools,
            arrayDistinct(arrayFlatten(groupArray(parted.span_days))) AS span_days,
            min(parted.messages_service) AS messages_service
        FROM parted
        GROUP BY conversation_key),
    known AS (
        SELECT
            *,
            arrayExists(p -> p.6, parts) AS any_model,
            arrayDistinct(arrayFlatten(arrayMap(p -> p.8, arrayFilter(p -> p.6, parts)))) AS known_chains
        FROM conversations),
    talks AS (
        SELECT *, arrayFilter(p -> p.4 OR p.5 AND (NOT any_model OR p.6 OR hasAny(p.9, known_chains)), parts) AS talks
        FROM known),
    joined AS (
        SELECT
            *,
            -- (begin, end, names, trace of the last part, longest part: (length, end, input, output, failed, texts))
            arrayFold(
                (done, p) -> if(
                    length(done) > 0 AND p.1 >= done[-1].2 AND p.1 - done[-1].2 <= if(p.3 = done[-1].4, pause_us, join_us)
                        AND arrayExists(name -> NOT has(done[-1].3, name), p.7),
                    arrayPushBack(arrayPopBack(done), (
                        done[-1].1, greatest(done[-1].2, p.2), arrayConcat(done[-1].3, p.7), p.3,
                        if(p.2 - p.1 > done[-1].5.1, (p.2 - p.1, p.2, p.10, p.11, toUInt8(p.12 OR models_say AND p.13), p.15), done[-1].5))),
                    arrayPushBack(done, (p.1, p.2, p.7, p.3, (p.2 - p.1, p.2, p.10, p.11, toUInt8(p.12 OR models_say AND p.13), p.15)))),
                talks,
                CAST([], 'Array(Tuple(Int64, Int64, Array(String), UInt64, Tuple(Int64, Int64, UInt8, UInt8, UInt8, Tuple(String, Array(String), Array(String)))))')) AS joined,
            -- Model calls without agent or chain, where tools or other spans of the conversation are around them:
            -- (start, end, the last to end: (failed, wants a tool, input, output), trace id, first span, last span)
            arrayFold(
                (done, i) -> if(
                    length(done) > 0 AND i.1 < done[-1].2,
                    arrayPushBack(arrayPopBack(done), (
                        done[-1].1, greatest(done[-1].2, i.2), if(i.2 > done[-1].2, (i.3, i.4, i.5, i.6), done[-1].3),
                        done[-1].4, done[-1].5, if(i.2 > done[-1].2, i.8, done[-1].6))),
                    arrayPushBack(done, (i.1, i.2, (i.3, i.4, i.5, i.6), i.7, i.8, i.8))),
                if(empty(talks) AND (below_others OR notEmpty(tool_starts)), arraySort(arrayFlatten(arrayMap(p -> p.14, parts))), []),
                CAST([], 'Array(Tuple(Int64, Int64, Tuple(UInt8, UInt8, UInt8, UInt8), String, String, String))')) AS segments
        FROM talks),
    stepped AS (
        SELECT
            *,
            arrayMap((s, next) -> (s.1, s.2,
                    s.3.1 OR s.3.2 OR s.3.3 AND NOT s.3.4 OR next > 0 AND arrayExists(t -> s.2 - 1000 <= t AND t <= next, tool_starts) AS silent,
                    next > 0 AND (NOT s.3.1 AND silent OR next - s.2 <= gap_us),
                    s.4, s.5, s.6),
                segments, arrayPopFront(arrayPushBack(arrayMap(s -> s.1, segments), 0))) AS steps
        FROM joined),
    said AS (
        SELECT
            *,
            -- (user's µs, agent's µs, trace id, spans for the user's text, spans for the agent's)
            arrayConcat(
                arrayMap(x -> (
                        CAST(if(arrayExists(p -> p.10, talks) AND NOT x.5.3 AND x.5.4, NULL, x.1), 'Nullable(Int64)'),
                        CAST(if(x.5.5, NULL, x.5.2), 'Nullable(Int64)'), x.5.6.1, x.5.6.2, x.5.6.3), joined),
                arrayFold(
                    (done, x) -> (
                        if(x.4, done.1, arrayPushBack(done.1, (
                            CAST(if(done.2 > 0, done.2, x.1), 'Nullable(Int64)'), CAST(if(x.3, NULL, x.2), 'Nullable(Int64)'),
                            x.5, [if(done.2 > 0, done.3, x.6)], [x.7]))),
                        if(x.4, if(done.2 > 0, done.2, x.1), toInt64(0)),
                        if(x.4 AND done.2 = 0, x.6, done.3)),
                    steps,
                    CAST(([], 0, ''), 'Tuple(Array(Tuple(Nullable(Int64), Nullable(Int64), String, Array(String), Array(String))), Int64, String)')).1) AS exchanges
        FROM stepped),
    before AS (
        SELECT conversation_key, conversation_id, messages, days, content_hash
        FROM {database}.derived_conversations FINAL
        WHERE conversation_key IN changed),
    with_events AS (
        SELECT conversation_key
        FROM {database}.conversations
        WHERE conversation_key IN changed AND last_message > 0),
    decided AS (
        SELECT
            greatest(said.conversation_key, before.conversation_key) AS conversation_key,
            if(said.conversation_key = 0, before.conversation_id, said.conversation_id) AS conversation_id,
            multiIf(
                notEmpty(said.recorded) OR conversation_key IN with_events, 'none',
                notEmpty(said.marked_exchanges), 'marked',
                notEmpty(said.exchanges) AND derive_exchanges != '0', 'derived',
                'none') AS derivation,
            if(derivation = 'none', said.recorded, arrayFlatten(arrayMap(
                x -> arrayConcat(
                    if(isNull(x.1), [], [(ms_of(assumeNotNull(x.1)), false, sipHash64(x.3, x.4, 0), x.3, x.4, text_in(said.input_texts, x.4))]),
                    if(isNull(x.2), [], [(ms_of(assumeNotNull(x.2)), true, sipHash64(x.3, x.5, 1), x.3, x.5, text_in(said.output_texts, x.5))])),
                if(derivation = 'marked', said.marked_exchanges, said.exchanges)))) AS messages,
            arrayMap(stamped -> if(stamped = '', concat(unhex('FFFFFFFFFFFFFFFF'), 'unknown'), stamped),
                [said.first_service, said.first_environment, said.first_device, said.first_source, said.first_language, said.first_country]) AS firsts,
            said.last_customer AS last_customer,
            said.opened_ms AS opened_ms,
            arrayMin(arrayConcat(if(isNull(said.begun_ms), [], [assumeNotNull(said.begun_ms)]), arrayMap(m -> m.1, arrayFilter(m -> NOT m.2, messages)))) AS began_ms,
            isNotNull(said.begun_ms) OR arrayExists(m -> NOT m.2, messages) AS has_begun,
            said.explicit_end_ms AS explicit_end_ms,
            arrayMax(arrayConcat(if(isNull(said.active_ms), [], [assumeNotNull(said.active_ms)]), arrayMap(m -> m.1, messages))) AS ended_ms,
            isNotNull(said.active_ms) OR notEmpty(messages) AS was_active,
            said.traces AS traces,
            said.messages_service AS messages_service,
            said.robot AS robot,
            said.tools AS tools,
            -- Those of before stay, so that what is resolved of such a day is resolved anew.
            arraySort(arrayDistinct(arrayConcat(before.days, said.span_days, arrayMap(m -> toInt32({day_of_ms(m.1)}), messages)))) AS days,
            arrayMap(m -> {comparable_message({day_of_ms(m.1)}, {packed_message(m.1, m.2, messages_service, m.3)})}, messages) AS sortable,
            before.messages AS messages_before,
            before.content_hash AS hash_before,
            sipHash64(conversation_id, derivation, messages, traces, robot, tools, days, firsts, last_customer, ifNull(opened_ms, -1), ifNull(explicit_end_ms, -1), began_ms, ended_ms) AS content_hash
        FROM said
        FULL JOIN before ON said.conversation_key = before.conversation_key)
SELECT
    conversation_key,
    toUInt64(now_ms) AS version,
    conversation_id,
    derivation,
    messages,
    messages_service,
    traces,
    arrayFilter(d -> NOT has(arrayMap(m -> toInt32({day_of_ms(m.1)}), messages), d), arrayDistinct(arrayMap(m -> toInt32({day_of_ms(m.1)}), messages_before))) AS gone_days,
    firsts[1] AS first_service,
    firsts[2] AS first_environment,
    firsts[3] AS first_device,
    firsts[4] AS first_source,
    firsts[5] AS first_language,
    firsts[6] AS first_country,
    last_customer,
    if(isNull(opened_ms), NULL, fromUnixTimestamp64Milli(assumeNotNull(opened_ms), 'UTC')) AS opened_at,
    if(has_begun, fromUnixTimestamp64Milli(began_ms, 'UTC'), NULL) AS started_at,
    if(isNull(explicit_end_ms), NULL, fromUnixTimestamp64Milli(assumeNotNull(explicit_end_ms), 'UTC')) AS explicit_end_at,
    if(was_active, fromUnixTimestamp64Milli(ended_ms, 'UTC'), NULL) AS last_activity_at,
    if(empty(sortable), 18446744073709551615, arrayMin(sortable)) AS first_message,
    if(empty(sortable), 0, arrayMax(sortable)) AS last_message,
    robot,
    tools,
    days,
    '' AS last_name,
    '' AS last_marked,
    '' AS last_deleted,
    content_hash
FROM decided
WHERE content_hash != hash_before
UNION ALL
SELECT 0, toUInt64(derived_to_ms), '', 'none', [], '', [], [], '', '', '', '', '', '', '', NULL, NULL, NULL, NULL, 0, 0, 0, [], [], '', '', '', 0;
