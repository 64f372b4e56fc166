-- What becomes of a conversation, its messages, responses and feedback: for table resolved, and for queries of what is not in it yet.

-- The server's time up to which resolved knows what was touched, in seconds since 1970; 0 where it knows nothing. Of
-- several shards, that of the shard which knows least.
MACRO resolved_until AS
(SELECT toInt64(intDiv(min(until), 1000)) FROM (SELECT max(version) AS until FROM {database}.resolved WHERE day = 2147483647 GROUP BY shardNum()));

-- The conversations that resolved may not know as they are: touched since, or within the minute before, as an insert
-- may have been on its way then.
MACRO live_keys AS
SELECT conversation_key FROM {database}.touched WHERE touched_at >= toDateTime(greatest({resolved_until} - 60, 0), 'UTC');

-- Of those, the ones that no insert under way can be adding to any more: resolved takes each up once, a minute after it
-- was touched, as it is live until then anyway. A second is in both, so that none lies between.
MACRO settled_keys AS
{live_keys} AND touched_at < {settled_to};
-- Up to which second a round takes them: all, or where many wait, the seconds of the first 200,000 that are touched.
MACRO settled_to AS
ifNull(
    (SELECT touched_at + 1 FROM {database}.touched
    WHERE touched_at > toDateTime(greatest({resolved_until} - 60, 0), 'UTC') AND touched_at < now('UTC') - INTERVAL 59 SECOND
    ORDER BY touched_at LIMIT 1 OFFSET 199999),
    now('UTC') - INTERVAL 59 SECOND);

-- What becomes of the rows of conversations when those of a conversation are put together, value by value.
MACRO labels_of_conversation AS
toLowCardinality({stamped_value(min(first_service))}) AS service,
        toLowCardinality({stamped_value(min(first_environment))}) AS environment,
        toLowCardinality({stamped_value(min(first_device))}) AS device,
        toLowCardinality({stamped_value(min(first_source))}) AS source,
        toLowCardinality({stamped_value(min(first_language))}) AS language,
        toLowCardinality({stamped_value(min(first_country))}) AS country;
MACRO start_of_conversation AS
min(stored.started_at);
MACRO sight_of_conversation AS
min(least(ifNull(stored.opened_at, stored.started_at), ifNull(stored.started_at, stored.opened_at)));
MACRO duration_of_conversation AS
if(max(stored.explicit_end_at) IS NOT NULL OR min(first_message) < max(last_message),
            toUnixTimestamp64Milli(max(greatest(ifNull(stored.explicit_end_at, stored.last_activity_at), ifNull(stored.last_activity_at, stored.explicit_end_at)))) - toUnixTimestamp64Milli(min(stored.started_at)), NULL);
MACRO customer_of_conversation AS
if({is_no_customer({stamped_value(max(last_customer))})}, '', {stamped_value(max(last_customer))});
MACRO customer_key(customer) AS
if({customer} = '', 0, sipHash64({customer}));
MACRO tools_of_conversation AS
arraySort(groupUniqArrayArray(stored.tools));

-- Whether a conversation counts nowhere: a robot's, or erased.
MACRO is_erased AS
conversation_key IN (SELECT conversation_key FROM {database}.excluded_conversations WHERE reason != 'robot');
MACRO is_excluded_conversation AS
max(stored.robot) = 1 OR {is_erased};

-- What is known of conversations: rows of conversations, and of derived_conversations, which know it only from traces.
MACRO conversation_rows(condition) AS
(
            SELECT {conversation_row}, 0 AS messages_derived
            FROM {database}.conversations
            WHERE {condition}
            UNION ALL
            SELECT {conversation_row}, derivation = 'derived' AS messages_derived
            FROM {database}.derived_conversations FINAL
            WHERE {condition} AND conversation_key != 0
        );
MACRO conversation_row AS
conversation_key, toString(conversation_id) AS conversation_id, first_service, first_environment, first_device, first_source, first_language, first_country, last_customer, last_name, last_marked, last_deleted, opened_at, started_at, explicit_end_at, last_activity_at, first_message, last_message, robot, tools, days;

