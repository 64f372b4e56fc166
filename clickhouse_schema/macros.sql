-- Text that many objects have in common. `{name}` and `{name(argument, …)}` in a file of this schema stand for what is
-- written here: they are replaced before a statement is sent, so that ClickHouse sees the whole text and no function.
-- `{argument}` is what the caller put in its place. README.md says more.

-- The filters of the metric views, handed on to another view.
MACRO filter_args AS
service={service:Array(String)}, environment={environment:Array(String)}, device={device:Array(String)}, source={source:Array(String)}, language={language:Array(String)}, country={country:Array(String)};

-- The window and the filters, handed on to another view.
MACRO window_args AS
from={from:DateTime64(3, 'UTC')}, to={to:DateTime64(3, 'UTC')}, {filter_args};

-- Whether no filter is set: then conversations need not be looked up.
MACRO no_filters AS
empty(arrayConcat({service:Array(String)}, {environment:Array(String)}, {device:Array(String)}, {source:Array(String)}, {language:Array(String)}, {country:Array(String)}));

-- Values in the form in which they are stored, and values to filter by in that form.
MACRO language_code(tag) AS
transform(lower(extract({tag}, '^[^-_]*')), ['iw', 'in', 'ji', 'jw', 'mo'], ['he', 'id', 'yi', 'jv', 'ro'], lower(extract({tag}, '^[^-_]*')));
MACRO stored_values(values, stored) AS
SELECT if(lower(arrayJoin({values}) AS value) IN ('', 'unknown'), 'unknown', {stored});

-- Whether a conversation's resolved values match the filters, an empty array being no filter. IN (SELECT …) compares each
-- value of a LowCardinality column once; `has` compares each row.
MACRO matches_filters AS
(empty({service:Array(String)}) OR service IN (SELECT arrayJoin({service:Array(String)})))
    AND (empty({environment:Array(String)}) OR environment IN (SELECT if(arrayJoin({environment:Array(String)}) AS value = '', 'unknown', value)))
    AND (empty({device:Array(String)}) OR device IN ({stored_values({device:Array(String)}, lowerUTF8(value))}))
    AND (empty({source:Array(String)}) OR source IN ({stored_values({source:Array(String)}, lowerUTF8(value))}))
    AND (empty({language:Array(String)}) OR language IN ({stored_values({language:Array(String)}, {language_code(value)})}))
    AND (empty({country:Array(String)})
        OR country IN ({stored_values({country:Array(String)}, {renamed_country(upperUTF8(trimBoth(value)))})})
        OR country IN (SELECT code FROM {database}.country_names WHERE has(arrayMap(value -> upperUTF8(trimBoth(value)), {country:Array(String)}), name)));

-- The window's bounds in ms since 1970, and as an instant's condition.
MACRO from_ms AS
toUnixTimestamp64Milli({from:DateTime64(3, 'UTC')});
MACRO to_ms AS
toUnixTimestamp64Milli({to:DateTime64(3, 'UTC')});
MACRO in_window(instant) AS
{instant} >= {from:DateTime64(3, 'UTC')} AND {instant} < {to:DateTime64(3, 'UTC')};
MACRO ms_in_window(ms) AS
{ms} >= {from_ms} AND {ms} < {to_ms};

-- The UTC days that the window touches, for column `day`. One more before: intDiv rounds towards 1970.
MACRO first_day AS
intDiv({from_ms}, 86400000) - 1;
MACRO last_day AS
intDiv({to_ms}, 86400000);
MACRO day_in_window AS
day >= {first_day} AND day <= {last_day};
MACRO is_whole_day AS
day * 86400000 >= {from_ms} AND (day + 1) * 86400000 <= {to_ms};

-- What rollups are partitioned by: the week, modulo 16, so that one insert never touches more than 16 partitions, whatever
-- times its spans bear. An hour after its last row a partition becomes one part, which FINAL reads as it is, in a seventh
-- of the time; a month would wait for that until its end. Weeks that share a partition do not meet in it: rows are in
-- order of their day.
MACRO week_of_day AS
positiveModulo(intDiv(day, 7), 16);

