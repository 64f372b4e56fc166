-- The conversations behind one figure, with the metrics' parameters. `show` says behind which: messages (with a message in the window), answered, unanswered (those of the response times), visits, engaged (first seen in the window), identified, timed, escalated (started in it), positive, neutral, negative (the feedback of the window), tools, failed_tools, models, failed_models (with such a call in the window); any other text: started in the window. A `tool` that is not empty narrows to those that called it in the window, a `model` to those with calls in it of what is of this name `by` model, provider, service or environment; with these, any other `show` asks for no start.
-- Grain: one row per conversation. Columns and units: as conversations_in_window; feedback: the latest of the window, else the latest at any time.
--
-- Read by: dashboards.
CREATE OR REPLACE VIEW {database}.conversations_behind AS
SELECT
    {conversation_columns},
    {is_escalated(tools)} AS escalated,
    ifNull(latest.sentiment, '') AS feedback
FROM
(
    SELECT *
    FROM {database}.resolved_conversations
    WHERE NOT robot
        AND {matches_filters}
        AND ({show:String} IN ('messages', 'answered', 'unanswered', 'visits', 'engaged', 'positive', 'neutral', 'negative', 'tools', 'failed_tools', 'models', 'failed_models')
            OR {show:String} NOT IN ('identified', 'timed', 'escalated') AND concat({tool:String}, {model:String}) != ''
            OR conversation_key IN (SELECT value FROM {window_conversations(conversation_key)}))
        AND ({show:String} != 'messages'
            OR conversation_key IN (
                SELECT conversation_key
                FROM {database}.known_days
                WHERE {day_in_window} AND arrayExists(message -> {ms_in_window({said_ms(day, message)})}, messages)))
        AND ({show:String} NOT IN ('answered', 'unanswered')
            OR conversation_key IN (
                SELECT conversation_key
                FROM {database}.known_responses
                WHERE {day_in_window}
                    AND arrayExists(ms -> {ms_in_window({ms_of_day(day, ms)})}, if({show:String} = 'answered', answers, unanswered))))
        AND ({show:String} NOT IN ('visits', 'engaged')
            OR conversation_key IN (
                SELECT conversation_key
                FROM {database}.known_conversations
                WHERE {day_in_window} AND {in_window(first_seen_at)} AND ({show:String} = 'visits' OR engaged)))
        AND ({show:String} NOT IN ('positive', 'neutral', 'negative')
            OR first_seen_at IS NOT NULL AND conversation_key IN (
                SELECT conversation_key
                FROM {database}.counted_feedback
                WHERE {day_in_window} AND {in_window(given_at)}
                GROUP BY conversation_key
                HAVING argMax(sentiment, (given_at, trace_id, span_id)) = {show:String}))
        AND ({tool:String} = '' AND {show:String} NOT IN ('tools', 'failed_tools')
            OR conversation_key IN (
                SELECT conversation_key
                FROM {database}.counted_tool_calls
                WHERE {day_in_window} AND {in_window(started_at)}
                    AND ({tool:String} = '' OR tool = {tool:String})
                    AND ({show:String} != 'failed_tools' OR is_error)))
        AND ({model:String} = '' AND {show:String} NOT IN ('models', 'failed_models')
            OR conversation_key IN (
                SELECT conversation_key
                FROM {model_calls_once(day >= {first_day} - 1 AND day <= {last_day} + 1)}
                WHERE at_ms >= {from_ms} AND at_ms < {to_ms}
                    AND ({model:String} = '' OR {model_dimension({by:String}, provider, model, {model:String}, {model:String})} = {model:String})
                    AND ({show:String} != 'failed_models' OR failed)))
        AND ({model:String} = '' OR {model_dimension({by:String}, {model:String}, {model:String}, service, environment)} = {model:String})
        AND ({show:String} != 'identified' OR customer_id != '')
        AND ({show:String} != 'timed' OR duration_s IS NOT NULL)
        AND ({show:String} != 'escalated' OR {is_escalated(tools)})
) AS conversation
LEFT JOIN
(
    SELECT conversation_key, argMax(sentiment, ({in_window(given_at)}, given_at, trace_id, span_id)) AS sentiment
    FROM {database}.counted_feedback
    GROUP BY conversation_key
) AS latest USING (conversation_key)
SETTINGS do_not_merge_across_partitions_select_final = 1;
