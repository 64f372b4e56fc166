-- Conversations with a call, failed or not, of a tool listed in escalation_tools. Internal.
-- Grain: one row per such call.
--
-- Read by: the page.
CREATE OR REPLACE VIEW {database}.escalated_conversations AS
SELECT conversation_key
FROM {database}.counted_tool_calls
WHERE tool_key IN (
    SELECT {tool_key(tool)} FROM {database}.escalation_tools);