-- Times in whole units since 1970, rounded down also before it.
MACRO instant_ms(instant) AS
intDiv(toUnixTimestamp64Nano({instant}) - positiveModulo(toUnixTimestamp64Nano({instant}), 1000000), 1000000);
MACRO day_of_ms(ms) AS
intDiv({ms} - positiveModulo({ms}, 86400000), 86400000);

-- Names in the form in which tools are compared.
MACRO tool_key(name) AS
lowerUTF8(trim(BOTH ' \t\n\r\f\v' FROM {name}));

-- What people are told of a conversation: the columns of conversations_v and of views that add to them.
MACRO conversation_columns AS
conversation_id, service, environment, device, source, language, country, customer_id, name, marked, deleted, robot, first_seen_at, started_at, ended_at, explicitly_ended, messages, user_messages, agent_messages, duration_s, conversation_key;

-- What says where a row of a span belongs: its day, and its conversation's key or, where it names none, its trace's.
MACRO place_of_span AS
toInt32({day_of_ms(StartMs)}) AS day,
    if(ConversationId = '', 0, sipHash64(ConversationId)) AS conversation_key,
    if(ConversationId = '', sipHash64(TraceId), 0) AS trace_key;

-- Customers in the form in which no_customers compares them.
MACRO customer_name_key(customer) AS
lowerUTF8(trimBoth({customer}));

-- What a stamped column holds: after 8 bytes of time, the value.
MACRO stamped_value(stamp) AS
substring({stamp}, 9);

-- What no_customers starts with.
MACRO usual_no_customers AS
'null', 'undefined', 'none', 'guest', 'anonymous', 'n/a', '0';

-- Whether a customer's name stands in no_customers.
MACRO is_no_customer(customer) AS
({customer} != '' AND {customer_name_key({customer})} IN (SELECT {customer_name_key(value)} FROM {database}.no_customers));

-- Conversations of the window: engaged ones that started in [from, to), and match the filters. One row for each; of what
-- else there is of it in resolved, `value`.
MACRO window_conversations(value) AS
(
    SELECT service, environment, device, source, language, country, started_at, {value} AS value
    FROM {database}.known_conversations
    WHERE {day_in_window} AND {in_window(started_at)} AND NOT excluded AND {matches_filters}
);

-- The keys of the conversations that were active on some days and match the filters, also of those that count nowhere.
MACRO matching_keys(first_day, last_day) AS
SELECT conversation_key
FROM {database}.known_conversations
WHERE day >= {first_day} AND day <= {last_day} AND {matches_filters};

-- The keys of the conversations that count nowhere, of those that were active on some days.
MACRO excluded_keys(first_day, last_day) AS
SELECT conversation_key FROM {database}.resolved WHERE day >= {first_day} AND day <= {last_day} AND excluded
UNION ALL
SELECT conversation_key FROM {database}.excluded_conversations WHERE reason != 'robot' OR conversation_key IN ({live_keys});

-- Whether what a conversation has on some days counts, and matches the filters.
MACRO counts_in_days(first_day, last_day) AS
conversation_key NOT IN ({excluded_keys({first_day}, {last_day})})
    AND ({no_filters} OR conversation_key IN ({matching_keys({first_day}, {last_day})}));

-- Messages with their own timestamp in [from, to), of conversations that match the filters.
-- One row per day and conversation active on that day; `messages` as in resolved, cut to the window.
MACRO window_messages AS
(
    SELECT day, conversation_key, started_at, if({is_whole_day}, messages, arrayFilter(message -> {ms_in_window({said_ms(day, message)})}, messages)) AS messages
    FROM {database}.known_days
    WHERE {day_in_window} AND NOT excluded AND {matches_filters}
);

-- Messages and started conversations of the window by the minute, as every timezone's hours and days are made of those.
-- A start is put among the messages as one that has the highest of 32 bits set.
MACRO window_minutes AS
(
    SELECT
        toInt64(day) * 1440 + {said_minute(bitAnd(happened, 2147483647))} AS minute,
        countIf(happened < 2147483648) AS minute_messages,
        countIf(happened < 2147483648 AND {said_by_user(happened)}) AS minute_user_messages,
        countIf(happened >= 2147483648) AS minute_conversations
    FROM
    (
        SELECT day, arrayConcat(messages, if({in_window(started_at)}, [toUInt32(2147483648 + 2 * (toUnixTimestamp64Milli(assumeNotNull(started_at)) - day * 86400000))], [])) AS happenings
        FROM {window_messages}
    )
    ARRAY JOIN happenings AS happened
    GROUP BY minute
);

