-- Conversations that match the filters, an empty array being no filter. Internal.
-- Grain: one row per conversation. Read by: every view that filters, but for window_conversations.
CREATE OR REPLACE VIEW {database}.matching_conversations AS
SELECT *
FROM {database}.resolved_conversations
WHERE (empty({service:Array(String)}) OR has({service:Array(String)}, service))
    AND (empty({environment:Array(String)}) OR has({environment:Array(String)}, environment))
    AND (empty({device:Array(String)}) OR has({device:Array(String)}, device))
    AND (empty({source:Array(String)}) OR has({source:Array(String)}, source))
    AND (empty({language:Array(String)}) OR has({language:Array(String)}, language))
    AND (empty({country:Array(String)}) OR has({country:Array(String)}, country));