-- The columns of resolved but for its version: what is known of conversations, and what happened in them on a day.
MACRO conversation_values AS
day, conversation_key, service, environment, device, source, language, country, excluded, seen, engaged, first_seen_at, started_at, duration_ms, customer_key, tools;
MACRO response_values AS
answers, waits, unanswered;
MACRO resolved_columns AS
{conversation_values}, messages, {response_values}, feedback;

-- What resolved has in each row of a conversation; and the same of the conversations of a set of keys, with when they
-- started and the days on which they were active.
MACRO labels AS
day, conversation_key, service, environment, device, source, language, country, excluded;
MACRO resolving_labels(keys) AS
SELECT
    conversation_key,
    {labels_of_conversation},
    {is_excluded_conversation} AS excluded,
    {sight_of_conversation} IS NOT NULL AS seen,
    {start_of_conversation} AS start_at,
    groupUniqArrayArray(stored.days) AS days
FROM {conversation_rows(conversation_key IN ({keys}))} AS stored
GROUP BY conversation_key;

-- Of the conversations of a set of keys, what stands in resolved of their messages, and of responses: one row per day with any.
MACRO resolving_messages(keys) AS
SELECT conversation_key, day, arraySort(groupArrayArray(arrayMap(message -> {said_of_packed(message)}, packed.messages))) AS messages
FROM {messages_of({keys})} AS packed
GROUP BY conversation_key, day;
MACRO messages_of(keys) AS
(
    SELECT day, conversation_key, messages
    FROM {database}.conversation_days FINAL
    WHERE (day, conversation_key) IN ({days_of(conversations, {keys})})
    UNION ALL
    SELECT day, conversation_key, messages
    FROM {database}.derived_days FINAL
    WHERE (day, conversation_key) IN ({days_of(derived_conversations, {keys})})
);
-- The days on which conversations of a set of keys were active, by what a table knows of them.
MACRO days_of(table, keys) AS
SELECT arrayJoin(days), conversation_key FROM {database}.{table} WHERE conversation_key IN ({keys});
MACRO resolving_responses(keys) AS
SELECT
    conversation_key,
    day,
    groupArrayIf((ms, turn.3), is_answered) AS answered,
    arrayMap(answer -> toUInt32(answer.1), arraySort(answered)) AS answers,
    arrayMap(answer -> toUInt32(answer.2), arraySort(answered)) AS waits,
    arraySort(groupArrayIf(ms, NOT is_answered)) AS unanswered
FROM
(
    SELECT
        conversation_key,
        arrayJoin(arrayZip(runs, answers, waits)) AS turn,
        turn.3 <= 86400000 AS is_answered,
        if(is_answered, turn.2, turn.1) AS counted,
        {comparable_day(counted)} AS day,
        {comparable_ms_of_day(counted)} AS ms
    FROM {message_runs({keys})}
)
GROUP BY conversation_key, day;

-- Of the conversations of a set of keys, what stands in resolved of their feedback: one row per day with any.
MACRO resolving_feedback(keys) AS
SELECT
    conversation_key,
    day,
    arrayMap(given -> {packed_feedback(toUnixTimestamp64Milli(given.1), given.4)},
        arraySort(groupArray((given_at, trace_id, span_id, toString(sentiment))))) AS feedback
FROM
(
    SELECT conversation_key, day, given_at, trace_id, span_id, sentiment
    FROM {database}.feedback FINAL
    WHERE (day, conversation_key) IN ({days_of(conversations, {keys})})
    UNION ALL
    SELECT owners.conversation_key, day, given_at, trace_id, span_id, sentiment
    FROM (SELECT * EXCEPT conversation_key FROM {database}.feedback FINAL WHERE day IN (SELECT arrayJoin(days) FROM {database}.derived_conversations WHERE conversation_key IN ({keys})) AND conversation_key = 0) AS given
    INNER JOIN (SELECT conversation_key, arrayJoin(traces) AS trace_key FROM {database}.derived_conversations FINAL WHERE conversation_key IN ({keys})) AS owners USING trace_key
)
GROUP BY conversation_key, day;

