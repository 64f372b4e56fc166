-- Metric 3. From the first of a run of consecutive user messages to the agent's next message, where that lies in
-- [from, to). A run answered after more than 24 h, or never, is unanswered, and counts where it began.
-- Grain: one row. Units: seconds; NULL where there is no response. Read by: dashboards, the command line.
--
-- Within 24 h of the window every message is read. Of the days before, only the last message of each conversation:
-- it tells whether a run was open already, and an answer to such a run comes after more than 24 h.
CREATE OR REPLACE VIEW {database}.metric_agent_response_time AS
WITH
    86400000 AS day_ms,
    toUnixTimestamp64Milli({from:DateTime64(3, 'UTC')}) AS from_ms,
    toUnixTimestamp64Milli({to:DateTime64(3, 'UTC')}) AS to_ms,
    intDiv(from_ms - positiveModulo(from_ms, day_ms), day_ms) - 1 AS first_day,
    intDiv(to_ms, day_ms) + 1 AS last_day,
    -- Twice the time in ms, plus one for a message of the agent.
    (day, message) -> 2 * (day * day_ms + toInt64(bitShiftRight(message, 37))) + toInt64(bitTest(message, 36)) AS sortable
SELECT
    if(responses = 0, NULL, sum(arraySum(waits)) / responses / 1000) AS average_s,
    if(responses = 0, NULL, quantileExactInclusiveArray(0.5)(waits) / 1000) AS p50_s,
    if(responses = 0, NULL, quantileExactInclusiveArray(0.95)(waits) / 1000) AS p95_s,
    sum(length(waits)) AS responses,
    sum(unanswered_runs) AS unanswered
FROM
(
    SELECT
        arraySort(groupArrayArray(conversation_messages)) AS sorted,
        arrayPushFront(arrayPopBack(sorted), 1) AS previous,
        -- Runs and answers alternate, so that they share their positions; the last run may have no answer.
        arrayMap(x -> bitShiftRight(x, 1), arrayFilter((x, before) -> NOT bitTest(x, 0) AND bitTest(before, 0), sorted, previous)) AS runs,
        arrayResize(
            arrayMap(x -> bitShiftRight(x, 1), arrayFilter((x, before) -> bitTest(x, 0) AND NOT bitTest(before, 0), sorted, previous)),
            length(runs), 4611686018427387904) AS answers,
        arrayMap((run, answer) -> answer - run, runs, answers) AS all_waits,
        arrayFilter(
            (wait, answer) -> wait <= day_ms AND answer >= from_ms AND answer < to_ms,
            all_waits, answers) AS waits,
        arrayCount(
            (wait, run) -> wait > day_ms AND run >= from_ms AND run < to_ms,
            all_waits, runs) AS unanswered_runs
    FROM
    (
        SELECT conversation_key, arrayMap(message -> sortable(day, message), messages) AS conversation_messages
        FROM {database}.conversation_days
        WHERE day >= first_day AND day <= last_day AND last_message > 0
        UNION ALL
        SELECT conversation_key, [sortable(day, last_message)] AS conversation_messages
        FROM {database}.conversation_days
        WHERE day < first_day AND last_message > 0
            AND conversation_key IN (
                SELECT conversation_key FROM {database}.conversation_days
                WHERE day >= first_day AND day <= last_day AND last_message > 0)
    )
    WHERE empty(arrayConcat({service:Array(String)}, {environment:Array(String)}, {device:Array(String)}, {source:Array(String)}, {language:Array(String)}, {country:Array(String)}))
        OR conversation_key IN (
            SELECT conversation_key
            FROM {database}.matching_conversations(service={service:Array(String)}, environment={environment:Array(String)}, device={device:Array(String)}, source={source:Array(String)}, language={language:Array(String)}, country={country:Array(String)})
            WHERE conversation_key IN (
                SELECT conversation_key FROM {database}.conversation_days
                WHERE day >= first_day AND day <= last_day AND last_message > 0))
    GROUP BY conversation_key
);
