-- Conversations with a call, failed or not, of a tool listed in escalation_tools. Internal.
-- Grain: one row per such call. Read by: metric_human_escalation, conversations_in_window.
CREATE OR REPLACE VIEW {database}.escalated_conversations AS
SELECT conversation_key
FROM {database}.tool_calls
WHERE tool_key IN (
    SELECT lowerUTF8(trimBoth(tool, ' \t\n\r\f\v')) FROM {database}.escalation_tools);