-- Of the conversations of a set of keys, what stands in resolved, but for their messages and feedback.
MACRO resolving(keys) AS
SELECT
    day,
    conversation_key,
    service,
    environment,
    device,
    source,
    language,
    country,
    excluded,
    seen_at IS NOT NULL AS seen,
    start_at IS NOT NULL AS engaged,
    if(day = {day_of_ms(toUnixTimestamp64Milli(seen_at))}, seen_at, NULL) AS first_seen_at,
    ifNull(day = {day_of_ms(toUnixTimestamp64Milli(start_at))}, false) AS starts,
    if(starts, start_at, NULL) AS started_at,
    if(starts, whole_duration_ms, NULL) AS duration_ms,
    if(starts, whole_customer_key, 0) AS customer_key,
    if(starts, all_tools, []) AS tools
FROM
(
    SELECT
        conversation_key,
        {labels_of_conversation},
        {is_excluded_conversation} AS excluded,
        {sight_of_conversation} AS seen_at,
        {start_of_conversation} AS start_at,
        {duration_of_conversation} AS whole_duration_ms,
        {customer_key({customer_of_conversation})} AS whole_customer_key,
        {tools_of_conversation} AS all_tools,
        groupUniqArrayArray(stored.days) AS all_days
    FROM {conversation_rows(conversation_key IN ({keys}))} AS stored
    GROUP BY conversation_key
)
ARRAY JOIN all_days AS day;

-- The runs of end users' messages of a set of conversations. One row per conversation: its key, `runs` and `answers`
-- (comparable messages; instead of an answer, another run or 0 where there is none) and `waits` (ms from one to the
-- other, 86400001 where there is no answer).
MACRO message_runs(keys) AS
(
    SELECT
        conversation_key,
        arrayFilter(turn -> {comparable_by_user(turn)}, turns) AS runs,
        arrayFilter((next, turn) -> {comparable_by_user(turn)}, arrayResize(arrayPopFront(turns), length(turns)), turns) AS answers,
        arrayMap((run, answer) -> if({comparable_by_user(answer)}, toInt64(86400001), {comparable_ms(answer)} - {comparable_ms(run)}), runs, answers) AS waits
    FROM
    (
        -- What opens a run or answers one.
        SELECT conversation_key, arrayFilter(
            (message, before) -> if({comparable_by_user(message)},
                NOT {comparable_by_user(before)} OR {comparable_ms(message)} - {comparable_ms(before)} > 86400000,
                {comparable_by_user(before)}),
            sorted, arrayPushFront(arrayPopBack(sorted), toUInt64(262144))) AS turns
        FROM
        (
            SELECT conversation_key, if(empty(services), recorded, arraySort({put_after_questions(recorded, services)})) AS sorted
            FROM
            (
                SELECT
                    conversation_key,
                    arraySort(groupArrayArray(arrayMap(message -> {comparable_message(day, message)}, messages))) AS recorded,
                    arrayDistinct(arrayMap(message -> {comparable_service(message)}, recorded)) AS all_services,
                    if(length(all_services) > 1, all_services, []) AS services
                FROM {messages_of({keys})}
                GROUP BY conversation_key
            )
        )
    )
);

-- Of the conversations of a set of keys, the rows that are not in resolved, or are no longer like it.
MACRO newly_resolved(keys) AS
SELECT {resolved_columns}
FROM ({resolving({keys})}) AS known
LEFT JOIN ({resolving_messages({keys})}) AS of_messages USING (conversation_key, day)
LEFT JOIN ({resolving_responses({keys})}) AS of_responses USING (conversation_key, day)
LEFT JOIN ({resolving_feedback({keys})}) AS of_feedback USING (conversation_key, day)
EXCEPT
SELECT {resolved_columns}
FROM {database}.resolved FINAL
WHERE (day, conversation_key) IN ({days_of(conversations, {keys})} UNION ALL {days_of(derived_conversations, {keys})});