-- The calendar days that the window touches in `timezone`, from 1970 to 2149 (the range of Date).
MACRO local_days AS
(
    SELECT addDays({first_local_day}, number) AS local_day
    FROM numbers(if({from:DateTime64(3, 'UTC')} < {to:DateTime64(3, 'UTC')} AND {first_local_day} <= {last_local_day},
        toUInt64(toInt32({last_local_day}) - toInt32({first_local_day}) + 1), 0))
);
MACRO first_local_day AS
greatest(toDate32(toTimeZone({from:DateTime64(3, 'UTC')}, {timezone:String})), toDate32('1970-01-01'));
MACRO last_local_day AS
least(toDate32(toTimeZone({to:DateTime64(3, 'UTC')} - toIntervalMillisecond(1), {timezone:String})), toDate32('2149-06-06'));
MACRO local_time(minute) AS
toTimeZone(fromUnixTimestamp64Milli({minute} * 60000, 'UTC'), {timezone:String});

-- Feedback of [from, to) that counts, of conversations that match the filters: the latest of each. Its time in ms since
-- 1970, and its sentiment.
MACRO window_feedback AS
(
    SELECT max((day, given[-1])) AS latest, {feedback_ms(latest.1, latest.2)} AS given_ms, {feedback_sentiment(latest.2)} AS sentiment
    FROM
    (
        SELECT conversation_key, day, if({is_whole_day}, feedback, arrayFilter(of_feedback -> {ms_in_window({feedback_ms(day, of_feedback)})}, feedback)) AS given
        FROM {database}.known_feedback
        WHERE {day_in_window} AND seen AND NOT excluded AND {matches_filters}
    )
    WHERE notEmpty(given)
    GROUP BY conversation_key
);

-- What the metrics of conversations ask besides labels and start: duration, customer, tools.
MACRO all_values AS
(duration_ms, customer_key, tools);
MACRO counted_customer(customer_key) AS
if({customer_key} IN (SELECT sipHash64(value) FROM {database}.no_customers), 0, {customer_key});
MACRO is_escalated(tools) AS
hasAny({tools}, (SELECT groupArray(sipHash64({tool_key(tool)})) FROM {database}.escalation_tools));

-- Of the conversations of a condition, those of several days, in one row each.
MACRO merged_conversations(condition) AS
SELECT
    conversation_key,
    min(stored.conversation_id) AS conversation_id,
    min(stored.first_service) AS first_service,
    min(stored.first_environment) AS first_environment,
    min(stored.first_device) AS first_device,
    min(stored.first_source) AS first_source,
    min(stored.first_language) AS first_language,
    min(stored.first_country) AS first_country,
    max(stored.last_customer) AS last_customer,
    max(stored.last_name) AS last_name,
    max(stored.last_marked) AS last_marked,
    max(stored.last_deleted) AS last_deleted,
    min(stored.opened_at) AS opened_at,
    min(stored.started_at) AS started_at,
    max(stored.explicit_end_at) AS explicit_end_at,
    max(stored.last_activity_at) AS last_activity_at,
    min(stored.first_message) AS first_message,
    max(stored.last_message) AS last_message,
    max(stored.robot) AS robot,
    groupUniqArrayArray(stored.tools) AS tools,
    groupUniqArrayArray(stored.days) AS days,
    max(stored.changed_on) AS changed_on
FROM {database}.conversations AS stored
WHERE {condition}
GROUP BY conversation_key
HAVING length(days) > 1;

-- What a span of the product's own does to its conversation.
MACRO opens_conversation AS
(AgentKind = 'conversation' AND SpanName = 'conversation_opened');
-- What engages, beside a user's message, and so starts a conversation.
MACRO starts_conversation AS
(AgentKind = 'conversation' AND SpanName = 'conversation_started'
            OR AgentKind = 'button'
            OR AgentKind = 'attachment' AND {attribute('agentsight.attachment.sender')} != 'agent');
MACRO ends_conversation AS
({attribute('agentsight.conversation.ended')} = 'true');
